"""The FastAGI server on transports in memory: limits, refusals, faults and stopping."""

import pytest
from asterisk.agi import AGIHangup
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, formatEvent
from twisted.python.failure import Failure

from cc_bridge.agi.server import LAST_WORDS_SECONDS, AgiLimits, FastAgiFactory

HEAD = b"agi_network_script: survey\nagi_uniqueid: 1.5\nagi_language: en\nagi_callerid: 0912\n\n"


class Calls:
    """An AGI handler whose calls last until the test ends them."""

    def __init__(self):
        self.requests = []
        self.channels = []
        self.ends = []
        self.outcomes = []

    async def handle(self, request, channel):
        self.requests.append(request)
        self.channels.append(channel)
        end = Deferred()
        self.ends.append(end)
        try:
            await end
        except BaseException as error:
            self.outcomes.append(type(error))
            raise
        self.outcomes.append(None)


@pytest.fixture
def clock():
    clock = Clock()
    yield clock
    assert not clock.getDelayedCalls()


@pytest.fixture
def calls():
    return Calls()


@pytest.fixture
def factory(calls, clock):
    return FastAgiFactory(calls.handle, AgiLimits(callers=2), clock)


def connect(factory, data=HEAD):
    protocol = factory.buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    if data:
        protocol.dataReceived(data)
    return protocol, transport


def closed(transport):
    return transport.disconnecting or transport.disconnected


def test_a_call_is_handled_and_then_closed(factory, calls):
    protocol, transport = connect(factory)
    assert calls.requests[0].uniqueid == "1.5"
    assert (factory.in_progress, factory.accepted) == (1, 1)
    assert not closed(transport)
    calls.ends[0].callback(None)
    assert closed(transport)
    protocol.connectionLost(Failure(ConnectionDone()))
    assert factory.in_progress == 0
    assert not factory.refused
    assert factory.failed == 0


def test_the_head_may_come_in_pieces(factory, calls):
    protocol, _ = connect(factory, b"")
    for byte in HEAD:
        protocol.dataReceived(bytes([byte]))
    assert calls.requests[0].language == "en"
    calls.ends[0].callback(None)


def test_a_reply_reaches_the_channel(clock):
    states = []

    async def handle(_, channel):
        states.append(await channel.channel_status())

    protocol, transport = connect(FastAgiFactory(handle, AgiLimits(), clock))
    assert transport.value() == b"CHANNEL STATUS\n"
    protocol.dataReceived(b"200 result=6\n")
    assert states == [6]
    assert closed(transport)


def test_callers_over_the_limit_are_closed_at_once(factory, calls):
    connect(factory)
    connect(factory)
    assert factory.in_progress == 2
    _, transport = connect(factory)
    assert closed(transport)
    assert len(calls.requests) == 2
    assert factory.refused == {"busy": 1}
    calls.ends[0].callback(None)
    _, transport = connect(factory)
    assert not closed(transport)
    for end in calls.ends[1:]:
        end.callback(None)


def test_who_has_not_told_its_head_is_no_caller(factory, calls):
    for _ in range(50):
        connect(factory, b"agi_network: yes\n")
    assert (factory.in_progress, len(factory.pending)) == (0, 50)
    _, transport = connect(factory)
    assert not closed(transport)
    assert (factory.in_progress, len(factory.pending)) == (1, 50)
    factory.clock.advance(5)
    assert (factory.refused, len(factory.pending)) == ({"header_timeout": 50}, 0)
    calls.ends[0].callback(None)


def test_of_too_many_without_a_head_the_oldest_is_closed(calls, clock, logged):
    factory = FastAgiFactory(calls.handle, AgiLimits(pending=3), clock)
    slow = [connect(factory, b"agi_") for _ in range(5)]
    assert [closed(transport) for _, transport in slow] == [True, True, False, False, False]
    slow[2][0].dataReceived(HEAD.removeprefix(b"agi_"))
    assert (factory.in_progress, len(factory.pending)) == (1, 2)
    assert factory.refused == {"pending_limit": 2}
    (line,) = logged  # one line a minute
    assert "agi.max_pending_connections" in formatEvent(line)
    assert line["log_level"] is LogLevel.warn
    for protocol, _ in slow[3:]:
        protocol.connectionLost(Failure(ConnectionDone()))
    assert not factory.pending
    calls.ends[0].callback(None)


@pytest.mark.parametrize(
    ("query", "accepted"),
    [(b"?secret=0123456789abcdef", True), (b"/?x=1&secret=0123456789abcdef", True), (b"", False),
     (b"?secret=", False), (b"?secret=0123456789abcdeF", False), (b"?secret=\xff\xd8", False),
     (b"?xsecret=0123456789abcdef", False)],
)  # fmt: skip
def test_a_secret_is_asked_for_if_one_is_set(calls, clock, logged, query, accepted):
    factory = FastAgiFactory(calls.handle, AgiLimits(secret="0123456789abcdef"), clock)
    _, transport = connect(factory, HEAD.replace(b": survey", b": survey" + query))
    assert closed(transport) is not accepted
    assert factory.refused == ({} if accepted else {"wrong_secret": 1})
    assert ["CCB_AGI_SECRET" in formatEvent(line) for line in logged] == ([] if accepted else [True])
    assert "0123456789abcde" not in str(calls.requests)
    for end in calls.ends:
        end.callback(None)


@pytest.mark.parametrize(
    "data",
    [b"\n\n", b"GET / HTTP/1.1\r\n\r\n", b"x: y\n" * 101, b"agi_" + b"x" * 16385, HEAD.replace(b"1.5", b"")],
)
def test_a_bad_head_is_refused(factory, calls, data):
    _, transport = connect(factory, data)
    assert closed(transport)
    assert factory.refused == {"invalid_header": 1}
    assert factory.in_progress == 0
    assert not calls.requests


def test_a_slow_head_is_refused(factory, clock):
    protocol, transport = connect(factory, HEAD[:-1])
    clock.advance(4.9)
    assert not closed(transport)
    clock.advance(0.1)
    assert closed(transport)
    protocol.dataReceived(HEAD[-1:])
    assert factory.refused == {"header_timeout": 1}
    assert factory.in_progress == 0


def test_a_peer_that_leaves_during_the_head_frees_its_place(factory):
    protocol, _ = connect(factory, b"agi_network: yes\n")
    protocol.connectionLost(Failure(ConnectionDone()))
    assert factory.in_progress == 0


def test_a_foreign_script_is_closed_at_once_and_counted_as_foreign_alone(factory, calls, logged):
    _, transport = connect(factory, HEAD.replace(b"survey", b"dialparties.agi"))
    assert closed(transport)
    assert factory.foreign.total == 1
    assert factory.foreign.recent_script == "dialparties.agi"
    assert (factory.accepted, factory.in_progress, factory.failed) == (0, 0, 0)
    assert not factory.refused
    assert not calls.requests
    (event,) = logged
    assert event["log_level"] is LogLevel.error
    assert f"dialparties.agi from {transport.getPeer().host}, " in formatEvent(event)


def test_a_handlers_fault_is_logged_once_with_the_uniqueid_and_without_the_caller(clock, logged):
    async def handle(request, _):
        raise LookupError(request.script)

    factory = FastAgiFactory(handle, AgiLimits(), clock)
    _, transport = connect(factory)
    assert closed(transport)
    (event,) = (event for event in logged if "log_failure" in event)
    assert event["uniqueid"] == "1.5"
    assert event["log_failure"].check(LookupError)
    own = {name: value for name, value in event.items() if name not in ("log_failure", "log_time")}
    assert "0912" not in repr(own)
    assert factory.failed == 1
    assert factory.in_progress == 0


def test_a_hangup_is_no_fault(clock, logged):
    async def handle(_, channel):
        await channel.stream_file("goodbye")

    factory = FastAgiFactory(handle, AgiLimits(), clock)
    protocol, _ = connect(factory)
    protocol.connectionLost(Failure(ConnectionDone()))
    assert factory.failed == 0
    assert factory.in_progress == 0
    assert not [event for event in logged if "log_failure" in event]


def test_a_handler_goes_on_after_the_caller_left(factory, calls):
    protocol, _ = connect(factory)
    protocol.connectionLost(Failure(ConnectionDone()))
    assert factory.in_progress == 1
    calls.ends[0].callback(None)
    assert factory.in_progress == 0
    assert calls.outcomes == [None]


def test_a_call_over_its_time_loses_its_channel_first_and_is_cancelled_later(factory, calls, clock):
    _, transport = connect(factory)
    clock.advance(90)
    assert closed(transport)
    assert calls.channels[0].closed_because == "time_limit"
    assert factory.terminated == {"time_limit": 1}
    assert not calls.outcomes
    clock.advance(LAST_WORDS_SECONDS)
    assert calls.outcomes == [CancelledError]
    assert factory.in_progress == 0
    assert factory.failed == 0


def test_the_time_limit_reaches_a_running_command(clock):
    errors = []

    async def handle(_, channel):
        try:
            await channel.get_key("ask", 60)
        except AGIHangup:
            errors.append(channel.closed_because)

    factory = FastAgiFactory(handle, AgiLimits(call_seconds=30), clock)
    connect(factory)
    clock.advance(30)
    assert errors == ["time_limit"]
    assert factory.in_progress == 0


def test_stop_lets_running_calls_finish(factory, calls):
    connect(factory)
    stopped = Deferred.fromCoroutine(factory.stop(20))
    _, late = connect(factory)
    assert closed(late)
    assert factory.refused == {"stopping": 1}
    assert not stopped.called
    calls.ends[0].callback(None)
    assert stopped.called
    assert not factory.terminated


def test_stop_cuts_what_is_left_at_the_deadline(factory, calls, clock):
    connect(factory)
    connect(factory)
    stopped = Deferred.fromCoroutine(factory.stop(20))
    calls.ends[0].callback(None)
    clock.advance(20)
    assert calls.channels[0].closed_because == ""
    assert calls.channels[1].closed_because == "shutdown"
    assert not stopped.called  # the handler may still be storing
    calls.ends[1].callback(None)
    assert stopped.called
    assert factory.terminated == {"shutdown": 1}


def test_stop_does_not_wait_for_a_handler_that_never_ends(factory, calls, clock):
    connect(factory)
    stopped = Deferred.fromCoroutine(factory.stop(0))
    clock.advance(0)
    clock.advance(LAST_WORDS_SECONDS)
    assert stopped.called
    assert calls.outcomes == [CancelledError]


def test_stop_refuses_whoever_has_not_told_its_head(factory, calls):
    protocol, transport = connect(factory, b"agi_network: yes\n")
    stopped = Deferred.fromCoroutine(factory.stop(20))
    protocol.dataReceived(HEAD)
    assert closed(transport)
    assert stopped.called
    assert not calls.requests


def test_stop_without_calls_is_done_at_once(factory):
    assert Deferred.fromCoroutine(factory.stop(20)).called
