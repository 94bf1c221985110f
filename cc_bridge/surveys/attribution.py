"""Attribution: which agent a survey answer rates. Pure.

The talks of the call show which agents the caller talked with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cc_bridge.queue_names import queue_key
from cc_bridge.records import AttributedBy, Trigger
from cc_bridge.surveys.definition import Survey

__all__ = ["Attribution", "Invitation", "Segment"]


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a call in which one agent talked with the caller: the agent and the queue.

    The segments of a call are in the order of its talks.
    """

    queue: str  # empty for a call without a queue
    agent: str
    interface: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """The agents who talked with one caller in one call, as segments. There is at least one segment.

    A segment is the part of the call in which one agent talked with the caller. It has the agent and the
    queue. The segments are in the order of the talks. `by` is the source from which the agents are known. If
    it is UNKNOWN_CHANNEL, the only segment has an empty agent and an empty queue.
    """

    call_id: str  # Asterisk's Linkedid; empty for an unknown channel
    segments: Sequence[Segment]
    by: AttributedBy = AttributedBy.EVENTS

    @property
    def last(self) -> Segment:
        """The agent and queue of the last talk; a question rates this agent unless it specifies another."""
        return self.segments[-1]

    def rated(self, target: str) -> Segment | None:
        """Return the rated agent, with the queue of the talk; None if the answer rates the whole company.

        `target` is the question's option `rates`: `last_agent`, `first_agent`, `company`, or `queue:NAME` for
        the last agent in the queue NAME. The case of NAME is ignored. If the caller talked with no agent of
        that queue, the answer rates the company.
        """
        if target == "last_agent":
            return self.last
        if target == "first_agent":
            return self.segments[0]
        if target.startswith("queue:"):
            queue = queue_key(target.removeprefix("queue:"))
            there = [segment for segment in self.segments if queue_key(segment.queue) == queue]
            return there[-1] if there else None
        return None


@dataclass(frozen=True, slots=True)
class Invitation:
    """The invitation of a caller to a survey, with the agents that the answers may rate.

    `language` is the language in which the survey starts.
    """

    survey: Survey
    attribution: Attribution
    language: str  # the channel's or the queue's; the survey chooses the matching one of its own
    caller_key: str
    trigger: Trigger = Trigger.QUEUE
    company: str = ""  # the prompt with the company's name before the welcome; empty for none
