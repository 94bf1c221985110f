"""The event stream of the wallboard over a transport in memory: whole boards, changes, gzip, slow readers."""

import json
import zlib

import pytest
from twisted.internet.task import Clock

from cc_bridge.web import wallboard_stream
from cc_bridge.web.access.token_auth import TokenAuth
from cc_bridge.web.server import site
from cc_bridge.web.server_sent_event import ServerSentEvent
from cc_bridge.web.wallboard_stream import EventStream
from support.http_client import Response, sent


class Stream:
    """One daemon's site with its event stream."""

    def __init__(self, most=2):
        self.clock = Clock()
        self.board = {"at": 0, "waiting": 0}
        self.stream = EventStream(lambda: most, lambda: self.publish(self.board), self.clock, 1000)
        access = TokenAuth("127.0.0.1", "")
        self.site = site(lambda _: (b"", ""), dict, dict, access, lambda: self.board, self.stream)
        self.transports = []

    def publish(self, board):
        self.board = board
        self.stream.publish(board)

    def listen(self, query="", version="1.0", **headers):
        """Open the event stream; with HTTP/1.0, its body is not chunked."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = sent(self.site, f"GET /api/live/events{query} HTTP/{version}", fields)
        self.transports.append(transport)
        return transport

    def ask(self, **headers):
        return Response(self.listen(version="1.1", **headers).take())

    def close(self):
        self.stream.close()
        for transport in self.transports:
            if not transport.disconnected:
                transport.end()


@pytest.fixture
def start():
    streams = []

    def start(**settings):
        streams.append(Stream(**settings))
        return streams[-1]

    yield start
    for each in streams:
        each.close()


def body(data):
    return data.rpartition(b"\r\n\r\n")[2]


def events(data):
    """Return the events of a stream as (id, name, data), without the response's head."""
    found = []
    for block in body(data).decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line)
        if "data" in fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


def test_who_listens_gets_the_board_at_once_and_then_changes(start):
    here = start()
    first = here.listen()
    data = first.take()
    assert b"content-type: text/event-stream" in data.lower()
    assert b"content-encoding" not in data.lower()
    assert b"\r\n\r\nretry: 2000\n\n" in data
    assert events(data) == [("1001", "board", {"at": 0, "waiting": 0})]
    here.publish({"at": 1, "waiting": 1, "talking": 4})
    here.publish({"at": 2, "waiting": 1})
    assert events(first.take()) == [
        ("1002", "change", {"at": 1, "waiting": 1, "talking": 4}),
        ("1003", "change", {"at": 2, "talking": None}),
    ]


def test_another_list_of_queues_comes_as_a_whole_board(start):
    here = start()
    first = here.listen()
    first.take()
    more = {"at": 1, "queues": [{"queue": "sales"}]}
    here.publish(more)
    assert events(first.take()) == [("1002", "board", more)]


def test_who_wants_whole_boards_gets_no_changes(start):
    here = start()
    whole, other = here.listen("?whole=1"), here.listen("?whole=0")
    for transport in (whole, other):
        transport.take()
    here.publish({"at": 1, "waiting": 5})
    assert [name for _, name, _ in events(other.take())] == ["change"]
    assert events(whole.take()) == [("1003", "board", {"at": 1, "waiting": 5})]
    refused = Response(here.listen("?whole=yes", "1.1").take())
    assert (refused.code, refused.body) == (400, b"whole: must be '0' or '1'\n")


def test_a_browser_that_comes_back_gets_everything_with_its_first_event(start):
    here = start()
    gone = here.listen()
    gone.end()
    assert here.stream.listening == 0
    here.board = {"at": 1, "waiting": 7}
    back = here.listen(Last_Event_ID="1001")
    assert events(back.take())[0][1:] == ("board", here.board)


@pytest.mark.parametrize(
    ("accepts", "compressed"),
    [
        ("gzip", True), ("deflate, gzip;q=1.0, *;q=0.5", True), ("gzip;q=0.5", True), ("br,gzip", True),
        ("gzip;q=0", False), ("gzip; q=0.000", False), ("br", False), ("gzipped", False), ("", False),
    ],
)  # fmt: skip
def test_events_are_compressed_if_the_browser_accepts_that(start, accepts, compressed):
    here = start()
    transport = here.listen(Accept_Encoding=accepts)
    data = transport.take()
    assert (b"content-encoding: gzip" in data.lower()) is compressed
    assert b"vary: accept-encoding" in data.lower()
    if not compressed:
        assert len(events(data)) == 1
        return
    unpacked = zlib.decompressobj(wbits=31)  # a gzip stream
    _, _, packed = data.partition(b"\r\n\r\n")
    text = unpacked.decompress(packed)
    assert text.startswith(b"retry: 2000\n\nid: 1001\nevent: board\n")
    for number in range(1, 50):
        here.publish({"at": number, "waiting": number * 7})
        assert events(unpacked.decompress(transport.take())) == [
            (str(1001 + number), "change", {"at": number, "waiting": number * 7})
        ]


def test_one_rendering_and_one_compression_are_for_all(start, monkeypatch):
    here = start(most=50)
    half = [here.listen(Accept_Encoding="gzip") for _ in range(25)]
    other = [here.listen("?whole=1") for _ in range(25)]
    for transport in (*half, *other):
        transport.clear()
    made, compressed = [], []
    monkeypatch.setattr(
        wallboard_stream, "ServerSentEvent", lambda *args: made.append(args) or ServerSentEvent(*args)
    )
    deflate = zlib.compressobj
    monkeypatch.setattr(zlib, "compressobj", lambda **options: compressed.append(1) or deflate(**options))
    here.publish({"at": 1, "waiting": 3})
    assert [name for name, *_ in made] == ["change", "board"]
    assert len(compressed) == 1
    assert len({transport.take() for transport in half}) == len({each.take() for each in other}) == 1


def test_without_subscribers_nothing_is_rendered(start, monkeypatch):
    here = start()
    monkeypatch.setattr(wallboard_stream, "ServerSentEvent", None)
    here.publish({"at": 1})
    here.publish({"at": 2})


def test_a_beat_tells_every_few_seconds_that_the_daemon_lives(start):
    here = start()
    here.clock.advance(100)
    transport = here.listen()
    transport.clear()
    beats = []
    for second in range(9):
        here.stream.tick(second)
        here.clock.advance(1)
        beats.append(events(transport.take()))
    assert [bool(beat) for beat in beats] == [True, False, False] * 3
    assert beats[3] == [(None, "beat", {"at": 3})]


def test_too_many_are_told_to_come_later(start):
    here = start()
    first = here.listen()
    here.listen()
    full = here.ask()
    assert (full.code, full.headers["retry-after"]) == (503, "10")
    assert here.stream.listening == 2
    first.end()
    assert here.ask().code == 200


def test_a_peer_with_many_streams_makes_room_for_others(start):
    here = start(most=3)
    greedy = [here.listen(X_Forwarded_For="192.0.2.66") for _ in range(3)]
    here.listen(X_Forwarded_For="192.0.2.1")
    assert [each.disconnected for each in greedy] == [True, False, False]
    for address in ("192.0.2.66", "192.0.2.1", "192.0.2.2"):
        full = here.ask(X_Forwarded_For=address)
        assert full.code == (200 if address == "192.0.2.2" else 503)


def test_who_reads_slowly_gets_the_newest_board_and_then_changes(start):
    here = start()
    slow, quick = here.listen(), here.listen()
    for transport in (slow, quick):
        transport.clear()
    slow.producer.pauseProducing()
    for number in range(5):
        here.publish({"at": number, "waiting": number})
        here.stream.tick(number)
        here.clock.advance(1)
    assert slow.take() == b""
    changes = [event for event in events(quick.take()) if event[1] == "change"]
    assert [data["at"] for _, _, data in changes] == [0, 1, 2, 3, 4]
    slow.producer.resumeProducing()
    number, *_ = changes[-1]
    assert events(slow.take()) == [(number, "board", {"at": 4, "waiting": 4})]
    here.publish({"at": 5, "waiting": 4})
    assert events(slow.take()) == [(str(int(number) + 1), "change", {"at": 5})]
    slow.producer.pauseProducing()
    slow.producer.resumeProducing()
    assert slow.take() == b""


def test_who_reads_nothing_is_dropped(start):
    here = start()
    dead, alive = here.listen(), here.listen()
    dead.producer.pauseProducing()
    here.clock.advance(wallboard_stream._SLOW_SECONDS - 0.1)
    here.stream.tick(0)
    assert here.stream.listening == 2
    here.clock.advance(0.2)
    here.stream.tick(0)
    assert (dead.disconnected, alive.disconnected, here.stream.listening) == (True, False, 1)


def test_at_the_end_all_are_let_go(start):
    here = start()
    transports = [here.listen(), here.listen()]
    here.stream.close()
    assert all(transport.disconnected for transport in transports)
    assert here.stream.listening == 0


def test_a_queue_name_cannot_end_an_event(start):
    here = start()
    here.board = {"queue": "a\n\nevent: forged\ndata: 1\n\n\r\n\x85\u2028"}
    assert events(here.listen().take()) == [("1001", "board", here.board)]
