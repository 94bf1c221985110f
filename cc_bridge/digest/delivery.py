"""Digest delivery: digests that are due are built and sent to the mail server.

A delivery is one digest for one address. `send_due` runs in a thread. After a downtime it sends only the
latest digest. If several daemons use one database, a daemon claims a delivery in the database, so that no
other daemon sends it too. A failed delivery is retried with growing pauses for one day and then given up. A
delivery that the mail server rejects permanently is given up immediately.

A mail may be sent without a stored success, because the process ends or the database fails. So the start of
sending is stored first. If only the start is stored, the mail may have arrived and is not sent again; see
storage/queries/digest_deliveries.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from sqlalchemy import Engine

from cc_bridge.config import Config
from cc_bridge.config.report_parameters import report_days
from cc_bridge.digest.builder import build_digest, build_mail, digest_timer
from cc_bridge.digest.content import Digest, DigestName
from cc_bridge.digest.schedule import DigestTimer, Frequency, Period, period_of
from cc_bridge.digest.smtp import MailFailed, MailOutcome, MailServer, send
from cc_bridge.errors import CcBridgeError, ConfigError
from cc_bridge.reports.calendar import read_date
from cc_bridge.storage.migrate import database
from cc_bridge.storage.queries.digest_deliveries import DeliveryKey, DigestDeliveries, DigestDelivery

__all__ = ["NAMES", "DigestRunResult", "due_deliveries", "mail_server_of", "message_id", "send_due"]

_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0
_GIVE_UP_SECONDS = 86_400.0
_RETRY_SECONDS = 300.0  # while the database is away
_LOOK_AGAIN_SECONDS = 3600.0  # longest time to the next run: another daemon's claim may have expired

NAMES = {Frequency.DAY: DigestName.DAY, Frequency.WEEK: DigestName.WEEK, Frequency.MONTH: DigestName.MONTH}


@dataclass(slots=True)
class DigestRunResult:
    """The result of one run of `send_due`: the sent, postponed and given-up deliveries.

    Instants are UTC seconds since the epoch.
    """

    every: str
    due_at: float
    last_sent_at: float = 0.0  # 0: never
    look_at: float = 0.0  # time of the next run
    why_not: str = ""  # the reason why the run failed; empty if it did not
    sent: list[DeliveryKey] = field(default_factory=list)
    put_off: list[tuple[DeliveryKey, str]] = field(default_factory=list)  # to be retried, with the reason
    given_up: list[tuple[DeliveryKey, str]] = field(default_factory=list)  # with the reason


class _ClaimLost(CcBridgeError):
    """Error: another process has claimed the delivery, because building the mail took too much time."""


def send_due(
    config: Config,
    me: str,
    clock: Callable[[], float],
    stop: Callable[[], bool] = lambda: False,
    *,
    at_once: bool = False,
    again: bool = False,
) -> DigestRunResult:
    """Send the latest digest to all addresses that have not received it yet, and return the result.

    `me` is a unique name of this process, `clock` returns UTC seconds since the epoch. After `stop` returns
    True, no further delivery starts. With `at_once`, a postponed delivery does not wait for the time of its
    next retry. With `again`, deliveries that were sent or given up are repeated too.
    """
    timer, period, keys = due_deliveries(config, clock())
    posted = DigestRunResult(timer.every, timer.due(clock())[0])
    posted.look_at = clock() + _RETRY_SECONDS
    try:
        server = mail_server_of(config)
        with database(config.storage.url) as engine:
            known = DigestDeliveries(engine, me)
            if again:
                for key in keys:
                    known.requeue(key, clock())
            known.enqueue(keys, period.last.isoformat(), clock())
            round_ = _DigestRun(config, server, engine, known, posted, clock)
            for each in known.open(timer.every):
                if (each.owner, each.address) in config.digest.addressees() and not stop():
                    round_.one(each, at_once=at_once)
            posted.last_sent_at = known.last_sent_at(timer.every)
            now = clock()
            tries = [each.next_attempt_at for each in known.open(timer.every) if each.next_attempt_at > now]
            posted.look_at = min(timer.next_due(now), now + _LOOK_AGAIN_SECONDS, *tries)
    except CcBridgeError as error:
        posted.why_not = str(error)
    return posted


def due_deliveries(config: Config, now: float) -> tuple[DigestTimer, Period, list[DeliveryKey]]:
    """Return the timer of digests, the period of the latest digest, and the keys of its deliveries.

    `now` is in UTC seconds since the epoch.
    """
    timer = digest_timer(config)
    _, period = timer.due(now)
    first = period.first.isoformat()
    return (
        timer,
        period,
        [DeliveryKey(timer.every, first, *recipient) for recipient in config.digest.addressees()],
    )


def mail_server_of(config: Config) -> MailServer:
    """Return the configured mail server.

    Raise ConfigError if a setting is missing or the password's file cannot be read.
    """
    settings = config.digest
    if settings.missing:
        raise ConfigError(f"digest: set {', '.join(settings.missing)}")
    return MailServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.tls,
        settings.tls_ca_file,
        settings.username,
        settings.smtp_password(),
        settings.response_timeout_seconds,
    )


def message_id(key: DeliveryKey, enqueued_at: float, sender: str) -> str:
    """Return the Message-ID of a delivery, which is the same for each retry of this delivery.

    A receiver who gets the mail twice can then recognise the duplicate. `enqueued_at` distinguishes the
    delivery from an earlier one with the same key.
    """
    parts = (key.frequency, key.first_day, key.owner, key.address, f"{enqueued_at:.6f}")
    mark = sha256("\n".join(parts).encode()).hexdigest()[:32]
    return f"<digest.{key.first_day}.{mark}@{sender.rpartition('@')[2]}>"


class _DigestRun:
    """One run of `send_due`, which builds an owner's digest only once for all addresses of the owner."""

    def __init__(
        self,
        config: Config,
        server: MailServer,
        engine: Engine,
        known: DigestDeliveries,
        posted: DigestRunResult,
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._server = server
        self._engine = engine
        self._known = known
        self._posted = posted
        self._clock = clock
        self._made: dict[tuple[str, str], Digest | None] = {}

    def one(self, each: DigestDelivery, *, at_once: bool) -> None:
        """Send one delivery, unless another process has claimed it, and store the result.

        With `at_once`, a postponed delivery does not wait for the time of its next retry.
        """
        key, now = each.key, self._clock()
        if self._known.left_unclear(key, now):
            self._posted.given_up.append((key, "interrupted while it was sent; it may have arrived"))
            return
        if not self._known.claim(key, now, at_once=at_once):
            return
        try:
            sender, mail = self._config.digest.sender, self._mail(each)
            send(self._server, sender, each.address, mail, partial(self._begin, key))
        except _ClaimLost:
            return
        except MailFailed as error:
            self._failed(each, str(error), error.outcome)
            return
        except Exception as error:  # a digest that cannot be built must not stop the others
            self._failed(each, _why(error), MailOutcome.LATER)
            return
        self._known.sent(key, self._clock())
        self._posted.sent.append(key)

    def _mail(self, each: DigestDelivery) -> bytes:
        digest = self._digest(each)
        if digest is None:
            raise MailFailed(f"{each.owner} owns no configured or entered queue", MailOutcome.REFUSED)
        mark = message_id(each.key, each.enqueued_at, self._config.digest.sender)
        return build_mail(self._config, digest, each.owner, each.address, mark, self._clock())

    def _begin(self, key: DeliveryKey) -> None:
        if not self._known.sending(key, self._clock()):
            raise _ClaimLost

    def _digest(self, each: DigestDelivery) -> Digest | None:
        which = (each.first_day, each.owner)
        if which not in self._made:
            every = Frequency(each.frequency)
            period = period_of(every, read_date(each.first_day), report_days(self._config))
            self._made[which] = build_digest(
                self._engine, self._config, each.owner, period, self._clock(), NAMES[every]
            )
        return self._made[which]

    def _failed(self, each: DigestDelivery, why: str, outcome: MailOutcome) -> None:
        key, now = each.key, self._clock()
        if outcome is MailOutcome.UNCLEAR:
            self._known.unclear(key, now, why)
            self._posted.given_up.append((key, why))
        elif outcome is MailOutcome.REFUSED or now - each.enqueued_at >= _GIVE_UP_SECONDS:
            self._known.failed(key, now, why)
            self._posted.given_up.append((key, why))
        else:
            pause = min(_FIRST_PAUSE * 2.0 ** min(each.attempts, 20), _LONGEST_PAUSE)
            self._known.postpone(key, now + pause, why)
            self._posted.put_off.append((key, why))


def _why(error: Exception) -> str:
    """Return the text of an error in one line.

    Unless the error is a CcBridgeError, the name of its type is put before the text.
    """
    text = " ".join(str(error).split())
    return text if isinstance(error, CcBridgeError) else f"{type(error).__name__}: {text}"
