"""The job that sends digests when they are due. Off by default.

`digest/delivery.py` needs the extra `report`, so it is imported at the first run.
"""

from collections.abc import Callable
from importlib.util import find_spec
from os import getpid, urandom
from socket import gethostname
from typing import TYPE_CHECKING

from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context, per_queue
from cc_bridge.errors import ConfigError

if TYPE_CHECKING:
    from cc_bridge.digest.delivery import DigestRunResult

__all__ = ["DigestJob", "SendDigests", "check_digest"]

_log = Logger()

_MAX_WAIT_SECONDS = 3600.0  # a later instant was noted before the clock was put back

SendDigests = Callable[[Config, str, Callable[[], float], Callable[[], bool]], "DigestRunResult"]
"""Sends what is due: with a configuration, by a sender's name, a clock and what tells it to stop."""


def _send(
    config: Config, sender: str, now: Callable[[], float], stop: Callable[[], bool]
) -> "DigestRunResult":
    from cc_bridge.digest.delivery import send_due  # noqa: PLC0415 - it needs the extra `report`

    return send_due(config, sender, now, stop)


class DigestJob(PeriodicJob["DigestRunResult"]):
    """Sends the digests of one daemon. Raises ConfigError for what would keep them from being sent."""

    name = "digests"
    interval = 60.0
    retry = 300.0
    at_start = False
    taken_over = (
        "digest.*",
        "reports.*",
        "general.time_zone",
        *per_queue("owner", "journey_stage", "opening_*"),
    )

    def __init__(self, context: Context, send: SendDigests = _send) -> None:
        super().__init__(context)
        check_digest(self.config)
        self.failures: dict[str, int] = {}  # mails given up, by what they are about: day, week, month
        self.due_at: dict[str, float] = {}  # when it was due last; empty: it is off, or has not run yet
        self.last_sent_at: dict[str, float] = {}  # 0: never
        self._send = send
        self._sender = f"{gethostname()[:20]}-{getpid()}-{urandom(8).hex()}"
        self._now = context.now
        self._sent_with: Config | None = None
        self._look_at = 0.0
        self._init_series()

    def prepare(self) -> Callable[[], "DigestRunResult"] | None:
        config, now = self.config, self._now()
        if not config.digest.enabled:
            self._sent_with = None
            self.failures, self.due_at, self.last_sent_at = {}, {}, {}
            return None
        if config is self._sent_with and 0.0 < self._look_at - now <= _MAX_WAIT_SECONDS:
            return None
        self._init_series()
        self._sent_with = config
        return lambda: self._send(config, self._sender, self._now, self.stopping.is_set)

    def _init_series(self) -> None:
        """Let the count exist at 0 before anything is counted, as Prometheus looks for an increase."""
        digest = self.config.digest
        if digest.enabled and digest.frequency not in self.failures:
            self.failures = {digest.frequency: 0}

    def finish(self, result: "DigestRunResult") -> None:
        self._look_at = result.look_at
        self.due_at = {result.every: result.due_at}
        if result.why_not:
            _log.warn("no digest could be looked for: {why}", why=result.why_not)
        else:
            self.last_sent_at = {result.every: result.last_sent_at}
        for key in result.sent:
            _log.info("digest from {first} sent to {owner}", first=key.first_day, owner=key.recipient)
        for key, why in result.put_off:
            _log.warn("digest for {owner} not sent, it goes again: {why}", owner=key.recipient, why=why)
        for key, why in result.given_up:
            self.failures[result.every] = self.failures.get(result.every, 0) + 1
            _log.error("digest for {owner} given up: {why}", owner=key.recipient, why=why)

    def fail(self) -> None:
        self._look_at = 0.0


def check_digest(config: Config) -> None:
    """Raise ConfigError for what would keep digests from being made and sent."""
    config.digest.smtp_password()
    needed = ["jinja2"] + (["persiantools"] if config.reports.calendar == "persian" else [])
    if config.digest.enabled and not all(map(find_spec, needed)):
        raise ConfigError(f"digest.enabled needs {' and '.join(needed)}: install cc-bridge[report]")
