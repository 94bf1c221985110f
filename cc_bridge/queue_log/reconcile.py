"""The comparison of cc_bridge's visits and talks with Asterisk's queue_log: differences and their reasons.

A difference has a reason only if the records themselves show the reason. A reason that is merely likely is
not given.

queue_log has times in whole seconds, so a time can be up to one second too early. A visit therefore counts as
started before the observation only if its time in queue_log is at least one second before the start of the
observation.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from cc_bridge.queue_log.pairs import pairs, talks_of
from cc_bridge.queue_log.visits import TRANSFERS, LoggedVisit, ended_by
from cc_bridge.records import EndedBy, Gap, GapReason, Outcome, QueueVisit, Talk, Transfer

__all__ = [
    "Comparison",
    "Difference",
    "DifferenceKind",
    "DifferenceReason",
    "QueueLogSide",
    "RecordedSide",
    "compare",
]

_ROUNDING = 1.1  # seconds: the error of whole seconds, and the time between an event and its line
_TAKEN_OVER = 2.0  # tolerance in seconds of the wait time of a caller who was waiting when a gap ended
_SECOND = 1.0
_MOMENT = 0.1  # seconds between two events of one hang-up


class DifferenceKind(StrEnum):
    """The kind of a difference between queue_log and the records: which part of a visit differs."""

    MISSING = "missing"  # only queue_log has the visit
    EXTRA = "extra"  # only cc_bridge has the visit
    CHANNEL = "channel"
    OUTCOME = "outcome"
    AGENT = "agent"
    WAIT = "wait"
    TALK = "talk"
    TALK_END = "talk_end"


class DifferenceReason(StrEnum):
    """The reason of a difference, if it is known; `report.py` has a sentence for each reason."""

    NOT_LET_IN = "not_let_in"
    ONE_WORD = "one_word"
    REDIRECTED = "redirected"
    OTHER_LEG = "other_leg"
    PICKED_UP = "picked_up"
    CLOCK_STEP = "clock_step"
    LATE_END = "late_end"
    UNSEEN_TRANSFER = "unseen_transfer"
    CONFERENCE = "conference"
    CONSULTATION = "consultation"
    NO_END = "no_end"
    NEVER_SPOKE = "never_spoke"
    RESTART = "restart"
    LOG_BEGAN = "log_began"
    LOG_ENDED = "log_ended"
    WE_BEGAN = "we_began"
    WE_ENDED = "we_ended"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between queue_log and the records about one visit.

    `reason` is None if no reason for the difference is known.
    """

    what: DifferenceKind
    call: str
    queue: str
    at: float  # time of entry into the queue, in UTC seconds since the epoch
    logged: str
    observed: str
    reason: DifferenceReason | None


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
            talk.answered_at - _ROUNDING <= at <= talk.ended_at + _ROUNDING for at in steps
        )


@dataclass(slots=True)
class Comparison:
    """The result of one comparison of queue_log with the records.

    It has the number of visits by outcome in queue_log and in the records, the number of visits that match,
    and all differences.
    """

    logged: Counter[Outcome | None] = field(default_factory=Counter)  # None: queue_log has no outcome
    observed: Counter[Outcome | None] = field(default_factory=Counter)
    matched: int = 0  # number of pairs without a difference
    differences: list[Difference] = field(default_factory=list)

    @property
    def explained(self) -> Counter[DifferenceReason]:
        """The number of differences by reason."""
        return Counter(difference.reason for difference in self.differences if difference.reason)

    @property
    def unexplained(self) -> list[Difference]:
        """The differences that no known reason explains."""
        return [difference for difference in self.differences if difference.reason is None]


# For outcomes without an own word in queue_log: the reason, by the outcomes in queue_log and in cc_bridge.
_WORDS: dict[tuple[Outcome, Outcome], DifferenceReason] = {
    (Outcome.LEAVE_EMPTY, Outcome.LEAVE_UNAVAILABLE): DifferenceReason.ONE_WORD,
    (Outcome.LEAVE_EMPTY, Outcome.TRANSFERRED_AWAY): DifferenceReason.ONE_WORD,
    (Outcome.ABANDONED, Outcome.TRANSFERRED_AWAY): DifferenceReason.REDIRECTED,
}
_NOT_LET_IN = {Outcome.QUEUE_FULL, Outcome.JOIN_EMPTY, Outcome.JOIN_UNAVAILABLE}


def compare(
    logged: QueueLogSide, observed: RecordedSide, since: float = -inf, until: float = inf
) -> Comparison:
    """Compare the visits of a queue_log (`logged`) with recorded visits (`observed`); return the result.

    Only visits that entered their queue from `since` to before `until` are compared. Both limits are UTC
    seconds since the epoch.
    """
    result = Comparison()
    talks = talks_of(observed.visits, observed.talks)
    set_back = any(visit.clock_step for visit in logged.visits)
    clock_steps = set_back or any(gap.reason is GapReason.CLOCK_STEP for gap in observed.gaps)
    of_call: dict[str, list[Talk]] = {}
    for each in observed.talks:
        of_call.setdefault(each.call_id, []).append(each)
    for theirs, ours in pairs(logged.visits, observed.visits, clock_steps=clock_steps):
        entered_at = theirs.entered_at if theirs else ours.entered_at if ours else since
        if not since <= entered_at < until:
            continue
        if theirs:
            result.logged[theirs.outcome] += 1
        if ours:
            result.observed[ours.outcome] += 1
        talk = talks.get(id(ours))
        others = [other for other in of_call.get(ours.call_id, ()) if other is not talk] if ours else []
        differences = list(_differences(theirs, ours, talk, others, logged, observed))
        result.matched += not differences
        result.differences += differences
    result.differences.sort(key=lambda difference: difference.at)
    return result


def _differences(
    theirs: LoggedVisit | None,
    ours: QueueVisit | None,
    talk: Talk | None,
    others: list[Talk],
    log: QueueLogSide,
    we: RecordedSide,
) -> Iterator[Difference]:
    """Yield the differences between queue_log (`theirs`) and the records (`ours`) about one visit.

    `theirs` is None if queue_log lacks the visit, and `ours` is None if the records lack it. `talk` is the
    recorded talk of the visit, and `others` are the other recorded talks of the same call. `log` and `we` are
    the whole queue_log and all records, which show the reason of a difference.
    """
    if theirs is None and ours is not None:
        yield _extra(ours, log)
    elif theirs is not None:
        found = _missing(theirs, we) if ours is None else _of_pair(theirs, ours, talk, others, log, we)
        for what, logged, observed, reason in found:
            yield Difference(
                what, theirs.call, theirs.queue, theirs.entered_at, str(logged), str(observed), reason
            )


# A difference: its kind, the values in queue_log and in cc_bridge, and its reason.
_Found = Iterator[tuple[DifferenceKind, str | None, str | None, DifferenceReason | None]]


def _missing(theirs: LoggedVisit, we: RecordedSide) -> _Found:
    """Yield the difference for a visit in queue_log (`theirs`) that is not in the records (`we`)."""
    waits = theirs.open and theirs.outcome is None  # cc_bridge records a visit only after its end
    yield (
        DifferenceKind.MISSING,
        theirs.outcome or "no end",
        "nothing",
        DifferenceReason.LOG_ENDED if waits else _blind(theirs, we),
    )


def _blind(theirs: LoggedVisit, we: RecordedSide) -> DifferenceReason | None:
    """Return the reason why the daemon did not observe all of a visit in queue_log (`theirs`).

    The result is None if the daemon observed all of the visit. `we` has the observed time span and its gaps.
    """
    left_at = theirs.entered_at if theirs.left_at is None else theirs.left_at
    return we.blind_to(theirs.entered_at, left_at)


def _of_pair(
    theirs: LoggedVisit,
    ours: QueueVisit,
    talk: Talk | None,
    others: list[Talk],
    log: QueueLogSide,
    we: RecordedSide,
) -> _Found:
    """Yield the differences between one visit in queue_log (`theirs`) and in the records (`ours`).

    `talk` is the recorded talk of the visit; None if there is none. `log` and `we` are the whole queue_log
    and all records, which show the reason of a difference.
    """
    if theirs.call != ours.uniqueid:
        yield DifferenceKind.CHANNEL, theirs.call, ours.uniqueid, DifferenceReason.OTHER_LEG
    if theirs.outcome is not ours.outcome:
        reason = _of_outcome(theirs, ours, log)
        if ours.outcome is Outcome.UNOBSERVED:
            reason = reason or _blind(theirs, we)
        yield DifferenceKind.OUTCOME, theirs.outcome or "no end", ours.outcome, reason
        return
    if theirs.agent != ours.agent:
        yield DifferenceKind.AGENT, theirs.agent, ours.agent, _other_agent(theirs, talk, we)
    off = abs(theirs.wait_seconds - ours.wait_seconds)
    if off > _ROUNDING:
        clock_set = theirs.clock_step or ours.partial
        blind = DifferenceReason.CLOCK_STEP if clock_set else _blind(theirs, we)
        reason = blind if off <= _TAKEN_OVER or blind is DifferenceReason.CLOCK_STEP else None
        yield DifferenceKind.WAIT, f"{theirs.wait_seconds:.0f} s", f"{ours.wait_seconds:.1f} s", reason
    if ours.outcome is Outcome.ANSWERED:
        consulted = _consultation(theirs, ours, talk, others)
        yield from _of_talk(theirs, talk, others, consulted, log, we)


def _other_agent(theirs: LoggedVisit, talk: Talk | None, we: RecordedSide) -> DifferenceReason | None:
    """Return the reason why queue_log and the records name different agents for a visit; None if unknown.

    `theirs` is the visit in queue_log. `talk` is the recorded talk of the visit; None if there is none. `we`
    has the observed time span and its gaps.
    """
    if talk is not None:
        return DifferenceReason.PICKED_UP if talk.picked_up else None
    # Only a talk shows that another phone picked up the call.
    answered_at = theirs.entered_at if theirs.left_at is None else theirs.left_at
    return we.blind_to(answered_at, answered_at + theirs.talk_seconds)


def _extra(ours: QueueVisit, log: QueueLogSide) -> Difference:
    """Return the difference for a visit in the records (`ours`) that is not in queue_log (`log`)."""
    reason = None
    if ours.outcome in _NOT_LET_IN:
        reason = DifferenceReason.NOT_LET_IN
    elif ours.entered_at < log.since:
        reason = DifferenceReason.LOG_BEGAN
    elif ours.left_at > log.until + _SECOND:
        reason = DifferenceReason.LOG_ENDED
    return Difference(
        DifferenceKind.EXTRA, ours.uniqueid, ours.queue, ours.entered_at, "nothing", str(ours.outcome), reason
    )


def _of_outcome(theirs: LoggedVisit, ours: QueueVisit, log: QueueLogSide) -> DifferenceReason | None:
    """Return the reason why queue_log and the records have different outcomes of a visit; None if unknown.

    `theirs` is the visit in queue_log and `ours` the recorded visit. `log` is the whole queue_log.
    """
    if theirs.outcome is not None:
        return _WORDS.get((theirs.outcome, ours.outcome))
    if theirs.restarted:
        return DifferenceReason.RESTART
    return DifferenceReason.LOG_ENDED if theirs.open and ours.left_at >= log.until else None


def _consultation(
    theirs: LoggedVisit, ours: QueueVisit, talk: Talk | None, others: list[Talk]
) -> DifferenceReason | None:
    """Return CONSULTATION if an agent entered the queue to consult a colleague about the customer.

    Otherwise return None. In queue_log the talk starts when the colleague answers. The customer is connected
    to the colleague later, or never. `talk` is the customer's talk with the colleague; None if there was
    none. Then one of the call's other talks (`others`) must show the consultation: it lasted from before the
    colleague answered until after the end of the talk in queue_log (`theirs`).
    """
    if theirs.ended_at is None:
        return None
    if talk is None:
        consults = any(
            each.answered_at <= ours.left_at and theirs.ended_at <= each.ended_at for each in others
        )
        return DifferenceReason.CONSULTATION if consults else None
    until_customer, whole = talk.answered_at - ours.left_at, talk.ended_at - ours.left_at
    counted = until_customer if TRANSFERS.get(theirs.end) is Transfer.ATTENDED else whole
    consults = until_customer > _MOMENT and abs(theirs.talk_seconds - counted) <= _ROUNDING
    return DifferenceReason.CONSULTATION if consults else None


def _of_talk(
    theirs: LoggedVisit,
    talk: Talk | None,
    others: list[Talk],
    consulted: DifferenceReason | None,
    log: QueueLogSide,
    we: RecordedSide,
) -> _Found:
    """Yield the differences between queue_log and the records about the talk of an answered visit.

    `theirs` is the visit in queue_log. `talk` is its recorded talk; None if there is none. `others` are the
    other recorded talks of the same call. `consulted` is CONSULTATION if queue_log's talk starts before the
    recorded talk because of a consultation, otherwise None. `log` and `we` are the whole queue_log and all
    records, which show the reason of a difference.
    """
    answered_at = theirs.entered_at if theirs.left_at is None else theirs.left_at
    logged = f"{theirs.talk_seconds:.0f} s, {theirs.end}"
    if theirs.ended_at is None:
        if talk is not None:
            ended_late = talk.ended_at >= log.until
            no_end = (
                DifferenceReason.LOG_ENDED
                if ended_late
                else DifferenceReason.RESTART
                if theirs.restarted
                else DifferenceReason.NO_END
            )
            yield DifferenceKind.TALK, "no end", _describe(talk), no_end
        return
    blind = we.blind_to(answered_at, answered_at + theirs.talk_seconds)
    if talk is None:
        brief = DifferenceReason.NEVER_SPOKE if theirs.talk_seconds <= _SECOND else None
        yield DifferenceKind.TALK, logged, "nothing", blind or consulted or brief
        return
    if talk.ended_by is not EndedBy.UNOBSERVED and not talk.partial:
        blind = None
    if theirs.clock_step or we.clock_set_in(talk):
        blind = DifferenceReason.CLOCK_STEP
    longer = theirs.talk_seconds - talk.talk_seconds
    if abs(longer) > _ROUNDING:
        cause = _overlong(theirs, talk, we) if longer > 0 else _conference(theirs, talk, others, we)
        yield DifferenceKind.TALK, logged, _describe(talk), blind or consulted or cause
    if not _same_end(theirs, talk):
        cause = _overlong(theirs, talk, we) or _conference(theirs, talk, others, we)
        yield DifferenceKind.TALK_END, logged, _describe(talk), blind or consulted or cause


def _overlong(theirs: LoggedVisit, talk: Talk, we: RecordedSide) -> DifferenceReason | None:
    """Return the reason why queue_log ends a talk later than the record does; None if unknown.

    `theirs` is the visit in queue_log and `talk` the recorded talk. `we` has the times at which another
    record shows that the talk was over, such as a hang-up.
    """
    if talk.transfer is not None and theirs.end not in TRANSFERS:
        return DifferenceReason.UNSEEN_TRANSFER
    if theirs.end == "COMPLETECALLER" and talk.ended_by is EndedBy.AGENT:
        return DifferenceReason.LATE_END
    if theirs.end in ("COMPLETECALLER", "COMPLETEAGENT") and talk.ended_by is EndedBy.SYSTEM:
        return DifferenceReason.LATE_END  # such as a parked caller, who then spoke with another agent
    # Asterisk counts the talk until it writes the line. That this was late is shown by another record, which
    # confirms the end of the talk.
    late = theirs.ended_at is not None and any(
        talk.ended_at - _MOMENT <= at <= min(talk.ended_at + _ROUNDING, theirs.ended_at)
        for channel in (talk.agent_uniqueid, talk.uniqueid)
        for at in we.over.get(channel, ())
    )
    counted_to_its_line = (
        theirs.ended_at is not None
        and theirs.left_at is not None
        and abs(theirs.ended_at - theirs.left_at - theirs.talk_seconds) <= _ROUNDING
    )
    if late and counted_to_its_line and theirs.end in ("COMPLETEAGENT", "COMPLETECALLER"):
        return DifferenceReason.LATE_END
    return None


def _conference(
    theirs: LoggedVisit, talk: Talk, others: list[Talk], we: RecordedSide
) -> DifferenceReason | None:
    """Return CONFERENCE if caller and agent met in another bridge after queue_log had ended the talk.

    The recorded talk (`talk`) then ends later than the talk in queue_log (`theirs`). There are two proofs.
    One of the call's other talks (`others`) started during the talk, so a third person joined it. Or the
    times at which the channels entered bridges, which `we` has, show the meeting. Otherwise the result is
    None.
    """
    if theirs.ended_at is None or talk.ended_at <= theirs.ended_at + _ROUNDING:
        return None
    met = all(
        any(theirs.ended_at <= at <= talk.ended_at for at in we.bridged.get(channel, ()))
        for channel in (talk.agent_uniqueid, talk.uniqueid)
    )
    joined = any(talk.answered_at < each.answered_at < talk.ended_at for each in others)
    return DifferenceReason.CONFERENCE if joined or met else None


def _same_end(theirs: LoggedVisit, talk: Talk) -> bool:
    """Return whether queue_log and the record agree on the end of a talk.

    They agree if both have the same kind of transfer, or none, and the same side that ended the talk. The
    side is compared only if the record names the caller or the agent.
    """
    if talk.transfer is not TRANSFERS.get(theirs.end):
        return False
    return talk.ended_by not in (EndedBy.AGENT, EndedBy.CALLER) or talk.ended_by is ended_by(theirs.end)


def _describe(talk: Talk) -> str:
    """Return as text how long a talk was and which side ended it."""
    return f"{talk.talk_seconds:.1f} s, ended by {talk.ended_by}"
