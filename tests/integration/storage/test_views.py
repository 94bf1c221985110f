"""The figures of the views equal a computation in Python over the same records, on each kind of database."""

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from random import Random

import pytest
from sqlalchemy import Integer, select

from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Answer,
    Call,
    Direction,
    EndedBy,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyResult,
    Talk,
)
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.storage.schema.upsert import upsert
from cc_bridge.storage.schema_reference import EXAMPLES
from cc_bridge.storage.views import VIEWS

BY_HOUR, AGENT_DAY, RATINGS = (view.table for view in VIEWS)
HOUR, DAY = 3600, 86_400
MIDNIGHT = 1_795_305_600  # 2026-11-22 00:00:00 UTC
QUEUES = ("sales", "پشتیبانی", "Sales")
AGENTS = ("زهرا", "Ali", "Ali ")  # a space at the end makes another agent
LOST = {Outcome.TIMED_OUT, Outcome.LEFT_BY_KEY, Outcome.QUEUE_FULL, Outcome.JOIN_EMPTY, Outcome.LEAVE_EMPTY,
        Outcome.JOIN_UNAVAILABLE, Outcome.LEAVE_UNAVAILABLE}  # fmt: skip
OFFERED = {Outcome.ANSWERED, Outcome.ABANDONED, Outcome.TIMED_OUT, Outcome.LEFT_BY_KEY}
CALLER = {"caller_number": "+982112345678", "caller_name": "O'Brien"}


@contextmanager
def database(url, records=(), *, east=False):
    """Open a database with the records. Yield a connection whose time zone is not UTC."""
    engine = open_database(url)
    try:
        with engine.begin() as connection:
            for record in records:
                table, row = row_of(record)
                connection.execute(upsert(table, connection.dialect.name), [row])
        with engine.connect() as connection:
            elsewhere = {
                "postgresql": f"SET TIME ZONE '{'Asia/Tehran' if east else 'America/New_York'}'",
                "mysql": f"SET time_zone = '{'+05:45' if east else '-05:00'}'",
            }
            if connection.dialect.name in elsewhere:
                connection.exec_driver_sql(elsewhere[connection.dialect.name])
            yield connection
    finally:
        engine.dispose()


# -- random records


def instant(seconds):
    return round(MIDNIGHT + seconds, 6)


def visit(call, queue, entered_at, wait, outcome, agent=None, pbx="pbx", *, partial=False):
    return QueueVisit(
        pbx, call, call, queue, entered_at, round(entered_at + wait, 6), outcome, agent, agent and "PJSIP/1",
        position=1, **CALLER, language="fa", ringing=False, decided_by="test", partial=partial,
    )  # fmt: skip


def talk(call, queue, agent, answered_at, seconds, *, hold=0.0, partial=False, pbx="pbx"):
    return Talk(
        pbx, call, call, f"{call}-{agent}", queue, agent, "PJSIP/1", answered_at,
        round(answered_at + seconds, 6), hold, int(hold > 0), EndedBy.AGENT, None, None, partial=partial,
    )  # fmt: skip


def attempt(call, queue, agent, at, pbx="pbx"):
    return SurveyAttempt(
        pbx, f"a-{call}", call, call, queue, agent, "PJSIP/1", "csat", 2, "fa", at, at + 9,
        SurveyResult.COMPLETE, "", caller_key="+982112345678",
    )  # fmt: skip


def answer(call, question, kind, value, at, queue="", agent="", pbx="pbx"):
    return Answer(
        pbx, f"a-{call}", question, kind, value, 1, at, queue, agent, agent and "PJSIP/1",
        label="bill" if kind == "choice" else "", recording="/secret" if kind == "comment" else "",
    )  # fmt: skip


def by_chance(seed):
    """Return random records of some days, including edge cases."""
    return [*calls_by_chance(seed), *states_by_chance(seed)]


def calls_by_chance(seed):  # noqa: C901 - one call after the other
    chance = Random(seed)
    edges = (0.0, HOUR - 0.000001, HOUR, DAY - 0.000001, DAY, 2 * DAY - 0.25)
    waits = (0.0, 4.999999, 5.0, 10.0, 19.999999, 20.0, 20.000001, 30.0, 60.0, 60.000001)

    def moment():
        return instant(chance.choice(edges) if chance.random() < 0.1 else chance.uniform(0, 2.5 * DAY))

    for number in range(250):
        call, pbx = f"1795305600.{number}", chance.choice(("pbx", "pbx", "other"))
        at = moment()
        talks = []
        for _ in range(chance.randint(0, 3)):
            queue, agent = chance.choice(QUEUES), chance.choice(AGENTS)
            outcome = chance.choice([*Outcome, Outcome.ANSWERED, Outcome.ANSWERED, Outcome.ABANDONED])
            wait = chance.choice(waits) if chance.random() < 0.3 else chance.uniform(0, 90)
            answered = outcome is Outcome.ANSWERED
            moved = chance.random() < 0.1
            yield visit(call, queue, at, wait, outcome, agent if answered else None, pbx, partial=moved)
            at = round(at + wait + 0.5, 6)
            if answered and chance.random() < 0.9:
                talks.append((queue, agent))
                partial = chance.random() < 0.15
                seconds = chance.uniform(0, 600)
                yield talk(call, queue, agent, at, seconds, hold=seconds / 3, partial=partial, pbx=pbx)
                at = round(at + seconds + 1, 6)
        if chance.random() < 0.2:
            talks.append(("", chance.choice(AGENTS)))
            yield talk(call, *talks[-1], at, 60.0, pbx=pbx)
            at = round(at + 61, 6)
        if talks and chance.random() < 0.8:
            last = talks[-1]
            if chance.random() < 0.9:
                yield attempt(call, *last, at, pbx)
            kinds = (("csat", 1, 5), ("nps", 0, 10), ("choice", 1, 3), ("comment", 3, 60))
            for n, (kind, low, high) in enumerate(kinds):
                by = chance.choice((last, talks[0], (last[0], "nobody"), ("", "")))
                yield answer(call, f"q{n}", kind, chance.randint(low, high), round(at + n, 6), *by, pbx=pbx)
            if chance.random() < 0.2:  # the call continues after the survey
                yield talk(call, *last, round(at + 30, 6), 20.0, pbx=pbx)
        for n in range(chance.randint(0, 2)):
            rung = moment()
            agent, outcome = chance.choice(AGENTS), chance.choice(list(RingOutcome))
            yield Ring(pbx, call, call, f"{call}-r{n}", "sales", agent, "PJSIP/1", rung, rung + 3, outcome)


def states_by_chance(seed):
    chance = Random(seed)
    for agent in AGENTS:
        at = 0.0 if agent == "Ali" else 100.0
        while at < 12 * DAY:
            soon = [at + chance.uniform(1, 6 * HOUR) for _ in range(10)]
            ends = chance.choice((*soon, (at // DAY + 1) * DAY, at + 2.2 * DAY))
            state = chance.choice(list(AgentState))
            yield AgentInterval("pbx", agent, state, instant(at), instant(ends), "", "", flagged=False)
            at = ends


# -- the same in Python


def microseconds(at):
    return round(at * 1_000_000)


def hour_of(at):
    return microseconds(at) // (HOUR * 1_000_000) * HOUR


def day_of(at):
    return datetime.fromtimestamp(microseconds(at) // 1_000_000, UTC).date()


def mean(values):
    return sum(values) / len(values) if values else None


def of(kind, records):
    return [record for record in records if isinstance(record, kind)]


def grouped(records, key):
    groups = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups


def calls_by_hour(records):
    visits = grouped(of(QueueVisit, records), lambda each: (each.pbx, each.queue, hour_of(each.entered_at)))
    queued = [each for each in of(Talk, records) if each.queue]
    talks = grouped(queued, lambda each: (each.pbx, each.queue, hour_of(each.answered_at)))
    for key in visits.keys() | talks.keys():
        mine, whole = ([each for each in some[key] if not each.partial] for some in (visits, talks))
        answered = [each.wait_seconds for each in mine if each.outcome is Outcome.ANSWERED]
        abandoned = [each.wait_seconds for each in mine if each.outcome is Outcome.ABANDONED]
        waits = [each.wait_seconds for each in mine]
        yield dict(
            zip(("pbx", "queue", "hour"), key, strict=True),
            visits=len(mine),
            offered=sum(each.outcome in OFFERED for each in mine),
            answered=len(answered),
            abandoned=len(abandoned),
            other_lost=sum(each.outcome in LOST for each in mine),
            transferred_away=sum(each.outcome is Outcome.TRANSFERRED_AWAY for each in mine),
            unobserved=sum(each.outcome is Outcome.UNOBSERVED for each in mine),
            **{f"answered_in_{limit}": sum(wait <= limit for wait in answered) for limit in (10, 20, 30, 60)},
            abandoned_under_5=sum(wait < 5 for wait in abandoned),
            wait_seconds=sum(waits),
            mean_wait_seconds=mean(waits),
            mean_answer_seconds=mean(answered),
            longest_wait_seconds=max(waits, default=None),
            talks=len(talks[key]),
            partial_talks=len(talks[key]) - len(whole),
            talk_seconds=sum(each.talk_seconds for each in whole),
            mean_talk_seconds=mean([each.talk_seconds for each in whole]),
            hold_seconds=sum(each.hold_seconds for each in whole),
            partial_visits=len(visits[key]) - len(mine),
        )


def pieces(interval):
    """Split an agent's interval at midnight. Yield agent and day, state, and seconds of each piece."""
    begins = interval.started_at
    while begins < interval.ended_at:
        ends = min(interval.ended_at, (begins // DAY + 1) * DAY)
        yield (interval.pbx, interval.agent, day_of(begins)), interval.state, ends - begins
        begins = ends


def agent_day(records):
    talks = grouped(of(Talk, records), lambda each: (each.pbx, each.agent, day_of(each.answered_at)))
    rings = grouped(of(Ring, records), lambda each: (each.pbx, each.agent, day_of(each.started_at)))
    scores = [each for each in of(Answer, records) if each.agent and each.kind != "comment"]
    ratings = grouped(scores, lambda each: (each.pbx, each.agent, day_of(each.answered_at)))
    states = defaultdict(lambda: dict.fromkeys(AgentState, 0.0))
    for interval in of(AgentInterval, records):
        for key, state, seconds in pieces(interval):
            states[key][state] += seconds
    for key in talks.keys() | rings.keys() | ratings.keys() | states.keys():
        whole = [each for each in talks[key] if not each.partial]
        csat = [each.value for each in ratings[key] if each.kind == "csat"]
        outcomes = [each.outcome for each in rings[key]]
        yield dict(
            zip(("pbx", "agent", "day"), key, strict=True),
            talks=len(talks[key]),
            direct_talks=sum(not each.queue for each in talks[key]),
            partial_talks=len(talks[key]) - len(whole),
            talk_seconds=sum(each.talk_seconds for each in whole),
            hold_seconds=sum(each.hold_seconds for each in whole),
            rings=len(outcomes),
            **{f"rings_{outcome}": outcomes.count(outcome) for outcome in RingOutcome},
            **{f"{state}_seconds": states[key][state] for state in AgentState},
            ratings=len(ratings[key]),
            csat_ratings=len(csat),
            csat_satisfied=sum(value >= 4 for value in csat),
            csat_mean=mean(csat),
        )


def ratings(records):
    attempts = {(each.pbx, each.attempt_id): each for each in of(SurveyAttempt, records)}
    talks = grouped(of(Talk, records), lambda each: (each.pbx, each.call_id, each.queue, each.agent))
    visits = grouped(of(QueueVisit, records), lambda each: (each.pbx, each.call_id, each.queue, each.outcome))
    for given in of(Answer, records):
        asked = attempts.get((given.pbx, given.attempt_id))
        about = given if given.agent or not asked else asked
        call = asked.call_id if asked else None
        before = [
            each
            for each in talks[given.pbx, call, about.queue, about.agent]
            if each.answered_at <= given.answered_at
        ]
        talk = max(before, key=lambda each: each.answered_at, default=None)
        until = talk.answered_at if talk else given.answered_at
        waits = [
            each
            for each in visits[given.pbx, call, about.queue, Outcome.ANSWERED]
            if each.entered_at <= until
        ]
        waited = max(waits, key=lambda each: each.entered_at, default=None)
        same = (
            "pbx",
            "attempt_id",
            "question",
            "kind",
            "value",
            "label",
            "tries",
            "queue",
            "agent",
            "interface",
        )
        yield {name: getattr(given, name) for name in same} | {
            "call_id": call,
            "rated_at": given.answered_at,
            "survey": asked and asked.survey,
            "version": asked and asked.version,
            "language": asked and asked.language,
            "talked_at": talk and talk.answered_at,
            "talk_seconds": None if talk is None or talk.partial else talk.talk_seconds,
            "wait_seconds": None if waited is None or waited.partial else waited.wait_seconds,
        }


COMPUTED = {BY_HOUR: calls_by_hour, AGENT_DAY: agent_day, RATINGS: ratings}


def close(value):
    """Return a value that equals the database's sum in another order of addition."""
    return pytest.approx(value, rel=0, abs=1e-5) if isinstance(value, float) else value


def by_key(rows, view):
    found = {tuple(row[name] for name in view.key): dict(row) for row in rows}
    assert len(found) == len(rows)  # the key is unique
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_views_say_what_the_records_say(database_url, seed):
    records = by_chance(seed)
    with database(database_url, records, east=seed == 2) as connection:
        for view in VIEWS:
            wanted = by_key(list(COMPUTED[view.table](records)), view)
            got = by_key(connection.execute(select(view.table)).mappings().all(), view)
            assert len(wanted) > 10
            assert got.keys() == wanted.keys()
            for key, row in wanted.items():
                assert {name: close(value) for name, value in row.items()} == got[key], key
            for column in view.table.columns:
                if isinstance(column.type, Integer):
                    assert {type(row[column.name]) for row in got.values()} <= {int, type(None)}


def test_the_made_up_records_reach_every_case():
    records = by_chance(1)
    rated = list(ratings(records))
    assert {row["call_id"] is None for row in rated} == {True, False}
    assert {row["talked_at"] is None for row in rated} == {True, False}
    assert any(row["talked_at"] is not None and row["talk_seconds"] is None for row in rated)
    assert any(row["wait_seconds"] is None and row["talk_seconds"] is not None for row in rated)
    assert {each.outcome for each in of(QueueVisit, records)} == set(Outcome)
    assert {each.outcome for each in of(Ring, records)} == set(RingOutcome)
    assert {each.state for each in of(AgentInterval, records)} == set(AgentState)
    days = [len(list(pieces(each))) for each in of(AgentInterval, records)]
    assert {1, 2, 3} <= set(days)
    assert any(each.ended_at % DAY == 0 for each in of(AgentInterval, records))
    for row in calls_by_hour(records):
        ends = ("answered", "abandoned", "other_lost", "transferred_away", "unobserved")
        assert row["visits"] == sum(row[name] for name in ends)
    assert any(row["partial_visits"] for row in calls_by_hour(records))


def test_of_nothing_there_are_no_figures(database_url):
    with database(database_url) as connection:
        for view in VIEWS:
            assert connection.execute(select(view.table)).all() == []


def test_views_hold_no_personal_data(database_url):
    records = by_chance(3)
    personal = {"+982112345678", "O'Brien", "/secret"}
    held = {getattr(each, field.name) for each in records for field in fields(each)}
    assert personal <= held
    with database(database_url, records) as connection:
        for view in VIEWS:
            shown = {value for row in connection.execute(select(view.table)) for value in row}
            assert not shown & personal


# -- the examples of the page


def a_day():
    at = instant(HOUR)
    for n in range(10):  # seven answered, five of them in time; a short abandon, a long abandon, a full queue
        outcome = [Outcome.ANSWERED] * 7 + [Outcome.ABANDONED] * 2 + [Outcome.QUEUE_FULL]
        wait = (1, 2, 3, 4, 20, 21, 90, 4.9, 30, 0)[n]
        call = f"1795309800.{n}"
        entered = instant(HOUR + 100 * n)
        met = visit(call, "sales", entered, wait, outcome[n], "Ali" if n < 7 else None)
        yield replace(met, caller_number=("1", "2", "3", "4", "5", "6", "9", "7", "8", "9")[n])
        if n < 7:
            began = round(entered + wait, 6)
            yield talk(call, "sales", "Ali", began, 50.0)
            yield attempt(call, "sales", "Ali", began + 51)
            yield answer(call, "q", "csat", 5 if wait < 20 else n - 3, began + 55, "sales", "Ali")
    yield AgentInterval("pbx", "Ali", AgentState.AVAILABLE, instant(0), instant(600), "", "", flagged=False)
    yield AgentInterval("pbx", "Ali", AgentState.WRAP_UP, instant(600), instant(650), "", "", flagged=False)
    yield Ring("pbx", "1795309800.1", "1795309800.1", "r", "sales", "Ali", "PJSIP/1", at + 101, at + 103,
               RingOutcome.ANSWERED)  # fmt: skip
    # Number 8 was called back, 9 had called before the queue was full, the callback to 7 was not answered.
    for n, (number, answered) in enumerate((("8", True), ("7", False))):
        yield Call("pbx", f"out-{n}", f"out-{n}", Direction.OUT, at + 5000, at + 5030, "201", "", number, "",
                   "", answered=answered, queues=0, talks=0, wait_seconds=0.0, talk_seconds=0.0,
                   partial=False)  # fmt: skip


EXPECTED = [
    [("sales", 10, 7, 100.0 * 5 / 8)],
    [("Ali", 7, 100.0 * 400 / 1000)],
    [("1: up to 20 s", 5, 80.0), ("2: up to 60 s", 1, 0.0), ("3: longer", 1, 0.0)],
    [("sales", "abandoned", "7"), ("sales", "queue_full", "9")],
    [
        ("visit", "sales", "answered", 2.0),
        ("ring", "Ali", "answered", 2.0),
        ("talk", "Ali", "agent", 50.0),
        ("rating", "Ali", "q", 5.0),
    ],
]


def test_the_examples_answer_their_questions(database_url):
    with database(database_url, a_day()) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TIME ZONE 'UTC'")  # as the page advises
        for query, expected in zip(EXAMPLES.values(), EXPECTED, strict=True):
            rows = [tuple(row) for row in connection.exec_driver_sql(query)]
            whole = [[value for value in row if not isinstance(value, datetime | date)] for row in rows]
            if connection.dialect.name == "sqlite":  # SQLite stores instants as text
                whole = [
                    [value for value in row if not str(value).startswith("2026-11-22 ")] for row in whole
                ]
            assert [tuple(map(plain, row)) for row in whole] == expected


def plain(value):
    return value if isinstance(value, str) else pytest.approx(float(value), rel=1e-3)
