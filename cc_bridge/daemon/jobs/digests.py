"""The periodic job that sends digests by mail when they are due. Digests are off by default.

A digest is a mail with the figures of a day, week or month.

`digest/delivery.py` imports jinja2 and the reports, which take memory. So it is imported at the
first run, not with this module.
"""

from collections.abc import Callable
from os import getpid, urandom
from socket import gethostname
from typing import TYPE_CHECKING

from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context, per_queue

if TYPE_CHECKING:
    from cc_bridge.digest.delivery import DigestRunResult

__all__ = ["DigestJob", "SendDigests"]

_log = Logger()

# A next check further in the future than this was noted before the clock was set back; it is ignored.
_MAX_WAIT_SECONDS = 3600.0

SendDigests = Callable[[Config, str, Callable[[], float], Callable[[], bool]], "DigestRunResult"]
"""A function that sends the due digests.

Arguments: the configuration, the name of this sender, a clock (UTC seconds), and a function that returns True
when the sender must stop early.
"""


def _send(
    config: Config, sender: str, now: Callable[[], float], stop: Callable[[], bool]
) -> "DigestRunResult":
    from cc_bridge.digest.delivery import send_due  # noqa: PLC0415 - see above

    return send_due(config, sender, now, stop)


class DigestJob(PeriodicJob["DigestRunResult"]):
    """The digest job of one daemon.

    The constructor raises ConfigError if the mail password cannot be read.

    Three attributes are read by the metrics. Each maps the configured digest frequency (day, week or month)
    to a number. `failures` has the number of mails that failed and are not retried. `due_at` has the time at
    which a digest was last due. `last_sent_at` has the time at which a digest was last sent (0: never). Times
    are UTC seconds. All three mappings are empty while digests are off.
    """

    name = "digest delivery"
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
        self.config.digest.smtp_password()
        self.failures: dict[str, int] = {}  # number of mails given up
        self.due_at: dict[str, float] = {}  # UTC seconds; empty: digests are off or the job has not run yet
        self.last_sent_at: dict[str, float] = {}  # UTC seconds; 0: never
        self._send = send
        self._sender = f"{gethostname()[:20]}-{getpid()}-{urandom(8).hex()}"
        self._now = context.now
        self._sent_with: Config | None = None
        self._next_check_at = 0.0
        self._init_series()

    def prepare(self) -> Callable[[], "DigestRunResult"] | None:
        config, now = self.config, self._now()
        if not config.digest.enabled:
            self._sent_with = None
            self.failures, self.due_at, self.last_sent_at = {}, {}, {}
            return None
        if config is self._sent_with and 0.0 < self._next_check_at - now <= _MAX_WAIT_SECONDS:
            return None
        self._init_series()
        self._sent_with = config
        return lambda: self._send(config, self._sender, self._now, self.stopping.is_set)

    def _init_series(self) -> None:
        """Create the failure count with the value 0 before the first failure.

        Prometheus sees the step from 0 to 1 as an increase. It would see no increase if the series started at
        1.
        """
        digest = self.config.digest
        if digest.enabled and digest.frequency not in self.failures:
            self.failures = {digest.frequency: 0}

    def finish(self, result: "DigestRunResult") -> None:
        self._next_check_at = result.look_at
        self.due_at = {result.every: result.due_at}
        if result.why_not:
            _log.warn(
                "cannot check which digests are due: {why}; the check is repeated later", why=result.why_not
            )
        else:
            self.last_sent_at = {result.every: result.last_sent_at}
        for key in result.sent:
            _log.info(
                "digest sent to {owner}; its period starts on {first}",
                first=key.first_day,
                owner=key.recipient,
            )
        for key, why in result.put_off:
            _log.warn("digest for {owner} not sent: {why}; it is retried later", owner=key.recipient, why=why)
        for key, why in result.given_up:
            self.failures[result.every] = self.failures.get(result.every, 0) + 1
            _log.error("digest for {owner} given up: {why}; it is not retried", owner=key.recipient, why=why)

    def fail(self) -> None:
        self._next_check_at = 0.0
