"""Calls of every kind for tests of lists: those of year_of_calls.py, with many rare cases mixed in.

Some callers call again or are called back, withhold their number, or share it. Queues are spelled in two
ways, calls enter several queues, waits and talks are partial. Surveys rate direct calls and the company,
are callbacks, are cut off, or lack their attempt or call. Two PBXs have calls with the same ids.
"""

import random
from dataclasses import replace
from datetime import date

from cc_bridge.records import (
    Answer,
    Call,
    Direction,
    EndedBy,
    NotRoutedCall,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyResult,
    Talk,
    Trigger,
)
from support.year_of_calls import midnight, records

__all__ = ["FIRST", "LAST", "SHARED", "odd_records"]

FIRST, LAST = date(2026, 10, 22), date(2026, 10, 31)  # with a day of 25 hours, and the day of a change
SHARED = "98900"  # the caller key of a number that many people use
_HOUR = 3600.0
_KINDS = {"nps": ("nps_0_9", 9), "yes_no": ("ces", 1), "csat": ("comment", 33)}
_OUTCOMES = (*Outcome,)


def odd_records(seed=2):
    """Yield the records of the days from FIRST to LAST, and some of the day before and the day after."""
    chance = random.Random(seed)
    first, last = midnight(FIRST) - 9 * _HOUR, midnight(LAST) + 40 * _HOUR
    wanted = {}  # call id -> its changes; None: the call is left out
    for record in records(seed):
        if isinstance(record, QueueVisit) and record.call_id not in wanted:
            inside = first <= record.entered_at < last and chance.random() < 0.5
            wanted[record.call_id] = _Odd(chance, record) if inside else None
        odd = wanted.get(getattr(record, "call_id", None) or getattr(record, "attempt_id", "")[:-1])
        if odd is not None:
            yield from odd.of(record)
        elif not hasattr(record, "call_id") and not hasattr(record, "attempt_id"):
            yield record
    for number in range(60):
        pbx = ("main", "other")[number % 2]
        yield from _direct(chance, pbx, f"d{number // 2}", chance.uniform(first, last))


class _Odd:
    """The changes of one call."""

    def __init__(self, chance, visit):
        self.chance = chance
        self.key = chance.choice(("", SHARED, *(f"9891{n}" for n in range(150))))
        self.pbx = "other" if chance.random() < 0.15 else "main"
        self.upper = chance.random() < 0.1
        self.odd = chance.random() < 0.25
        self.kind = chance.randrange(8)
        self.outcome = visit.outcome

    def of(self, record):
        record = replace(record, pbx=self.pbx)
        if hasattr(record, "caller_key"):
            record = replace(record, caller_key=self.key)
        if self.upper and getattr(record, "queue", "") == "sales":
            record = replace(record, queue="Sales")
        yield from self._changed(record) if self.odd else (record,)

    def _changed(self, record):
        change = _CHANGES.get(type(record))
        return change(self, record) if change else (record,)

    def visit(self, visit):
        lost = self.outcome is not Outcome.ANSWERED
        outcome = self.chance.choice(_OUTCOMES[1:]) if lost else visit.outcome
        language = ("", "fa")[self.kind % 2]
        yield replace(visit, outcome=outcome, partial=self.kind < 4, language=language)
        if lost and self.kind % 2:
            yield from self._called_back(visit)

    def talk(self, talk):
        yield replace(talk, agent="" if self.kind == 1 else talk.agent)
        for number in range(self.kind % 3):
            yield replace(talk, agent_uniqueid=f"{talk.agent_uniqueid}{number}", agent="Agent 9")

    def ring(self, ring):
        yield replace(ring, outcome=self.chance.choice((*RingOutcome,)))

    def call(self, call):
        if self.kind != 2:
            yield replace(call, talks=call.talks * (1 + self.kind % 3), queues=1 + self.kind % 3)

    def decision(self, decision):
        trigger = self.chance.choice((*Trigger,))
        stage = "disabled" if self.kind == 3 else decision.stage
        agent = "" if self.kind == 1 else decision.agent
        yield replace(decision, trigger=trigger, stage=stage, agent=agent)

    def attempt(self, attempt):
        if self.kind == 4:
            yield replace(attempt, result=SurveyResult.STARTED, reason="", ended_at=None)
        elif self.kind != 5:
            yield replace(attempt, language="" if self.kind == 6 else attempt.language)

    def answer(self, answer):
        other, value = _KINDS[answer.kind]
        if self.kind in {0, 7}:
            answer = replace(answer, kind=other, value=value, question=f"{other}, {answer.question}")
        company = {"queue": "", "agent": "", "interface": ""} if self.kind in {6, 7} else {}
        yield replace(answer, **company)

    def _called_back(self, visit):
        at = visit.left_at + self.chance.choice((60.0, 20 * _HOUR, 26 * _HOUR))
        call = f"{visit.call_id}-back"
        yield Call(
            self.pbx, call, call, Direction.OUT, at, at + 90, "600", "", "0912", "", "", True, 0, 1, 0.0,
            80.0, False, self.key,
        )  # fmt: skip
        yield Talk(self.pbx, call, call, f"{call}a", "", "Agent 1", "PJSIP/1", at + 9, at + 90, 0.0, 0,
                   EndedBy.AGENT, None, None)  # fmt: skip


_CHANGES = {
    QueueVisit: _Odd.visit, Talk: _Odd.talk, Ring: _Odd.ring, Call: _Odd.call, SurveyDecision: _Odd.decision,
    SurveyAttempt: _Odd.attempt, Answer: _Odd.answer,
}  # fmt: skip


def _direct(chance, pbx, call, at):
    """Yield a direct call, which has no queue, with its survey."""
    agent, device = chance.choice(("", "Agent 2")), "PJSIP/2"
    yield Call(
        pbx, call, call, Direction.IN, at, at + 90, "", "", "201", "en", "", True, 0, 1, 0.0, 60.0, False, ""
    )
    yield Talk(
        pbx, call, call, f"{call}a", "", agent, device, at + 5, at + 65, 0.0, 0, EndedBy.AGENT, None, None
    )
    if chance.random() < 0.3:
        yield NotRoutedCall(pbx, call, call, "", agent, device, at + 65, "csat", "")
        return
    yield SurveyDecision(pbx, call, call, "", agent, device, at + 65, "csat", Trigger.DIAL, "invited", "")
    yield SurveyAttempt(
        pbx,
        f"{call}s",
        call,
        call,
        "",
        agent,
        device,
        "csat",
        1,
        "en",
        at + 65,
        at + 80,
        SurveyResult.COMPLETE,
        "",
    )
    yield Answer(pbx, f"{call}s", "satisfaction", "csat", chance.randint(1, 5), 1, at + 70, "", agent, device)
