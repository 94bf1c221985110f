"""The journey of one call: all stored records about it, and what a visitor may see of them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cc_bridge.customers.timeline import CustomerIdentity
from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.records import (
    Answer,
    Call,
    NotRoutedCall,
    QueueVisit,
    Ring,
    SurveyAttempt,
    SurveyDecision,
    Talk,
)

__all__ = ["CallJourney"]


@dataclass(frozen=True, slots=True)
class CallJourney:
    """The records of one call. The words in them, such as an outcome, are texts as stored.

    call: the record of the whole call; None while the call lasts, if it was imported from queue_log, and if
        the record was lost
    follow_ups: the follow-ups that the call opened, and those to which the call is linked
    customer: the caller's id and name from the CRM
    shared: many people call from this number
    hidden: a part of the call is left out, because it belongs to a queue that the visitor may not see
    """

    pbx: str
    call_id: str
    call: Call | None
    visits: tuple[QueueVisit, ...] = ()
    rings: tuple[Ring, ...] = ()
    talks: tuple[Talk, ...] = ()
    decisions: tuple[SurveyDecision, ...] = ()
    not_routed: tuple[NotRoutedCall, ...] = ()
    attempts: tuple[SurveyAttempt, ...] = ()
    answers: tuple[Answer, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    customer: CustomerIdentity = field(default_factory=CustomerIdentity)
    shared: bool = False
    hidden: bool = False

    @property
    def is_stored(self) -> bool:
        """Whether a part of the call itself is stored; follow-ups and answers are no such parts."""
        parts = (self.visits, self.rings, self.talks, self.decisions, self.not_routed, self.attempts)
        return self.call is not None or any(parts)

    @property
    def caller_key(self) -> str:
        """The caller key of the outside party; empty if no record has one, as with a withheld number."""
        sources = (self.call, *self.visits, *self.decisions, *self.not_routed, *self.attempts)
        return next((each.caller_key for each in sources if each is not None and each.caller_key), "")

    @property
    def number(self) -> str | None:
        """The number of the outside party in its stored form, or the caller key if only that is known.

        The number is empty if the call has none. It is None if no record says whether the call has one.
        """
        if self.call is not None and self.call.direction == "out":
            return self.call.dialed
        numbers = [each.caller_number for each in self.visits]
        if self.call is not None:
            numbers.append(self.call.caller_number)
        return next(filter(None, numbers), "") or self.caller_key or ("" if numbers else None)

    @property
    def started_at(self) -> float:
        """The start of the call, in UTC seconds since the epoch.

        Without a record of the whole call, it is the instant of the earliest other record. Without any
        record, it is 0.
        """
        if self.call is not None:
            return self.call.started_at
        known = [each.entered_at for each in self.visits]
        known += [each.answered_at for each in self.talks]
        known += [each.started_at for each in self.rings]
        known += [each.started_at for each in self.attempts]
        known += [each.decided_at for each in self.decisions]
        known += [each.ended_at for each in self.not_routed]
        return min(known, default=0.0)

    @property
    def uniqueid(self) -> str:
        """The Uniqueid of the caller's channel."""
        sources = (
            self.call, *self.visits, *self.talks, *self.rings, *self.decisions, *self.not_routed,
            *self.attempts,
        )  # fmt: skip
        return next((each.uniqueid for each in sources if each is not None), "")

    @property
    def queues(self) -> set[str]:
        """The queues of all parts of the call; parts without a queue are left out."""
        found = {each.queue for each in self.visits} | {each.queue for each in self.rings}
        found |= {each.queue for each in self.talks} | {each.queue for each in self.decisions}
        found |= {each.queue for each in self.attempts} | {each.queue for each in self.answers}
        found |= {each.queue for each in self.not_routed} | {each.queue for each in self.follow_ups}
        return found - {""}

    def seen_by(self, sees: Callable[[str], bool]) -> "CallJourney | None":
        """Return the parts of the journey that a visitor may see; None if the visitor may not see the call.

        `sees` returns whether the visitor may see the queue of a name. A part without a queue, such as a talk
        after a transfer, is shown with the other parts of the call. A call without any queue is shown if
        `sees("")` is True.
        """
        queues = self.queues
        if not any(map(sees, queues or {""})):
            return None
        foreign = {queue for queue in queues if not sees(queue)}
        if not foreign:
            return self
        return replace(
            self,
            visits=tuple(each for each in self.visits if each.queue not in foreign),
            rings=tuple(each for each in self.rings if each.queue not in foreign),
            talks=tuple(each for each in self.talks if each.queue not in foreign),
            decisions=tuple(each for each in self.decisions if each.queue not in foreign),
            not_routed=tuple(each for each in self.not_routed if each.queue not in foreign),
            attempts=tuple(each for each in self.attempts if each.queue not in foreign),
            answers=tuple(each for each in self.answers if self._queue_of(each) not in foreign),
            follow_ups=tuple(each for each in self.follow_ups if each.queue not in foreign),
            hidden=True,
        )

    def _queue_of(self, answer: Answer) -> str:
        """Return the queue that an answer rates; for an answer without one, that of its survey."""
        attempts = {each.attempt_id: each.queue for each in self.attempts}
        return answer.queue or attempts.get(answer.attempt_id, "")
