"""The AMI link: logs in, takes a snapshot, passes events on, and reconnects when the session ends.

The `Listener` is called in the order in which the PBX sent it all: first `ami_up` with the snapshot, then
events, then `ami_down`, and so on.

Asterisk replays nothing. Events that arrive before the snapshot is whole are kept and passed on after it; the
listener must accept an event that the snapshot already holds. While Asterisk is still booting its lists are
empty, so no list is requested before `FullyBooted`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol as Shape

from twisted.application.internet import backoffPolicy
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.ami.client import AmiClient, AmiTimeouts
from cc_bridge.ami.codec import Codec, EventSpec, MessageCounts
from cc_bridge.errors import AmiError, AmiLinkLost, AmiTimeout

__all__ = ["AmiService", "Listener", "ReconnectPolicy"]

_log = Logger()

# A large Asterisk takes a minute to load its modules; it accepts logins before that.
_BOOT_SECONDS = 300.0


class Listener(Shape):
    """What takes the events of the link."""

    def ami_item(self, item: Any, taken_at: float) -> Any:
        """Return what to keep of an item of QueueStatus or CoreShowChannels until the snapshot is whole."""

    def ami_up(self, items: Sequence[Any], taken_at: float) -> None:
        """Take what was kept of the lists, asked for at `taken_at` by the PBX's clock."""

    def ami_event(self, event: Any) -> None:
        """Take one event."""

    def ami_checked(self, items: Sequence[Any], taken_at: float) -> None:
        """Take a snapshot that was asked for in mid-session; events kept coming while it was written."""

    def ami_down(self, why: str, at: float) -> None:
        """Note that nothing is received any more; until `at`, by the last answer to a ping, all was."""


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """Seconds between attempts to connect: doubled each time up to `longest`, then jittered by half.

    The jitter keeps the daemons of one site from meeting an Asterisk that restarts all at once.
    """

    first: float = 0.5
    longest: float = 30.0

    def after(self, attempts: int, random: float) -> float:
        """Return the pause after `attempts` failed attempts; `random` is from 0 to 1."""
        # Twisted's own jitter adds the same to a short pause as to a long one.
        return backoffPolicy(self.first, self.longest, 2, jitter=float)(attempts) * (0.5 + random / 2)


class AmiService:
    """Keeps one AMI session up. `up` says whether the PBX is observed now, `down_reason` why not."""

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        credentials: tuple[str, str],
        listener: Listener,
        wanted: Mapping[str, EventSpec],
        clock: IReactorTime,
        wall_clock: Callable[[], float],
        random: Callable[[], float],
        timeouts: AmiTimeouts | None = None,
        pauses: ReconnectPolicy | None = None,
    ) -> None:
        self.up = False
        self.down_reason = "not connected yet"
        self.logins = 0  # good ones; each but the first is a reconnect
        self.counts = MessageCounts()
        self.last_event_at = 0.0  # our wall clock
        self.started_at = 0.0  # when Asterisk started, by its clock in whole seconds; 0 when not known
        self._endpoint = endpoint
        self._credentials = credentials
        self._listener = listener
        self._wanted = wanted
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._timeouts = timeouts or AmiTimeouts()
        self._pauses = pauses or ReconnectPolicy()
        self._running: Deferred[None] | None = None
        self._stopping = False
        self._checking: Deferred[None] | None = None
        self._client: AmiClient | None = None
        self._booted: Deferred[None] = Deferred()
        self._early: list[Any] = []  # what came before the snapshot

    def pbx_now(self) -> float:
        """Return UTC epoch seconds by the PBX's clock, which stamps all records."""
        return self._wall_clock() + self.clock_offset

    @property
    def clock_offset(self) -> float:
        """Seconds that the PBX's clock is ahead of ours, as the last answer to a ping had it."""
        return self._client.clock_offset if self._client else 0.0

    @property
    def synced_until(self) -> float:
        """Return until when, by the PBX's clock, all that happened has come; 0 when not known yet."""
        return self._client.synced_until if self._client else 0.0

    def start(self) -> None:
        self._running = Deferred.fromCoroutine(self._stay_connected())
        self._running.addErrback(lambda failure: failure.trap(CancelledError) and None)

    def stop(self) -> None:
        """End the session; the listener hears `ami_down` if it was up."""
        # A cancelled connect fails with whatever the endpoint makes of it, so the loop must be told too.
        self._stopping = True
        if self._running is not None:
            self._running.cancel()

    def flush(self) -> Deferred[bool]:
        """Make Asterisk send the events that it holds back, by a ping.

        Fires with True when Asterisk has answered; every event before the ping has been handled then. Fires
        with False if the link is down or is lost meanwhile.
        """
        answered: Deferred[bool] = Deferred()
        if self.up and self._client is not None:
            self._client.flush().addCallbacks(
                lambda _: answered.callback(True), lambda _: answered.callback(False)
            )
        else:
            answered.callback(False)
        return answered

    def check(self) -> None:
        """Ask for a snapshot, unless one is on its way; the listener hears `ami_checked`."""
        if self.up and self._client is not None and self._checking is None:
            self._checking = Deferred.fromCoroutine(self._check(self._client))

    async def _stay_connected(self) -> None:
        failures = 0
        while not self._stopping:
            logins = self.logins
            try:
                self.down_reason = await self._session()
            except AmiError as error:
                self.down_reason = str(error)
            except Exception as error:  # a fault of ours or the listener's must not end the link for good
                if not self._stopping:
                    _log.failure("an AMI session was broken off")
                self.down_reason = repr(error)
                logins = self.logins  # it may come again, so the good login counts for nothing
            if self._stopping:
                return
            failures = 0 if self.logins > logins else failures + 1
            pause = self._pauses.after(failures, self._random())
            _log.warn(
                "no link to Asterisk: {why}; next try in {pause:.1f} s", why=self.down_reason, pause=pause
            )
            await deferLater(self._clock, pause)

    async def _session(self) -> str:
        """Connect, log in, take the snapshot, listen; return why it ended.

        Raises AmiError if it never began.
        """
        self._early, self._booted = [], Deferred()
        ended: Deferred[str] = Deferred()  # `stop` cancels what is awaited, and must not cancel `client.lost`
        client = AmiClient(Codec(self._wanted, self.counts), self._handle_event, self._clock, self._timeouts)
        client.lost.addCallback(self._lost).addCallback(ended.callback)
        try:
            await connectProtocol(self._endpoint, client)
        except Exception as error:  # refused, unreachable, no such host: Twisted has no common base for them
            raise AmiLinkLost(str(error) or type(error).__name__) from error
        self._client = client
        try:
            await client.login(*self._credentials)
            self.logins += 1
            await self._booted.addTimeout(_BOOT_SECONDS, self._clock, _not_booted)
            await client.flush()  # from here on we know the PBX's clock, by which the snapshot is dated
            snapshot = await self._snapshot(client)
            self.up, self.down_reason = True, ""
            _log.info("linked to Asterisk, AMI {version}", version=client.codec.banner)
            self._listener.ami_up(*snapshot)
            early, self._early = self._early, []
            for event in early:
                self._listener.ami_event(event)
            return await ended
        finally:
            client.close("stopped")

    async def _snapshot(self, client: AmiClient) -> tuple[list[Any], float]:
        taken_at = self.pbx_now()
        items: list[Any] = []
        for action in ("QueueStatus", "CoreShowChannels"):
            await client.list_items(
                action, lambda item: items.append(self._listener.ami_item(item, taken_at))
            )
        return items, taken_at

    async def _check(self, client: AmiClient) -> None:
        try:
            self._listener.ami_checked(*await self._snapshot(client))
        except AmiError as error:
            _log.warn("Asterisk could not be asked what goes on: {error}", error=error)
        finally:
            self._checking = None

    def _handle_event(self, event: Any) -> None:
        self.last_event_at = self._wall_clock()
        if self.up:
            self._listener.ami_event(event)
            return
        if event.name == "FullyBooted" and not self._booted.called:
            uptime = str(event.headers.get("Uptime", ""))
            self.started_at = self.pbx_now() - int(uptime) if uptime.isdigit() else 0.0
            self._booted.callback(None)
        self._early.append(event)

    def _lost(self, why: str) -> str:
        if not self._booted.called:
            self._booted.errback(Failure(AmiLinkLost(why)))
            self._booted.addErrback(lambda _: None)  # nobody waits for it before the login
        if self.up:
            self.up, self.down_reason = False, why
            # Not now: a link that died silently is noticed only when a ping has no answer.
            self._listener.ami_down(why, self.synced_until or self.pbx_now())
        return why


def _not_booted(_result: object, seconds: float) -> None:
    raise AmiTimeout(f"no FullyBooted within {seconds:g} s: does the manager user have read=system?")
