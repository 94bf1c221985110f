"""The record pipeline: it pseudonymises each record, passes it to subscribers, and writes it to disk.

Records of calls are written within a fraction of a second (`record`). Survey records and customer numbers are
written without delay (`commit` and `commit_customer`), and a Deferred fires when the record is on disk. With
a database server, a forwarder copies the records from the journal on disk to the server. With webhooks, the
webhook events are written with the records and delivered later.

A batch holds completed records and the checkpoints of open calls (their saved state). Both are written in one
transaction. With two transactions, a daemon that is killed between them could leave a call that is stored
both as ended and as open.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.config import StorageConfig
from cc_bridge.daemon.process.shutdown_deadline import SHUTDOWN_MARGIN_SECONDS
from cc_bridge.daemon.service import Context, DaemonService, RecordHandlers
from cc_bridge.daemon.services.webhook_publisher import WebhookPublisher
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.records import (
    Answer,
    CustomerNumber,
    ObservationWatermark,
    OptOut,
    Record,
    SurveyAttempt,
    SurveyDecision,
)
from cc_bridge.storage.files.unreadable_file import open_or_set_aside, set_aside
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.forwarder import Forwarder
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.outbox import local_file, open_with_outbox
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.pipeline.writer import Writer, no_extra_rows
from cc_bridge.storage.queries.follow_up_sweep import FollowUpChange

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

__all__ = ["RecordPipeline"]

_log = Logger()

# The longest time that a record waits for further records of its batch.
_BATCH_SECONDS = 0.2
# The longest time that the webhooks and the forwarder have at shutdown, in seconds. Records that the
# forwarder leaves stay in the journal.
_WEBHOOK_SECONDS = 1.0
_FORWARD_SECONDS = 5.0
# Time between the end of the pipeline's work and the end of the shutdown.
_LAST_SECONDS = 0.5


class RecordPipeline(DaemonService):
    """The pipeline for the records of one PBX.

    The constructor raises ConfigError if the configured caller key or a webhook is invalid.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        config, reactor = context.config, context.reactor
        storage = config.storage
        self._pseudonymizer = RecordPseudonymizer(config.callers.caller_keys())
        self._reactor = reactor
        self._handlers: dict[type[Any], list[Callable[[Any], None]]] = {}  # of the subscribers
        self._open_records: list[Callable[[], Iterable[Record]]] = []
        self._committing: IDelayedCall | None = None
        self._stop_by: float | None = None  # the reactor's time at which the shutdown must be over
        self.forwarder = _forwarder(storage, reactor)
        self.journal = self.forwarder.journal if self.forwarder else None
        self.webhooks = WebhookPublisher(config, reactor) if config.webhooks else None
        extra_rows = self.webhooks.extra_rows if self.webhooks else no_extra_rows
        open_file = open_with_outbox if self.webhooks else open_database
        file = local_file(storage.url, storage.journal_file)
        sink = self.journal or SqlSink(
            partial(open_or_set_aside, storage.url, open_file), partial(set_aside, file)
        )
        self.writer = Writer(
            sink,
            reactor.callFromThread,
            storage.max_queued_records or inf,
            extra_rows,
            storage.max_queued_mb * 1024**2,
        )
        self.losing = False  # True while records are being lost; no observation watermark is written then

    def subscribe(self, handlers: RecordHandlers) -> None:
        """Register functions that receive records, pseudonymised, before the records are written."""
        for kind, handler in handlers.items():
            self._handlers.setdefault(kind, []).append(handler)

    def add_open_records(self, source: Callable[[], Iterable[Record]]) -> None:
        """Register a function that returns the changed checkpoints of open calls.

        The function is called before each batch is written, and its records become part of the batch.
        """
        self._open_records.append(source)

    def start(self) -> None:
        self.writer.start()
        if self.forwarder:
            self.forwarder.start()
        if self.webhooks:
            self.webhooks.deliveries.start()

    def stop(self) -> Deferred[None]:
        """Write all remaining records to disk, then stop the forwarder.

        Together these steps have the seconds of `run.shutdown_timeout_seconds` and 4 s more, from the start
        of the shutdown (see `shutdown_started`). Records that the writer has not written by then are lost,
        and their number is logged. The forwarder has up to 5 s of this time. Records that it does not copy
        stay in the journal. The Deferred fires when both steps are over.
        """
        return Deferred.fromCoroutine(self._flush())

    async def _flush(self) -> None:
        self.shutdown_started()
        if self.webhooks:
            stopping = Deferred.fromCoroutine(self.webhooks.deliveries.stop())
            # A read of the outbox may hang; its events are sent after the next start.
            await stopping.addTimeout(_WEBHOOK_SECONDS, self._reactor).addErrback(lambda _: None)
        self.commit_batch()
        reserve = _LAST_SECONDS + (1.0 if self.forwarder else 0.0)
        lost = await self.writer.stop(self._seconds_left() - reserve)
        if lost:
            _log.error("shutdown timed out before {lost} records were written; they are lost", lost=lost)
        if self.forwarder:
            await self.forwarder.stop(min(_FORWARD_SECONDS, self._seconds_left() - _LAST_SECONDS))
            self.forwarder.journal.close()

    def shutdown_started(self) -> None:
        """Note the start of the shutdown, from which the time for the remaining records is counted."""
        if self._stop_by is None:
            seconds = self.config.run.shutdown_timeout_seconds + SHUTDOWN_MARGIN_SECONDS
            self._stop_by = self._reactor.seconds() + seconds

    def _seconds_left(self) -> float:
        """Return the seconds until the shutdown must be over.

        The result is at least 2, even if less time is left.
        """
        left = 0.0 if self._stop_by is None else self._stop_by - self._reactor.seconds()
        return max(2.0, left)

    def record(self, records: Iterable[Record]) -> None:
        """Pass records to the subscribers, and write them with the next batch."""
        for record in map(self._pseudonymizer.of, records):
            self.publish(record)
            if self.losing and isinstance(record, ObservationWatermark):
                continue
            self.writer.put(record, last=False)
            if self._committing is None:
                self._committing = self._reactor.callLater(_BATCH_SECONDS, self.commit_batch)

    def record_decision(self, decision: SurveyDecision) -> None:
        """Pass a survey decision to the subscribers, and write it with the next batch."""
        self.record([decision])

    def commit_batch(self) -> None:
        """Write the records of the current batch now, together with the checkpoints of open calls."""
        committing, self._committing = self._committing, None
        if committing is not None and committing.active():
            committing.cancel()
        # A queue that is nearly full gets no checkpoints. The changes are then in the first batch after that.
        for source in self._open_records if self.writer.has_room_for_checkpoints else ():
            for record in source():
                if not (self.losing and isinstance(record, ObservationWatermark)):
                    self.writer.put(record, last=False)
        self.writer.seal_batch()

    def commit(self, record: SurveyAttempt | Answer | OptOut) -> Deferred[None]:
        """Pass a survey record to the subscribers and write it without delay.

        The Deferred fires when the record is on disk. It fails with StorageError if the database or journal
        rejects the record, or if the storage writer has stopped.
        """
        self.commit_batch()
        self.publish(record)
        return self.writer.commit(record)

    def commit_customer(self, number: CustomerNumber) -> Deferred[None]:
        """Write a customer number that a CRM reported; the Deferred fires when the record is on disk."""
        return self.writer.commit(self._pseudonymizer.of(number))

    def notify_follow_ups(self, changes: Sequence[FollowUpChange]) -> bool:
        """Store changes of follow-ups as webhook events. The method may be called from any thread.

        Return False if the events cannot be stored now; the calling code must retry then. Without webhooks,
        do nothing and return True.
        """
        return self.webhooks is None or self.webhooks.notify_follow_ups(changes)

    def in_journal_seconds(self) -> float:
        """Return how many seconds the oldest record in the journal has waited for the database server.

        The result is 0 if no record waits.
        """
        return self.journal.oldest_seconds if self.journal else 0.0

    def oldest_seconds(self) -> float:
        """Return how many seconds the oldest record has waited for the database, in memory or in the journal.

        The result is 0 if no record waits.
        """
        return max(self.writer.oldest_seconds, self.in_journal_seconds())

    def publish(self, record: Record) -> None:
        """Pass a record to the subscribers. The calling code writes it."""
        for handler in self._handlers.get(type(record), ()):
            try:
                handler(record)
            except Exception:  # must prevent neither the write nor the other subscribers
                _log.failure(
                    "a component of the daemon failed to process a {kind} record; the record is still"
                    " written to the database, and the other components receive it",
                    kind=type(record).__name__,
                )


def _forwarder(storage: StorageConfig, reactor: Any) -> Forwarder | None:
    """Return the forwarder from the journal to the database server; None if the database is a local file."""
    if not storage.on_server:
        return None
    journal = Journal(storage.journal_file, storage.journal_max_mb * 1024**2, sets_aside=True)
    open_server = partial(open_database, storage.url, storage.answer_timeout_seconds)
    return Forwarder(journal, open_server, reactor.callFromThread)
