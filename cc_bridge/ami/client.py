"""One AMI session: banner, login, actions with their answers, events, and pings.

A client never reconnects. When the link is lost, every pending action fails with `AmiLinkLost`.

Asterisk (up to 22.10) can hold back events until it sends or receives something else; a delay of 16.9 s was
observed. A ping is therefore sent every 1.5 s, because any input makes Asterisk flush its events. The answer
to a ping also shows that the PBX is alive, and carries the time of its clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from secrets import token_hex
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.header_numbers import instant_of
from cc_bridge.ami.messages import Event, ExtractedEvent, Message, encode
from cc_bridge.errors import AmiError, AmiLinkLost, AmiRefused, AmiTimeout

__all__ = ["AmiClient", "AmiTimeouts"]

_log = Logger()

# The most bytes that one read takes from the socket. In a burst of events, each then takes a sixth less CPU
# time than with Twisted's 64 KiB. A read of 512 KiB has about 1,000 events, which take less than 20 ms.
_READ_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class AmiTimeouts:
    """The timeouts of an AMI session, in seconds."""

    ping_every: float = 1.5  # interval of pings, which make Asterisk send the events that it holds back
    answer: float = 10.0  # for the answer to an action or a ping; Asterisk rejects a login after 1 s
    list_gap: float = 10.0  # between two items of a list


@dataclass(slots=True)
class _PendingAction:
    """An action that Asterisk has not answered yet; a list action is pending until its Complete event."""

    done: Deferred[Any]
    timer: IDelayedCall
    on_item: Callable[[Event], None] | None = None


class AmiClient(Protocol):
    """The protocol of one AMI connection.

    `on_event` is called with every event that is not an answer to an action, in order. Its exceptions are
    logged, and the session continues. `lost` fires once, when the connection has ended, with the reason as a
    text.

    on_event: the function above; it may be replaced at any time
    on_batch: called after all events in the received bytes have been passed to `on_event`
    """

    def __init__(
        self,
        codec: Codec,
        on_event: Callable[[Any], None],
        clock: IReactorTime,
        timeouts: AmiTimeouts | None = None,
    ) -> None:
        self.codec = codec
        self.lost: Deferred[str] = Deferred()
        self.clock_offset = 0.0  # seconds that the PBX's clock is ahead of this machine's
        self.synced_until = 0.0  # all events before this time of the PBX's clock were received (last pong)
        self.on_event = on_event
        self.on_batch: Callable[[], None] = lambda: None
        self.on_pong: Callable[[float, float, float], None] = lambda _stamp, _sent, _received: None
        self._warned_of_time = False
        self._clock = clock
        self._timeouts = timeouts or AmiTimeouts()
        self._why: str | None = None
        self._banner: Deferred[None] | None = Deferred()
        self._banner_timer: IDelayedCall | None = None
        self._pending: dict[str, _PendingAction] = {}
        # The prefix of action ids is unguessable, so that no value in an event can imitate an answer.
        self._prefix = token_hex(8)
        self._sequence = 0
        self._ping = LoopingCall(self._send_ping)
        self._ping.clock = clock

    # -- Twisted's Protocol

    def connectionMade(self) -> None:
        """Start the timeout for Asterisk's banner."""
        transport: Any = self.transport
        transport.bufferSize = _READ_BYTES  # an attribute of Twisted's TCP transports
        why = "nothing that looks like Asterisk's manager interface answered; check the host and the port"
        self._banner_timer = self._clock.callLater(self._timeouts.answer, self.close, why)

    def dataReceived(self, data: bytes) -> None:
        """Pass each answer in the received bytes to its action, and each event to `on_event`."""
        messages = self.codec.feed(data)
        events = False
        if self._banner is not None and self.codec.banner is not None:
            banner, self._banner = self._banner, None
            self._stop_banner_timer()
            banner.callback(None)
        for message in messages:
            try:
                if type(message) is ExtractedEvent:
                    events = True
                    self.on_event(message)
                elif "ActionID" in message.headers:
                    self._answered(message)
                elif isinstance(message, Event):
                    events = True
                    self.on_event(message)
            except Exception:  # an error of the listener must not end the session
                _log.failure(
                    "cannot process the AMI message {name}; it is skipped, and the session continues",
                    name=repr(message),
                )
        if events:
            self.on_batch()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Let every pending action fail with AmiLinkLost, and fire `lost` with the reason."""
        if self._ping.running:
            self._ping.stop()
        self._stop_banner_timer()
        why = self._why or reason.getErrorMessage()
        waiting = [pending.done for pending in self._pending.values()]
        for pending in self._pending.values():
            pending.timer.cancel()
        self._pending.clear()
        if self._banner is not None:
            waiting.append(self._banner)
        for done in waiting:
            done.errback(Failure(AmiLinkLost(why)))
        self.lost.callback(why)

    # -- actions

    async def login(self, username: str, secret: str) -> None:
        """Wait for the banner, log in by MD5 challenge, and start the pings.

        Raises AmiRefused for a wrong user name, secret or address of this machine; Asterisk does not show
        which is wrong.
        """
        if self._banner is not None:
            await self._banner
        challenge = await self.action("Challenge", AuthType="MD5")
        key = md5(
            (challenge.headers.get("Challenge", "") + secret).encode(), usedforsecurity=False
        ).hexdigest()
        await self.action("Login", AuthType="MD5", Username=username, Key=key)
        self._ping.start(self._timeouts.ping_every).addErrback(
            lambda failure: self.close(failure.getErrorMessage())
        )

    def action(self, name: str, **headers: str) -> Deferred[Message]:
        """Send an action and return a Deferred of its response.

        The Deferred fails with AmiRefused, AmiTimeout or AmiLinkLost.
        """
        return self._send(name, headers, on_item=None)

    def list_items(self, name: str, on_item: Callable[[Event], None], **headers: str) -> Deferred[None]:
        """Send a list action; `on_item` is called with each item, and the Deferred fires after the last one.

        The items are not kept in memory: the parsed headers of 10,000 queue members would take 25 MB.
        """
        return self._send(name, headers, on_item)

    def flush(self) -> Deferred[None]:
        """Send a ping now, so that Asterisk sends the events that it holds back.

        The Deferred fires when Asterisk has answered the ping.
        """
        return self._send_ping()

    def close(self, why: str) -> None:
        """Close the connection; `lost` fires with the reason `why`."""
        self._why = self._why or why
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]  # a method of ITCPTransport

    # -- inside

    def _stop_banner_timer(self) -> None:
        """Stop the timeout for the banner."""
        if self._banner_timer is not None and self._banner_timer.active():
            self._banner_timer.cancel()

    def _send(
        self, name: str, headers: dict[str, str], on_item: Callable[[Event], None] | None
    ) -> Deferred[Any]:
        """Send an action, and return a Deferred that fires with its answer, or with None after a list.

        `on_item` is called with each item of a list. It is None for an action that is not answered with a
        list.
        """
        self._sequence += 1
        action_id = f"{self._prefix}-{self._sequence}"
        data = encode([("Action", name), ("ActionID", action_id), *headers.items()])
        done: Deferred[Any] = Deferred()
        if self.transport is None or self.lost.called:
            done.errback(Failure(AmiLinkLost("not connected")))
            return done
        timer = self._clock.callLater(self._timeouts.answer, self._too_late, action_id, name)
        self._pending[action_id] = _PendingAction(done, timer, on_item)
        self.transport.write(data)
        return done

    def _too_late(self, action_id: str, name: str) -> None:
        """Let an action fail with AmiTimeout, because Asterisk did not answer it in time."""
        pending = self._pending.pop(action_id)
        pending.done.errback(
            Failure(AmiTimeout(f"Asterisk did not answer {name} in {self._timeouts.answer:g} s"))
        )

    def _answered(self, message: Any) -> None:
        """Pass a message to the pending action with the same ActionID.

        A message is ignored if no action with its ActionID is pending.
        """
        action_id = message.headers["ActionID"]
        pending = self._pending.get(action_id) if isinstance(action_id, str) else None
        if pending is not None:
            self._answer(action_id, pending, message)

    def _answer(self, action_id: str, pending: _PendingAction, message: Any) -> None:
        """Handle a message that answers a pending action.

        An item of a list is passed to the action's `on_item`. Any other message ends the action: it succeeds,
        or it fails with AmiRefused for an error response.
        """
        headers = message.headers
        if headers.get("Response") == "Error":
            result: Any = Failure(AmiRefused(str(headers.get("Message", "refused without a reason"))))
        elif pending.on_item is None:
            result = message
        elif headers.get("EventList") == "Complete":
            result = None
        else:
            pending.timer.reset(self._timeouts.list_gap)
            if isinstance(message, Event):
                pending.on_item(message)
            return
        del self._pending[action_id]
        pending.timer.cancel()
        pending.done.callback(result)  # Twisted treats a Failure as an error

    def _send_ping(self) -> Deferred[None]:
        """Send a ping. Its answer updates `synced_until` and `clock_offset`.

        If no answer arrives in time, the connection is closed.
        """
        sent = self._clock.seconds()

        def pong(answer: Message) -> None:
            """Update `synced_until` and `clock_offset` from the PBX's time in the answer to a ping.

            An answer without a plausible time updates nothing. If it holds an implausible time, a warning is
            logged, once in each session.
            """
            text = answer.headers.get("Timestamp")
            try:
                stamp = instant_of(str(text))
            except ValueError:
                if text is not None and not self._warned_of_time:
                    self._warned_of_time = True
                    _log.warn(
                        "Asterisk answered a ping with the implausible time {text!r}; this time is ignored,"
                        " and the PBX's clock counts as unchanged: check the clock of the PBX",
                        text=str(text)[:40],
                    )
                return
            received = self._clock.seconds()
            self.synced_until = stamp
            self.clock_offset = stamp - (sent + received) / 2
            self.on_pong(stamp, sent, received)

        def failed(failure: Failure) -> None:
            """Close the connection, unless Asterisk refused the ping.

            During `core restart gracefully` Asterisk refuses every action, and sends events until the last
            call has ended.
            """
            failure.trap(AmiError)
            if not failure.check(AmiRefused):
                self.close(failure.getErrorMessage())

        return self.action("Ping").addCallback(pong).addErrback(failed)
