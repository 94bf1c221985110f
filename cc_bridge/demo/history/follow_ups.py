"""The follow-ups of the made-up month, with their progress: open, taken, done or dismissed. Pure."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from cc_bridge.demo.history.centre import QUEUES
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpState
from cc_bridge.follow_ups.rules import AnswerFact, FollowUpRules, VisitFact, follow_up
from cc_bridge.records import Answer, QueueVisit, Record, SurveyAttempt

__all__ = ["past_follow_ups"]

_HOUR, _DAY = 3600.0, 86_400.0
_SHORT_ABANDON_SECONDS = 5.0
_OUTCOMES = (
    "called back, the bill is corrected", "explained, the caller is content", "a technician comes tomorrow",
    "credit note sent", "apologised for the wait", "تماس گرفته شد، مشکل برطرف شد", "صورت‌حساب اصلاح شد",
)  # fmt: skip
_DISMISSALS = ("solved already", "called twice, not reached", "شماره اشتباه بود")


def past_follow_ups(
    records: Iterable[Record],
    rules: FollowUpRules,
    due_at: Callable[[float], float],
    until: float,
    chance: random.Random,
) -> Iterator[FollowUp]:
    """Yield the follow-ups that the records open, each with what the owner has done up to `until`.

    `due_at` returns when a follow-up is due that was opened at an instant. Instants are UTC seconds since the
    epoch.
    """
    visits = {}
    attempts: dict[str, SurveyAttempt] = {}
    answers = []
    for record in records:
        if isinstance(record, QueueVisit):
            visits[record.call_id, record.queue, record.entered_at] = record
        elif isinstance(record, SurveyAttempt):
            attempts[record.attempt_id] = record
        elif isinstance(record, Answer):
            answers.append(record)
    numbers = {visit.call_id: visit.caller_number for visit in visits.values()}
    causes = [
        *rules.of_visits(map(_visit, visits.values())),
        *rules.of_answers(_answer(each, attempts[each.attempt_id], numbers) for each in answers),
    ]
    unclosed_or_closed_at: dict[tuple[str, str], float] = {}
    for cause in sorted(causes, key=lambda cause: cause.at):
        key = cause.reason, cause.about.caller_key
        if unclosed_or_closed_at.get(key, 0.0) >= cause.at:
            continue  # an earlier follow-up of this customer covers the cause
        queue = QUEUES.get(cause.about.queue)
        opened = follow_up(cause, queue.owner if queue else "", due_at(cause.at))
        worked = _worked(opened, until, chance)
        unclosed_or_closed_at[key] = until if worked.closed_at is None else worked.closed_at
        yield worked


def _worked(opened: FollowUp, until: float, chance: random.Random) -> FollowUp:
    """Return a follow-up with the progress that its owner has made: nearly all are closed after two days."""
    owner = opened.owner or "sara"
    taken_at = opened.opened_at + chance.uniform(0.2, 20) * _HOUR
    closed_at = taken_at + chance.uniform(0.2, 20) * _HOUR
    forgotten = chance.random() < 0.01
    if taken_at > until or forgotten:
        return opened
    taken = replace(opened, state=FollowUpState.TAKEN, taken_by=owner, taken_at=taken_at)
    if closed_at > until:
        return taken
    done = chance.random() < 0.85
    return replace(
        taken,
        state=FollowUpState.DONE if done else FollowUpState.DISMISSED,
        closed_by=owner,
        closed_at=closed_at,
        outcome=chance.choice(_OUTCOMES if done else _DISMISSALS),
    )


def _visit(visit: QueueVisit) -> VisitFact:
    return VisitFact(
        visit.pbx, visit.call_id, visit.caller_key, visit.caller_number, visit.queue, visit.agent or "",
        visit.entered_at, visit.left_at, visit.outcome, visit.wait_seconds < _SHORT_ABANDON_SECONDS,
    )  # fmt: skip


def _answer(answer: Answer, attempt: SurveyAttempt, numbers: dict[str, str]) -> AnswerFact:
    return AnswerFact(
        answer.pbx, attempt.call_id, attempt.caller_key, numbers.get(attempt.call_id, ""), attempt.queue,
        attempt.agent, answer.attempt_id, answer.question, answer.kind, answer.value, answer.answered_at,
    )  # fmt: skip
