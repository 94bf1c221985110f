"""One originated callback with a scripted Asterisk: the actions sent, and the meaning of events."""

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.ami.originate import CAUSE_SECONDS, LATE_SECONDS, OriginateSettings, Originator
from cc_bridge.errors import AmiLinkLost, AmiRefused, AmiTimeout
from cc_bridge.surveys.callback import CallResult

OUTGOING = OriginateSettings("Local/{number}@from-internal/n", "Example <021>", ring_seconds=20)


class Transport(StringTransport):
    aborted = False

    def abortConnection(self):  # noqa: N802  # Twisted's name
        self.aborted = True


class Asterisk:
    """An endpoint that connects to a scripted Asterisk, and this Asterisk."""

    def __init__(self):
        self.clock = Clock()
        self.transport = Transport()
        self.session = None

    def connect(self, factory):
        self.session = factory.buildProtocol(None)
        self.session.makeConnection(self.transport)
        self.session.dataReceived(b"Asterisk Call Manager/11.0.0\r\n")
        return succeed(self.session)

    def sent(self):
        blocks = self.transport.value().decode().split("\r\n\r\n")[:-1]
        self.transport.clear()
        actions = [dict(line.split(": ", 1) for line in block.split("\r\n")) for block in blocks]
        return [action for action in actions if action["Action"] != "Ping"]

    def says(self, *lines):
        self.session.dataReceived("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")

    def grants(self, *lines):
        """Reply with success to the last action, and return the action."""
        (action,) = self.sent()
        self.says("Response: Success", f"ActionID: {action['ActionID']}", *lines)
        return action

    def result(self, call, reason, uniqueid=""):
        self.says(
            "Event: OriginateResponse",
            "Privilege: call,all",
            f"ActionID: {call['ActionID']}",
            f"Reason: {reason}",
            f"Uniqueid: {uniqueid or call['ChannelId']}",
        )

    def hangup(self, call, cause):
        self.says(
            "Event: Hangup",
            "Privilege: call,all",
            "Channel: PJSIP/trunk-00000001",
            f"Uniqueid: {call['ChannelId']}",
            f"Linkedid: {call['ChannelId']}",
            f"Cause: {cause}",
        )


class Calling:
    """An outgoing call in progress. `outcome` gets its result or the type of its exception."""

    def __init__(self, asterisk, number="+989121234567", about="pbx-1716.5", outgoing=OUTGOING):
        originator = Originator(asterisk, ("cc_bridge_callback", "s3cret"), outgoing, asterisk.clock)
        self.outcome = []
        self.running = Deferred.fromCoroutine(originator.call(number, about))
        self.running.addCallbacks(self.outcome.append, lambda failure: self.outcome.append(failure.type))


@pytest.fixture
def asterisk():
    other = Asterisk()
    yield other
    if other.session is not None:
        assert other.transport.aborted
        other.session.connectionLost()
    assert other.clock.getDelayedCalls() == []


@pytest.fixture
def call(asterisk):
    """Return a call that Asterisk has queued, and its Originate action."""
    calling = Calling(asterisk)
    asterisk.grants("Challenge: 4711")
    asterisk.grants("Message: Authentication accepted")
    return calling, asterisk.grants("Message: Originate successfully queued")


def test_what_is_asked_of_asterisk(call):
    calling, action = call
    assert action.pop("ActionID")
    assert action.pop("ChannelId").startswith("ccb-")
    assert action == {
        "Action": "Originate",
        "Channel": "Local/+989121234567@from-internal/n",
        "Context": "cc-bridge-callback",
        "Exten": "s",
        "Priority": "1",
        "Timeout": "20000",
        "Variable": "CCB_CALL=pbx-1716.5",
        "CallerID": "Example <021>",
        "Async": "true",
    }
    assert calling.outcome == []
    calling.running.cancel()
    assert calling.outcome == [CancelledError]


@pytest.mark.parametrize(
    ("reason", "result"),
    [("4", CallResult.ANSWERED), ("5", CallResult.BUSY), ("3", CallResult.NO_ANSWER)],
)
def test_reasons_that_say_it_all(asterisk, call, reason, result):
    calling, action = call
    asterisk.result(action, reason)
    assert calling.outcome == [result]


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(
    ("cause", "result"), [("17", CallResult.BUSY), ("21", CallResult.FAILED), ("0", CallResult.FAILED)]
)
def test_a_failure_is_busy_if_the_channel_hung_up_so(asterisk, call, order, cause, result):
    calling, action = call
    if order == "before":
        asterisk.hangup(action, cause)
    asterisk.result(action, "0")
    if order == "after":
        assert calling.outcome == []
        asterisk.hangup(action, cause)
    assert calling.outcome == [result]


@pytest.mark.parametrize("reason", ["0", "1", "8", "", "what"])
def test_a_failure_without_a_channel(asterisk, call, reason):
    calling, action = call
    asterisk.result(action, reason)
    asterisk.clock.advance(CAUSE_SECONDS)
    assert calling.outcome == [CallResult.FAILED]


def test_the_calls_of_others_are_not_ours(asterisk, call):
    calling, action = call
    asterisk.result(action, "4", uniqueid="ccb-somebody")
    asterisk.hangup(action | {"ChannelId": "1716.9"}, "17")
    assert calling.outcome == []
    asterisk.result(action, "3")
    assert calling.outcome == [CallResult.NO_ANSWER]


def test_asterisk_that_never_says_what_came_of_it(asterisk, call):
    calling, _ = call
    for _ in range(31):
        asterisk.clock.advance(1)
        for ping in asterisk.transport.value().decode().split("ActionID: ")[1:]:
            asterisk.says("Response: Success", f"ActionID: {ping.split()[0]}", "Ping: Pong", "Timestamp: 1.0")
        asterisk.transport.clear()
    assert OUTGOING.ring_seconds + LATE_SECONDS < 31
    assert calling.outcome == [AmiTimeout]


def test_a_link_that_is_lost_while_it_rings(asterisk, call):
    calling, _ = call
    asterisk.session.connectionLost()
    assert calling.outcome == [AmiLinkLost]
    asterisk.session = None


def test_a_user_who_may_not(asterisk):
    calling = Calling(asterisk)
    asterisk.grants("Challenge: 4711")
    asterisk.grants("Message: Authentication accepted")
    (action,) = asterisk.sent()
    asterisk.says("Response: Error", f"ActionID: {action['ActionID']}", "Message: Permission denied")
    assert calling.outcome == [AmiRefused]


def test_nobody_there():
    class Closed:
        def connect(self, factory):
            return fail(Refused())

    asterisk = Asterisk()
    asterisk.connect = Closed().connect
    assert Calling(asterisk).outcome == [AmiLinkLost]


@pytest.mark.parametrize(
    "number", ["", "12", "0912;x", "0912@evil", "0912\r\nAction: Command", "*21#", "09&12", "9" * 16]
)
def test_what_is_no_number_is_not_even_connected_for(number):
    asterisk = Asterisk()
    assert Calling(asterisk, number=number).outcome == [ValueError]
    assert asterisk.session is None


@pytest.mark.parametrize("about", ["", "1,CCB_AGI=evil", "1\r\nAction: Ping", "1 2"])
def test_what_is_no_uniqueid_is_not_even_connected_for(about):
    asterisk = Asterisk()
    assert Calling(asterisk, about=about).outcome == [ValueError]
    assert asterisk.session is None
