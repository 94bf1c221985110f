"""Attribution: the agents that the answers of a survey rate, taken from the talks of the call. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from cc_bridge.records import AttributedBy, Trigger
from cc_bridge.surveys.definition import Survey

__all__ = ["Attribution", "Invitation", "Segment"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One agent's part of a call; the segments of a call are in the order of its talks."""

    queue: str  # empty for a call without a queue
    agent: str
    interface: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """The segments of all agents who talked with the caller in this call; at least one."""

    call_id: str  # Asterisk's Linkedid
    segments: Sequence[Segment]
    by: AttributedBy = AttributedBy.EVENTS

    @property
    def last(self) -> Segment:
        """The last agent's segment: the rated one unless a question specifies another."""
        return self.segments[-1]

    def rated(self, target: str) -> Segment | None:
        """Return the segment that a question rates.

        `target` is `last_agent`, `first_agent`, or `queue:NAME` for the last agent in that queue. None means
        that the answer rates the company as a whole: `target` is `company`, or the caller talked with no
        agent of that queue.
        """
        if target == "last_agent":
            return self.last
        if target == "first_agent":
            return self.segments[0]
        if target.startswith("queue:"):
            there = [segment for segment in self.segments if segment.queue == target.removeprefix("queue:")]
            return there[-1] if there else None
        return None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A survey invitation: the caller, the survey, the rated agents and the language to start in."""

    survey: Survey
    attribution: Attribution
    language: str  # the channel's or the queue's; the survey chooses the matching one of its own
    caller_key: str
    trigger: Trigger = Trigger.QUEUE
