"""The caller lookup on a transport in memory: a known customer, an unknown caller, and a slow database."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import formatEvent

from cc_bridge.agi.caller_lookup_script import TIMEOUT_SECONDS, CallerLookupScript
from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import AgiEnvironmentReader
from cc_bridge.customers.profile import VARIABLES, Priorities, Profile
from cc_bridge.errors import StorageError

NUMBER = "09121234567"
SET = b"200 result=1\n"


class Line:
    """One call that runs the caller lookup script, with the test in place of Asterisk."""

    def __init__(self, profile):
        self.clock = Clock()
        self.asked, self.how = [], []
        self.transport = StringTransport()
        self.channel = AgiChannel(self.transport, self.clock)
        self._profile = profile
        self.script = CallerLookupScript(self.profile, Priorities(2, 10, 5), self.clock, self.how.append)
        head = f"agi_network_script: caller-lookup\nagi_uniqueid: 1.5\nagi_callerid: {NUMBER}\n\n"
        self.request, _ = AgiEnvironmentReader(100, 10_000).feed(head.encode())
        self.over = self.look_up()

    def profile(self, number):
        self.asked.append(number)
        return self._profile

    def look_up(self):
        return Deferred.fromCoroutine(self.script.run(self.request, self.channel))

    def sets(self):
        """Answer each command as Asterisk does. Return the commands, which set variables."""
        found = []
        while sent := self.transport.value().decode():
            self.transport.clear()
            found.append(sent.rstrip("\n"))
            self.channel.received(SET)
        return found


def test_a_caller_who_is_known_is_told_of():
    line = Line(succeed(Profile(2, 3, lost=True, language="fa")))
    values = ("2", "", "3", "fa", "10")
    assert line.sets() == [
        f'SET VARIABLE "{name}" "{value}"' for name, value in zip(VARIABLES, values, strict=True)
    ]
    assert line.over.called
    assert (line.asked, line.how) == ([NUMBER], ["found"])
    assert not line.clock.getDelayedCalls()


def test_of_a_withheld_or_shared_number_nothing_is_set():
    line = Line(None)
    assert (line.sets(), line.how) == ([], ["anonymous"])
    assert line.over.called


def test_a_slow_database_holds_nobody_up_and_its_late_answer_sets_nothing():
    slow = Deferred()
    line = Line(slow)
    line.clock.advance(TIMEOUT_SECONDS - 0.001)
    assert not line.over.called
    line.clock.advance(0.001)
    assert line.over.called
    slow.callback(Profile(5, 1))
    assert (line.sets(), line.how) == ([], ["timeout"])
    assert not line.clock.getDelayedCalls()


@pytest.mark.parametrize("error", [StorageError(f"no {NUMBER}"), OSError(NUMBER)])
def test_a_database_that_fails_is_told_once_and_without_the_number(error, logged):
    line = Line(fail(error))
    line._profile = fail(error)
    line.look_up()
    assert (line.sets(), line.how) == ([], ["failed", "failed"])
    line._profile = succeed(Profile())
    line.look_up()
    assert len(line.sets()) == len(VARIABLES)
    line._profile = fail(error)
    line.look_up()
    told = [formatEvent(event) for event in logged]
    assert len(told) == 2
    assert all("caller lookup failed" in each for each in told)
    assert NUMBER not in "".join(told)
