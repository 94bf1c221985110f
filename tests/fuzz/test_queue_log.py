"""Fuzzing of queue_log: any bytes give lines, visits and records, in whatever chunks they are read."""

import math

from cc_bridge.queue_log.parse import LineCounts, of_row, read
from cc_bridge.queue_log.report import events_text
from cc_bridge.queue_log.visits import QueueLogVisits
from cc_bridge.storage.schema.tables import row_of
from fuzz.inputs import corpus_of
from fuzz.parsers import chunks, fuzz
from support.recordings import RECORDINGS

TOKENS = [
    b"|", b"\n", b"\r", b"\0", b"1795300000", b"9999999999", b"0", b"-1", b"99999999999999999999",
    b"1e9", b"NONE", b"sales", b"c1", b"ENTERQUEUE", b"CONNECT", b"COMPLETEAGENT",
    b"COMPLETECALLER", b"ABANDON", b"DID", b"EXITWITHTIMEOUT", b"BLINDTRANSFER",
    b"ATTENDEDTRANSFER", b"TRANSFER", b"RINGNOANSWER", b"QUEUESTART", b"EXITEMPTY", b"EXITWITHKEY",
    b"\xff", b"x" * 70_000, "زهرا".encode(), "\u202e\x1b[2J".encode(), "\ufeff".encode(),
]  # fmt: skip


def lines_of(parts, encoding="utf-8"):
    counts = LineCounts()
    return list(read(parts, counts, encoding)), counts


def check(data, chance):
    encoding = chance.choice(["utf-8", "latin-1", "windows-1256"])
    lines, counts = lines_of([data], encoding)
    assert (lines, counts) == lines_of(chunks(data, chance), encoding)
    assert counts.lines == counts.junk + len(lines)
    assert counts.lines == data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    assert sum(counts.unknown.values()) <= len(lines)
    assert "\n" not in events_text(counts)
    for text in data.decode(encoding, "replace").split("\n"):
        row = of_row(
            [*text.split("|"), *["1795300000", "c1", "sales", "", None]][: chance.randint(5, 10)], None
        )
        assert row is None or math.isfinite(row.at)
    made = QueueLogVisits()
    visits = [visit for line in lines for visit in made.feed(line)] + list(made.finish())
    assert len(visits) <= len(lines)
    for visit in visits:
        if visit.outcome is not None:
            waited, talked = visit.records("pbx")
            assert waited.entered_at <= waited.left_at
            assert talked is None or talked.answered_at <= talked.ended_at
            rows = [row_of(record)[1] for record in (waited, talked) if record is not None]
            times = [value for row in rows for value in row.values() if isinstance(value, float)]
            assert all(map(math.isfinite, times))


def test_no_queue_log_stops_the_parser():
    recorded = [path.read_bytes() for path in sorted(RECORDINGS.glob("*/*.queue_log"))]
    assert fuzz(check, corpus_of("queue_log") + recorded, TOKENS) > 100
