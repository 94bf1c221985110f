"""Whom a survey rates, made from the tracker's talks. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from cc_bridge.records import AttributedBy, Trigger
from cc_bridge.surveys.definition import Survey

__all__ = ["Attribution", "Invitation", "Segment"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One agent's part of a call, in the order of the talks."""

    queue: str  # empty for a call without a queue
    agent: str
    interface: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """Everybody who talked with the caller in this call; at least one."""

    call_id: str  # Asterisk's Linkedid
    segments: Sequence[Segment]
    by: AttributedBy = AttributedBy.EVENTS

    @property
    def last(self) -> Segment:
        """The agent who is rated if a question does not say otherwise."""
        return self.segments[-1]

    def rated(self, whom: str) -> Segment | None:
        """Return whom a question rates: `last_agent`, `first_agent`, `queue:NAME` (the last agent there).

        None stands for the company as a whole, also when nobody talked with the caller in that queue.
        """
        if whom == "last_agent":
            return self.last
        if whom == "first_agent":
            return self.segments[0]
        if whom.startswith("queue:"):
            there = [segment for segment in self.segments if segment.queue == whom.removeprefix("queue:")]
            return there[-1] if there else None
        return None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A caller who is asked: what, about whom, and in which language to begin."""

    survey: Survey
    attribution: Attribution
    language: str  # the channel's, or the queue's; the survey says which of its own fits
    caller_key: str
    trigger: Trigger = Trigger.QUEUE
