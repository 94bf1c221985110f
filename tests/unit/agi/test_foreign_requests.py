"""AGI requests for unknown scripts: counted, listed for a minute, logged at most once a minute."""

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, formatEvent

from cc_bridge.agi.foreign_requests import ForeignRequests


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def foreign(clock):
    return ForeignRequests(clock.seconds)


def test_nothing_is_recent_before_the_first(foreign):
    assert (foreign.total, foreign.recent_script) == (0, "")


def test_a_request_is_recent_for_a_minute_after_the_last_one(foreign, clock):
    foreign.note("dialparties.agi", "10.0.0.1")
    clock.advance(59)
    foreign.note("recordingcheck", "10.0.0.1")
    clock.advance(59.9)
    assert foreign.recent_script == "recordingcheck"
    clock.advance(0.1)
    assert foreign.recent_script == ""
    assert foreign.total == 2


def test_the_log_has_the_first_and_then_one_a_minute_with_the_count(foreign, clock, logged):
    for _ in range(121):
        foreign.note("dialparties.agi", "10.0.0.1")
        clock.advance(1)
    assert [event["n"] for event in logged] == [1, 60, 60]
    assert {event["log_level"] for event in logged} == {LogLevel.error}
    assert formatEvent(logged[1]) == (
        "another program's AGI calls reach cc-bridge: dialparties.agi from 10.0.0.1, 60 since the last such"
        " line; these calls continue without their script; correct the agi:// address in that program's"
        " dialplan, or give cc-bridge another agi.port"
    )


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("a" * 40, "a" * 40),
        ("a" * 41, "a" * 40 + "..."),
        ("x" * 1_000_000, "x" * 40 + "..."),
        ("a\nERROR b\x1b[2J\u2028\u202e", "a?ERROR?b?[2J??"),
        ("\u06af\u0641\u062a\u06af\u0648", "?????"),
        ("{n} %s <b>", "{n}?%s?<b>"),
    ],
)
def test_the_name_is_short_and_printable_wherever_it_is_shown(foreign, logged, script, shown):
    foreign.note(script, "10.0.0.1")
    assert foreign.recent_script == shown
    assert f": {shown} from" in formatEvent(logged[0])
