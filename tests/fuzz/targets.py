"""The targets of hostile input. Each takes bytes as they come from the network, and must raise nothing.

A target keeps its objects from input to input, so that what it does not forget shows in the memory.
"""

import contextlib
import json
from random import Random
from typing import Any

from asterisk.agi import AGIError
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import Request
from cc_bridge.agi.server import AgiLimits, FastAgiFactory
from cc_bridge.ami.codec import Codec
from cc_bridge.calls.ami_events import WANTED
from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.web.customer_api import CustomersResource
from cc_bridge.web.follow_up_api import ActionResult, FollowUpList, FollowUpsResource
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.log_in import LogInPage, LogOutPage
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.server import site
from cc_bridge.web.wallboard_stream import EventStream
from fuzz.ami_streams import WORDS, changed, feed, recorded, words
from support.site_access import access, users

__all__ = ["TARGETS", "AgiHead", "AmiStream", "Http"]

_BEARER = b"Authorization: Bearer 0123456789abcdef"
_PERSIAN = b"\xe2\x80\xae\xd8\xb3\xd8\xa7\xd8\xb1\xd8\xa7"  # U+202E and a name
TOKEN = "0123456789abcdef"


class _Transport(StringTransport):
    """A transport in memory that ends its protocol's connection when it is aborted."""

    def __init__(self, protocol: Any) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "127.0.0.1", 5))
        self.protocol = protocol
        self.ended = False

    def abortConnection(self) -> None:  # noqa: N802
        super().abortConnection()
        self.end()

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


def _feed(protocol: Any, data: bytes, chance: Random, clock: Clock) -> None:
    """Send data on a new connection in some pieces, let some time pass, and close the connection."""
    transport = _Transport(protocol)
    protocol.makeConnection(transport)
    cuts = sorted(chance.randint(0, len(data)) for _ in range(chance.choice((0, 0, 1, 2, 5))))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if transport.disconnecting or transport.ended:
            break
        protocol.dataReceived(data[start:end])
        clock.advance(chance.choice((0.0, 0.0, 0.1)))
    transport.end()
    clock.advance(0)


class AgiHead:
    """The FastAGI server: the head of a connection, and replies to the first commands of a script."""

    tokens = (
        b"agi_network_script: survey\n", b"agi_uniqueid: 1.1\n", b"agi_arg_1: queue\n",
        b"agi_callerid: ", b"agi_", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b": ", b":", b"\0",
        b"\xff\xfe", b"?secret=", b"%00", b"HANGUP\n", b"200 result=1\n", b"200 result=-1\n",
        b"200 result=1 (", b"520-Invalid\n", b"511 dead\n", b"agi_x: " * 200, _PERSIAN, b"A" * 20_000,
    )  # fmt: skip

    def __init__(self) -> None:
        self._clock = Clock()
        self._factory = FastAgiFactory(self._handle, AgiLimits(), self._clock, {"survey", "doctor"})

    def feed(self, data: bytes, chance: Random) -> None:
        _feed(self._factory.buildProtocol(None), data, chance, self._clock)
        self._clock.advance(chance.choice((0, 6)))
        assert not self._factory.pending
        assert len(self._factory.calls) < 100

    def generated(self, chance: Random) -> bytes:
        """Return a head of random header lines."""
        lines = []
        for _ in range(chance.choice((1, 5, 25, 25, 150))):
            name = chance.choice(
                (b"agi_network_script", b"agi_uniqueid", b"agi_%d" % chance.randrange(99), b"x")
            )
            value = chance.choice(
                (b"survey", b"doctor", b"1.1", chance.randbytes(8), b"", b"v" * chance.randrange(3000))
            )
            lines.append(name + chance.choice((b": ", b":", b"", b" : ")) + value)
        end = chance.choice((b"\n", b"\n", b"\r\n"))
        replies = b"".join(chance.choice(self.tokens) for _ in range(chance.randrange(4)))
        return end.join(lines) + end * chance.choice((1, 2, 2, 3)) + replies

    async def _handle(self, request: Request, channel: AgiChannel) -> None:
        with contextlib.suppress(AGIError):
            await channel.channel_status()
            await channel.get_full_variable("${CHANNEL(linkedid)}")
            await channel.get_key("beep", 1)
            await channel.set_variable("CCB_SURVEY", request.language[:40].replace("\n", " "))


class Http:
    """The HTTP server with all its pages."""

    tokens = (
        b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS * ", b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n", b" HTTP/9.9\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b": ",
        b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: %s\r\n" % (b"9" * 5000),
        b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n",
        b"5\r\nhello\r\n", b"fffffffff\r\n", b"5;x=y\r\n", b"Connection: close\r\n",
        b"Expect: 100-continue\r\n", b"Cookie: cc_bridge_wall_pbx_14574=", b"Host: localhost\r\n", _BEARER,
        b"X-Forwarded-For: ", b"X-Forwarded-Proto: https\r\n", b"?token=", b"&", b"=", b"%ff", b"%00",
        b"/../", b"//", b"/api/live", b"/api/follow-ups", b"/api/customers/", b"/metrics",
        b"/wallboard", b'{"token": "', b"[" * 5000, b"A" * 20_000, _PERSIAN,
    )  # fmt: skip
    _methods = (b"GET", b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"PATCH", b"\xff")
    _paths = (
        b"/", b"/metrics", b"/healthz", b"/readyz", b"/wallboard", b"/agent", b"/follow-ups", b"/fonts",
        b"/api/live", b"/api/live/events", b"/api/customers/0912%d", b"/api/follow-ups",
        b"/api/follow-ups/1/take", b"/login?next=//x", b"/logout", b"/api/agent", b"*", b"",
        b"http://x/metrics",
    )  # fmt: skip
    _headers = (
        b"Host: localhost", b"Host: [::1]:1", b"Host: ", b"Accept: */*", b"Accept-Language: fa;q=0.x",
        b"Expect: 100-continue", b"Connection: close", b"Connection: keep-alive",
        b"X-Forwarded-Proto: https", b"X-Forwarded-For: ::1, x", b"Cookie: a=b; c",
        b"Cookie: cc_bridge_session_pbx_14574=9.x; cc_bridge_guest_pbx_14574=x",
        b"Content-Type: application/json",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Type: multipart/form-data; boundary=x", b"x-cc-bridge: 1", _BEARER,
        b"Authorization: Bearer", b"Upgrade: websocket", b"Range: bytes=0-", b"If-None-Match: *",
        b" folded",
    )  # fmt: skip
    _bodies = (
        b"", b"", b"key=a.b&name=sara&password=x&next=%2F%2Fx", json.dumps({"token": TOKEN}).encode(),
        b'{"by": "x", "text": ""}', b"\xff" * 30,
        b"a=1&" * 5000,
    )  # fmt: skip

    def __init__(self) -> None:
        self._clock = clock = Clock()
        self._stream = EventStream(lambda: 5, lambda: None, clock, 1)
        numbers = NumberKeys(CallerKeys("plain", b"", "98"))
        checks = access(TOKEN, users(sara="lead"), lambda: 1e9)
        host = PageHost(checks.site, lambda: 1e9, lambda work, *given: succeed(work(*given)), clock)
        customers = CustomersResource(numbers, _never, _stored, checks.persons, clock)
        follow_ups = FollowUpsResource(
            checks.persons,
            lambda *_: succeed(FollowUpList((), {})),
            lambda *_: succeed(ActionResult("", None)),
            lambda: 1e9,
            lambda: None,
            clock,
        )
        self._site = site(
            lambda _accept: (b"a 1\n" * 5000, "text/plain"),
            dict,
            lambda: {"ami": "down"},
            checks.wall,
            lambda: {"version": 1},
            self._stream,
            clock,
            home=HomePage(host),
            pages={
                "login": LogInPage(host, checks.site, checks.log_in),
                "logout": LogOutPage(host, checks.site),
            },
            persons=checks.persons,
            **{"customers": customers, "follow-ups": follow_ups},
        )

    def feed(self, data: bytes, chance: Random) -> None:
        _feed(self._site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 5)), data, chance, self._clock)
        self._clock.advance(chance.choice((0, 6)))
        assert self._site.connections == 0
        assert self._stream.listening == 0

    def generated(self, chance: Random) -> bytes:
        """Return one to three requests with random methods, paths, headers and bodies."""
        return b"".join(self._request(chance) for _ in range(chance.choice((1, 1, 1, 2, 3))))

    def _request(self, chance: Random) -> bytes:
        method, body = chance.choice(self._methods), chance.choice(self._bodies)
        query = chance.choice((b"", b"", b"?token=" + TOKEN.encode(), b"?" + chance.randbytes(6)))
        path = chance.choice(self._paths) + query
        headers = [chance.choice(self._headers) for _ in range(chance.choice((0, 3, 8, 30)))]
        match chance.randrange(4):
            case 0:
                headers.append(b"Content-Length: %d" % len(body))
            case 1:
                headers.append(b"Content-Length: %d" % chance.choice((0, 1, 10**9, len(body) + 1)))
            case 2:
                headers.append(b"Transfer-Encoding: chunked")
                body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        version = chance.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b""))
        return b"%s %s %s\r\n%s\r\n\r\n%s" % (method, path, version, b"\r\n".join(headers), body)


class AmiStream:
    """The AMI codec, with streams of events. Half of the connections have one input."""

    tokens = WORDS

    def __init__(self) -> None:
        self._codec = self._connected()

    @staticmethod
    def _connected() -> Codec:
        return Codec(WANTED, max_message=8192)

    def generated(self, chance: Random) -> bytes:
        """Return a changed piece of a recorded stream, or a stream of words."""
        if chance.random() < 0.5:
            return words(chance)
        stream = chance.choice(recorded())
        start = chance.randrange(len(stream))
        return changed(stream[start : start + chance.randrange(4000)], chance)

    def feed(self, data: bytes, chance: Random) -> None:
        """Feed a stream in some pieces."""
        if chance.random() < 0.5:
            self._codec = self._connected()
        feed(self._codec, data, chance)


def _never(_keys: Any) -> Deferred[Any]:
    return Deferred()


def _stored(*_: Any) -> Deferred[None]:
    return succeed(None)


# Name of a target, which is also the folder of its recorded inputs -> its class.
TARGETS: dict[str, type[AgiHead | AmiStream | Http]] = {"agi_head": AgiHead, "codec": AmiStream, "http": Http}
