"""The differences between queue_log and the records about the talk of an answered visit, with reasons."""

from collections.abc import Iterator

from cc_bridge.queue_log.compared_sides import ROUNDING_SECONDS, QueueLogSide, RecordedSide
from cc_bridge.queue_log.differences import DifferenceKind, DifferenceReason
from cc_bridge.queue_log.visits import TRANSFERS, LoggedVisit, ended_by
from cc_bridge.records import EndedBy, QueueVisit, Talk, Transfer

__all__ = ["FoundDifferences", "talk_differences"]

FoundDifferences = Iterator[tuple[DifferenceKind, str | None, str | None, DifferenceReason | None]]
"""Differences: the kind, the values in queue_log and in cc_bridge, and the reason, which may be unknown."""

_SECOND = 1.0
_MOMENT = 0.1  # seconds between two events of one hang-up


def talk_differences(
    theirs: LoggedVisit,
    ours: QueueVisit,
    talk: Talk | None,
    others: list[Talk],
    log: QueueLogSide,
    we: RecordedSide,
) -> FoundDifferences:
    """Yield the differences between queue_log and the records about the talk of an answered visit.

    `theirs` is the visit in queue_log and `ours` the recorded visit. `talk` is its recorded talk; None if
    there is none. `others` are the other recorded talks of the same call. `log` and `we` are the whole
    queue_log and all records, which show the reason of a difference.
    """
    consulted = _consultation(theirs, ours, talk, others)
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
    if abs(longer) > ROUNDING_SECONDS:
        cause = _overlong(theirs, talk, we) if longer > 0 else _conference(theirs, talk, others, we)
        yield DifferenceKind.TALK, logged, _describe(talk), blind or consulted or cause
    if not _same_end(theirs, talk):
        cause = _overlong(theirs, talk, we) or _conference(theirs, talk, others, we)
        yield DifferenceKind.TALK_END, logged, _describe(talk), blind or consulted or cause


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
    consults = until_customer > _MOMENT and abs(theirs.talk_seconds - counted) <= ROUNDING_SECONDS
    return DifferenceReason.CONSULTATION if consults else None


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
        talk.ended_at - _MOMENT <= at <= min(talk.ended_at + ROUNDING_SECONDS, theirs.ended_at)
        for channel in (talk.agent_uniqueid, talk.uniqueid)
        for at in we.over.get(channel, ())
    )
    counted_to_its_line = (
        theirs.ended_at is not None
        and theirs.left_at is not None
        and abs(theirs.ended_at - theirs.left_at - theirs.talk_seconds) <= ROUNDING_SECONDS
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
    if theirs.ended_at is None or talk.ended_at <= theirs.ended_at + ROUNDING_SECONDS:
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
