"""Connections of greedy peers, over a transport in memory."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from cc_bridge.web.connection import MAX_BODY_BYTES, HttpLimits
from cc_bridge.web.page_site import PageSite
from cc_bridge.web.resources import NOT_DONE_YET, LeafResource, TreeResource
from support.http_client import Response, Transport

GET = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Page(LeafResource):
    methods = (b"GET", b"POST")

    def __init__(self):
        super().__init__()
        self.answered = 0
        self.read = []
        self.asked = []

    def answer(self, request):
        self.answered += 1
        self.asked.append(dict(request.args))
        self.read.append(request.content.read())
        return b"x" * 100


class LatePage(LeafResource):
    def __init__(self):
        super().__init__()
        self.requests = []

    def answer(self, request):
        self.requests.append(request)
        return NOT_DONE_YET


class Peer(Transport):
    """A peer over a transport that holds back what it is to send, as that of a peer that reads nothing."""

    def __init__(self, site, *, reads=True, address="192.0.2.7"):
        peer = IPv4Address("TCP", address, 5)
        super().__init__(peerAddress=peer)
        self.reads = reads
        self.protocol = site.buildProtocol(peer)
        self.protocol.makeConnection(self)

    def write(self, data):
        super().write(data)
        if not self.reads and self.producer:
            self.producer.pauseProducing()

    def read_on(self):
        self.reads = True
        self.producer.resumeProducing()

    def send(self, data):
        self.protocol.dataReceived(data)

    @property
    def answers(self):
        return self.value().count(b"HTTP/1.1 ")


class Reactor(Clock):
    """A clock with turns: what is called later after no time is called in the next turn."""

    def __init__(self):
        super().__init__()
        self._next = []

    def callLater(self, seconds, call, *arguments):  # noqa: N802
        if seconds:
            return super().callLater(seconds, call, *arguments)
        self._next.append((call, arguments))
        return None

    def turn(self):
        now, self._next = self._next, []
        for call, arguments in now:
            call(*arguments)


class House:
    def __init__(self, **limits):
        self.clock = Reactor()
        self.page, self.late = Page(), LatePage()
        root = TreeResource(None, page=self.page, late=self.late)
        self.site = PageSite(root, self.clock, HttpLimits(**limits))

    def turn(self, times=1):
        for _ in range(times):
            self.clock.turn()


@pytest.fixture
def house():
    return House()


@pytest.fixture(autouse=True)
def no_errors():
    """No exception may be logged."""
    faults = []

    def observe(event):
        if "log_failure" in event:
            faults.append(event["log_failure"])

    globalLogPublisher.addObserver(observe)
    yield
    globalLogPublisher.removeObserver(observe)
    assert faults == []


def test_an_answer_takes_at_most_half_of_the_time(house):
    house.page.answer = lambda _: house.clock.advance(0.25) or b"slow"
    one, two = Peer(house.site), Peer(house.site)
    one.send(GET)
    two.send(GET)
    house.turn(3)
    assert (one.answers, two.answers) == (1, 0)
    house.clock.advance(0.24)
    assert two.answers == 0
    house.clock.advance(0.01)
    assert two.answers == 1


# -- requests that come together


def test_a_peer_that_reads_nothing_has_one_answer_waiting(house):
    peer = Peer(house.site, reads=False)
    peer.send(GET * 500)
    house.turn(50)
    assert house.page.answered == 1
    assert peer.producerState == "paused"
    peer.read_on()
    house.turn(500)
    assert (house.page.answered, peer.answers) == (500, 500)


def test_what_such_a_peer_sends_does_not_pile_up(house):
    peer = Peer(house.site, reads=False)
    peer.send(GET * 500)
    for _ in range(20):
        if peer.producerState == "producing":
            peer.send(GET * 500)
    assert len(peer.protocol._buffer) < 100_000


@pytest.mark.parametrize("path", [b"/page", b"/late"])
def test_nor_does_what_a_peer_sends_that_reads_its_answers(house, path):
    peer = Peer(house.site)
    most = 0
    for _ in range(50):
        peer.reads = False  # until the whole answer is in the transport's buffer
        house.turn()
        for _ in range(3):
            if peer.producerState == "producing":
                peer.send(GET.replace(b"/page", path) * 1500)  # as much as the transport reads in one go
        while house.late.requests:
            house.late.requests.pop().finish()
        most = max(most, len(peer.protocol._buffer) + sum(map(len, peer.protocol._dataBuffer)))
        peer.read_on()
    assert most < 100_000
    assert peer.answers >= 49


def test_one_request_is_answered_in_each_turn_of_the_reactor(house):
    peers = [Peer(house.site) for _ in range(5)]
    for peer in peers:
        peer.send(GET * 2)
    counts = []
    for _ in range(9):
        counts.append(house.page.answered)
        house.turn()
    assert counts == list(range(1, 10))
    house.turn()
    assert [peer.answers for peer in peers] == [2] * 5


def test_the_peers_take_turns(house):
    greedy, modest = Peer(house.site), Peer(house.site)
    greedy.send(GET * 100)
    modest.send(GET)
    house.turn(2)
    assert (greedy.answers < 4, modest.answers) == (True, 1)


def test_a_peer_that_leaves_before_its_turn_is_not_answered(house):
    first, second = Peer(house.site), Peer(house.site)
    first.send(GET)
    second.send(GET)
    second.end()
    house.turn(3)
    assert house.page.answered == 1
    assert house.site.connections == 1


def test_while_an_answer_is_being_made_the_next_request_waits(house):
    peer = Peer(house.site)
    peer.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET)
    house.turn(3)
    assert house.page.answered == 0
    house.late.requests[0].finish()
    house.turn(3)
    assert (house.page.answered, peer.answers) == (1, 2)


def test_a_peer_that_closes_its_side_after_one_request_gets_one_answer(house):
    peer = Peer(house.site)
    peer.send(b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" + GET)
    house.turn(3)
    assert (peer.answers, peer.disconnecting) == (1, True)


# -- bodies


def post(body=b"", length=None, kind="application/json", path="/page"):
    length = len(body) if length is None else length
    fields = f"Host: x\r\nContent-Type: {kind}\r\nContent-Length: {length}"
    return f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body


def chunked(*chunks):
    head = b"POST /page HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks)


def test_a_body_up_to_the_limit_is_read(house):
    peer = Peer(house.site)
    peer.send(post(b"b" * MAX_BODY_BYTES))
    peer.send(chunked(b"c" * 10_000, b"d" * 6_384, b""))
    house.turn(3)
    assert house.page.read == [b"b" * MAX_BODY_BYTES, b"c" * 10_000 + b"d" * 6_384]


@pytest.mark.parametrize(
    "request_",
    [post(length=MAX_BODY_BYTES + 1), post(length=10**12), chunked(b"c" * (MAX_BODY_BYTES + 1)),
     chunked(*[b"c" * 1000] * 17), chunked(*[b"c"] * 12_000)],
)  # fmt: skip
def test_a_longer_body_is_refused_before_it_is_read(house, request_):
    peer = Peer(house.site)
    peer.send(request_)
    response = Response(peer.take())
    assert (response.code, response.headers["connection"]) == (413, "close")
    assert response.body == b"the body has more than 16384 bytes\n"
    peer.send(b"a=1&" * 10_000)  # is thrown away
    assert peer.take() == b""
    assert not peer.disconnecting
    house.clock.advance(1)
    assert house.site.connections == 0
    assert house.site.refused == {"body_too_long": 1}
    assert house.page.answered == 0


def test_of_a_refused_body_not_much_is_read(house):
    peer = Peer(house.site)
    peer.send(post(length=20 << 20))
    sent = 0
    while peer.producerState == "producing" and sent < 20 << 20:
        peer.send(b"a" * 65_536)
        sent += 65_536
    assert 262_144 <= sent <= 400_000
    assert Response(peer.take()).code == 413
    house.clock.advance(1)
    assert house.site.connections == 0


def test_no_body_is_parsed_as_a_form(house):
    peer = Peer(house.site)
    peer.send(post(b"a=1&b=2", kind="application/x-www-form-urlencoded", path="/page?q=%D8%B3"))
    peer.send(post(b"--x\r\n\r\n--x--", kind="multipart/form-data; boundary=x"))
    house.turn(3)
    assert house.page.asked == [{b"q": ["س".encode()]}, {}]
    assert peer.answers == 2


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "1 1", "0x10", "1" * 16])
def test_a_length_that_is_none_is_a_bad_request(house, length):
    peer = Peer(house.site)
    peer.send(post(length=length))
    assert peer.value().startswith(b"HTTP/1.1 400 ")
    assert house.site.refused == {"malformed": 1}


@pytest.mark.parametrize(
    ("request_head", "code"),
    [
        (b"GET /" + b"x" * 16_400 + b" HTTP/1.1\r\n", 414),
        (b"GET /" + b"x" * 16_400, 414),
        (GET[:-2] + b"X: " + b"x" * 16_400, 431),
        (GET[:-2] + b"X: 1\r\n" * 4000, 400),
        (b"GET /" + b"x" * 16_370 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\r\n" * 9, 400),
    ],
)
def test_a_head_that_cannot_be_read_gets_one_answer_with_a_text(house, request_head, code):
    peer = Peer(house.site)
    peer.send(request_head)
    peer.send(GET)
    response = Response(peer.take())
    assert (response.code, response.headers["content-type"]) == (code, "text/plain; charset=utf-8")
    assert (len(response.body.splitlines()), response.headers["connection"]) == (1, "close")
    assert int(response.headers["content-length"]) == len(response.body)
    assert house.site.refused == {"malformed": 1}
    house.clock.advance(1)
    assert house.site.connections == 0
    assert house.page.answered == 0


def test_a_header_may_be_no_text(house):
    peer = Peer(house.site)
    read = []
    house.page.answer = lambda request: read.append([request.getHeader("x"), request.getHeader(b"x")]) or b""
    peer.send(GET.replace(b"\r\n\r\n", b"\r\nX: a\xff\r\n\r\n"))
    assert peer.value().startswith(b"HTTP/1.1 200 ")
    assert read == [["a\ufffd", b"a\xff"]]


def test_a_header_with_a_long_name_is_a_bad_request(house):
    """Twisted keeps the names of headers: long ones would fill the memory."""
    for length, code in ((64, b"200"), (65, b"400")):
        peer = Peer(house.site)
        peer.send(GET.replace(b"Host", b"x" * length))
        house.turn()
        assert peer.value().startswith(b"HTTP/1.1 " + code)


# -- time


def test_a_request_that_arrives_drop_by_drop_is_closed(house):
    peer = Peer(house.site)
    for byte in GET[:20]:
        peer.send(bytes([byte]))
        house.clock.advance(0.5)
    assert peer.disconnecting
    assert house.site.refused == {"timeout": 1}


def test_a_body_that_arrives_drop_by_drop_is_closed(house):
    peer = Peer(house.site)
    peer.send(post(length=1000))
    for _ in range(20):
        peer.send(b"b")
        house.clock.advance(0.5)
    assert peer.disconnecting


def test_a_peer_that_sends_nothing_is_closed(house):
    peer = Peer(house.site)
    house.clock.advance(10)
    assert peer.disconnecting


def test_between_two_requests_a_peer_may_be_silent_for_a_minute(house):
    peer = Peer(house.site)
    for _ in range(3):
        peer.send(GET)
        house.turn()
        house.clock.advance(60)
    assert peer.answers == 3
    peer.send(GET[:5])
    house.clock.advance(10)
    assert peer.disconnecting


def test_a_peer_that_does_not_read_its_answer_is_closed(house):
    for request in (GET, GET.replace(b"1.1", b"1.0")):
        peer = Peer(house.site, reads=False)
        peer.send(request)
        house.turn(2)
        assert not peer.disconnected
        house.clock.advance(75)
        house.clock.advance(1)
        assert peer.disconnected


def test_an_answer_that_takes_long_is_not_closed(house):
    peer = Peer(house.site)
    peer.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
    house.clock.advance(1000)
    assert not peer.disconnecting


# -- number of connections


def test_the_connection_that_waited_longest_makes_room(house):
    house = House(connections=3)
    quiet, asking, third = (Peer(house.site) for _ in range(3))
    asking.send(GET)
    third.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
    house.turn()
    house.clock.advance(0.1)
    new = Peer(house.site)
    assert (quiet.disconnected, asking.disconnected, third.disconnected) == (True, False, False)
    assert house.site.connections == 3
    newer = Peer(house.site)
    assert (asking.disconnected, new.disconnected) == (True, False)
    new.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
    newer.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
    house.turn(2)
    same_peer = IPv4Address("TCP", "192.0.2.7", 6)
    assert house.site.buildProtocol(same_peer) is None  # all have a request in progress
    assert house.site.refused == {"busy": 3}


def test_a_new_connection_and_an_answered_one_stay_for_a_tenth_of_a_second():
    house = House(connections=2)
    assert house.site.room() == 2
    first, second = Peer(house.site), Peer(house.site)
    assert house.site.room() == 0
    assert house.site.buildProtocol(IPv4Address("TCP", "192.0.2.7", 6)) is None
    house.clock.advance(0.0625)
    first.send(GET)
    house.clock.advance(0.0625)
    assert house.site.room() == 1
    Peer(house.site)
    assert (first.disconnected, second.disconnected) == (False, True)
    house.clock.advance(0.1)
    assert house.site.room() == 2


@pytest.mark.parametrize("keep", [b"", b"Connection: close\r\n"])
def test_an_answer_has_a_tenth_of_a_second_to_leave(keep):
    house = House(connections=1)
    peer = Peer(house.site, reads=False)
    house.clock.advance(5)
    peer.send(GET.replace(b"\r\n\r\n", b"\r\n" + keep + b"\r\n"))
    assert house.site.room() == 0
    house.clock.advance(0.125)
    assert house.site.room() == 1


def test_the_greediest_peer_loses_an_idle_connection_first():
    house = House(connections=4)
    modest = Peer(house.site, address="192.0.2.1")
    greedy = [Peer(house.site, address="192.0.2.66") for _ in range(3)]
    house.clock.advance(1)
    Peer(house.site, address="192.0.2.2")
    house.clock.advance(1)
    Peer(house.site, address="192.0.2.66")
    assert [peer.disconnected for peer in [modest, *greedy]] == [False, True, True, False]


def test_a_peer_with_many_connections_makes_room_for_others():
    house = House(connections=4)
    modest = Peer(house.site, address="192.0.2.1")
    greedy = [Peer(house.site, address="192.0.2.66") for _ in range(3)]
    for peer in [modest, *greedy]:
        peer.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
    house.turn(4)
    new = Peer(house.site, address="192.0.2.2")
    assert [peer.disconnected for peer in [modest, *greedy, new]] == [False, True, False, False, False]
    new.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
    house.turn()
    for address in ("192.0.2.66", "192.0.2.1", "192.0.2.2"):
        assert house.site.buildProtocol(IPv4Address("TCP", address, 5)) is None


def test_the_limit_is_logged_once_a_minute():
    lines = []
    globalLogPublisher.addObserver(lines.append)
    try:
        house = House(connections=1)
        for seconds in (0, 0, 30, 31):
            house.clock.advance(seconds)
            for _ in range(2):
                Peer(house.site)
                house.clock.advance(0.1)
    finally:
        globalLogPublisher.removeObserver(lines.append)
    assert [line["times"] for line in lines if "times" in line] == [1, 5]


def test_a_peer_that_leaves_during_its_answer_is_forgotten(house):
    ends = []
    house.late.answer = lambda request: request.notifyFinish().addErrback(ends.append) and NOT_DONE_YET
    peer = Peer(house.site)
    peer.send(b"GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n")
    peer.end()
    assert len(ends) == 1
    assert house.site.connections == 0
