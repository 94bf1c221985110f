"""Customers in real databases: one history of several numbers, profiles, imported tables, and contacts."""

from datetime import date

import pytest
from sqlalchemy import select, text

from cc_bridge.customers.lost_calls import LostCallStatus, lost_calls, repeat_calls
from cc_bridge.customers.profile import Profile
from cc_bridge.customers.timeline import CustomerIdentity, TimelineRating, TimelineTalk, TimelineVisit
from cc_bridge.records import (
    Answer,
    Call,
    CustomerNumber,
    Direction,
    EndedBy,
    Outcome,
    QueueVisit,
    SurveyAttempt,
    SurveyResult,
    Talk,
)
from cc_bridge.reports.call_filter import CallFilter
from cc_bridge.reports.query import ReportQuery
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries import customers
from cc_bridge.storage.queries.call_list import read_calls
from cc_bridge.storage.queries.contacts_by_caller import contacts, rows_between
from cc_bridge.storage.queries.customer_timeline import timeline
from cc_bridge.storage.reports import reading
from cc_bridge.storage.schema.tables import customers as table
from support.survey_caller import write

T = 1_795_309_819.0
HOUR, DAY = 3600.0, 86_400.0
KEY, HOME, OFFICE = "989121234567", "982112345678", "982199999999"


@pytest.fixture
def engine(database_url):
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def ask(engine):
    """Return a function that calls a query function with a new connection."""

    def ask(function, *arguments, **options):
        with engine.connect() as connection:
            found = function(connection, *arguments, **options)
            return list(found) if function is contacts else found

    return ask


def called(
    call, at, outcome=Outcome.ANSWERED, *, key=KEY, queue="sales", talked=60.0, pbx="main", language="fa"
):
    """Return the records of a call with one visit. An answered visit also has a talk."""
    answered = outcome is Outcome.ANSWERED
    left_at = at + 30
    ended_at = left_at + talked * answered
    who = ("Sara", "PJSIP/201") if answered else (None, None)
    records = [
        Call(pbx, call, call, Direction.IN, at, ended_at, "", "", "600", language, queue, answered, 1,
             int(answered), 30.0, talked * answered, False, key),
        QueueVisit(pbx, call, call, queue, at, left_at, outcome, *who, 1, "", "", language, False, "",
                   caller_key=key),
    ]  # fmt: skip
    if answered:
        records.append(Talk(pbx, call, call, f"{call}-a", queue, *who, left_at, ended_at, 0.0, 0,
                            EndedBy.CALLER, None, None))  # fmt: skip
    return records


def called_back(call, at, *, key=KEY, pbx="main"):
    return [
        Call(pbx, call, call, Direction.OUT, at - 10, at + 40, "201", "", "0912", "", "", True, 0, 1, 0.0,
             40.0, False, key),
        Talk(pbx, call, call, f"{call}-a", "", "Ali", "PJSIP/202", at, at + 40, 0.0, 0, EndedBy.AGENT, None,
             None),
    ]  # fmt: skip


def rated(call, at, *answers, key=KEY, pbx="main", language="en"):
    attempt = f"{call}-s"
    return [
        SurveyAttempt(pbx, attempt, call, call, "sales", "Sara", "PJSIP/201", "csat", 1, language, at,
                      at + 20, SurveyResult.COMPLETE, "", caller_key=key),
        *(Answer(pbx, attempt, question, kind, value, 1, at + 5, "sales", "Sara", "PJSIP/201")
          for question, kind, value in answers),
    ]  # fmt: skip


# -- one history


def test_a_history_has_all_that_happened_newest_first(engine, ask):
    write(engine, *called("1", T, Outcome.ABANDONED), *called_back("2", T + HOUR), *called("3", T + 2 * HOUR))
    write(engine, *rated("3", T + 2 * HOUR + 95, ("agent", "csat", 4), ("why", "comment", 9)))
    write(engine, *called("9", T, key=OFFICE), *rated("9", T, ("agent", "csat", 1), key=OFFICE))
    entries = ask(timeline, [KEY], T + DAY).entries
    comment, rating, talk, visit, back, lost = entries
    assert (type(talk), talk.agent, talk.direction, talk.talk_seconds) == (TimelineTalk, "Sara", "in", 60.0)
    assert (type(back), back.agent, back.direction) == (TimelineTalk, "Ali", "out")
    assert {(type(each), each.kind, each.value, each.call_id) for each in (comment, rating)} == {
        (TimelineRating, "csat", 4, "3"), (TimelineRating, "comment", 9, "3")}  # fmt: skip
    assert (type(visit), visit.outcome, visit.managed) == (TimelineVisit, "answered", "")
    assert (lost.outcome, lost.managed, lost.managed_by) == ("abandoned", LostCallStatus.RECALLED, "Ali")
    assert lost.managed_seconds == HOUR - 30


def test_an_answer_about_the_company_has_the_queue_and_agent_of_its_survey(engine, ask):
    write(engine, *called("3", T), *rated("3", T + 95, ("agent", "csat", 4)))
    write(engine, Answer("main", "3-s", "effort", "ces", 6, 1, T + 105))
    ratings = [each for each in ask(timeline, [KEY], T + DAY).entries if isinstance(each, TimelineRating)]
    assert {(each.question, each.queue, each.agent) for each in ratings} == {
        ("agent", "sales", "Sara"), ("effort", "sales", "Sara")}  # fmt: skip
    days = ReportQuery(date(2020, 1, 1), date(2030, 1, 1))
    wanted = CallFilter.from_query({"list": ["answers"]}, days.first, days.last)
    with reading(engine) as connection:
        rows = read_calls(connection, days, wanted, T + DAY).rows
    assert {(row.answers[0].question, row.queue, *row.agents) for row in rows} == {
        ("agent", "sales", "Sara"), ("effort", "sales", "Sara")}  # fmt: skip


def test_the_same_ids_on_another_pbx_are_another_call(engine, ask):
    write(engine, *called("1", T), *rated("1", T + 95, ("agent", "csat", 5)))
    write(engine, *called("1", T, key=OFFICE, pbx="other"))
    write(engine, *rated("1", T + 95, ("agent", "csat", 1), key=OFFICE, pbx="other"))
    found = ask(timeline, [KEY], T + DAY)
    assert {entry.pbx for entry in found.entries} == {"main"}
    assert len(found.entries) == 3


def test_all_numbers_of_one_customer_have_one_history(engine, ask):
    write(engine, *called("1", T), *called("2", T + HOUR, key=HOME), *called("3", T + 2 * HOUR, key=OFFICE))
    write(engine, *(CustomerNumber(key, "C-1", "Zahra", T) for key in (KEY, HOME, OFFICE)))
    write(engine, CustomerNumber("98913", "", "nobody's id", T))
    found = ask(timeline, [KEY], T + DAY, shared={OFFICE})
    assert found.customer == CustomerIdentity("C-1", "Zahra", 2)
    assert {entry.call_id for entry in found.entries} == {"1", "2"}
    assert ask(timeline, ["98913"], T + DAY).customer == CustomerIdentity("", "nobody's id", 1)


def test_a_history_has_an_end_and_says_so(engine, ask):
    for n in range(5):
        write(engine, *called(str(n), T + n * HOUR))
    found = ask(timeline, [KEY], T + DAY, most=3)
    assert found.more
    assert {entry.call_id for entry in found.entries} == {"2", "3", "4"}
    assert not ask(timeline, [KEY], T + DAY).more


# -- the caller lookup


def test_nothing_is_known_of_a_stranger(ask):
    assert ask(customers.profile, [KEY], "csat", T) == Profile()


def test_a_profile_has_the_last_rating_of_its_kind_and_the_calls_of_seven_days(engine, ask):
    write(
        engine, *called("0", T - 8 * DAY), *called("1", T - 6 * DAY), *called("2", T - DAY, Outcome.TIMED_OUT)
    )
    write(
        engine, *rated("0", T - 8 * DAY, ("agent", "csat", 5)), *rated("1", T - 6 * DAY, ("agent", "csat", 2))
    )
    write(engine, *rated("x", T - 7 * DAY, ("again", "nps", 9)))
    assert ask(customers.profile, [KEY], "csat", T) == Profile(2, 2, lost=True, language="fa")
    assert ask(customers.profile, [KEY], "nps", T) == Profile(9, 2, lost=True, language="fa")
    assert ask(customers.profile, [KEY], "ces", T).last_rating is None


def test_the_language_is_what_was_spoken_last(engine, ask):
    write(engine, *called("1", T - HOUR, language="fa"), *rated("1", T - HOUR + 95, ("agent", "csat", 5)))
    assert ask(customers.profile, [KEY], "csat", T).language == "en"


def test_a_call_with_two_queues_is_one(engine, ask):
    write(engine, *called("1", T - HOUR, Outcome.TIMED_OUT), *called("1", T - HOUR + 60, queue="support"))
    assert ask(customers.profile, [KEY], "csat", T) == Profile(None, 1, lost=False, language="fa")


# -- imported tables


def test_a_table_taken_in_again_changes_nothing(engine):
    numbers = [CustomerNumber(f"98{n}", f"C-{n}", "زهرا", T) for n in range(1201)]
    assert customers.import_numbers(engine, numbers) == (1201, 0)
    assert customers.import_numbers(engine, numbers) == (0, 0)
    other = [CustomerNumber("987", "C-7", "مریم", T + 5), CustomerNumber("98x", "C-x", "", T + 5)]
    assert customers.import_numbers(engine, other) == (1, 1)
    with engine.connect() as connection:
        changed = connection.execute(select(table).where(table.c.updated_at > T)).all()
    assert {tuple(row) for row in changed} == {("987", "C-7", "مریم", T + 5), ("98x", "C-x", "", T + 5)}


def test_a_number_that_stands_twice_has_what_comes_last(engine):
    twice = [CustomerNumber(KEY, "C-1", "a", T), CustomerNumber(KEY, "C-2", "b", T)]
    assert customers.import_numbers(engine, twice) == (1, 1)
    assert customers.import_numbers(engine, twice[1:]) == (0, 0)
    again = [CustomerNumber(KEY, "C-3", "c", T)] * 3
    assert customers.import_numbers(engine, again) == (0, 1)
    with engine.connect() as connection:
        assert connection.scalars(select(table.c.customer_id)).all() == ["C-3"]


def test_a_clock_that_is_behind_changes_a_row_all_the_same(engine):
    customers.import_numbers(engine, [CustomerNumber(KEY, "C-1", "a", T)])
    assert customers.import_numbers(engine, [CustomerNumber(KEY, "C-1", "b", T - 60)]) == (0, 1)
    with engine.connect() as connection:
        assert connection.execute(select(table)).one() == (KEY, "C-1", "b", T)


# -- contacts


def test_contacts_come_caller_by_caller_in_batches(engine, ask, monkeypatch):
    monkeypatch.setattr("cc_bridge.storage.queries.contacts_by_caller._BATCH", 3)
    write(engine, *called("1", T, Outcome.ABANDONED), *called_back("2", T + HOUR), *called("3", T + 2 * HOUR))
    write(engine, *called("4", T, key=""), *called("5", T, key=OFFICE), *called("6", T, key=HOME))
    write(engine, *called("7", T - 9 * DAY), *called("8", T + 9 * DAY))
    read = []
    found = ask(contacts, T, T + DAY, {OFFICE}, read.append)
    assert sorted([contact.call_id for contact in theirs] for theirs in found) == [["1", "2", "3"], ["6"]]
    assert sum(read) == ask(rows_between, T, T + DAY) == 5
    assert max(read) <= 3
    theirs = max(found, key=len)
    (lost,) = lost_calls(theirs, T + 2 * DAY)
    assert (lost.managed, lost.seconds, lost.agent) == (LostCallStatus.RECALLED, HOUR - 30, "Ali")
    first, second = repeat_calls(theirs, str)
    assert (first.next_at, second.ended_at) == (T + 2 * HOUR, T + 2 * HOUR + 90)


def test_an_imported_visit_has_no_call_and_counts(engine, ask):
    write(engine, called("1", T)[1])
    ((contact,),) = ask(contacts, T, T + DAY)
    assert contact.call_ended_at == contact.left_at == T + 30


def test_a_history_of_one_customer_reads_no_whole_table(tmp_path):
    """Each statement finds its rows by an index. SQLite's planner shows this, whatever the tables' sizes."""
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    write(engine, *called("1", T), *rated("1", T + 95, ("agent", "csat", 4)), CustomerNumber(KEY, "C", "", T))
    statements = []
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.set_trace_callback(statements.append)
        timeline(connection, [KEY], T)
        customers.profile(connection, [KEY], "csat", T)
        driver.set_trace_callback(None)
        asked = [each for each in statements if each.startswith("SELECT")]
        assert len(asked) >= 9
        for each in asked:
            plan = [
                row.detail
                for row in connection.execute(text(f"EXPLAIN QUERY PLAN {each}".replace(":", r"\:")))
            ]
            assert not [step for step in plan if step.startswith("SCAN")], (each, plan)
