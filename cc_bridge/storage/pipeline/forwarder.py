"""The thread that copies the journal to a database server, in order, for as long as it takes.

Each batch is a transaction of the server; the journal is acknowledged afterwards. A crash between the two
sends the batch again, which changes nothing: every row is an upsert by its key. When a connection was lost,
the last two minutes are sent again, see journal.py. The server's schema is made or upgraded here too, so a
server that is away at the start is like one that goes away later.

A row that the server rejects stays in the journal, out of the way.

A call to a server that is gone may hang for half a minute (engine.py), so `stop` never waits for the thread.
What it did not forward is in the journal, for the next daemon.
"""

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread, Timer

from sqlalchemy import Engine
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.storage.pipeline.backoff import Backoff
from cc_bridge.storage.pipeline.journal import Journal, JournalEntry
from cc_bridge.storage.pipeline.sql_sink import SqlSink, loggable_key_columns, write_bisecting

__all__ = ["Forwarder"]

BATCH = 1_000  # rows a transaction
GROUP_SECONDS = 0.2  # how long the first row of a batch waits for company
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 15.0  # seconds between attempts; nobody waits for the next one

_log = Logger()


class Forwarder:
    """Copies a journal to the database that `open_engine` opens, in a thread of its own; see the module.

    For the metrics, readable from any thread:
    forwarded: rows that the server has committed, those that went again included
    """

    def __init__(
        self, journal: Journal, open_engine: Callable[[], Engine], call_from_thread: Callable[..., object]
    ) -> None:
        """`call_from_thread` is the reactor's."""
        self.journal = journal
        self.forwarded = 0
        self._database = SqlSink(open_engine)
        self._seen_reconnects = 0
        self._call_from_thread = call_from_thread
        self._outage = Backoff(_log, "the database server", FIRST_PAUSE, LONGEST_PAUSE)
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="storage-forwarder", daemon=True)
        self._deadline: Timer | None = None
        self._stopped: Deferred[None] = Deferred()
        self._fired = Lock()  # held by the one who fires `_stopped`

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def failures(self) -> int:
        """Attempts that failed with the server."""
        return self._outage.failures

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline: float) -> Deferred[None]:
        """Forward what is left, unless the server fails or `deadline` seconds are over; fires then.

        Called once, from the reactor, when nothing more is written to the journal.
        """
        self._stopping.set()
        self.journal.arrived.set()  # wake up
        if self._thread.is_alive():
            self._deadline = Timer(deadline, self._fire_stopped)
            self._deadline.daemon = True
            self._deadline.start()
        if not self._thread.is_alive():  # never started, or it ended meanwhile
            self._fire_stopped()
        return self._stopped

    def _run(self) -> None:
        try:
            while self._run_once():
                pass
        finally:
            self._database.close()
            if self._stopping.is_set():
                self._fire_stopped()

    def _run_once(self) -> bool:
        """Forward what is at the head, or wait for it; False is the end."""
        self.journal.arrived.clear()  # before looking: what comes later sets it again
        last_try = self._stopping.is_set()
        try:
            entries = self.journal.head(BATCH)
            for part, rejection in write_bisecting(entries, self._write) if entries else ():
                if rejection is None:
                    self.journal.ack(part[-1].id)
                    self.forwarded += len(part)
                else:
                    self._reject(part[0], str(rejection))
            if entries:
                self._outage.over(self.journal.pending)
            if self._database.reconnects > self._seen_reconnects:
                self._seen_reconnects = self._database.reconnects
                self.journal.rewind()
        except Exception as error:  # whatever it is, the thread goes on
            self._database.close()
            self._stopping.wait(self._outage.failed(error, self.journal.pending))
            return not last_try
        if last_try:
            return bool(entries)
        if len(entries) < BATCH:  # that was all
            self.journal.arrived.wait()
            self._stopping.wait(GROUP_SECONDS)
        return True

    def _write(self, entries: Sequence[JournalEntry]) -> None:
        self._database.write([entry.row for entry in entries])

    def _reject(self, entry: JournalEntry, reason: str) -> None:
        self.journal.reject(entry.id, reason)
        table, row = entry.row
        _log.error(
            "the database server rejected a record, kept in the journal: {table} {key} ({cause})",
            table=table.name,
            key={name: row.get(name) for name in loggable_key_columns(table)},
            cause=reason,
        )

    def _fire_stopped(self) -> None:
        """Fire `_stopped` once: as the last act of the thread, or at the deadline."""
        if not self._fired.acquire(blocking=False):
            return
        if self._deadline:
            self._deadline.cancel()
        if self.journal.pending:
            _log.info(
                "{pending} records stay in the journal for the next start", pending=self.journal.pending
            )
        try:
            self._call_from_thread(self._stopped.callback, None)
        except Exception as error:  # a reactor that is gone must not end the thread
            _log.error("the reactor took no call: {error!r}", error=error)
