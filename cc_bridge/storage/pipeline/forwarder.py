"""The forwarder: a thread that copies the journal to a database server, in order.

A failed batch is retried until it succeeds. Each batch is one transaction on the server; after its commit,
the journal notes it. If the daemon crashes in between, the batch is sent again, without harm: each row is an
upsert by its key. After a lost connection, the entries of the last two minutes are sent again, because the
server may have lost them.

The forwarder also creates or upgrades the server's schema. A row that the server rejects stays in the
journal, among the rejected entries.

If the server does not answer, the thread is blocked for up to `storage.answer_timeout_seconds`. So `stop`
never joins it. The remaining entries are forwarded after the next start.
"""

from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread, Timer

from sqlalchemy import Engine
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.storage.pipeline.backoff import Backoff
from cc_bridge.storage.pipeline.journal import Journal, JournalEntry
from cc_bridge.storage.pipeline.record_queue import BATCH
from cc_bridge.storage.pipeline.sql_sink import SqlSink, loggable_key_columns, write_bisecting

__all__ = ["Forwarder"]

GROUP_SECONDS = 0.2  # wait time of the first row of a batch for further rows
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 15.0  # seconds between attempts; no caller waits for the forwarder

_log = Logger()


class Forwarder:
    """A thread that copies a journal to a database server.

    `forwarded` counts the rows that the server has committed, including rows sent again. The metrics read it
    from any thread.
    """

    def __init__(
        self, journal: Journal, open_engine: Callable[[], Engine], call_from_thread: Callable[..., object]
    ) -> None:
        """Set the journal and two functions.

        `open_engine` returns an engine for the database server. `call_from_thread` makes the reactor's thread
        run a function.
        """
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
        self._fired = Lock()  # acquired once, by the thread that fires `_stopped`

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def failures(self) -> int:
        """The number of failed attempts to write to the database server since the start of the daemon."""
        return self._outage.failures

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline: float) -> Deferred[None]:
        """Forward the remaining entries and end the thread; the Deferred fires when the thread has ended.

        If the server fails, the thread ends and the remaining entries stay in the journal. The Deferred fires
        after `deadline` seconds at the latest. Call this method once, from the reactor, after the last write
        to the journal.
        """
        self._stopping.set()
        self.journal.arrived.set()  # ends the wait for new entries
        if self._thread.is_alive():
            self._deadline = Timer(deadline, self._fire_stopped)
            self._deadline.daemon = True
            self._deadline.start()
        if not self._thread.is_alive():  # never started, or already ended
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
        """Forward the next batch of journal entries, or wait for new entries if there are none.

        Return False when the thread should end.
        """
        self.journal.arrived.clear()  # before `head`: a later entry sets it again
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
        except Exception as error:  # no error may end the thread
            self._database.close()
            self._stopping.wait(self._outage.failed(error, self.journal.pending))
            return not last_try
        if last_try:
            return bool(entries)
        if len(entries) < BATCH:  # the journal has no more
            self.journal.arrived.wait()
            self._stopping.wait(GROUP_SECONDS)
        return True

    def _write(self, entries: Sequence[JournalEntry]) -> None:
        self._database.write([entry.row for entry in entries])

    def _reject(self, entry: JournalEntry, reason: str) -> None:
        self.journal.reject(entry.id, reason)
        table, row = entry.row
        _log.error(
            "the database server rejected a row of the table {table}, key {key}: {cause}; the row stays in"
            " the journal among the rejected entries and is not sent again",
            table=table.name,
            key={name: row.get(name) for name in loggable_key_columns(table)},
            cause=reason,
        )

    def _fire_stopped(self) -> None:
        """Fire the Deferred that `stop` returned, unless it has fired already.

        This method runs when the thread ends and when the deadline of `stop` is reached.
        """
        if not self._fired.acquire(blocking=False):
            return
        if self._deadline:
            self._deadline.cancel()
        if self.journal.pending:
            _log.info(
                "the forwarder has stopped; {pending} records stay in the journal and go to the database"
                " after the next start",
                pending=self.journal.pending,
            )
        try:
            self._call_from_thread(self._stopped.callback, None)
        except Exception as error:  # a stopped reactor must not end the thread with an error
            _log.error(
                "the thread that forwards records from the journal to the database server cannot report to"
                " the reactor that it has ended: {error!r}; the shutdown of the daemon may wait for this"
                " report in vain",
                error=error,
            )
