"""Calls without a queue in which people pass each other on: all talks, with their start and end.

Kinds of attended transfer are named by their three talks: `abacbc` is a with b, a with c, and then b with c.
Each talk in the database is held against what the witness (hearing.py) heard.
"""

import random

import pytest

from pbx.daemon import Daemon
from pbx.mix import SLOW_SECONDS, Conductor, Kind
from pbx.test_one_call import seconds

NEAR = 0.15  # seconds between a talk and its bridges
A, B, C = "x05", "x01", "x03"  # 605, 601, 603; no member of a queue has their names
OUTSIDE, CUSTOMER = "trunk", "erin"  # who calls in, who is called


@pytest.fixture(scope="module")
def _recording(asterisk, tmp_path_factory):
    running = Daemon(asterisk, tmp_path_factory.mktemp("daemon"))
    running.configure("direct_calls", enabled=True, in_contexts=["incoming"], internal_contexts=["agents"])
    running.configure("survey", enabled=False)
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def daemon(rig, _recording):
    rig.survey_at(_recording.agi_port)
    _recording.until_idle(rig)
    _recording.forget()
    return _recording


@pytest.fixture
def makes(rig, daemon):
    """Return a function that makes one call and returns the witness."""

    def make(script, exten="to-x01", phone="", slow=()):
        conductor = Conductor(rig, random.Random(1), at_once=1)
        kind = Kind(script.__name__, exten, script, surveyed=False, phone=phone, slow=slow)
        conductor.run([kind], first_number=1)
        rig.driver.action("Ping")
        daemon.until(lambda: not daemon.metric("cc_bridge_talks_in_progress"))
        return conductor.hearing

    return make


def talks(daemon, hearing, *expected):
    """Hold the talks against the witness; each expected one is the agent's phone and the other's."""
    rows = daemon.until(
        lambda: rows if len(rows := daemon.rows("talks")) >= len(expected) else None, seconds=20
    )
    rows.sort(key=lambda row: row["answered_at"])
    assert [row["agent"] for row in rows] == [f"PJSIP/{agent}" for agent, _ in expected]
    for row, (agent, other) in zip(rows, expected, strict=True):
        began, ended = seconds(row["answered_at"]), seconds(row["ended_at"])
        heard = hearing.together_at(f"PJSIP/{agent}", f"PJSIP/{other}")
        assert (began, ended) == pytest.approx(heard, abs=NEAR), (agent, other)
        assert not row["partial"]
    return rows


def calls(daemon, n=1):
    rows = daemon.wait_for_rows("calls", n)
    return [(row["direction"], bool(row["answered"]), row["talks"]) for row in rows]


# Attended transfer


def b_consults_c_by_code(call):
    b = yield from call.answered()
    yield from call.talks()
    call.presses(b, "*2603")
    c = yield from call.meets(b)
    yield from call.talks()
    call.ends(b)
    yield call.hears(c)
    yield from call.talks()
    call.ends(c)


def b_consults_c_on_second_line(call):
    b = yield from call.answered()
    yield from call.talks()
    line = yield from call.calls(B, "603")
    c = yield from call.meets(line)
    yield from call.talks()
    call.joins(b, line)
    yield call.hears(c)
    yield from call.talks()
    call.ends(c)


@pytest.mark.parametrize("script", [b_consults_c_by_code, b_consults_c_on_second_line])
def test_abbcac_from_outside(makes, daemon, script):
    heard = makes(script)
    talks(daemon, heard, (B, OUTSIDE), (C, OUTSIDE))
    assert calls(daemon) == [("in", True, 2)]


@pytest.mark.parametrize("script", [b_consults_c_by_code, b_consults_c_on_second_line])
def test_abbcac_of_colleagues(makes, daemon, script):
    heard = makes(script, "601", phone=A)
    talks(daemon, heard, (B, A), (C, A))
    assert calls(daemon) == [("internal", True, 2)]


def a_consults_c_by_code(call):
    b = yield from call.answered()
    yield from call.talks()
    a = call.caller()
    call.presses(a, "*2603")
    c = yield from call.meets(a, b)
    yield from call.talks()
    call.ends(a)
    yield lambda: call.hearing.together(b.channel, c.channel)
    yield from call.talks()
    call.ends(c)


def a_consults_c_on_second_line(call):
    b = yield from call.answered()
    yield from call.talks()
    line = yield from call.calls(A, "603")
    c = yield from call.meets(line)
    yield from call.talks()
    call.joins(call.caller(), line)
    yield lambda: call.hearing.together(b.channel, c.channel)
    yield from call.talks()
    call.ends(c)


@pytest.mark.parametrize("script", [a_consults_c_by_code, a_consults_c_on_second_line])
def test_abacbc_of_colleagues(makes, daemon, script):
    heard = makes(script, "601", phone=A)
    rows = talks(daemon, heard, (B, A), (C, A), (C, B))
    assert [row["transfer"] for row in rows] == ["attended", "attended", None]
    assert {direction for direction, *_ in calls(daemon)} == {"internal"}


@pytest.mark.parametrize("script", [a_consults_c_by_code, a_consults_c_on_second_line])
def test_abacbc_of_a_customer_who_was_called(makes, daemon, script):
    heard = makes(script, "988776655", phone=A)
    talks(daemon, heard, (A, CUSTOMER), (C, CUSTOMER))
    assert calls(daemon) == [("out", True, 2)]


def c_calls_b(call):
    b = yield from call.answered()
    yield from call.talks()
    c = yield from call.calls(C, "601")
    second = yield from call.meets(c)
    yield from call.talks()
    call.joins(b, second)
    yield call.hears(c)
    yield from call.talks()
    call.ends(c)


def test_abcbac(makes, daemon):
    heard = makes(c_calls_b)
    talks(daemon, heard, (B, OUTSIDE), (B, C), (C, OUTSIDE))
    assert sorted(calls(daemon, 2)) == [("in", True, 2), ("internal", True, 1)]


# Semi-attended transfer


def blonde_by_code(call):
    b = yield from call.answered()
    yield from call.talks()
    call.rings(C, SLOW_SECONDS)
    call.presses(b, "*2603")
    yield lambda: call.hearing.at(f"PJSIP/{C}")
    call.ends(b)
    c = yield from call.answered(b)
    yield from call.talks()
    call.ends(c)


def blonde_by_second_line(call):
    b = yield from call.answered()
    yield from call.talks()
    call.rings(C, SLOW_SECONDS)
    line = yield from call.calls(B, "603")
    yield lambda: call.hearing.at(f"PJSIP/{C}") and call.is_early(line)
    call.joins(b, line)
    c = yield from call.answered(b)
    yield from call.talks()
    call.ends(c)


@pytest.mark.parametrize("script", [blonde_by_code, blonde_by_second_line])
def test_blonde(makes, daemon, script):
    heard = makes(script)
    talks(daemon, heard, (B, OUTSIDE), (C, OUTSIDE))
    assert calls(daemon) == [("in", True, 2)]


# Several phones, other phones


def first_ends(call):
    phone = yield from call.answered()
    yield from call.talks()
    call.ends(phone)


def test_of_a_group_the_one_who_answered(makes, daemon):
    heard = makes(first_ends, "group", slow=(A, B))
    talks(daemon, heard, (C, OUTSIDE))
    assert calls(daemon) == [("in", True, 1)]


def forwarded(call):
    call.rig.plan(B, does="forward", to="603")
    yield from first_ends(call)


def test_a_phone_that_forwards_has_no_talk(makes, daemon):
    heard = makes(forwarded)
    talks(daemon, heard, (C, OUTSIDE))
    assert calls(daemon) == [("in", True, 1)]


def picked_up(call):
    call.rings(B, SLOW_SECONDS)
    yield lambda: call.hearing.at(f"PJSIP/{B}")
    c = yield from call.calls(C, f"**{B}")
    yield call.hears(c)
    yield from call.talks()
    call.ends(c)


def test_a_pickup_by_a_colleague(makes, daemon):
    heard = makes(picked_up)
    (talk,) = talks(daemon, heard, (C, OUTSIDE))
    assert talk["picked_up"]
    assert calls(daemon) == [("in", True, 1)]


# Click to dial


@pytest.mark.parametrize("channel", ["PJSIP/x05", "Local/605@agents/n", "Local/605@agents"])
def test_click_to_dial(makes, daemon, channel):
    def click(call):
        call.rig.driver.action(
            "Originate", Channel=channel, Context="agents", Exten="988776655", Priority="1", Async="true"
        )
        yield lambda: call.hearing.at(f"PJSIP/{CUSTOMER}")
        (customer,) = call.hearing.at(f"PJSIP/{CUSTOMER}")
        yield lambda: call.hearing.phones_near(customer)
        yield from call.talks()
        call.rig.driver.action("Hangup", Channel=call.hearing.channels[customer].name)
        yield lambda: not call.hearing.is_living(customer)

    heard = makes(click, None)
    talks(daemon, heard, (A, CUSTOMER))
    assert calls(daemon) == [("out", True, 1)]
