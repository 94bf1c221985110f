"""The list of lost calls, each with its caller, wait and follow-up. Pure.

A lost call is a call with a queue that no agent answered. A caller with a withheld or shared number cannot be
called back.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cc_bridge.customers.lost_calls import LostCall, LostCallStatus
from cc_bridge.follow_ups.follow_up import UNCLOSED, FollowUp, FollowUpReason
from cc_bridge.follow_ups.rules import FollowUpCause, VisitFact

__all__ = ["ABOUT_WAITING", "LostCaller", "cause_of", "follow_up_of"]

ABOUT_WAITING = frozenset(
    {FollowUpReason.LOST_CALL, FollowUpReason.ABANDONED_TWICE, FollowUpReason.LONG_WAIT}
)
"""The reasons of follow-ups that are about a wait; such a follow-up is also about a lost call."""


@dataclass(frozen=True, slots=True)
class LostCaller:
    """A lost call with its caller.

    number: the caller's number in its stored form; empty if the number is withheld
    name: the customer's name from the CRM; empty if it is not known
    wait_seconds: the sum of the waits in all queues of the call
    known: the number is neither withheld nor shared, so the caller can be called back
    follow_up: the follow-up about this lost call; None if there is none
    """

    call: LostCall
    number: str = ""
    name: str = ""
    wait_seconds: float = 0.0
    known: bool = True
    follow_up: FollowUp | None = None

    @property
    def is_open(self) -> bool:
        """Whether the caller should be called back.

        It is False if the caller cannot be called back or has been reached since, or if the follow-up of this
        lost call is closed.
        """
        reached = self.call.managed not in {LostCallStatus.OPEN, LostCallStatus.NOT_MANAGED}
        closed = self.follow_up is not None and self.follow_up.state not in UNCLOSED
        return self.known and not reached and not closed


def cause_of(lost: LostCaller) -> FollowUpCause:
    """Return the cause of the follow-up that a person opens for a lost call."""
    call = lost.call
    visit = VisitFact(
        call.pbx,
        call.call_id,
        call.caller_key,
        lost.number,
        call.queue,
        "",
        call.entered_at,
        call.lost_at,
        call.outcome,
    )
    detail = f"waited {lost.wait_seconds:.0f} s"
    return FollowUpCause(FollowUpReason.LOST_CALL, visit, call.call_id, detail, call.lost_at)


def follow_up_of(call: LostCall, follow_ups: Iterable[FollowUp]) -> FollowUp | None:
    """Return the follow-up about a lost call; None if there is none.

    `follow_ups` are the follow-ups of the caller. The one that this call opened is preferred, then one that
    is not closed, then one that was closed after the call was lost.
    """
    theirs = [each for each in follow_ups if each.reason in ABOUT_WAITING]
    opened_by_it = [each for each in theirs if (each.pbx, each.call_id) == (call.pbx, call.call_id)]
    unclosed = [each for each in theirs if each.state in UNCLOSED]
    later = [each for each in theirs if each.closed_at is not None and each.closed_at >= call.lost_at]
    for some in (opened_by_it, unclosed, later):
        if some:
            return min(some, key=lambda each: (each.state not in UNCLOSED, each.opened_at))
    return None
