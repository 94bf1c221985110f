"""The comparison of cc_bridge's visits and talks with Asterisk's queue_log: differences and their reasons.

A difference has a reason only if the records themselves show the reason. A reason that is merely likely is
not given.
"""

from collections.abc import Iterator
from math import inf

from cc_bridge.queue_log.compared_sides import ROUNDING_SECONDS, QueueLogSide, RecordedSide
from cc_bridge.queue_log.differences import Comparison, Difference, DifferenceKind, DifferenceReason
from cc_bridge.queue_log.pairs import pairs, talks_of
from cc_bridge.queue_log.talk_differences import FoundDifferences, talk_differences
from cc_bridge.queue_log.visits import LoggedVisit
from cc_bridge.records import GapReason, Outcome, QueueVisit, Talk

__all__ = ["compare"]

_TAKEN_OVER = 2.0  # tolerance in seconds of the wait time of a caller who was waiting when a gap ended
_SECOND = 1.0

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


def _missing(theirs: LoggedVisit, we: RecordedSide) -> FoundDifferences:
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
) -> FoundDifferences:
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
    if off > ROUNDING_SECONDS:
        clock_set = theirs.clock_step or ours.partial
        blind = DifferenceReason.CLOCK_STEP if clock_set else _blind(theirs, we)
        reason = blind if off <= _TAKEN_OVER or blind is DifferenceReason.CLOCK_STEP else None
        yield DifferenceKind.WAIT, f"{theirs.wait_seconds:.0f} s", f"{ours.wait_seconds:.1f} s", reason
    if ours.outcome is Outcome.ANSWERED:
        yield from talk_differences(theirs, ours, talk, others, log, we)


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
