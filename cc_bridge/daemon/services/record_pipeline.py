"""The way of every record: pseudonymised, given to the subscribers, written to disk, server and webhooks.

What happens on the PBX comes to `record` and is written a moment later. A survey's answer and a customer's
number are committed: whoever waits for the Deferred knows that the record is on disk. Behind the writer, a
forwarder copies the journal to a server, and events wait for their receivers.

A batch holds what has ended together with the calls that are open: both are written or neither. Else a daemon
that is killed between the two would leave a call that has ended and is open.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.config import StorageConfig
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.webhook_publisher import WebhookPublisher
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.records import Answer, CustomerNumber, OptOut, Record, SurveyAttempt, SurveyDecision
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.forwarder import Forwarder
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.outbox import open_with_outbox
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.pipeline.writer import Writer, no_extra_rows
from cc_bridge.storage.queries.follow_up_sweep import FollowUpChange

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

__all__ = ["RecordPipeline"]

_log = Logger()

# A record waits up to this long for others to be written with it, no longer than the writer would let it.
_BATCH_SECONDS = 0.2
# At the end the writer has at least this long, whatever the configuration says.
_WRITE_SECONDS = 5.0
# And then the forwarder; what is left stays in the journal.
_FORWARD_SECONDS = 5.0


class RecordPipeline(DaemonService):
    """The records of one PBX. Raises ConfigError for what can never be written or sent."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        config, reactor = context.config, context.reactor
        storage = config.storage
        self._pseudonymizer = RecordPseudonymizer(config.callers.caller_keys())
        self._reactor = reactor
        self._subscribers: list[Callable[[Record], None]] = []
        self._open_records: list[Callable[[], Iterable[Record]]] = []
        self._committing: IDelayedCall | None = None
        self.forwarder = _forwarder(storage, reactor)
        self.journal = self.forwarder.journal if self.forwarder else None
        self.webhooks = WebhookPublisher(config, reactor) if config.webhooks else None
        extra_rows = self.webhooks.extra_rows if self.webhooks else no_extra_rows
        open_file = open_with_outbox if self.webhooks else open_database
        sink = self.journal or SqlSink(partial(open_file, storage.url))
        self.writer = Writer(sink, reactor.callFromThread, storage.max_queued_records, extra_rows)

    def subscribe(self, subscriber: Callable[[Record], None]) -> None:
        """Let a subscriber have each record, as it may be stored, before it is written."""
        self._subscribers.append(subscriber)

    def add_open_records(self, source: Callable[[], Iterable[Record]]) -> None:
        """Write what `source` returns with each batch: what has changed of the open calls."""
        self._open_records.append(source)

    def start(self) -> None:
        self.writer.start()
        if self.forwarder:
            self.forwarder.start()
        if self.webhooks:
            self.webhooks.deliveries.start()

    def stop(self) -> Deferred[None]:
        """Write what there is; fires when all is on disk, or after `run.shutdown_timeout_seconds`."""
        return Deferred.fromCoroutine(self._flush())

    async def _flush(self) -> None:
        if self.webhooks:
            await self.webhooks.deliveries.stop()
        self.commit_batch()
        lost = await self.writer.stop(max(self.config.run.shutdown_timeout_seconds, _WRITE_SECONDS))
        if lost:
            _log.error("{lost} records could not be written before the end", lost=lost)
        if self.forwarder:
            await self.forwarder.stop(_FORWARD_SECONDS)
            self.forwarder.journal.close()

    def record(self, records: Iterable[Record]) -> None:
        """Publish records, and write them with the next batch."""
        for record in map(self._pseudonymizer.of, records):
            self._publish(record)
            self.writer.put(record, last=False)
            if self._committing is None:
                self._committing = self._reactor.callLater(_BATCH_SECONDS, self.commit_batch)

    def record_decision(self, decision: SurveyDecision) -> None:
        self.record([decision])

    def commit_batch(self) -> None:
        """Let what was recorded be written, together with the calls that are open."""
        committing, self._committing = self._committing, None
        if committing is not None and committing.active():
            committing.cancel()
        for source in self._open_records:
            for record in source():
                self.writer.put(record, last=False)
        self.writer.seal_batch()

    def commit(self, record: SurveyAttempt | Answer | OptOut) -> Deferred[None]:
        """Publish and write what a survey brings; fires when it is on disk."""
        self.commit_batch()
        self._publish(record)
        return self.writer.commit(record)

    def commit_customer(self, number: CustomerNumber) -> Deferred[None]:
        """Write what a CRM reports; fires when it is on disk."""
        return self.writer.commit(self._pseudonymizer.of(number))

    def notify_follow_ups(self, changes: Sequence[FollowUpChange]) -> bool:
        """Keep changes of follow-ups for the webhooks, in any thread; False: they cannot be kept now."""
        return self.webhooks is None or self.webhooks.notify_follow_ups(changes)

    def in_journal_seconds(self) -> float:
        """Return for how long the oldest record has been waiting for the server; 0: there is none."""
        return self.journal.oldest_seconds if self.journal else 0.0

    def oldest_seconds(self) -> float:
        """Return for how long the oldest record has been waiting for the database."""
        return max(self.writer.oldest_seconds, self.in_journal_seconds())

    def _publish(self, record: Record) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(record)
            except Exception:  # the record itself is worth more, and so are the other subscribers
                _log.failure("a {kind} was not taken by a subscriber", kind=type(record).__name__)


def _forwarder(storage: StorageConfig, reactor: Any) -> Forwarder | None:
    """Return what copies a journal to the database; None: the database is a file, and needs no journal."""
    if not storage.on_server:
        return None
    journal = Journal(storage.journal_file, storage.journal_max_mb * 1024**2)
    return Forwarder(journal, partial(open_database, storage.url), reactor.callFromThread)
