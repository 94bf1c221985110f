"""The two commands about Asterisk's queue_log: ours compared with it, and history taken in from it.

`cli.py` calls `compared` and `import_log`; here files, databases and recordings meet the pure code of
`queue_log/`.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from itertools import islice
from math import inf
from pathlib import Path

from cc_bridge.ami.codec import MessageCounts as AmiCounts
from cc_bridge.calls.events import CallEvent
from cc_bridge.calls.live_state import TrackerRecord
from cc_bridge.calls.tracker import Tracker
from cc_bridge.offline.replay import read_stream, replay
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.queue_log.parse import LineCounts, QueueLogLine, read
from cc_bridge.queue_log.reconcile import Comparison, QueueLogSide, RecordedSide, compare
from cc_bridge.queue_log.visits import LoggedVisit, QueueLogVisits
from cc_bridge.records import QueueVisit, Talk
from cc_bridge.storage.migrate import database
from cc_bridge.storage.queries.queue_log_import import ImportResult, add, observed
from cc_bridge.storage.queries.queue_log_table import read_table

__all__ = ["TABLE", "compared", "from_database", "from_recording", "import_log"]

TABLE = "table:"  # begins the name of a log that is a table, before its database's URL
_BATCH = 1_000  # visits a transaction
_CHUNK = 256 * 1024  # bytes
_SECOND = 1.0


def compared(
    log: str,
    ours: Callable[[float, float], RecordedSide],
    counts: LineCounts,
    since: float = -inf,
    until: float = inf,
    zone: tzinfo | None = None,
) -> Comparison:
    """Compare a log, a file or `table:URL`, with what `ours` gives for its span of time."""
    if log.startswith(TABLE):
        lines = read_table(log.removeprefix(TABLE), since, until, zone, counts)
    else:
        lines = read(read_stream(Path(log)), counts)
    visits = list(_visits(lines, QueueLogVisits()))
    first, last = counts.first_at, counts.last_at
    if first is None or last is None:  # nothing to compare with, and nothing to excuse it
        return compare(QueueLogSide([]), ours(since, until), since, until)
    return compare(QueueLogSide(visits, first, last), ours(first, last + _SECOND), since, until)


def from_database(url: str, pbx: str) -> Callable[[float, float], RecordedSide]:
    """Return what reads our records from the database."""

    def read_observed(since: float, until: float) -> RecordedSide:
        with database(url) as engine, engine.connect() as connection:
            return observed(connection, pbx, since, until)

    return read_observed


def from_recording(path: Path) -> Callable[[float, float], RecordedSide]:
    """Return what makes our records anew from a recorded AMI stream, whatever the span."""

    def read_observed(_since: float, _until: float) -> RecordedSide:
        tracker = _ProgressFile("replay")
        records = list(replay(read_stream(path), tracker, AmiCounts()))
        return RecordedSide(
            visits=[record for record in records if isinstance(record, QueueVisit)],
            talks=[record for record in records if isinstance(record, Talk)],
            since=tracker.first_at,
            until=tracker.last_at,
        )

    return read_observed


def import_log(
    paths: Iterable[Path], url: str, pbx: str, progress: Callable[[int], None], privacy: RecordPseudonymizer
) -> tuple[ImportResult, LineCounts]:
    """Take in the visits and talks of log files, oldest first; `progress` is told of the bytes read."""
    counts, imported = LineCounts(), ImportResult()
    chunks = (chunk for path in paths for chunk in _chunks(path, progress))
    told = _visits(read(chunks, counts), QueueLogVisits())
    with database(url) as engine:
        while batch := list(islice(told, _BATCH)):
            add(engine, pbx, batch, imported, privacy.of)
    return imported, counts


class _ProgressFile(Tracker):
    """Notes from when to when it was told something; told nothing, nothing is excused by that."""

    first_at, last_at = -inf, inf

    def apply(self, event: CallEvent) -> list[TrackerRecord]:
        if self.first_at == -inf:
            self.first_at = self.last_at = event.at
        self.last_at = max(self.last_at, event.at)
        return super().apply(event)


def _visits(lines: Iterable[QueueLogLine], visits: QueueLogVisits) -> Iterator[LoggedVisit]:
    for line in lines:
        yield from visits.feed(line)
    yield from visits.finish()


def _chunks(path: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked if its name ends in .gz."""
    with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as stream:
        before = 0
        while chunk := stream.read(_CHUNK):
            yield chunk
            progress(raw.tell() - before)
            before = raw.tell()
