"""What the AMI link tells, passed on to the tracker; and the gaps, when it tells nothing.

`daemon/bridge.py` makes one, gives it to the link as its `Listener` and lets it `tick` once a second. It also
looks every minute at what Asterisk itself says goes on. `cut` tells what goes on and how far the PBX was
observed, so that the next daemon knows from when on nobody looked, and what it has to look for.

The trap: a gap begins where the last thing was heard and ends with a whole snapshot, not with a login.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from twisted.logger import Logger

from cc_bridge.ami.service import AmiService
from cc_bridge.calls.ami_events import read
from cc_bridge.calls.snapshot import Snapshot, SnapshotItem, read_item
from cc_bridge.calls.tracker import Tracker
from cc_bridge.records import Gap, GapReason, ObservationWatermark, OpenStateRecord, Record

__all__ = ["AmiListener"]

_log = Logger()

# Seconds between two marks in the database of how far the PBX was observed.
_MARK_SECONDS = 5.0
# Seconds between two looks at what Asterisk itself says goes on, and before a doubt is looked at again.
_CHECK_SECONDS = 60.0
_DOUBT_SECONDS = 3.0


class AmiListener:
    """Keeps the tracker of one PBX true; `record` takes what it completes, gaps and marks among it."""

    link: AmiService  # set by the wiring: the link needs its listener first

    def __init__(
        self,
        tracker: Tracker,
        record: Callable[[Iterable[Record]], None],
        *,
        observed_until: float | None = None,
        unfinished: Sequence[OpenStateRecord] = (),
        queues_known: Callable[[], None] = lambda: None,
    ) -> None:
        """`observed_until`: when an earlier daemon saw this PBX last; `unfinished`: what went on then.

        `queues_known` hears of a snapshot.
        """
        self._tracker = tracker
        self._record = record
        self._queues_known = queues_known
        self._gap: Gap | None = None  # one that goes on, its end not known yet
        self._heard_at = 0.0  # when the last event happened
        self._dropped = 0  # messages that the link had dropped when we looked last
        self._ticked_at = self._next_check = self._next_mark = 0.0
        self._compared = False  # what was unfinished has been held against a snapshot
        if observed_until is not None:
            for refused in tracker.restore(unfinished, observed_until):
                _log.error("what an earlier cc-bridge left cannot be read: {what}", what=refused)
            self._begin_gap(GapReason.DAEMON_DOWN, observed_until)

    # -- what the link tells (ami.service.Listener)

    def ami_item(self, item: Any, taken_at: float) -> SnapshotItem | None:
        return read_item(item, taken_at)

    def ami_up(self, items: Sequence[SnapshotItem | None], taken_at: float) -> None:
        self._record(self._tracker.resync(Snapshot.of(items, taken_at)))
        self._compared = True
        self._heard_at = taken_at
        if self._gap is not None and self.link.started_at > self._gap.started_at - 1:
            self._gap = replace(self._gap, reason=GapReason.PBX_RESTARTED)
        self._end_gap(taken_at)
        self._dropped = self.link.counts.dropped
        self._mark(taken_at)
        self._queues_known()

    def ami_event(self, event: Any) -> None:
        typed = read(event, self.link.pbx_now)
        if typed is not None:
            self._heard_at = typed.at
            completed = self._tracker.apply(typed)
            if completed:
                self._record(completed)

    def ami_checked(self, items: Sequence[SnapshotItem | None], taken_at: float) -> None:
        self._record(self._tracker.resync(Snapshot.of(items, taken_at), fresh=False))
        self._end_gap(taken_at)
        self._queues_known()
        self._next_check = taken_at + (_DOUBT_SECONDS if self._tracker.doubts else _CHECK_SECONDS)

    def ami_down(self, why: str, at: float) -> None:
        _log.warn("calls are not observed: {why}", why=why)
        at = max(at, self._heard_at)
        self._record(self._tracker.lost_sight(at))
        if self._gap is None:
            self._mark(at)
        self._begin_gap(GapReason.LINK_LOST, at)

    # -- what the wiring calls

    def tick(self) -> None:
        if not self.link.up:
            return
        now = self.link.pbx_now()
        self._record(self._tracker.tick(now))
        if self.link.counts.dropped > self._dropped:
            # What the message would have told is not known; the next snapshot says what is true now.
            self._dropped = self.link.counts.dropped
            self._begin_gap(GapReason.MESSAGE_DROPPED, self._ticked_at)
            self._next_check = now
        if now >= self._next_check:
            self._next_check = now + _CHECK_SECONDS
            self.link.check()
        self._ticked_at = now

    def cut(self) -> list[Record]:
        """Return what has changed of what goes on, and until when the PBX was observed.

        It belongs to all that was recorded until now: the next daemon needs both, or what was before both.
        """
        if not self._compared:
            return []  # what is stored is as true as before
        cut: list[Record] = [*self._tracker.changes()]
        now = self.link.pbx_now()
        if self.link.up and (cut or now >= self._next_mark):
            self._next_mark = now + _MARK_SECONDS
            cut.append(ObservationWatermark(self._tracker.pbx, self._told_until()))
        return cut

    def stop(self) -> None:
        """Note that nobody looks from now on; the link may close."""
        if self.link.up:
            until = self._told_until()
            self._record(self._tracker.lost_sight(until))
            self._mark(until)
            self._begin_gap(GapReason.DAEMON_DOWN, until)

    # -- inside

    def _told_until(self) -> float:
        """Return until when all is known that happened: what happened a moment ago may be on its way."""
        return max(self.link.told_until, self._heard_at)

    def _mark(self, until: float) -> None:
        """Note how far the PBX was observed."""
        self._record([ObservationWatermark(self._tracker.pbx, until)])

    def _begin_gap(self, reason: GapReason, at: float) -> None:
        if self._gap is None:
            calls = len(self._tracker.visits) + len(self._tracker.talks.going_on())
            self._gap = Gap(self._tracker.pbx, at, at, reason, calls)

    def _end_gap(self, at: float) -> None:
        if self._gap is not None:
            # Not before it began, even if the PBX's clock was put back.
            gap, self._gap = replace(self._gap, ended_at=max(at, self._gap.started_at)), None
            self._record([gap])
