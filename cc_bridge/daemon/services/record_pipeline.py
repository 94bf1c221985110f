"""What the daemon writes down, from the part that makes a record to the disk, the server and the webhooks.

`daemon/bridge.py` makes one and tells it who counts. What happens on the PBX comes to `record` and is written
a moment later; whoever gives an answer, or says who a customer is, waits in `commit` or `tell` until it is on
disk. Behind the writer, a forwarder copies the journal to a server, and events wait for their receivers.

The trap: a cut has what has ended together with what goes on: both are written or neither. Else a daemon that
is killed between the two would leave a call that has ended and goes on.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.parts import make_forwarder
from cc_bridge.privacy.pseudonymizer import Pseudonymizer
from cc_bridge.records import Answer, CustomerNumber, OptOut, Record, SurveyAttempt, SurveyDecision
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.outbox import open_with_outbox
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.pipeline.writer import Writer, nothing_beside

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

__all__ = ["RecordPipeline"]

_log = Logger()

# Records wait so long for others to be written with them, as long as the writer would let them wait.
_CUT_SECONDS = 0.2
# At the end the writer may go on for so long at least, whatever the configuration says.
_WRITE_SECONDS = 5.0
# And then the forwarder; what is left stays in the journal.
_FORWARD_SECONDS = 5.0


class RecordPipeline:
    """The way of every record of one PBX. Raises ConfigError for what can never be written or told."""

    # Set by the wiring, since both need this one first: who counts each record, and who tells what goes on.
    count: Callable[[Record], None]
    going_on: Callable[[], Iterable[Record]]

    def __init__(self, config: Config, reactor: Any) -> None:
        storage = config.storage
        self._privacy = Pseudonymizer(config.callers.caller_keys())
        self._reactor = reactor
        self._cutting: IDelayedCall | None = None
        self.forwarder = make_forwarder(storage, reactor)
        self.journal = self.forwarder.journal if self.forwarder else None
        self.telling = None
        if config.webhooks:
            from cc_bridge.daemon.services.webhook_publisher import WebhookPublisher  # noqa: PLC0415 - its docstring says why

            self.telling = WebhookPublisher(config, reactor)
        beside = self.telling.beside if self.telling else nothing_beside
        open_file = open_with_outbox if self.telling else open_database
        sink = self.journal or SqlSink(partial(open_file, storage.url))
        self.writer = Writer(sink, reactor.callFromThread, storage.max_backlog, beside)

    def start(self) -> None:
        self.writer.start()
        if self.forwarder:
            self.forwarder.start()
        if self.telling:
            self.telling.deliveries.start()

    async def stop(self, seconds: float) -> None:
        """Write what there is; it is done when all is on disk, or after so many seconds."""
        if self.telling:
            await self.telling.deliveries.stop()
        self.cut()
        lost = await self.writer.stop(max(seconds, _WRITE_SECONDS))
        if lost:
            _log.error("{lost} records could not be written before the end", lost=lost)
        if self.forwarder:
            await self.forwarder.stop(_FORWARD_SECONDS)
            self.forwarder.journal.close()

    def record(self, records: Iterable[Record]) -> None:
        """Count records, and write them with the next cut."""
        for record in map(self._privacy.of, records):
            self.count(record)
            self.writer.put(record, last=False)
            if self._cutting is None:
                self._cutting = self._reactor.callLater(_CUT_SECONDS, self.cut)

    def enter(self, entry: SurveyDecision) -> None:
        self.record([entry])

    def cut(self) -> None:
        """Let what was recorded be written, together with what goes on."""
        cutting, self._cutting = self._cutting, None
        if cutting is not None and cutting.active():
            cutting.cancel()
        for each in self.going_on():
            self.writer.put(each, last=False)
        self.writer.end_cut()

    def commit(self, record: SurveyAttempt | Answer | OptOut) -> Deferred[None]:
        """Count and write what a survey brings; fires when it is on disk."""
        self.cut()
        self.count(record)
        return self.writer.commit(record)

    def tell(self, number: CustomerNumber) -> Deferred[None]:
        """Write what a CRM says; fires when it is on disk."""
        return self.writer.commit(self._privacy.of(number))

    def in_journal_seconds(self) -> float:
        """Return for how long the oldest record has been waiting for the server; 0: there is none."""
        return self.journal.oldest_seconds if self.journal else 0.0

    def oldest_seconds(self) -> float:
        """Return for how long the oldest record has been waiting for the database."""
        return max(self.writer.oldest_seconds, self.in_journal_seconds())
