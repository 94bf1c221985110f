"""One AMI session with a scripted Asterisk, on the test's transport and clock."""

from hashlib import md5

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.ami.client import AmiClient
from cc_bridge.ami.codec import Codec
from cc_bridge.errors import AmiLinkLost, AmiRefused, AmiTimeout

AT = 1_795_000_000.0
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
EVENT = b"Event: Reload\r\nPrivilege: system,all\r\nModule: x\r\nStatus: 0\r\n\r\n"


class Transport(StringTransport):
    """A transport in memory. `aborted` is True once the connection was dropped."""

    aborted = False

    def abortConnection(self):  # noqa: N802  # Twisted's name
        self.aborted = True


class Asterisk:
    """A scripted Asterisk that is connected to one client."""

    def __init__(self):
        self.clock = Clock()
        self.events = []
        self.transport = Transport()
        self.client = AmiClient(Codec(), self.events.append, self.clock)
        self.lost = []
        self.client.lost.addCallback(self.lost.append)
        self.client.makeConnection(self.transport)

    def sent(self):
        """Return the actions that the client has sent since the last call."""
        text = self.transport.value().decode()
        self.transport.clear()
        return [
            dict(line.split(": ", 1) for line in block.split("\r\n")) for block in text.split("\r\n\r\n")[:-1]
        ]

    def says(self, *lines):
        self.client.dataReceived("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")

    def answers(self, action, *lines, response="Success"):
        self.says(f"Response: {response}", f"ActionID: {action['ActionID']}", *lines)

    def login(self):
        done = outcome(Deferred.fromCoroutine(self.client.login("bridge", "s3cret")))
        self.client.dataReceived(BANNER)
        (challenge,) = self.sent()
        self.answers(challenge, "Challenge: 4711")
        (login,) = self.sent()
        self.answers(login, "Message: Authentication accepted")
        assert done == [None]
        return login


def outcome(deferred):
    """Return a list to which the result of a Deferred, or its exception, is appended."""
    got = []
    deferred.addCallbacks(got.append, lambda failure: got.append(failure.value))
    return got


@pytest.fixture
def asterisk():
    other = Asterisk()
    yield other
    if not other.lost:
        other.client.connectionLost()
    assert other.clock.getDelayedCalls() == []


def test_nothing_is_sent_before_the_banner(asterisk):
    outcome(Deferred.fromCoroutine(asterisk.client.login("bridge", "s3cret")))
    assert asterisk.sent() == []


def test_login_answers_the_challenge_and_never_sends_the_secret(asterisk):
    login = asterisk.login()
    assert login["Action"] == "Login"
    assert login["Key"] == md5(b"4711s3cret").hexdigest()
    assert "s3cret" not in str(login)


def test_a_refused_login_says_so(asterisk):
    done = outcome(Deferred.fromCoroutine(asterisk.client.login("bridge", "wrong")))
    asterisk.client.dataReceived(BANNER)
    asterisk.answers(asterisk.sent()[0], "Challenge: 1")
    asterisk.answers(asterisk.sent()[0], "Message: Authentication failed", response="Error")
    assert isinstance(done[0], AmiRefused)
    assert str(done[0]) == "Authentication failed"


def test_pings_go_out_and_tell_the_clock_of_the_pbx(asterisk):
    asterisk.login()
    (first,) = asterisk.sent()
    assert first["Action"] == "Ping"
    asterisk.answers(first, "Ping: Pong", f"Timestamp: {AT}")
    assert asterisk.client.synced_until == AT
    assert asterisk.client.clock_offset == pytest.approx(AT)
    asterisk.clock.advance(1.5)
    assert [action["Action"] for action in asterisk.sent()] == ["Ping"]


@pytest.mark.parametrize(
    "text", ["inf", "-inf", "nan", "1e400", "-1.0", "0.000000", "100.5", "4200000000.0", "x"]
)
def test_an_implausible_time_in_an_answer_is_not_believed(asterisk, logged, text):
    pongs = []
    asterisk.client.on_pong = lambda *pong: pongs.append(pong)
    asterisk.login()
    asterisk.answers(asterisk.sent()[0], "Ping: Pong", f"Timestamp: {text}")
    for good in (AT, AT + 1.5):
        asterisk.clock.advance(1.5)
        asterisk.answers(asterisk.sent()[0], "Ping: Pong", f"Timestamp: {good}")
    assert [stamp for stamp, _, _ in pongs] == [AT, AT + 1.5]
    assert asterisk.client.synced_until == AT + 1.5
    assert [event["log_level"].name for event in logged if "implausible" in event["log_format"]] == ["warn"]


def test_a_ping_without_an_answer_drops_the_link(asterisk):
    asterisk.login()
    asterisk.clock.advance(10)
    assert asterisk.transport.aborted
    asterisk.client.connectionLost()
    assert asterisk.lost == ["Asterisk did not answer Ping in 10 s"]


def test_a_refused_ping_keeps_the_link(asterisk):
    """Asterisk refuses all actions after `core restart gracefully` until the last call has ended."""
    asterisk.login()
    for _ in range(20):
        for ping in asterisk.sent():
            asterisk.answers(ping, "Message: Asterisk is shutting down", response="Error")
        asterisk.clock.advance(1.5)
    assert not asterisk.transport.aborted
    asterisk.client.dataReceived(EVENT)
    assert [event.name for event in asterisk.events] == ["Reload"]
    asterisk.clock.advance(10)  # silence still ends the connection
    assert asterisk.transport.aborted


def test_a_port_without_a_banner_is_dropped(asterisk):
    asterisk.client.dataReceived(b"SSH-2.0-OpenSSH_9.2\r\n")
    asterisk.clock.advance(10)
    assert asterisk.transport.aborted


def test_lists_give_their_items_as_they_come(asterisk):
    asterisk.login()
    asterisk.sent()
    items = []
    done = outcome(asterisk.client.list_items("QueueStatus", lambda item: items.append(item.name)))
    (action,) = asterisk.sent()
    asterisk.answers(action, "EventList: start", "Message: Queue status will follow")
    asterisk.says("Event: QueueParams", f"ActionID: {action['ActionID']}", "Queue: sales")
    asterisk.client.dataReceived(EVENT)
    asterisk.says("Event: QueueEntry", f"ActionID: {action['ActionID']}", "Queue: sales", "Position: 1")
    assert (items, done) == (["QueueParams", "QueueEntry"], [])
    asterisk.says(
        "Event: QueueStatusComplete", f"ActionID: {action['ActionID']}", "EventList: Complete", "ListItems: 2"
    )
    assert (items, done) == (["QueueParams", "QueueEntry"], [None])
    assert [event.name for event in asterisk.events] == ["Reload"]


def test_a_list_may_take_long_as_long_as_items_come(asterisk):
    asterisk.login()
    asterisk.answers(asterisk.sent()[0], "Ping: Pong")
    done = outcome(asterisk.client.list_items("QueueStatus", id))
    (action,) = asterisk.sent()
    for _ in range(4):
        asterisk.clock.advance(6)
        asterisk.says("Event: QueueParams", f"ActionID: {action['ActionID']}", "Queue: sales")
        for ping in asterisk.sent():
            asterisk.answers(ping, "Ping: Pong")
    assert done == []
    asterisk.clock.advance(10)
    assert isinstance(done[0], AmiTimeout)


def test_a_refused_action_fails_alone(asterisk):
    asterisk.login()
    asterisk.sent()
    done = outcome(asterisk.client.list_items("CoreShowChannels", id))
    asterisk.answers(asterisk.sent()[0], "Message: Permission denied", response="Error")
    assert isinstance(done[0], AmiRefused)
    assert not asterisk.transport.aborted


def test_losing_the_link_fails_whatever_waits(asterisk):
    asterisk.login()
    done = outcome(asterisk.client.action("CoreStatus"))
    asterisk.client.connectionLost()
    assert isinstance(done[0], AmiLinkLost)
    late = outcome(asterisk.client.action("CoreStatus"))
    assert isinstance(late[0], AmiLinkLost)
    assert len(asterisk.lost) == 1


def test_answers_of_others_are_not_events(asterisk):
    asterisk.login()
    asterisk.says("Event: QueueEntry", "ActionID: somebody-else", "Queue: sales")
    asterisk.says("Response: Success", "Message: out of the blue")
    assert asterisk.events == []


def test_a_listener_that_raises_does_not_end_the_session():
    seen = []

    def listen(event):
        seen.append(event.name)
        raise RuntimeError("a fault of the listener")

    client = AmiClient(Codec(), listen, Clock())
    client.makeConnection(Transport())
    client.dataReceived(BANNER + EVENT + EVENT)
    client.connectionLost()
    assert seen == ["Reload", "Reload"]
