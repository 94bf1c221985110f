"""Weeks of a contact centre for tests of reports, generated from a fixed seed, with planted effects.

Low ratings depend only on the wait (over a minute) and on the agent (`RUDE`): not on queue, hour, day or
number of agents. From `CHANGED` waits are shorter, and so ratings better. Agents `LINGERING` let callers hang
up first. One day of the span has 25 hours.

tests/bench/year.py makes a whole year in PostgreSQL.
"""

import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Answer,
    Call,
    Direction,
    EndedBy,
    Gap,
    GapReason,
    NotRoutedCall,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyResult,
    Talk,
    Transfer,
    Trigger,
)
from cc_bridge.storage.schema.tables import row_of

__all__ = ["CHANGED", "FIRST", "LAST", "LINGERING", "QUEUES", "RUDE", "ZONE", "fill", "records"]

ZONE = ZoneInfo("Europe/Berlin")
FIRST, CHANGED, LAST = date(2026, 10, 8), date(2026, 10, 28), date(2026, 11, 16)
QUEUES = ("sales", "support", "=billing")  # a spreadsheet would evaluate the last name as a formula
AGENTS = tuple(f"Agent {number}" for number in range(1, 9))
RUDE, LINGERING = "Agent 7", "Agent 3"

_A_DAY = 150
_LOST = (Outcome.TIMED_OUT, Outcome.LEFT_BY_KEY, Outcome.QUEUE_FULL, Outcome.LEAVE_EMPTY, Outcome.UNOBSERVED)
_REASONS = ("sampled_out", "too_short", "not_eligible", "opted_out")
_STATES = (AgentState.AVAILABLE, AgentState.PAUSED, AgentState.LOGGED_OUT, AgentState.WRAP_UP)


def midnight(day):
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()


def records(seed=1):
    """Yield all records, including those of the day before and the day after the span."""
    chance = random.Random(seed)
    number = 0
    day = FIRST - timedelta(1)
    while day <= LAST + timedelta(1):
        begin, end = midnight(day), midnight(day + timedelta(1))
        for _ in range(_A_DAY):
            number += 1
            at = round(chance.uniform(begin, end), 6)
            yield from _call(chance, number, at, day >= CHANGED)
        day += timedelta(1)
    for agent in AGENTS:
        at, end = midnight(FIRST) - 7000, midnight(LAST) + 100_000
        while at < end:
            until = round(at + chance.expovariate(1 / 5000), 6)
            yield AgentInterval("main", agent, chance.choice(_STATES), at, until, "", "", flagged=False)
            at = until
    yield Gap("main", midnight(FIRST) - 100, midnight(FIRST) + 200, GapReason.LINK_LOST, 0)


def _call(chance, number, at, changed):
    key = f"1795.{number}"
    queue, agent = chance.choice(QUEUES), chance.choice(AGENTS)
    language = chance.choice(("en", "fa"))
    wait = round(chance.expovariate(1 / (15 if changed else 40)), 6)
    if number % 97 == 0:
        wait = 20.0  # exactly the service level threshold
    fate = chance.random()
    outcome = Outcome.ANSWERED if fate < 0.85 else Outcome.ABANDONED if fate < 0.95 else chance.choice(_LOST)
    answered = outcome is Outcome.ANSWERED
    visit = QueueVisit(
        "main", key, key, queue, at, at + wait, outcome, agent if answered else None,
        f"PJSIP/{agent}" if answered else None, 1, "0912", "", language, chance.random() < 0.3,
        "AgentConnect", caller_key="0912",
    )  # fmt: skip
    yield visit
    left = visit.left_at
    talk = round(chance.expovariate(1 / 150), 6) if answered else 0.0
    passed_on = answered and chance.random() < 0.15
    ring = (
        RingOutcome.ANSWERED if answered else chance.choice((RingOutcome.NO_ANSWER, RingOutcome.CALLER_GONE))
    )
    yield Ring("main", key, key, f"{key}r", queue, agent, f"PJSIP/{agent}", at, left, ring)
    if answered:
        yield Talk(
            "main", key, key, f"{key}a", queue, agent, f"PJSIP/{agent}", left, left + talk, talk / 10, 1,
            EndedBy.TRANSFER if passed_on else EndedBy.AGENT,
            chance.choice((Transfer.BLIND, Transfer.ATTENDED)) if passed_on else None,
            "second" if passed_on else None, partial=chance.random() < 0.02,
        )  # fmt: skip
    ended = left + talk
    if passed_on:
        other = chance.choice(AGENTS)
        yield QueueVisit(
            "main", key, key, "second", ended, ended + 3, Outcome.ANSWERED, other, f"PJSIP/{other}", 1,
            "0912", "", language, ringing=False, decided_by="AgentConnect", caller_key="0912",
        )  # fmt: skip
        yield Talk(
            "main", key, key, f"{key}b", "second", other, f"PJSIP/{other}", ended + 3, ended + 60, 0.0, 0,
            EndedBy.AGENT, None, None,
        )  # fmt: skip
        ended += 60
    yield Call(
        "main", key, key, Direction.IN, at, ended, "0912", "", "600", language, queue, answered,
        1 + passed_on, answered + passed_on, wait, talk, partial=False, caller_key="0912",
    )  # fmt: skip
    if answered:
        yield from _survey(chance, key, queue, agent, language, wait, ended)


def _survey(chance, key, queue, agent, language, wait, at):
    interface = f"PJSIP/{agent}"
    left_first = chance.random() < (0.55 if agent == LINGERING else 0.12)
    asked = chance.random() < 0.85
    if at % 17 < 1:  # the dialplan did not request the survey
        yield NotRoutedCall("main", key, key, queue, agent, interface, at, "csat", "0912")
        return
    stage = "caller_left_first" if left_first else "invited" if asked else chance.choice(_REASONS)
    yield SurveyDecision("main", key, key, queue, agent, interface, at, "csat", Trigger.QUEUE, stage, "0912")
    if stage != "invited":
        return
    fate = chance.random()
    result = (
        SurveyResult.COMPLETE if fate < 0.8 else SurveyResult.PARTIAL if fate < 0.9 else SurveyResult.DECLINED
    )
    reason = "" if result is SurveyResult.COMPLETE else chance.choice(("hung_up", "no_input"))
    yield SurveyAttempt(
        "main", f"{key}s", key, key, queue, agent, interface, "csat", 1, language, at, at + 20, result, reason
    )
    if result is SurveyResult.DECLINED:
        return
    low = 0.08 + 0.35 * (wait > 60) + 0.35 * (agent == RUDE)
    value = chance.choice((1, 2)) if chance.random() < low else chance.choice((3, 4, 4, 5, 5))
    about = {"queue": queue, "agent": agent, "interface": interface}
    yield Answer("main", f"{key}s", "satisfaction", "csat", value, 1, at + 5, **about)
    if result is SurveyResult.COMPLETE:
        yield Answer("main", f"{key}s", "solved", "yes_no", int(chance.random() < 0.7), 1, at + 9, **about)
        yield Answer("main", f"{key}s", "company", "nps", chance.randrange(11), 1, at + 12)


def fill(engine, made):
    """Store records, one INSERT for each kind."""
    rows = {}
    for record in made:
        table, row = row_of(record)
        rows.setdefault(table, []).append(row)
    with engine.begin() as connection:
        for table, its in rows.items():
            for first in range(0, len(its), 5000):
                connection.execute(insert(table), its[first : first + 5000])
