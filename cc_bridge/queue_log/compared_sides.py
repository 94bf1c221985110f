"""The two sides of a comparison: the visits in a queue_log, and the recorded visits and talks.

Each side has the time span that it covers. The recorded side also says which parts of a span were not
observed.

queue_log has times in whole seconds, so a time can be up to one second too early. A visit therefore counts as
started before the observation only if its time in queue_log is at least one second before the start of the
observation.
"""

from dataclasses import dataclass, field
from math import inf

from cc_bridge.queue_log.differences import DifferenceReason
from cc_bridge.queue_log.visits import LoggedVisit
from cc_bridge.records import Gap, GapReason, QueueVisit, Talk

__all__ = ["ROUNDING_SECONDS", "QueueLogSide", "RecordedSide"]

ROUNDING_SECONDS = 1.1  # the error of whole seconds, and the time between an event and its line
_SECOND = 1.0


@dataclass(frozen=True, slots=True)
class QueueLogSide:
    """The visits in one queue_log; `since` and `until` are the times of the log's first and last line."""

    visits: list[LoggedVisit]
    since: float = -inf
    until: float = inf


@dataclass(frozen=True, slots=True)
class RecordedSide:
    """The recorded visits and talks, with the observed time span (`since`, `until`) and the gaps in it."""

    visits: list[QueueVisit]
    talks: list[Talk]
    since: float = -inf
    until: float = inf
    gaps: list[Gap] = field(default_factory=list)
    # Instants at which a record other than the talk shows that the talk was over, by channel: the agent's
    # channel hung up, or the caller's survey was decided on.
    over: dict[str, list[float]] = field(default_factory=dict)
    # Instants at which a channel came into a bridge, by channel. Only known from a recording.
    bridged: dict[str, list[float]] = field(default_factory=dict)

    def blind_to(self, start: float, end: float) -> DifferenceReason | None:
        """Return the reason why the daemon did not observe all of a time span; None if it observed all of it.

        The span is in the time of queue_log: UTC seconds since the epoch, in whole seconds.
        """
        seen = [gap for gap in self.gaps if gap.started_at <= end + _SECOND and start <= gap.ended_at]
        if any(gap.reason is GapReason.CLOCK_STEP for gap in seen):
            return DifferenceReason.CLOCK_STEP
        if start + _SECOND <= self.since:
            return DifferenceReason.WE_BEGAN
        if end >= self.until:
            return DifferenceReason.WE_ENDED
        return DifferenceReason.GAP if seen else None

    def clock_set_in(self, talk: Talk) -> bool:
        """Return whether the PBX's clock was set during a recorded talk.

        Such a talk is partial, and both its instants are in the new time of the clock. The instant at which
        the clock was set is known to about a second.
        """
        steps = (gap.started_at for gap in self.gaps if gap.reason is GapReason.CLOCK_STEP)
        return talk.partial and any(
            talk.answered_at - ROUNDING_SECONDS <= at <= talk.ended_at + ROUNDING_SECONDS for at in steps
        )
