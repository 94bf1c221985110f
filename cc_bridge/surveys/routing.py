"""Survey routing: whether the dialplan sent an answered caller to the survey. Pure.

After a talk, the dialplan requests the survey, and cc_bridge decides whether the caller is asked. A caller
whose dialplan makes no request is not asked, and has no survey decision: the call is `not_routed`. The causes
are a queue that is run without cc_bridge's contexts, and a transfer that leaves these contexts.

`routing_of` compares the facts of an ended call with the table `_RULES`, in its order. A call is `not_routed`
if no rule explains the missing request. Such calls are counted beside the eligible callers, not among them.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from cc_bridge.records import EndedBy

__all__ = ["EndedCall", "Routing", "routing_of"]


# Time for the dialplan from the end of the talk to the survey request. It needs milliseconds on an idle PBX.
_DIALPLAN_SECONDS = 1.0


class Routing(StrEnum):
    """Whether the dialplan requested a survey for an ended call.

    NOT_ROUTED: the dialplan should have requested a survey and did not. Each other member except REQUESTED is
    a reason why the dialplan did not have to request one.
    """

    UNOBSERVED = "unobserved"  # a part of the call was not observed
    NOT_ANSWERED = "not_answered"  # the caller talked with no agent of a queue
    NO_SURVEY = "no_survey"  # the queue has no survey, or surveys are disabled
    REQUESTED = "requested"  # the dialplan requested the survey
    NOT_ENDED_BY_AGENT = "not_ended_by_agent"  # such as a caller who hung up first
    LEFT_AT_ONCE = "left_at_once"  # the caller hung up right after the agent
    QUEUED_AGAIN = "queued_again"  # after the talk, the caller waited in a queue without an answer
    NOT_ROUTED = "not_routed"


class EndedCall(NamedTuple):
    """The facts of an ended call on which its routing depends.

    If the call had several talks, `queue` and `ended_by` describe the last one. A talk without a queue, such
    as after a transfer, counts for the queue of the talk before it.
    """

    queue: str  # empty: no agent of a queue talked with the caller
    has_survey: bool  # a survey is configured for the queue, and surveys are enabled
    ended_by: EndedBy  # the side that ended the last talk
    requested: bool  # the dialplan requested a survey for the call, whatever was decided then
    observed: bool  # the whole call was observed, without a gap
    left_seconds: (
        float  # from the end of the talk until the caller hung up; infinite if the PBX ended the call
    )
    queued_again: bool  # the caller entered a queue after the last talk, and no agent answered


_RULES: tuple[tuple[Routing, Callable[[EndedCall], bool]], ...] = (
    (Routing.UNOBSERVED, lambda call: not call.observed),
    (Routing.NOT_ANSWERED, lambda call: not call.queue),
    (Routing.NO_SURVEY, lambda call: not call.has_survey),
    (Routing.REQUESTED, lambda call: call.requested),
    # Without the option c, Queue() hangs the caller up after the agent. The agent has then ended the talk.
    (Routing.NOT_ENDED_BY_AGENT, lambda call: call.ended_by is not EndedBy.AGENT),
    (Routing.LEFT_AT_ONCE, lambda call: call.left_seconds < _DIALPLAN_SECONDS),
    (Routing.QUEUED_AGAIN, lambda call: call.queued_again),
)


def routing_of(call: EndedCall) -> Routing:
    """Return the routing of an ended call: the first rule that holds, or `not_routed` if no rule holds."""
    return next((routing for routing, holds in _RULES if holds(call)), Routing.NOT_ROUTED)
