"""Follow-ups in the database: at most one is open per customer and reason, in all orders of events."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st
from sqlalchemy import delete, event, func, select
from sqlalchemy.exc import OperationalError

from cc_bridge.config import Config, FollowUpsConfig, QueueConfig
from cc_bridge.customers.profile import Priorities, variables
from cc_bridge.customers.timeline import TimelineFollowUp, as_json
from cc_bridge.daemon.jobs.follow_ups import follow_up_policy
from cc_bridge.errors import FollowUpError
from cc_bridge.follow_ups.follow_up import Action, FollowUp, FollowUpCount, FollowUpState
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.privacy.data_subject import DataSubject
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.records import (
    Answer,
    Call,
    CustomerNumber,
    Direction,
    Outcome,
    QueueVisit,
    SurveyAttempt,
    SurveyResult,
)
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.personal_data.erasure import erase
from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.personal_data.retention import Purger, RetentionPolicy
from cc_bridge.storage.personal_data.subject_data import export
from cc_bridge.storage.queries import follow_ups as stored
from cc_bridge.storage.queries.customer_timeline import timeline
from cc_bridge.storage.queries.customers import profile
from cc_bridge.storage.queries.follow_up_sweep import FollowUpSweep, SweepResult
from cc_bridge.storage.schema.tables import answers, follow_ups, survey_attempts
from support.survey_caller import write

T = 1_795_309_819.25
HOUR, DAY = 3600.0, 86_400.0
KEYS = CallerKeys(country="98")
SARA, ALI = "+989121234567", "+989129876543"
CONFIG = Config(
    follow_ups=FollowUpsConfig(enabled=True),
    queue_defaults=QueueConfig(owner="sara"),
    queues={"help": QueueConfig(owner="ali")},
)


@pytest.fixture
def engine(database_url):
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def lite(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite3'}")
    yield engine
    engine.dispose()


def visit(call, number=SARA, at=T, wait=60, outcome=Outcome.ABANDONED, queue="sales", pbx="main"):
    agent = "Zahra" if outcome is Outcome.ANSWERED else None
    return QueueVisit(pbx, call, call, queue, at, at + wait, outcome, agent, None, 1, number, "", "fa", False,
                      "", caller_key=KEYS.key(number))  # fmt: skip


def rated(call, number=SARA, at=T, pbx="main", **said):
    """Return the records of a call with an answer. The answer is low unless `said` has another value."""
    said = {"question": "agent", "kind": "csat", "value": 1} | said
    attempt = SurveyAttempt(pbx, f"{call}-a", call, call, "sales", "Zahra", "PJSIP/201", "csat", 1, "fa",
                            at - 5, None, SurveyResult.STARTED, "", caller_key=KEYS.key(number))  # fmt: skip
    answer = Answer(pbx=pbx, attempt_id=f"{call}-a", tries=1, answered_at=at, **said)
    return [visit(call, number, at - 90, 20, Outcome.ANSWERED, pbx=pbx), attempt, answer]


def call(name, number=SARA, at=T, direction=Direction.OUT, *, answered=True, pbx="main"):
    caller, dialed = ("201", number) if direction is Direction.OUT else (number, "300")
    return Call(pbx, name, name, direction, at, at + 60, caller, "", dialed, "fa", "", answered, 0, 1, 0.0,
                50.0, False, KEYS.key(number))  # fmt: skip


def sweep(engine, since=T - DAY, now=T + HOUR, pbx="main", shared=(), tell=lambda _news: True, config=CONFIG):
    looked = SweepResult()
    desk = follow_up_policy(config, frozenset(shared))
    FollowUpSweep(engine, pbx, desk, tell, lambda: False).run_once(since, now, looked)
    return looked


def all_follow_ups(engine):
    with engine.connect() as connection:
        return stored.listed(connection, states=tuple(FollowUpState), limit=9999)


def move(engine, which, how, by="sara", text="called", now=T + HOUR):
    with engine.begin() as connection:
        return stored.moved(connection, which.follow_up_id, how, by, text, now)


# -- opening


def test_each_reason_opens_one_for_the_owner_of_the_queue(engine):
    write(
        engine,
        *rated("1.1"),
        *rated("2.1", ALI, question="solved", kind="yes_no", value=0, queue="help", agent="Reza"),
        *rated("3.1", "+989121111111", question="why", kind="comment", value=12),
        *rated("4.1", "+989121111111", value=5),
        visit("5.1", "+989122222222"),
        visit("6.1", "+989122222222", T + HOUR),
        visit("7.1", "+989123333333", wait=601, outcome=Outcome.TIMED_OUT, queue="help"),
    )
    assert sum(sweep(engine).opened.values()) == 5
    found = {each.reason: each for each in all_follow_ups(engine)}
    assert len(found) == 5
    low = found["low_rating"]
    assert low == FollowUp(low.follow_up_id, "main", "low_rating", "989121234567", SARA, "sales", "Zahra",
                           "1.1", "csat=1", "sara", T, low.due_at)  # fmt: skip
    assert low.due_at > T
    assert [(each.queue, each.agent, each.owner, each.detail) for each in (
        found["not_solved"], found["comment"], found["abandoned_twice"], found["long_wait"],
    )] == [
        ("help", "Reza", "ali", "solved=no"),
        ("sales", "Zahra", "sara", "spoke 12 s"),
        ("sales", "", "sara", "abandoned again after 1.0 h"),
        ("help", "", "ali", "waited 601 s"),
    ]  # fmt: skip
    assert not sweep(engine).opened
    assert len(all_follow_ups(engine)) == 5


def test_who_cannot_be_called_back_opens_none(engine):
    write(engine, *rated("1.1", "anonymous"), *rated("2.1", ALI), visit("3.1", "", wait=900))
    sweep(engine, shared={KEYS.key(ALI)})
    assert all_follow_ups(engine) == []


def test_only_what_happened_since_then_on_this_pbx(engine):
    write(engine, *rated("1.1", at=T - 1), *rated("2.1", ALI, pbx="other"))
    sweep(engine, since=T)
    assert all_follow_ups(engine) == []
    sweep(engine, since=T - 1)
    assert [each.call_id for each in all_follow_ups(engine)] == ["1.1"]


def test_the_first_abandon_may_be_on_another_pbx_and_from_another_number(engine):
    write(engine, visit("1.1", pbx="other", at=T - 20 * HOUR), visit("2.1", ALI))
    sweep(engine, since=T)
    assert all_follow_ups(engine) == []
    write(engine, *(CustomerNumber(KEYS.key(number), "C-7", "", T) for number in (SARA, ALI)))
    sweep(engine, since=T)
    (found,) = all_follow_ups(engine)
    assert (found.caller_key, found.call_id) == (KEYS.key(ALI), "2.1")


def test_one_customer_is_opened_once_whatever_the_number(engine):
    write(engine, *(CustomerNumber(KEYS.key(number), "C-7", "", T) for number in (SARA, ALI)))
    write(engine, *rated("1.1"), *rated("2.1", ALI, at=T + 1))
    sweep(engine)
    assert [each.call_id for each in all_follow_ups(engine)] == ["1.1"]


def test_a_number_whose_customer_gets_known_later_opens_no_second(engine):
    write(engine, *rated("1.1"))
    sweep(engine)
    write(engine, *(CustomerNumber(KEYS.key(number), "C-7", "", T) for number in (SARA, ALI)))
    write(engine, *rated("2.1", at=T + 1), *rated("3.1", ALI, at=T + 1))
    sweep(engine)
    assert [each.call_id for each in all_follow_ups(engine)] == ["1.1"]


def test_what_happened_before_one_was_closed_opens_no_other(engine):
    write(engine, *rated("1.1"))
    sweep(engine)
    write(engine, *rated("2.1", at=T + 60))  # while the first follow-up is open
    sweep(engine)
    move(engine, all_follow_ups(engine)[0], Action.DONE)
    write(engine, *rated("3.1", at=T + 90))  # stored late, from a journal
    sweep(engine)
    assert [each.call_id for each in all_follow_ups(engine)] == ["1.1"]
    write(engine, *rated("4.1", at=T + HOUR + 1))
    sweep(engine)
    assert [each.call_id for each in all_follow_ups(engine)] == ["4.1", "1.1"]


def test_hidden_numbers_stay_hidden(engine):
    for numbers in ("masked", "hashed"):
        keys = CallerKeys(numbers, b"a secret of the house", "98")
        of = RecordPseudonymizer(keys).of
        attempt = [replace(each, caller_key=keys.key(ALI)) for each in rated(numbers, ALI)[1:2]]
        write(engine, of(visit(numbers, ALI, T - 90, 20, Outcome.ANSWERED)), *attempt, rated(numbers, ALI)[2])
        sweep(engine)
        (found,) = [each for each in all_follow_ups(engine) if each.state is FollowUpState.OPEN]
        assert found.caller_key == keys.key(ALI)
        assert found.number == keys.stored(ALI)
        move(engine, found, Action.DISMISS)
        with engine.begin() as connection:
            connection.execute(delete(survey_attempts))
            connection.execute(delete(follow_ups))


def test_a_survey_without_a_visit_tells_the_number_by_its_key(engine):
    write(engine, *rated("1.1")[1:])
    sweep(engine)
    assert [each.number for each in all_follow_ups(engine)] == ["989121234567"]


def test_two_daemons_at_once_open_one_each(engine):
    """Both PBXs have low ratings of the same 25 callers, and both daemons start at the same moment."""
    numbers = [f"+9891200000{n}" for n in range(10, 35)]
    for pbx in ("main", "other"):
        for n, number in enumerate(numbers):
            write(
                engine, *rated(f"{n}.1", number, at=T + n, pbx=pbx), *rated(f"{n}.2", number, at=T, pbx=pbx)
            )
    ready = threading.Barrier(4)

    def daemon(pbx):
        ready.wait(30)
        for _ in range(20):  # as a daemon retries after a refusal
            try:
                return sweep(engine, pbx=pbx).opened.total()
            except OperationalError:
                continue
        raise AssertionError("refused again and again")

    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(daemon, ["main", "other", "main", "other"]))
    found = all_follow_ups(engine)
    assert sorted(each.caller_key for each in found) == sorted(map(KEYS.key, numbers))
    assert sum(opened) <= len(found)  # follow-ups of a refused transaction are not counted twice


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 2), st.integers(0, 9)),  # the caller, the instant
        st.tuples(st.just("sweep"), st.just(0), st.integers(0, 9)),
        st.tuples(st.just("close"), st.integers(0, 2), st.integers(0, 9)),
    ),
    max_size=14,
)


@settings(max_examples=60)
@given(_ACTS)
def test_in_whatever_order_at_most_one_is_open_and_nothing_is_missed(acts):
    """Answers of three callers are stored late and in any order, between checks and closings."""
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{folder}/calls.sqlite3")
        try:
            _play(engine, acts)
        finally:
            engine.dispose()


def _play(engine, acts):
    for n, (act, who, when) in enumerate([*acts, ("sweep", 0, 0)]):
        before = {each.follow_up_id: each for each in all_follow_ups(engine)}
        if act == "say":
            write(engine, *rated(f"{n}.1", f"+98912000000{who}", at=T + when))
        elif act == "sweep":
            sweep(engine)
        else:
            for each in before.values():
                if each.caller_key.endswith(str(who)) and each.state is FollowUpState.OPEN:
                    move(engine, each, Action.DONE, now=T + when)
        after = all_follow_ups(engine)
        unclosed = [(each.caller_key, each.reason) for each in after if each.closed_at is None]
        assert len(set(unclosed)) == len(unclosed)
        for new in after:
            if new.follow_up_id not in before:
                theirs = [old for old in before.values() if old.caller_key == new.caller_key]
                assert all(old.closed_at is not None and old.closed_at < new.opened_at for old in theirs)
    of = survey_attempts.c
    same = (of.pbx == answers.c.pbx) & (of.attempt_id == answers.c.attempt_id)
    with engine.connect() as connection:
        said = connection.execute(select(of.caller_key, answers.c.answered_at).where(same)).all()
    for key, at in said:
        theirs = [each for each in all_follow_ups(engine) if each.caller_key == key]
        assert any(each.closed_at is None or each.closed_at >= at for each in theirs) or any(
            each.opened_at == at for each in theirs
        )


# -- actions


def test_it_is_taken_and_done_and_each_is_told_once(engine):
    write(engine, *rated("1.1"))
    sweep(engine)
    (found,) = all_follow_ups(engine)
    taken = move(engine, found, Action.TAKE, "ali", now=T + 60)
    assert (taken.state, taken.taken_by, taken.taken_at) == (FollowUpState.TAKEN, "ali", T + 60)
    with pytest.raises(FollowUpError, match="is already taken, by ali"):
        move(engine, found, Action.TAKE, "sara")
    done = move(engine, found, Action.DONE, "sara", "کارت نو \x00 فرستاده شد", T + 90)
    assert (done.state, done.closed_by, done.closed_at, done.seconds_to_close) == ("done", "sara", T + 90, 90)
    assert done.outcome == "کارت نو فرستاده شد"
    for how in Action:
        with pytest.raises(FollowUpError, match="is already done, by sara"):
            move(engine, found, how, "reza")
    with pytest.raises(FollowUpError, match="there is no follow-up"):
        move(engine, replace(found, follow_up_id="0" * 16), Action.TAKE)
    assert all_follow_ups(engine) == [done]


def test_of_two_at_once_one_is_late(engine):
    write(engine, *rated("1.1"))
    sweep(engine)
    (found,) = all_follow_ups(engine)
    ready = threading.Barrier(6)

    def person(name):
        ready.wait(30)
        try:
            return move(engine, found, Action.TAKE, name).taken_by
        except FollowUpError as late:
            return str(late)

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(person, "abcdef"))
    (taken,) = all_follow_ups(engine)
    assert taken.taken_by in said
    assert said.count(f"follow-up {found.follow_up_id[:8]} is already taken, by {taken.taken_by}") == 5


def test_an_id_may_be_shortened_if_it_is_the_only_one(lite):
    write(lite, *rated("1.1"), *rated("2.1", ALI))
    sweep(lite)
    first, second = all_follow_ups(lite)
    with lite.connect() as connection:
        assert stored.one(connection, f" {first.follow_up_id[:6].upper()}") == first
        assert stored.one(connection, second.follow_up_id) == second
        for nothing in ("", "%", "____", first.follow_up_id[:3], f"{first.follow_up_id}0", "zzzz"):
            assert stored.one(connection, nothing) is None
    with lite.begin() as connection:
        twin = f"{first.follow_up_id[:8]}00000000"
        mine = follow_ups.c.follow_up_id == second.follow_up_id
        connection.execute(follow_ups.update().where(mine).values(follow_up_id=twin))
    with lite.connect() as connection, pytest.raises(FollowUpError, match="several follow-ups start with"):
        stored.one(connection, twin[:8])


# -- lists and figures


def test_the_list_has_what_is_due_first_and_closed_ones_last(engine):
    for n in range(4):
        write(engine, *rated(f"{n}.1", f"+98912000000{n}", at=T + n * HOUR))
    write(engine, visit("9.1", wait=700, queue="help"))
    work = CONFIG.follow_ups.model_copy(update={"business_from": "00:00", "business_until": "24:00"})
    work = work.model_copy(update={"business_weekdays": "mon-sun"})
    sweep(engine, config=CONFIG.model_copy(update={"follow_ups": work}))
    by_call = {each.call_id: each for each in all_follow_ups(engine)}
    for n in (2, 1):
        move(engine, by_call[f"{n}.1"], Action.DONE, now=T + 9 * HOUR - n)
    move(engine, by_call["9.1"], Action.TAKE, "ali")
    with engine.connect() as connection:
        calls = [each.call_id for each in stored.listed(connection, states=tuple(FollowUpState))]
        assert calls == ["0.1", "9.1", "3.1", "1.1", "2.1"]
        assert by_call["3.1"].due_at == T + 11 * HOUR
        assert {each.call_id for each in stored.listed(connection)} == {"0.1", "3.1", "9.1"}
        assert [each.call_id for each in stored.listed(connection, owner="ali")] == ["9.1"]
        for queues, found in ((["HELP", "other"], ["9.1"]), (["sales"], ["0.1", "3.1"]), ([], [])):
            assert [each.call_id for each in stored.listed(connection, queues=queues)] == found
        overdue = stored.listed(connection, overdue_at=T + 8 * HOUR + 1)
        assert [each.call_id for each in overdue] == ["0.1"]
        assert len(stored.listed(connection, limit=1)) == 1
        assert stored.counts(connection, T, "main") == {
            "sara": FollowUpCount(2, 0, 0),
            "ali": FollowUpCount(0, 1, 0),
        }
        assert stored.counts(connection, T + 30 * DAY) == {
            "sara": FollowUpCount(2, 0, 2),
            "ali": FollowUpCount(0, 1, 1),
        }
        assert stored.counts(connection, T, "other") == {}
        closed = stored.closed_between(connection, T + 9 * HOUR - 2, T + 9 * HOUR - 1)
        assert [each.call_id for each in closed] == ["2.1"]


def test_the_dialplan_and_the_history_know_of_it(engine):
    write(engine, *rated("1.1"), *rated("2.1", question="why", kind="comment", value=3))
    sweep(engine)
    keys = (KEYS.key(SARA),)
    with engine.connect() as connection:
        told = variables(profile(connection, keys, "csat", T + 60), Priorities())
        assert told["CCB_OPEN_FOLLOW_UP"] == "comment&low_rating"
        stranger = variables(profile(connection, (KEYS.key(ALI),), "csat", T + 60), Priorities())
        assert stranger["CCB_OPEN_FOLLOW_UP"] == ""
    low = next(each for each in all_follow_ups(engine) if each.reason == "low_rating")
    move(engine, low, Action.DONE, text="a new card")
    with engine.connect() as connection:
        told = variables(profile(connection, keys, "csat", T + 60), Priorities())
        assert told["CCB_OPEN_FOLLOW_UP"] == "comment"
        found = timeline(connection, keys, T + DAY)
    entries = [each for each in found.entries if isinstance(each, TimelineFollowUp)]
    assert {(each.reason, each.state, each.outcome) for each in entries} == {
        ("low_rating", "done", "a new card"), ("comment", "open", ""),
    }  # fmt: skip
    (shown,) = [each for each in as_json(found)["timeline"] if each.get("outcome") == "a new card"]
    assert (shown["kind_of_entry"], shown["by"]) == ("follow_up", "sara")
    assert (shown["at"], shown["closed_at"]) == ("2026-11-22T01:10:19.250Z", "2026-11-22T02:10:19.250Z")


# -- afterwards


def test_the_next_answered_call_is_linked_and_stays(engine):
    write(engine, *rated("1.1"), call("1.1", direction=Direction.IN, at=T - 90), call("0.9", at=T - HOUR))
    assert sweep(engine).linked == 0
    write(engine, call("5.1", answered=False, at=T + 60), call("6.1", ALI, at=T + 70))
    assert sweep(engine).linked == 0
    write(engine, call("8.1", at=T + 90), call("7.1", at=T + 80, direction=Direction.IN, pbx="other"))
    assert sweep(engine).linked == 1
    (found,) = all_follow_ups(engine)
    assert (found.linked_pbx, found.linked_call_id, found.linked_at) == ("other", "7.1", T + 80)
    write(engine, call("6.9", at=T + 75))
    assert sweep(engine).linked == 0
    assert all_follow_ups(engine) == [found]


def test_a_call_from_a_shared_number_is_linked_to_no_customer(engine):
    write(engine, *(CustomerNumber(KEYS.key(number), "C-7", "", T) for number in (SARA, ALI)))
    write(engine, *rated("1.1"))
    shared = {KEYS.key(ALI)}
    sweep(engine, shared=shared)
    write(engine, call("8.1", ALI, at=T + 50))
    assert sweep(engine, shared=shared).linked == 0
    assert sweep(engine, shared=shared | {KEYS.key(SARA)}).linked == 0  # Sara's number is now shared
    assert sweep(engine).linked == 1


def test_a_call_that_was_made_before_the_closing_is_linked_after_it(engine):
    write(engine, *rated("1.1"), *rated("2.1", ALI))
    sweep(engine)
    for each in all_follow_ups(engine):
        move(engine, each, Action.DONE, now=T + 100)
    write(engine, call("8.1", at=T + 50), call("9.1", ALI, at=T + 101))
    assert sweep(engine).linked == 1
    assert {each.call_id: each.linked_call_id for each in all_follow_ups(engine)} == {"1.1": "8.1", "2.1": ""}


def test_receivers_are_told_once_and_again_only_if_that_failed(engine):
    news = []

    def tell(some):
        news.extend((what, each.call_id) for what, each in some)
        return len(news) != 1  # the first time no receiver can be informed

    write(engine, *rated("1.1"))
    assert sweep(engine, tell=tell).closed == []
    assert sweep(engine, tell=tell).closed == []
    assert sweep(engine, tell=tell).closed == []
    assert news == [("opened", "1.1")] * 2
    (found,) = all_follow_ups(engine)
    move(engine, found, Action.DISMISS)
    assert [each.call_id for each in sweep(engine, tell=tell).closed] == ["1.1"]
    assert sweep(engine, tell=tell).closed == []
    assert news[2:] == [("closed", "1.1")]
    write(engine, *rated("2.1", at=T + 2 * HOUR))
    sweep(engine, tell=lambda _news: False)  # opened and closed before a receiver can be informed
    (found,) = [each for each in all_follow_ups(engine) if each.state is FollowUpState.OPEN]
    move(engine, found, Action.DONE, now=T + 3 * HOUR)
    sweep(engine, tell=tell)
    assert news[3:] == [("opened", "2.1"), ("closed", "2.1")]


def test_a_look_stops_between_two_transactions(lite):
    for n in range(9):
        write(lite, *rated(f"{n}.1", f"+98912000000{n}"))
    stop = []

    def stopping():
        stop.append(len(all_follow_ups(lite)))
        return stop[-1] >= 3

    FollowUpSweep(lite, "main", follow_up_policy(CONFIG, frozenset()), lambda _news: True, stopping).run_once(
        T - 1, T, SweepResult()
    )
    assert len(all_follow_ups(lite)) == 3


def test_only_closed_ones_are_purged_each_by_its_own_pbx(engine):
    write(engine, *rated("1.1"), *rated("2.1", ALI), *rated("3.1", "+989121111111", pbx="other"))
    sweep(engine)
    sweep(engine, pbx="other")
    by_call = {each.call_id: each for each in all_follow_ups(engine)}
    move(engine, by_call["1.1"], Action.DONE)
    move(engine, by_call["3.1"], Action.DONE)
    now = T + 400 * DAY
    purge = Purger(
        engine, "main", RetentionPolicy(follow_ups=30), now, Recordings("/nowhere"), lambda _seconds: False
    )
    assert purge.count() == {"follow_ups": 1}
    assert purge.run().rows == {"follow_ups": 1}
    assert sorted(each.call_id for each in all_follow_ups(engine)) == ["2.1", "3.1"]


def test_an_erased_customer_leaves_no_follow_up_and_no_word(engine):
    write(engine, *rated("1.1"), *rated("2.1", ALI))
    sweep(engine)
    by_call = {each.call_id: each for each in all_follow_ups(engine)}
    move(engine, by_call["2.1"], Action.DONE, text=f"colleague of {SARA}")
    person = DataSubject("09121234567", KEYS)
    with engine.connect() as connection:
        assert [row["call_id"] for row in export(connection, person)["follow_ups"]] == ["1.1", "2.1"]
    erased = erase(engine, None, person, None, Recordings("/nowhere"))
    assert erased.rows["follow_ups"] == 2
    (left,) = all_follow_ups(engine)
    assert (left.call_id, left.number, left.outcome) == ("2.1", ALI, "")
    sweep(engine)  # the rating is still there, but without a caller
    assert [each.call_id for each in all_follow_ups(engine)] == ["2.1"]
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(answers)) == 2


def test_a_look_at_ten_minutes_does_not_read_the_whole_of_a_pbx(lite):
    asked = []
    event.listen(lite, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    write(lite, *rated("1.1"), visit("2.1"), visit("3.1", at=T + 60), call("4.1", at=T + 90))
    asked.clear()
    sweep(lite, since=T - 600)
    sweep(lite, since=T - 600)
    reads = [(sql, values) for sql, values in asked if sql.startswith("SELECT")]
    assert len(reads) > 12
    with lite.connect() as connection:
        for sql, values in reads:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            for _, _, _, step in plan:
                assert not step.startswith("SCAN "), (sql, step)
                assert not step.endswith("(pbx=?)"), (sql, step)
