"""Asterisk's queue_log: the comparison with the daemon's records, and the import of its history.

`compared` compares the visits and talks of a queue_log with recorded ones. `import_log` stores the visits and
talks of queue_log files. Files and databases are opened here; the package `queue_log` has the pure code.
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

TABLE = "table:"  # the prefix of a log that is a database table; the URL of the database follows
_BATCH = 1_000  # visits in one transaction
_CHUNK = 256 * 1024  # bytes that one read returns
_SECOND = 1.0


def compared(
    log: str,
    ours: Callable[[float, float], RecordedSide],
    counts: LineCounts,
    since: float = -inf,
    until: float = inf,
    zone: tzinfo | None = None,
) -> Comparison:
    """Compare a queue_log with the daemon's records of the same time span.

    `log` is a file's path, or `table:URL` for a database table. `ours(since, until)` returns the daemon's
    records. `counts` gets the numbers of lines. `since` and `until` limit the entry times of the compared
    visits, in UTC epoch seconds. `zone` is the time zone of a table's timestamps; None means that of this
    machine.
    """
    if log.startswith(TABLE):
        lines = read_table(log.removeprefix(TABLE), since, until, zone, counts)
    else:
        lines = read(read_stream(Path(log)), counts)
    visits = list(_visits(lines, QueueLogVisits()))
    first, last = counts.first_at, counts.last_at
    if first is None or last is None:  # an empty log: every recorded visit is then an unexplained difference
        return compare(QueueLogSide([]), ours(since, until), since, until)
    return compare(QueueLogSide(visits, first, last), ours(first, last + _SECOND), since, until)


def from_database(url: str, pbx: str) -> Callable[[float, float], RecordedSide]:
    """Return a function that reads the recorded visits, talks and gaps of a time span from the database."""

    def read_observed(since: float, until: float) -> RecordedSide:
        with database(url) as engine, engine.connect() as connection:
            return observed(connection, pbx, since, until)

    return read_observed


def from_recording(path: Path) -> Callable[[float, float], RecordedSide]:
    """Return a function that replays a recorded AMI stream and returns its visits and talks.

    The function ignores the time span in its arguments: it always replays the whole recording.
    """

    def read_observed(_since: float, _until: float) -> RecordedSide:
        tracker = _SpanTracker("replay")
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
    """Store the visits and talks of queue_log files in the database; the oldest file must come first.

    `progress` gets the number of bytes of each read. `privacy` pseudonymizes each record before it is
    stored. Return the numbers of imported records and the numbers of lines.
    """
    counts, imported = LineCounts(), ImportResult()
    chunks = (chunk for path in paths for chunk in _chunks(path, progress))
    visits = _visits(read(chunks, counts), QueueLogVisits())
    with database(url) as engine:
        while batch := list(islice(visits, _BATCH)):
            add(engine, pbx, batch, imported, privacy.of)
    return imported, counts


class _SpanTracker(Tracker):
    """A call tracker that also keeps the times of its first and last event, in UTC epoch seconds.

    Without an event the span is unlimited, so that no difference is explained by a span that is too short.
    """

    first_at, last_at = -inf, inf

    def apply(self, event: CallEvent) -> list[TrackerRecord]:
        if self.first_at == -inf:
            self.first_at = self.last_at = event.at
        self.last_at = max(self.last_at, event.at)
        return super().apply(event)


def _visits(lines: Iterable[QueueLogLine], visits: QueueLogVisits) -> Iterator[LoggedVisit]:
    """Yield each visit of the log once it is complete, then the visits that are open at the log's end."""
    for line in lines:
        yield from visits.feed(line)
    yield from visits.finish()


def _chunks(path: Path, progress: Callable[[int], None]) -> Iterator[bytes]:
    """Yield a file's bytes, decompressed if its name ends in .gz; report the bytes read to `progress`."""
    with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as stream:
        before = 0
        while chunk := stream.read(_CHUNK):
            yield chunk
            progress(raw.tell() - before)
            before = raw.tell()
