"""Asterisk's queue_log: the comparison with the daemon's records, and the import of its history.

`compared` compares the visits and talks of a queue_log with recorded ones. `import_log` stores the visits and
talks of queue_log files. Files and databases are opened here; the package `queue_log` has the pure code.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from itertools import chain, islice
from math import inf
from pathlib import Path

from cc_bridge.ami.messages import MessageCounts as AmiCounts
from cc_bridge.calls.caller_names import CallerNames
from cc_bridge.calls.events import BridgeEntered, CallEvent, ChannelEnded
from cc_bridge.calls.live_state import TrackerRecord
from cc_bridge.calls.tracker import Tracker
from cc_bridge.errors import UnreadableFile
from cc_bridge.offline.files import uncompressed
from cc_bridge.offline.replay import read_stream, replay
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.queue_log.compared_sides import QueueLogSide, RecordedSide
from cc_bridge.queue_log.differences import Comparison
from cc_bridge.queue_log.parse import LineCounts, QueueLogLine, read
from cc_bridge.queue_log.reconcile import compare
from cc_bridge.queue_log.visits import LoggedVisit, QueueLogVisits
from cc_bridge.records import Gap, QueueVisit, Talk
from cc_bridge.storage.migrate import database
from cc_bridge.storage.queries.queue_log_import import ImportResult, add, observed
from cc_bridge.storage.queries.queue_log_table import read_table

__all__ = ["TABLE", "compared", "from_database", "from_recording", "import_log"]

TABLE = "table:"  # the prefix of a log that is a database table; the URL of the database follows
_BATCH = 1_000  # visits in one transaction
_SECOND = 1.0


def compared(
    log: str,
    ours: Callable[[float, float], RecordedSide],
    counts: LineCounts,
    since: float = -inf,
    until: float = inf,
    zone: tzinfo | None = None,
    encoding: str = "utf-8",
) -> Comparison:
    """Compare a queue_log with the daemon's records of the same time span.

    `log` is a file's path, or `table:URL` for a database table. `ours(since, until)` returns the daemon's
    records. The numbers of lines are added to `counts`. `since` and `until` limit the entry times of the
    compared visits, in UTC epoch seconds. `zone` is the time zone of a table's timestamps; None means the
    time zone of this machine.

    Raises UnreadableFile if no line of the log is valid.
    """
    if log.startswith(TABLE):
        lines = read_table(log.removeprefix(TABLE), since, until, zone, counts)
    else:
        lines = read(uncompressed(Path(log)), counts, encoding)
    visits = list(_visits(lines, QueueLogVisits()))
    _require_lines(counts, log.partition(":")[0] if log.startswith(TABLE) else log)
    first, last = counts.first_at, counts.last_at
    if first is None or last is None:  # an empty log: every recorded visit is then an unexplained difference
        return compare(QueueLogSide([]), ours(since, until), since, until)
    return compare(QueueLogSide(visits, first, last), ours(first, last + _SECOND), since, until)


def from_database(url: str, pbx: str) -> Callable[[float, float], RecordedSide]:
    """Return a function that reads the recorded visits, talks and gaps of a time span from the database.

    The database is at `url`. Only records of the PBX `pbx` are read.
    """

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
        try:
            records = list(replay(read_stream(path), tracker, AmiCounts()))
        except UnreadableFile as error:
            raise UnreadableFile(f"{path}: {error}") from error
        return RecordedSide(
            visits=[record for record in records if isinstance(record, QueueVisit)],
            talks=[record for record in records if isinstance(record, Talk)],
            since=tracker.first_at,
            until=tracker.last_at,
            gaps=[record for record in records if isinstance(record, Gap)],
            over=tracker.over,
            bridged=tracker.bridged,
        )

    return read_observed


def import_log(
    logs: Iterable[Path | str],
    url: str,
    pbx: str,
    progress: Callable[[int], None],
    privacy: RecordPseudonymizer,
    *,
    encoding: str = "utf-8",
    zone: tzinfo | None = None,
    names: CallerNames | None = None,
) -> tuple[ImportResult, LineCounts]:
    """Store the visits and talks of queue_logs in the database; the oldest log must come first.

    A log is a file, or `table:URL` for a database table. `progress` is called with the number of bytes of
    each read of a file. `privacy` pseudonymises each record before it is stored. `encoding` is the encoding
    of the files. `zone` is the time zone of a table's timestamps; None means the time zone of this machine.
    `names` removes the queues' prefixes from the callers' names.

    Return the numbers of imported records and the numbers of lines. Raises UnreadableFile if no line is
    valid.
    """
    counts, imported = LineCounts(), ImportResult()
    lines = chain.from_iterable(_runs(logs, counts, progress, encoding, zone))
    visits = _visits(lines, QueueLogVisits(names))
    with database(url) as engine:
        while batch := list(islice(visits, _BATCH)):
            add(engine, pbx, batch, imported, privacy.of)
    _require_lines(counts, "the log")
    return imported, counts


class _SpanTracker(Tracker):
    """A call tracker that also stores the times of events, in UTC epoch seconds.

    first_at, last_at: times of the first and the last event. Without an event they are infinite, so that no
        difference to queue_log is attributed to the start or the end of the recording.
    over: times of hang-ups, by channel
    bridged: times of entries into bridges, by channel
    """

    first_at, last_at = -inf, inf

    def __init__(self, pbx: str) -> None:
        super().__init__(pbx)
        self.over: dict[str, list[float]] = {}
        self.bridged: dict[str, list[float]] = {}

    def apply(self, event: CallEvent) -> list[TrackerRecord]:
        """Store the time of an event, and return the records that the event completes."""
        if self.first_at == -inf:
            self.first_at = self.last_at = event.at
        self.first_at = min(self.first_at, event.at)  # the clock may be put back
        self.last_at = max(self.last_at, event.at)
        if isinstance(event, ChannelEnded):
            self.over.setdefault(event.uniqueid, []).append(event.at)
        elif isinstance(event, BridgeEntered):
            self.bridged.setdefault(event.uniqueid, []).append(event.at)
        return super().apply(event)


def _visits(lines: Iterable[QueueLogLine], visits: QueueLogVisits) -> Iterator[LoggedVisit]:
    """Yield each visit of the log once it is complete, then the visits that are open at the log's end."""
    for line in lines:
        yield from visits.feed(line)
    yield from visits.finish()


def _runs(
    logs: Iterable[Path | str],
    counts: LineCounts,
    progress: Callable[[int], None],
    encoding: str,
    zone: tzinfo | None,
) -> Iterator[Iterator[QueueLogLine]]:
    """Yield one iterator of lines for each log.

    Files that follow each other in `logs` are together one log, and each table is one log. The numbers of
    lines are added to `counts`. `progress` is called with the number of bytes of each read of a file. `zone`
    is the time zone of a table's timestamps; None means the time zone of this machine.
    """
    files: list[Path] = []
    for log in (*logs, None):
        if isinstance(log, Path):
            files.append(log)
            continue
        if files:
            chunks = chain.from_iterable(uncompressed(file, progress) for file in files)
            yield read(chunks, counts, encoding)
            files = []
        if log is not None:
            yield read_table(log.removeprefix(TABLE), -inf, inf, zone, counts)


def _require_lines(counts: LineCounts, name: str) -> None:
    """Raise UnreadableFile if a log has lines, but none of them is a valid queue_log line.

    `counts` has the numbers of lines. `name` names the log in the error text.
    """
    if counts.lines and counts.lines == counts.junk:
        raise UnreadableFile(f"{name}: none of {counts.lines} lines is a line of queue_log")
