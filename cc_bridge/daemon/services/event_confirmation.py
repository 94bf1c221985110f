"""The confirmation of AMI events about channels and queues that the PBX has not announced.

Such an event is held back (`calls/announced.py`). The service asks Asterisk for the list of its channels and
the status of its queues. The events that the answer confirms are applied; all others are discarded, counted
and logged.
"""

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.ami.service import AmiService
from cc_bridge.calls.announced import AnnouncedEvents
from cc_bridge.calls.events import CallEvent
from cc_bridge.calls.pbx_snapshot import SeenChannel, SeenQueue, SnapshotItem
from cc_bridge.errors import AmiLinkLost
from cc_bridge.web.rate_limit import LogLimiter

__all__ = ["EventConfirmation"]

_log = Logger()

# Seconds between two questions about channels and queues that the PBX has not announced.
_ASK_SECONDS = 1.0


class EventConfirmation:
    """The questions to one PBX about the events in `events` that are held back.

    `confirmed` is called with each event that an answer confirms, in order. `clock` is the reactor.

    link: the AMI link over which Asterisk is asked
    """

    def __init__(
        self,
        link: AmiService,
        events: AnnouncedEvents,
        confirmed: Callable[[CallEvent], None],
        clock: IReactorTime,
    ) -> None:
        self.link = link
        self._events = events
        self._confirmed = confirmed
        self._clock = clock
        self._asking = False
        self._next_question = 0.0  # by the reactor's clock
        self._discarded_lines = LogLimiter(clock.seconds)

    def ask(self) -> None:
        """Ask Asterisk about the channels and queues of the events that are held back, if there are any.

        No question is asked while the answer to an earlier one is awaited, nor within a second after it was
        asked.
        """
        self._count_discarded()
        now = self._clock.seconds()
        if self._asking or now < self._next_question:
            return
        question = self._events.question()
        if question is not None:
            self._asking, self._next_question = True, now + _ASK_SECONDS
            self.link.ask(channels=question.channels, queues=question.queues).addCallbacks(
                self._answered, self._not_answered
            )

    def discard(self) -> None:
        """Discard all events that are held back, because the link to Asterisk is lost."""
        self._events.discard_held()
        self._count_discarded()

    def _answered(self, items: Sequence[SnapshotItem | None]) -> None:
        """Apply the held events whose channel or queue is in Asterisk's answer.

        `items` are the entries of the answer, with None for each entry that is malformed or not needed.
        """
        self._asking = False
        channels = [item.uniqueid for item in items if isinstance(item, SeenChannel)]
        queues = [item.name for item in items if isinstance(item, SeenQueue)]
        for event in self._events.answered(channels, queues):
            self._confirmed(event)
        self._count_discarded()

    def _not_answered(self, failure: Failure) -> None:
        """Log that Asterisk did not answer, unless the link was lost.

        The question is asked again at the next tick.
        """
        self._asking = False
        if not failure.check(AmiLinkLost):
            _log.warn(
                "Asterisk did not list its channels or queues: {error}; an event about an unknown channel or"
                " queue is held back until it does",
                error=failure.getErrorMessage(),
            )

    def _count_discarded(self) -> None:
        """Count the events that were discarded because Asterisk did not confirm their channel or queue.

        A warning about them is logged at most once a minute.
        """
        discarded = self._events.discarded - self.link.counts.unconfirmed
        if discarded > 0:
            self.link.counts.unconfirmed += discarded
            if self._discarded_lines.note():
                _log.warn(
                    "AMI events about a channel or queue that Asterisk does not know were discarded"
                    " ({n} since the start); a caller may have forged them",
                    n=self._events.discarded,
                )
