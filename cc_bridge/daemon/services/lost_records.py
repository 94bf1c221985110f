"""Lost records are reported by the log, a gap and /readyz.

Records are lost while the queue in memory or the disk is full.

An episode starts with the first lost record. It ends when the queue is at most half full and the disk has
room. So a queue that is full again and again makes one episode. At its start, an episode has one error line
in the log. At its end, a second error line has the numbers of lost records. The table `gaps` gets one row
with the reason `records_lost`, whose end is updated every 10 s during the episode. A daemon that is killed
leaves the row with the end of the last update.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from time import gmtime, strftime

from twisted.logger import Logger

from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.record_pipeline import RecordPipeline
from cc_bridge.records import Gap, GapReason, QueueVisit, Talk

__all__ = ["LostRecords"]

_log = Logger()

_ROOM_AGAIN = 0.5  # used part of the limits of the queue at which an episode ends
_UPDATE_SECONDS = 10.0  # between two updates of the row of an episode in progress
# Classes of records that `Gap.calls_affected` counts.
_CALLS = (QueueVisit.__name__, Talk.__name__)


class LostRecords(DaemonService):
    """The service that reports lost records.

    The pipeline's storage writer counts the lost records. `now` returns the PBX's clock in UTC seconds.
    """

    def __init__(self, context: Context, pipeline: RecordPipeline, now: Callable[[], float]) -> None:
        super().__init__(context)
        self._pipeline = pipeline
        self._writer = pipeline.writer
        self._now = now
        self._gap: Gap | None = None  # the gap of the episode in progress
        self._before: Mapping[str, int] = {}  # counts of lost records at the start of the episode
        self._told = 0  # number of lost records at the last tick
        self._clock = context.reactor
        self._began_at = 0.0  # start of the episode by the monotonic clock
        self._ticked_at = 0.0
        self._updated_at = 0.0

    @property
    def fault(self) -> str:
        """A text for /readyz while records are lost; empty if none are."""
        if self._gap is None:
            return ""
        n, since = sum(self._lost().values()), strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(self._gap.started_at))
        return f"the queue in memory or the disk is full: {n} records lost since {since}"

    def start(self) -> None:
        self._ticked_at = self._now()

    def tick(self) -> None:
        """Start, update or end an episode of lost records; call this method once a second."""
        now, lost = self._now(), sum(self._writer.lost.values())
        if lost > self._told and self._gap is None:
            self._begin(min(self._ticked_at, now))
        if self._gap is not None and (lost > self._told or self._writer.fill_ratio > _ROOM_AGAIN):
            if now - self._updated_at >= _UPDATE_SECONDS:
                self._update(now)
        elif self._gap is not None:
            self._end(now)
        self._told, self._ticked_at = lost, now
        if self._gap is None:
            self._before = dict(self._writer.lost)

    def stop(self) -> None:
        """End the episode in progress, so that its gap is written with the remaining records."""
        self.tick()
        if self._gap is not None:
            self._end(self._now())

    # -- inside

    def _lost(self) -> dict[str, int]:
        """Return the numbers of records lost since the start of the episode, by the name of their class."""
        lost = {name: n - self._before.get(name, 0) for name, n in self._writer.lost.items()}
        return {name: n for name, n in sorted(lost.items()) if n}

    def _begin(self, at: float) -> None:
        self._gap = Gap(self.config.pbx.name, at, at, GapReason.RECORDS_LOST, 0)
        self._updated_at = 0.0
        self._pipeline.losing = True
        self._began_at = self._clock.seconds()
        _log.error(
            "records are being lost: {waiting} records wait in memory, and the queue in memory (storage."
            "max_queued_mb) or the disk is full; only survey answers, survey attempts and opt-outs are kept",
            waiting=self._writer.backlog,
        )

    def _update(self, at: float) -> Gap | None:
        """Write the gap of the episode with its end at the instant `at`, and return this gap.

        Without an episode in progress, do nothing and return None.
        """
        if self._gap is not None:
            lost = self._lost()
            calls = sum(lost.get(name, 0) for name in _CALLS)
            self._gap = replace(self._gap, ended_at=max(at, self._gap.started_at), calls_affected=calls)
            self._updated_at = at
            self._writer.commit(self._gap).addErrback(lambda _: None)  # the writer logs what it cannot write
        return self._gap

    def _end(self, at: float) -> None:
        lost = self._lost()
        gap = self._update(at)
        self._gap, self._pipeline.losing = None, False
        if gap is not None:
            self._pipeline.publish(gap)
            _log.error(
                "{n} records were lost in {seconds:.0f} s ({counts}); the time is in the table"
                " `gaps`, with the reason records_lost",
                n=sum(lost.values()),
                seconds=self._clock.seconds() - self._began_at,
                counts=", ".join(f"{name}: {n}" for name, n in lost.items()),
            )
