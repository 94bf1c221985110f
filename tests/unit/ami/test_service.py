"""Staying connected over real loopback sockets, with a fake Asterisk that ends on command."""

from collections import deque

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import capturedLogs
from twisted.protocols.basic import LineReceiver

from cc_bridge.ami.client import AmiTimeouts
from cc_bridge.ami.service import AmiService, ReconnectPolicy
from cc_bridge.calls.ami_events import WANTED
from cc_bridge.errors import AmiLinkLost
from support.reactor_loop import result_of, until

EVENT = b"Event: Hangup\r\nPrivilege: call,all\r\nUniqueid: %d.0\r\nLinkedid: 1.0\r\nCause: 16\r\n\r\n"


class FakeAsterisk(Factory):
    """A fake Asterisk that accepts logins. Each session takes its behaviour from `script`."""

    noisy = False

    def __init__(self):
        self.sessions = []
        self.script = deque()
        self.port = reactor.listenTCP(0, self, interface="127.0.0.1")

    def buildProtocol(self, addr):
        session = _Session(self.script.popleft() if self.script else "ok")
        self.sessions.append(session)
        return session


class _Session(LineReceiver):
    delimiter = b"\r\n"

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.action = {}
        self.gone = False

    def connectionMade(self):
        if self.behaviour == "drop":
            self.transport.abortConnection()
        else:
            self.transport.write(b"Asterisk Call Manager/11.0.0\r\n")

    def connectionLost(self, reason):
        self.gone = True

    def lineReceived(self, line):
        if line:
            name, _, value = line.decode().partition(": ")
            self.action[name] = value
            return
        action, self.action = self.action, {}
        self.answer(action["Action"], action["ActionID"])

    def answer(self, action, action_id):
        def say(*lines):
            self.transport.write("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")

        if action == "Login" and self.behaviour == "refuse":
            say("Response: Error", f"ActionID: {action_id}", "Message: Authentication failed")
            self.transport.loseConnection()
            return
        say(
            "Response: Success",
            f"ActionID: {action_id}",
            "Challenge: 1",
            "Ping: Pong",
            "Timestamp: 1790000077.5",
        )
        if action == "Login" and self.behaviour == "ok":
            self.transport.write(EVENT % 1)
            say("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted")
        if action == "QueueStatus":
            say("Event: QueueParams", "Queue: sales", f"ActionID: {action_id}")
            self.transport.write(EVENT % 2)  # an event within the snapshot
        if action in ("QueueStatus", "CoreShowChannels"):
            say(f"Event: {action}Complete", f"ActionID: {action_id}", "EventList: Complete", "ListItems: 1")


class Heard:
    """A listener that keeps all calls of its methods in `story`."""

    def __init__(self):
        self.story = []

    def ami_item(self, item, taken_at):
        return item.headers.get("Queue") or item["Uniqueid"]

    def ami_up(self, items, taken_at):
        self.story.append(("up", items))

    def ami_event(self, event):
        self.story.append((event.name, event.headers.get("Uniqueid")))

    def ami_down(self, why, at):
        self.story.append(("down", why))
        self.heard_until = at


@pytest.fixture
def asterisk():
    server = FakeAsterisk()
    yield server
    until(lambda: all(session.gone for session in server.sessions))
    server.port.stopListening()


@pytest.fixture
def connect(asterisk):
    services = []

    def make(timeouts=None):
        heard = Heard()
        service = AmiService(
            HostnameEndpoint(reactor, "127.0.0.1", asterisk.port.getHost().port),
            ("bridge", "secret"),
            heard,
            WANTED,
            reactor,
            wall_clock=reactor.seconds,
            random=lambda: 1.0,
            timeouts=timeouts or AmiTimeouts(ping_every=0.05, answer=2),
            pauses=ReconnectPolicy(first=0.01, longest=0.05),
        )
        services.append(service)
        service.start()
        return service, heard

    yield make
    for service in services:
        service.stop()


def test_the_snapshot_comes_first_then_the_events_that_were_early(connect):
    service, heard = connect()
    until(lambda: len(heard.story) >= 4)
    assert service.up
    assert heard.story == [("up", ["sales"]), ("Hangup", "1.0"), ("FullyBooted", None), ("Hangup", "2.0")]


def test_it_comes_back_and_takes_a_new_snapshot(asterisk, connect):
    service, heard = connect()
    until(lambda: service.up)
    asterisk.sessions[0].transport.abortConnection()
    until(lambda: service.up and service.logins == 2)
    assert [name for name, _ in heard.story if name in ("up", "down")] == ["up", "down", "up"]
    assert heard.heard_until == 1790000077.5  # the last pong; later events may be lost


def test_a_snapshot_that_the_listener_cannot_take_does_not_end_the_link(connect):
    service, heard = connect()
    told = []

    def ami_up(items, _taken_at):
        told.append(items)
        if len(told) < 3:
            raise LookupError("a fault of the listener")

    heard.ami_up = ami_up
    with capturedLogs() as logged:
        until(lambda: len(told) == 3)
    assert service.up
    failures = [event["log_failure"].type for event in logged if "log_failure" in event]
    assert failures == [LookupError, LookupError]


def test_questions_are_answered_while_the_link_is_up(connect):
    service, _ = connect()
    with pytest.raises(AmiLinkLost):
        result_of(service.ask(channels=True, queues=None))
    until(lambda: service.up)
    assert result_of(service.ask(channels=True, queues=None)) == ["sales"]
    assert result_of(service.ask(channels=False, queues=["it", "a\r\nAction: Originate"])) == ["sales"]
    assert result_of(service.ask(channels=False, queues=[])) == []


def test_refusals_and_drops_are_survived_and_explained(asterisk, connect):
    asterisk.script.extend(["drop", "refuse", "refuse"])
    service, heard = connect()
    reasons = set()
    until(lambda: reasons.add(service.down_reason) or service.up)
    assert "Authentication failed" in reasons
    assert len(asterisk.sessions) == 4
    assert [name for name, _ in heard.story if name in ("up", "down")] == ["up"]


def test_nothing_is_asked_before_asterisk_has_booted(asterisk, connect):
    asterisk.script.append("booting")
    service, heard = connect()
    until(lambda: service.logins == 1)
    session = asterisk.sessions[0]
    assert heard.story == []
    session.transport.write(b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n")
    until(lambda: service.up)


def test_stopping_ends_the_session_for_good(asterisk, connect):
    service, heard = connect()
    until(lambda: service.up)
    service.stop()
    until(lambda: not service.up)
    assert heard.story[-1] == ("down", "stopped")
    assert len(asterisk.sessions) == 1


def test_stopping_while_it_connects_is_quiet(asterisk, connect):
    service, heard = connect()
    service.stop()
    until(lambda: service._running.called)
    assert heard.story == []
    assert not asterisk.sessions


@pytest.mark.parametrize(
    ("attempts", "random", "seconds"),
    [(0, 1, 0.5), (1, 1, 1), (3, 1, 4), (3, 0, 2), (10, 1, 30), (999, 0, 15)],
)
def test_pauses_grow_are_jittered_and_bounded(attempts, random, seconds):
    assert ReconnectPolicy().after(attempts, random) == pytest.approx(seconds)
