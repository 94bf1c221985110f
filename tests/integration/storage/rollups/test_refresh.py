"""Rollups of past days on PostgreSQL: the same figures as from the rows, also for rows that come late."""

import random
from collections import Counter
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from threading import Thread
from time import monotonic, time
from zoneinfo import ZoneInfo

import pytest
from alembic import command
from sqlalchemy import func, select, text
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.daemon.jobs.rollups import RollupJob
from cc_bridge.queue_names import QueueMap
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
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import Dimension, QueueSettings, ReportQuery
from cc_bridge.reports.visit_totals import by_key
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import configuration, open_database
from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.personal_data.retention import Purger, RetentionPolicy
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.storage.reports.lost_calls import LostCallQueries
from cc_bridge.storage.rollups.refresh import prune, refresh
from cc_bridge.storage.rollups.tables import (
    agent_facts,
    agent_presence,
    lost_calls,
    queue_talks,
    queue_waits,
    rated_calls,
    rollup_watermark,
)
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.storage.schema.upsert import upsert
from cc_bridge.storage.views.agent_day import AGENT_DAY
from support.service_context import context
from support.year_of_calls import fill

DAY = 86_400.0
FIRST = date(2026, 3, 26)  # the clocks change in Berlin on 29 March, but not in Tehran
MIDNIGHT = datetime(2026, 3, 26, tzinfo=UTC).timestamp()
DAYS = 7
SHARED = {"989123", "989126"}
STATES = tuple(AgentState)


@pytest.fixture
def engine(postgres):
    url = postgres.fresh()
    engine = open_database(url)
    yield engine
    engine.dispose()
    postgres.drop(url)


def store(engine, records):
    with engine.begin() as connection:
        for record in records:
            table, row = row_of(record)
            connection.execute(upsert(table, "postgresql"), [row])


def talk(number, agent, at, seconds, queue="sales", **more):
    return Talk(
        "main", f"{number}", f"{number}", f"a{number}", queue, agent, "PJSIP/1", at, at + seconds,
        seconds / 4, 1, EndedBy.AGENT, None, None, **more,
    )  # fmt: skip


def ring(number, agent, at, outcome):
    return Ring(
        "main", f"{number}", f"{number}", f"r{number}", "sales", agent, "PJSIP/1", at, at + 5, outcome
    )


def visit(number, at, wait, outcome, queue="sales", **more):
    agent = ("Ali", "PJSIP/1") if outcome is Outcome.ANSWERED else (None, None)
    return QueueVisit(
        "main", f"{number}", f"{number}", queue, at, round(at + wait, 6), outcome, *agent, 1, "", "", "fa",
        number % 3 == 0, "", **more,
    )  # fmt: skip


def caller(number):
    """Return the caller key of a call: one of a few, or none. About half of the callers call every day."""
    return f"98912{number % 10}" if number % 10 else ""


def random_visit(chance, number, at):
    """Return a visit whose wait is below, at or above the limits of the queries in `asks`."""
    wait = chance.choice((0.0, 2.0, 2.5, 4.999999, 5.0, 19.5, 20.0, 20.000001, 61.0))
    outcome = chance.choice((Outcome.ANSWERED, Outcome.ABANDONED, Outcome.TIMED_OUT))
    queue = chance.choice(("sales", "help"))
    partial = chance.random() < 0.2
    return visit(number, at, wait, outcome, queue, partial=partial, caller_key=caller(number))


def state(agent, name, since, until):
    return AgentInterval("main", agent, name, since, until, "", "", flagged=False)


def rating(number, agent, at, value, *, wait, talks, stored=True):
    """Return an answer, its survey attempt, and its call. With `stored=False` the call is left out."""
    its = f"{number}"
    given = [
        Answer("main", its, "agent", "csat", value, 1, at + 9, "sales", agent, ""),
        SurveyAttempt("main", its, its, its, "sales", agent, "PJSIP/1", "csat", 1, "fa", at, at + 20,
                      SurveyResult.COMPLETE, ""),
    ]  # fmt: skip
    way = Direction.OUT if number % 3 else Direction.IN
    call = Call("main", its, its, way, at - 300, at, "", "", "", "fa", "sales", True, 1, talks, wait, 9.0,
                partial=False, caller_key=caller(number))  # fmt: skip
    return [*given, call] if stored else given


def week(seed=1, agents=("Ali", "زهرا", "")):
    """Return the random activity of agents in a week. Some states last for days."""
    chance, of_visits = random.Random(seed), random.Random(-seed)
    records, number = [], 0
    for agent in agents:
        at = MIDNIGHT + chance.uniform(0, DAY)
        while at < MIDNIGHT + DAYS * DAY:
            length = chance.choice((60, 900, 7_200, 50_000, 2.5 * DAY)) * chance.uniform(0.5, 1.5)
            records.append(state(agent, chance.choice(STATES), round(at, 6), round(at + length, 6)))
            for _ in range(chance.randrange(4)):
                number += 1
                begun = round(at + chance.uniform(0, length), 6)
                records.append(ring(number, agent, begun, chance.choice(tuple(RingOutcome))))
                queue, partial = chance.choice(("sales", "")), chance.random() < 0.2
                records.append(random_visit(of_visits, number, begun))
                records.append(talk(number, agent, begun, 100.0, queue, partial=partial))
                wait, talks = chance.choice((20.0, 20.5, 61.25, 400.0)), chance.randint(1, 4)
                stored = chance.random() < 0.9
                records += rating(
                    number, agent, begun, chance.randint(1, 5), wait=wait, talks=talks, stored=stored
                )
            at += length
    return records


def asks():
    """Yield report queries whose spans contain all, some or no whole UTC days, in several time zones."""
    spans = ((-2, DAYS + 4), (0, 0), (2, 4))
    for zone in (UTC, *map(ZoneInfo, ("Europe/Berlin", "Asia/Tehran", "Asia/Kathmandu"))):
        for span in spans:
            first, last = (FIRST + timedelta(days) for days in span)
            yield ReportQuery(first, last, days=Days(zone), changed=FIRST + timedelta(3))
    whole = FIRST + timedelta(DAYS)
    yield ReportQuery(FIRST, whole, days=Days(UTC), agent="Ali")
    yield ReportQuery(
        FIRST, whole, days=Days(UTC), pbx="main", queues=("sales",), others=QueueSettings(wrap_up=7.0)
    )
    yield ReportQuery(FIRST, whole, days=Days(UTC), pbx="other")
    settings = QueueMap({"help": QueueSettings(threshold=2.0, short_abandon=3.0)})
    yield ReportQuery(FIRST, whole, days=Days(UTC), settings=settings)
    yield ReportQuery(FIRST, whole, days=Days(UTC), others=QueueSettings(threshold=19.7, short_abandon=4.9))


def counted(engine):
    """Return each non-zero figure of the view v_agent_day and of the reports, by its key."""
    found = Counter()
    with reading(engine) as connection:
        for row in connection.execute(select(AGENT_DAY.table)).mappings():
            for name, value in row.items():
                if isinstance(value, int | float):
                    found["view", row["pbx"], row["agent"], row["day"], name] += value
        for number, ask in enumerate(asks()):
            for *key, value in figures(ask, SqlSource(connection, ask)):
                found[number, *key] += value
            now, shared = ((MIDNIGHT + 30 * DAY, SHARED), (MIDNIGHT + 3.5 * DAY, ()))[number % 2]
            for lost in LostCallQueries(connection, ask).lost_calls(now, shared):
                key = number, "lost", lost.key, lost.managed, lost.decided
                found[*key, "n"] += lost.n
                found[*key, "seconds"] += sum(lost.seconds)
    return {key: value for key, value in found.items() if abs(value) > 1e-4}


def figures(ask, source):
    for activity in source.agent_activities(STATES):
        key = activity.agent, activity.ring_outcome, activity.state
        for name in ("talks", "talk_seconds", "hold_seconds", "rings", "state_seconds"):
            yield *key, name, getattr(activity, name)
    for by in (Dimension.QUEUE, Dimension.PART, Dimension.AGENT):
        for talks in source.talks(by):
            yield from ((by, talks.key, each.name, getattr(talks, each.name)) for each in fields(talks)[1:])
    for by in (Dimension.QUEUE, Dimension.PART, Dimension.WAIT_BAND, Dimension.LANGUAGE):
        for its in source.visits(by):
            key = "visits", by, its.key, its.outcome, its.partial
            for name in ("n", "wait", "squares", "within", "short", "ringing"):
                yield *key, name, getattr(its, name)
        yield from (("waits", by, each.key, each.second, each.n) for each in source.waits(by))
        for key, totals in by_key(ask, source.visits(by), source.waits(by))[0].items():
            yield "totals", by, key, "longest", totals.longest
            yield from (
                ("totals", by, key, part, cell.value) for part in (0.5, 0.9) if (cell := totals.within(part))
            )
    yield from ((rated.factor, rated.key, rated.value, rated.n) for rated in source.rated())
    yield from ((each.weekday, each.hour, each.seconds) for each in source.presence())


def from_rows(engine):
    """Return the figures of `counted` without the use of rollups."""
    with engine.begin() as connection:
        until = connection.scalar(select(rollup_watermark.c.refreshed_until))
        connection.execute(rollup_watermark.update().values(refreshed_until=date(1970, 1, 1)))
    try:
        return counted(engine)
    finally:
        with engine.begin() as connection:
            connection.execute(rollup_watermark.update().values(refreshed_until=until))


def same(engine):
    return counted(engine) == pytest.approx(from_rows(engine), abs=1e-3)


def refreshed_until(engine):
    with engine.connect() as connection:
        return connection.scalar(select(rollup_watermark.c.refreshed_until))


def test_settled_days_tell_what_the_rows_tell(engine):
    store(engine, week())
    rows = counted(engine)
    assert len(rows) > 1000
    for days in (1, 2, 5, DAYS + 6):
        before = FIRST + timedelta(days)
        refresh(engine, before)
        assert refreshed_until(engine) == before
        assert counted(engine) == pytest.approx(rows, abs=1e-3)
    with engine.begin() as connection:  # the figures are read from the rollups
        connection.execute(agent_facts.update().values(n=agent_facts.c.n + 1))
        connection.execute(agent_presence.update().values(seconds=0.0))
        connection.execute(lost_calls.update().values(recalled=~lost_calls.c.recalled))
        connection.execute(queue_talks.update().values(n=queue_talks.c.n + 1))
        connection.execute(queue_waits.update().values(n=queue_waits.c.n + 1))
        connection.execute(rated_calls.update().values(n=rated_calls.c.n + 1))
    other = counted(engine)
    differ = {key[1] for key in rows if other.get(key) != pytest.approx(rows[key], abs=1e-3)}
    assert differ >= {
        "lost",
        "main",
        "Ali",
        "visits",
        Dimension.QUEUE,
        Dimension.PART,
        Dimension.WAIT_BAND,
        "agents_spoken",
        0,
        1,
        2,
        3,
        4,
        5,
        6,
    }


@pytest.mark.parametrize(
    ("table", "before", "after", "exact"), [(queue_waits, "0021", "0022", 6), (lost_calls, "0022", "0023", 8)]
)
def test_the_upgrade_counts_the_days_that_were_rolled_up_before(engine, table, before, after, exact):
    """Compare the rows of the daemon and of the upgrade. The first `exact` columns are no sums of floats."""
    store(engine, week())
    refresh(engine, FIRST + timedelta(6))
    every = select(table).order_by(*table.columns)
    with engine.connect() as connection:
        counted_by_daemon = [tuple(row) for row in connection.execute(every)]
    with engine.begin() as connection:
        command.downgrade(configuration(connection), before)
        command.upgrade(configuration(connection), after)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(every)]
    assert [row[:exact] for row in found] == [row[:exact] for row in counted_by_daemon]
    for row, other in zip(found, counted_by_daemon, strict=True):
        assert row[exact:] == pytest.approx(other[exact:])
    assert len(found) >= 20
    assert refreshed_until(engine) == FIRST + timedelta(6)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_late_is_counted(engine, seed):
    chance = random.Random(seed)
    records = week(seed)
    chance.shuffle(records)
    while records:
        some = [records.pop() for _ in range(min(len(records), chance.randrange(1, 40)))]
        store(engine, some + chance.choices(some, k=3))
        refresh(engine, FIRST + timedelta(chance.randrange(DAYS + 6)))
        if chance.random() < 0.1:
            assert same(engine)
    refresh(engine, FIRST + timedelta(DAYS + 6))
    assert same(engine)


def test_a_row_takes_the_settled_days_back_to_its_own(engine):
    third = MIDNIGHT + 2 * DAY + 3600
    store(engine, [talk(1, "Ali", MIDNIGHT, 60.0), talk(2, "Ali", third, 60.0)])
    assert refresh(engine, FIRST + timedelta(5)) == 5
    store(engine, [talk(2, "Ali", third, 60.0)])  # nothing new
    assert refreshed_until(engine) == FIRST + timedelta(5)
    store(engine, [talk(2, "Ali", third, 70.0)])
    assert refreshed_until(engine) == FIRST + timedelta(2)
    assert refresh(engine, FIRST + timedelta(5)) == 3
    store(engine, [ring(3, "Ali", third + DAY, RingOutcome.BUSY)])
    assert refreshed_until(engine) == FIRST + timedelta(3)
    store(engine, [state("Ali", AgentState.PAUSED, MIDNIGHT + DAY, third)])
    assert refreshed_until(engine) == FIRST + timedelta(1)
    assert refresh(engine, FIRST + timedelta(5)) == 4
    store(engine, [visit(4, MIDNIGHT, 5.0, Outcome.ABANDONED)])
    assert refreshed_until(engine) == FIRST
    assert same(engine)


def test_only_days_that_are_over_by_the_servers_clock_are_settled(engine):
    with engine.connect() as connection:
        now = connection.scalar(text("SELECT EXTRACT(EPOCH FROM now())::float"))
    assert refresh(engine) == 0  # the database is empty
    store(engine, [talk(1, "Ali", now - 3 * DAY, 60.0), talk(2, "Ali", now, 60.0)])
    refresh(engine)
    until = refreshed_until(engine)
    assert until == datetime.fromtimestamp(now - 7200, UTC).date()
    store(engine, [talk(3, "Ali", now - 60, 60.0), talk(4, "Ali", now + 60, 60.0)])
    assert refreshed_until(engine) == until
    assert same(engine)


def test_a_late_call_back_is_the_result_of_the_call_lost_two_days_before(engine):
    at = MIDNIGHT + DAY - 60  # the last visit ends a day later, and the window another day later
    back = MIDNIGHT + 3 * DAY - 90
    store(engine, [
        visit(1, at, 5.0, Outcome.TIMED_OUT, caller_key="98912"),
        visit(1, at + 30, DAY - 60, Outcome.ABANDONED, "help", caller_key="98912"),
    ])  # fmt: skip
    refresh(engine, FIRST + timedelta(2))
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(lost_calls)) == 0
    refresh(engine, FIRST + timedelta(5))
    found = select(lost_calls.c.day, lost_calls.c.queue, lost_calls.c.answered_at, lost_calls.c.recalled)
    with engine.connect() as connection:
        assert connection.execute(found).all() == [(FIRST, "help", None, False)]
    call = Call("main", "2", "2", Direction.OUT, back - 9, back + 60, "", "", "", "fa", "", True, 0, 1, 0.0,
                60.0, partial=False, caller_key="98912")  # fmt: skip
    store(engine, [call, talk(2, "Ali", back, 60.0, queue="")])
    assert refreshed_until(engine) == FIRST + timedelta(2)
    refresh(engine, FIRST + timedelta(5))
    with engine.connect() as connection:
        assert connection.execute(found).all() == [(FIRST, "help", back, True)]
    assert same(engine)


def test_no_row_slips_in_while_its_day_is_counted(engine):
    store(engine, [talk(1, "Ali", MIDNIGHT, 60.0)])
    table, row = row_of(talk(2, "Ali", MIDNIGHT + 60, 60.0))
    other = make_engine(engine.url)
    with other.connect() as writing:
        writing.execute(upsert(table, "postgresql"), [row])
        settling = Thread(target=refresh, args=(engine, FIRST + timedelta(1)))
        settling.start()
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        with other.connect() as watching:
            deadline = monotonic() + 30
            while not watching.scalar(waiting):
                assert monotonic() < deadline, "it does not wait"
                watching.rollback()
        assert refreshed_until(other) == date(1970, 1, 1)
        writing.commit()
    settling.join(60)
    assert refreshed_until(other) == FIRST + timedelta(1)
    with other.connect() as connection:
        assert connection.scalar(select(agent_facts.c.n)) == 2
    other.dispose()


@pytest.mark.parametrize(("calls", "ratings", "left"), [(30, 0, 3), (30, 29, 4), (30, 31, 3)])
def test_what_is_kept_for_long_enough_goes_with_its_rows(engine, calls, ratings, left):
    store(engine, week())
    store(engine, [replace(talk(7, "Ali", MIDNIGHT, 60.0), pbx="other")])
    refresh(engine, FIRST + timedelta(DAYS))
    now = MIDNIGHT + (3.5 + 30) * DAY
    Purger(
        engine,
        "main",
        RetentionPolicy(calls=calls, ratings=ratings),
        now,
        Recordings(""),
        lambda _seconds: False,
    ).run()
    with engine.connect() as connection:
        days = select(queue_talks.c.pbx, func.min(queue_talks.c.day)).group_by(queue_talks.c.pbx)
        assert dict(connection.execute(days).all()) == {"main": FIRST + timedelta(3), "other": FIRST}
        assert connection.scalar(select(func.min(agent_presence.c.day))) == FIRST + timedelta(3)
        assert connection.scalar(select(func.min(rated_calls.c.day))) == FIRST + timedelta(left)
    told, rows = counted(engine), from_rows(engine)
    scores = [key for key in rows if key[1] in {Dimension.QUEUE, Dimension.WAIT_BAND, "agents_spoken"}]
    assert len(scores) > 100
    assert {key: told.get(key) for key in scores} == {key: rows[key] for key in scores}


def test_nothing_is_settled_elsewhere(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite3'}")
    fill(engine, [talk(1, "Ali", MIDNIGHT, 60.0)])
    assert refresh(engine, FIRST + timedelta(DAYS)) == 0
    prune(engine, "main", MIDNIGHT, MIDNIGHT)
    engine.dispose()


# -- the daemon's rollups


class Beside:
    def __init__(self, engine):
        self.clock, self.ran = Clock(), 0
        self.settling = RollupJob(context(clock=self.clock, in_thread=self.in_thread, engine=engine))

    def in_thread(self, function):
        self.ran += 1
        return maybeDeferred(function)


def test_the_daemon_counts_again_and_again_whatever_goes_wrong(engine, logged, monkeypatch):
    store(engine, [talk(1, "Ali", time() - 10 * DAY, 60.0)])
    beside = Beside(engine)
    beside.settling.startService()
    assert beside.ran == 0
    beside.clock.advance(600)
    assert (beside.ran, refreshed_until(engine) > date(1970, 1, 1)) == (1, True)
    assert "past days; views and reports now use them" in formatEvent(logged[-1])
    with monkeypatch.context() as outage:
        outage.setattr("cc_bridge.daemon.jobs.rollups.refresh", lambda *_arguments, **_options: 1 / 0)
        beside.clock.advance(600)
        assert "division by zero; retrying in 600 s" in formatEvent(logged[-1])
        lines = len(logged)
        beside.clock.advance(600)
        assert len(logged) == lines
    beside.clock.advance(600)
    assert beside.ran == 4
    assert formatEvent(logged[-1]) == "the rollup refresh works again"
    beside.settling.stopService()
    beside.clock.advance(600)
    assert beside.ran == 4


def test_it_stops_after_a_day_when_the_daemon_does(engine):
    store(engine, [talk(1, "Ali", MIDNIGHT, 60.0)])
    beside = Beside(engine)
    beside.settling.stopping.set()
    beside.settling.startService()
    beside.clock.advance(600)
    assert refreshed_until(engine) == FIRST + timedelta(1)
    beside.settling.stopService()
