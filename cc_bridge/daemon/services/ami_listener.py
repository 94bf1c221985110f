"""The AMI listener: it passes events and snapshots of the PBX to the call tracker, and records gaps.

Once a minute it compares the tracker with the channels, queues and members that Asterisk lists. It also
stores the open calls, and the time up to which the PBX has been observed. After a crash, the daemon reads
both when it starts again.

An event about a channel or queue that the PBX has not announced is held back until Asterisk has been asked
about it (`event_confirmation.py`).

A gap is a span in which the PBX was not observed. A gap after a lost link starts at the last received event
or answer to a ping. Every gap ends with a complete snapshot, not with the login.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.logger import Logger

from cc_bridge.ami.client import AmiTimeouts
from cc_bridge.ami.endpoint import ami_endpoint
from cc_bridge.ami.header_numbers import PLAUSIBLE_INSTANTS, is_plausible
from cc_bridge.ami.service import AmiService, ReconnectPolicy
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.announced import AnnouncedEvents
from cc_bridge.calls.events import CallEvent
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SnapshotItem, read_item
from cc_bridge.config.observation import make_tracker
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.event_confirmation import EventConfirmation
from cc_bridge.daemon.services.record_pipeline import RecordPipeline
from cc_bridge.records import Gap, GapReason, ObservationWatermark, OpenStateRecord, Record

__all__ = ["AmiListener"]

_log = Logger()

# Seconds between two observation watermarks in the database. A watermark is the end of observation so far.
_WATERMARK_SECONDS = 5.0
# Seconds between two comparisons with Asterisk's lists, and until a comparison with differences is repeated.
_CHECK_SECONDS = 60.0
_CONFIRM_SECONDS = 3.0
# An event that is at most this many seconds later than the one before shows no step of the PBX's clock.
_USUAL_SECONDS = 0.3
# An event whose instant differs from the PBX's clock by more than this many seconds is dated by its arrival.
# The clock may be set by any amount: the next answer to a ping shows that.
_PLAUSIBLE_SECONDS = 86_400.0
# The first and the longest pause, in seconds, between two gaps because of dropped messages.
_DROP_PAUSE_SECONDS = 5.0
_LONGEST_DROP_PAUSE_SECONDS = 600.0


class AmiListener(DaemonService):
    """The service that observes one PBX over AMI.

    It owns the AMI link and the call tracker. Records that the tracker completes go to `pipeline`.
    """

    def __init__(
        self,
        context: Context,
        pipeline: RecordPipeline,
        observed_until: float | None = None,
        unfinished: Sequence[OpenStateRecord] = (),
    ) -> None:
        """Restore the state of an earlier daemon, and start a gap at the time when its observation ended.

        `observed_until` is the time (UTC seconds) up to which the earlier daemon observed this PBX.
        `unfinished` holds the calls and agent states that were open at that time. If `observed_until` is
        None, there was no earlier daemon: nothing is restored, and no gap starts. The same applies to an
        implausible time, such as one in 1970; it is logged.
        """
        super().__init__(context)
        self.tracker = make_tracker(context.config)
        self.link = self._make_link(context)
        self._record = pipeline.record
        self._on_snapshot: list[Callable[[], None]] = []
        self._gap: Gap | None = None  # the open gap, whose end is not known yet
        self.link.on_clock_set = self._clock_set
        self._last_event_at = 0.0
        self._gap_ended_at = 0.0
        self._last_stamp = 0.0  # instant of the last event of this session
        self._plausible = PLAUSIBLE_INSTANTS  # set at each tick
        self._dropped = 0  # number of messages that the link had dropped at the last tick
        self._drop_pause, self._next_drop_gap = _DROP_PAUSE_SECONDS, 0.0
        self._announced = AnnouncedEvents(self.tracker.visits.queues)
        self._clock = context.reactor
        self._events_are_early = False  # the events are older than the snapshot that started the session
        self._confirmation = EventConfirmation(self.link, self._announced, self._apply_late, self._clock)
        self._ticked_at = self._next_check = self._next_watermark = 0.0
        self._compared = False  # True once the restored state has been compared with a snapshot
        if observed_until is not None and not is_plausible(observed_until):
            _log.warn(
                "the database says that this PBX was observed until the implausible instant {until}; the time"
                " in which the daemon was down is not recorded as a gap",
                until=observed_until,
            )
        elif observed_until is not None:
            for refused in self.tracker.restore(unfinished, observed_until):
                _log.error(
                    "the saved checkpoint of {what} cannot be read; it is discarded, and the present state is"
                    " read from the PBX after the next connection",
                    what=refused,
                )
            self._begin_gap(GapReason.DAEMON_DOWN, observed_until)
        pipeline.add_open_records(self.open_records)

    @property
    def observing(self) -> bool:
        """Whether the PBX is observed now: no gap is open, and no message was dropped since the last tick."""
        return self._gap is None and self.link.counts.dropped == self._dropped

    def on_snapshot(self, callback: Callable[[], None]) -> None:
        """Register a function to be called after each snapshot, when all queues are known."""
        self._on_snapshot.append(callback)

    def start(self) -> None:
        self.link.start()

    def stop(self) -> None:
        """Record the end of observation, and close the AMI link.

        A gap that is still open, such as while the link is down, is recorded with its end now. The next start
        of the daemon records a longer gap with the same start, which replaces this record.
        """
        if self.link.up:
            until = self._known_until()
            self._record(self.tracker.observation_lost(until))
            self._record_watermark(until)
            self._end_gap(until)
            self._begin_gap(GapReason.DAEMON_DOWN, until)
        else:
            self._end_gap(self.link.pbx_now())
        self.link.stop()

    # -- ami.service.Listener

    def ami_item(self, item: Any, taken_at: float) -> SnapshotItem | None:
        """Return an entry of a snapshot, such as a channel or a queue member, as a typed value.

        Return None for an entry that is malformed or not needed. `taken_at` is the time of the snapshot in
        UTC seconds.
        """
        return read_item(item, taken_at)

    def ami_up(self, items: Sequence[SnapshotItem | None], taken_at: float) -> None:
        """Apply the first snapshot after a login to the tracker, and end the open gap if there is one."""
        snapshot = PbxSnapshot.of(items, taken_at)
        self._announced.announce(self.tracker.known_channels())  # their end may be among the early events
        self._announced.snapshot(snapshot.channels, taken_at, lists_queues=bool(snapshot.queues))
        self._set_plausible()
        # The link passes on the early events immediately after this method.
        self._events_are_early = True
        self._clock.callLater(0, self._early_events_passed)
        self._record(self.tracker.resync(snapshot))
        self._compared = True
        self._last_event_at = self._ticked_at = taken_at
        self._last_stamp = 0.0
        if self._gap is not None and self.link.started_at > self._gap.started_at - 1:
            self._gap = replace(self._gap, reason=GapReason.PBX_RESTARTED)
        self._end_gap(taken_at)
        self._dropped = self.link.counts.dropped
        self._record_watermark(taken_at)
        self._snapshot_taken()

    def ami_event(self, event: Any) -> None:
        """Apply one AMI event to the tracker, and record the calls, visits and talks that it completes."""
        typed = read(event, self.link.pbx_now, self._plausible)
        if typed is not None:
            if self._events_are_early:
                self._announced.announce_event(typed)
            elif not self._announced.passes(typed):
                self._confirmation.ask()
                return
            if not 0 <= typed.at - self._last_stamp <= _USUAL_SECONDS:
                self.link.note_instant(typed.at, self._last_stamp)
            self._last_event_at = self._last_stamp = typed.at
            completed = self.tracker.apply(typed)
            if completed:
                self._record(completed)

    def ami_checked(self, items: Sequence[SnapshotItem | None], taken_at: float) -> None:
        """Apply a periodic snapshot to the tracker, and end the open gap if dropped messages started one.

        Some differences between the snapshot and the tracker's state must be confirmed by a second snapshot.
        In that case, the next snapshot is requested after 3 s instead of a minute.
        """
        snapshot = PbxSnapshot.of(items, taken_at)
        self._announced.snapshot(snapshot.channels, taken_at, lists_queues=bool(snapshot.queues))
        self._record(self.tracker.resync(snapshot, fresh=False))
        self._end_gap(taken_at)
        self._snapshot_taken()
        self._next_check = taken_at + (
            _CONFIRM_SECONDS if self.tracker.unconfirmed_differences else _CHECK_SECONDS
        )

    def ami_down(self, why: str, at: float) -> None:
        """Start a gap because the AMI link was lost.

        `why` is the reason. `at` is the time (UTC seconds) up to which all events were received.
        """
        _log.warn("AMI link lost: {why}; calls are not observed until the link is up again", why=why)
        at = max(at, self._last_event_at, self._gap_ended_at)
        self._confirmation.discard()
        self._record(self.tracker.observation_lost(at))
        if self._gap is None:
            self._record_watermark(at)
        self._begin_gap(GapReason.LINK_LOST, at)

    # -- periodically

    def tick(self) -> None:
        """Advance the tracker's clock, and request a snapshot once a minute.

        If the link has dropped AMI messages since the last tick, start a gap and request a snapshot
        immediately.
        """
        if not self.link.up:
            return
        self._set_plausible()
        now = self.link.pbx_now()
        self._record(self.tracker.tick(now))
        self._record(self.tracker.take_clock_steps())
        if self.link.counts.dropped > self._dropped:
            self._message_dropped(now)
        self._confirmation.ask()
        if now >= self._next_check:
            self._next_check = now + _CHECK_SECONDS
            self.link.check()
        self._ticked_at = now

    def open_records(self) -> list[Record]:
        """Return the changed checkpoints of open calls and agents, and sometimes an observation watermark.

        A checkpoint is the saved state of an open call or agent. An observation watermark is the time up to
        which the PBX was observed; it is returned with every checkpoint, and otherwise periodically. The
        returned records must be written in one transaction with all records that were produced before them
        and are not written yet. Otherwise, after a crash, a call could be stored both as ended and as open.
        """
        if not self._compared:
            return []  # the stored checkpoints of the earlier daemon are still valid
        records: list[Record] = [*self.tracker.changes()]
        now = self.link.pbx_now()
        if self.link.up and (records or now >= self._next_watermark):
            self._next_watermark = now + _WATERMARK_SECONDS
            records.append(ObservationWatermark(self.tracker.pbx, self._known_until()))
        return records

    # -- inside

    def _early_events_passed(self) -> None:
        self._events_are_early = False

    def _apply_late(self, event: CallEvent) -> None:
        """Apply an event that was held back, and store the records that this completes."""
        self._record(self.tracker.apply_late(event))

    def _make_link(self, context: Context) -> AmiService:
        config, ami, reactor = context.config, context.config.ami, context.reactor
        return AmiService(
            endpoint=ami_endpoint(ami, reactor),
            credentials=(ami.username, ami.password()),
            listener=self,
            wanted=WANTED_FOR_DIRECT_CALLS if config.direct_calls.enabled else WANTED,
            clock=reactor,
            wall_clock=context.now,
            random=random.random,
            timeouts=AmiTimeouts(ping_every=ami.ping_interval_seconds, answer=ami.response_timeout_seconds),
            pauses=ReconnectPolicy(longest=ami.reconnect_max_seconds),
        )

    def _set_plausible(self) -> None:
        """Set the plausible instants of events: those within a day of the PBX's present time.

        A single wrong instant would move the times of all open calls by years.
        """
        now = self.link.pbx_now()
        self._plausible = now - _PLAUSIBLE_SECONDS, now + _PLAUSIBLE_SECONDS

    def _message_dropped(self, now: float) -> None:
        """Start a gap and request a snapshot, because the content of a dropped message is not known.

        A module of Asterisk can send malformed messages all the time. So after such a gap, further dropped
        messages start no new gap for a pause, which doubles each time. In the pause, the snapshot of every
        minute finds what the dropped messages changed.
        """
        self._dropped = self.link.counts.dropped
        if now < self._next_drop_gap:
            return
        if now > self._next_drop_gap + self._drop_pause:
            self._drop_pause = _DROP_PAUSE_SECONDS
        self._next_drop_gap = now + self._drop_pause
        self._drop_pause = min(2 * self._drop_pause, _LONGEST_DROP_PAUSE_SECONDS)
        self._begin_gap(GapReason.MESSAGE_DROPPED, self._ticked_at)
        self._next_check = now

    def _clock_set(self, seconds: float) -> None:
        """Add `seconds` to all times of the open state, because the PBX's clock was set by this amount.

        The times are those of the tracker and of this service.
        """
        self._record(self.tracker.clock_set(seconds))
        self._record(self.tracker.take_clock_steps())
        self._last_event_at += seconds
        self._gap_ended_at += seconds
        self._last_stamp += seconds
        self._ticked_at += seconds
        self._next_check += seconds
        self._next_watermark += seconds
        self._next_drop_gap += seconds
        if self._gap is not None:
            self._gap = replace(self._gap, started_at=self._gap.started_at + seconds)

    def _snapshot_taken(self) -> None:
        for callback in self._on_snapshot:
            callback()

    def _known_until(self) -> float:
        """Return the time (UTC seconds) up to which all events have been received.

        It is earlier than now, because a recent event may still be on its way. It is never before the end of
        the last gap, so that two gaps never overlap.
        """
        return max(self.link.synced_until, self._last_event_at, self._gap_ended_at)

    def _record_watermark(self, until: float) -> None:
        """Record that the PBX was observed up to `until` (UTC seconds)."""
        self._record([ObservationWatermark(self.tracker.pbx, until)])

    def _begin_gap(self, reason: GapReason, at: float) -> None:
        if self._gap is None:
            calls = len(self.tracker.visits) + len(self.tracker.talks.in_progress())
            self._gap = Gap(self.tracker.pbx, at, at, reason, calls)

    def _end_gap(self, at: float) -> None:
        if self._gap is not None:
            # The end is not before the start, even if the PBX's clock was set back.
            gap, self._gap = replace(self._gap, ended_at=max(at, self._gap.started_at)), None
            self._gap_ended_at = gap.ended_at
            self._record([gap])
