"""The daemon sends digests by itself, when they are due.

`daemon/bridge.py` starts a Publishing, of `make_publishing`; what it does in a thread is in
`digest/delivery.py`, which is imported there, the first time that something is to be sent. Off by default.

The trap: the database may be away, and a mail server may take its time. So nothing waits for a look, a second
one never begins beside it, and the next one comes whatever became of it.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from os import getpid, urandom
from socket import gethostname
from threading import Event
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.config import Config
from cc_bridge.errors import ConfigError

if TYPE_CHECKING:
    from cc_bridge.digest.delivery import DigestRunResult

__all__ = ["DigestJob", "check_digest", "make_publishing"]

_log = Logger()

_LOOK_SECONDS = 60.0
_RETRY_SECONDS = 300.0  # when something is missing
_LONGEST_SECONDS = 3600.0  # what is later was noted before the clock was put back


class DigestJob:
    """`post` runs in a thread, with what tells it to stop.

    `config` is asked each time, `now` gives seconds since the epoch, `in_thread` calls a function in a thread
    and fires in the reactor with what it returned.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        post: Callable[[Config, Callable[[], bool]], "DigestRunResult"],
        now: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
        clock: IReactorTime,
    ) -> None:
        self.failures: dict[str, int] = {}  # mails given up, by what they are about: day, week, month
        self.due_at: dict[str, float] = {}  # when it was due last; empty: it is off, or has not looked yet
        self.last_sent_at: dict[str, float] = {}  # 0: never
        self._config = config
        self._post = post
        self._now = now
        self._in_thread = in_thread
        self._stopping = Event()
        self._looked_with: Config | None = None
        self._look_at = 0.0
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        self._know(self._config())
        self._looking.start(_LOOK_SECONDS, now=False)

    def stop(self) -> None:
        self._stopping.set()
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> Deferred[None] | None:
        config, now = self._config(), self._now()
        if not config.digest.enabled:
            self._looked_with = None
            self.failures, self.due_at, self.last_sent_at = {}, {}, {}
            return None
        if config is self._looked_with and 0.0 < self._look_at - now <= _LONGEST_SECONDS:
            return None
        self._know(config)
        self._looked_with = config
        return self._in_thread(self._post, config, self._stopping.is_set).addCallbacks(
            self._done, self._failed
        )

    def _know(self, config: Config) -> None:
        """Let the count exist at 0 before anything is counted, as an increase is looked for."""
        if config.digest.enabled and config.digest.every not in self.failures:
            self.failures = {config.digest.every: 0}

    def _done(self, posted: "DigestRunResult") -> None:
        self._look_at = posted.look_at
        self.due_at = {posted.every: posted.due_at}
        if posted.why_not:
            _log.warn("no digest could be looked for: {why}", why=posted.why_not)
        else:
            self.last_sent_at = {posted.every: posted.last_sent_at}
        for key in posted.sent:
            _log.info("digest from {first} sent to {owner}", first=key.first_day, owner=key.whom)
        for key, why in posted.put_off:
            _log.warn("digest for {owner} not sent, it goes again: {why}", owner=key.whom, why=why)
        for key, why in posted.given_up:
            self.failures[posted.every] = self.failures.get(posted.every, 0) + 1
            _log.error("digest for {owner} given up: {why}", owner=key.whom, why=why)

    def _failed(self, failure: Failure) -> None:
        self._look_at = self._now() + _RETRY_SECONDS
        _log.error("digests cannot be made: {why}", why=failure.getErrorMessage())


def make_publishing(
    config: Callable[[], Config], in_thread: Callable[..., Deferred[Any]], reactor: Any
) -> DigestJob:
    """Return what sends digests, if the configuration wants that; `config` gives what is in force."""
    me = f"{gethostname()[:20]}-{getpid()}-{urandom(8).hex()}"

    check_digest(config())

    def post(current: Config, stop: Callable[[], bool]) -> "DigestRunResult":
        from cc_bridge.digest.delivery import post  # noqa: PLC0415 - its memory is for who has digests

        return post(current, me, time.time, stop)

    return DigestJob(config, post, time.time, in_thread, reactor)


def check_digest(config: Config) -> None:
    """Raise ConfigError for what would keep digests from being made and sent."""
    config.digest.password()
    needed = ["jinja2"] + (["persiantools"] if config.reports.calendar == "persian" else [])
    if config.digest.enabled and not all(map(find_spec, needed)):
        raise ConfigError(f"digest.enabled needs {' and '.join(needed)}: install cc-bridge[report]")
