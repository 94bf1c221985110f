"""Digests, sent: what is due is claimed, made, and handed to the mail server.

The daemon calls `send_due` again and again, in a thread, `cc-bridge digest send` once. A daemon that was away
sends what was due last, late and once; of several daemons on one database, one sends each. What
fails goes again after pauses that grow, for a day, and is then given up. What the mail server refuses for
good is given up at once; what may have arrived does not go again.

The trap: the process may end, or the database go away, between a text that is sent and the note that it was.
So it is noted before, and a digest with that note alone is not sent again:
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
_RETRY_SECONDS = 300.0  # when the database is away
_LOOK_AGAIN_SECONDS = 3600.0  # at the latest: another daemon's claim may have ended

NAMES = {Frequency.DAY: DigestName.DAY, Frequency.WEEK: DigestName.WEEK, Frequency.MONTH: DigestName.MONTH}


@dataclass(slots=True)
class DigestRunResult:
    """What one look has found and done."""

    every: str
    due_at: float
    last_sent_at: float = 0.0  # 0: never
    look_at: float = 0.0  # when there is something to do next
    why_not: str = ""  # it could not be looked for
    sent: list[DeliveryKey] = field(default_factory=list)
    put_off: list[tuple[DeliveryKey, str]] = field(default_factory=list)  # and why
    given_up: list[tuple[DeliveryKey, str]] = field(default_factory=list)


class _ClaimLost(CcBridgeError):
    """It took so long to make that another process has claimed it."""


def send_due(
    config: Config,
    me: str,
    clock: Callable[[], float],
    stop: Callable[[], bool] = lambda: False,
    *,
    at_once: bool = False,
    again: bool = False,
) -> DigestRunResult:
    """Send what is due and was not sent, and tell what became of it.

    `me` names this process, `clock` gives seconds since the epoch, `stop` tells whether to begin no more.
    `at_once` does not wait for the time of the next try; `again` sends too what was sent or given up.
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
    """Return the digests that were due last: their timer, their period and their keys."""
    timer = digest_timer(config)
    _, period = timer.due(now)
    first = period.first.isoformat()
    return (
        timer,
        period,
        [DeliveryKey(timer.every, first, *recipient) for recipient in config.digest.addressees()],
    )


def mail_server_of(config: Config) -> MailServer:
    """Return who takes our mails. Raises ConfigError for what is not set or cannot be read."""
    wishes = config.digest
    if wishes.missing:
        raise ConfigError(f"digest: set {', '.join(wishes.missing)}")
    return MailServer(
        wishes.smtp_host,
        wishes.smtp_port,
        wishes.tls,
        wishes.tls_ca_file,
        wishes.username,
        wishes.smtp_password(),
        wishes.response_timeout_seconds,
    )


def message_id(key: DeliveryKey, enqueued_at: float, sender: str) -> str:
    """Return the same for each try, so that a receiver who got it twice sees that it is the same."""
    parts = (key.frequency, key.first_day, key.owner, key.address, f"{enqueued_at:.6f}")
    mark = sha256("\n".join(parts).encode()).hexdigest()[:32]
    return f"<digest.{key.first_day}.{mark}@{sender.rpartition('@')[2]}>"


class _DigestRun:
    """Sends one after the other; what an owner's digest says is made once for all addresses."""

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
        """Send one if nobody else does; whatever goes wrong is noted with it."""
        key, now = each.key, self._clock()
        if self._known.left_unclear(key, now):
            self._posted.given_up.append((key, "it was cut off while it was sent, and may have arrived"))
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
        except Exception as error:  # a report that cannot be made must not stop the others
            self._failed(each, _why(error), MailOutcome.LATER)
            return
        self._known.sent(key, self._clock())
        self._posted.sent.append(key)

    def _mail(self, each: DigestDelivery) -> bytes:
        digest = self._digest(each)
        if digest is None:
            raise MailFailed(f"{each.owner} owns no queue that is named or was entered", MailOutcome.REFUSED)
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
    """Return one line; an error that is none of ours says its kind too."""
    text = " ".join(str(error).split())
    return text if isinstance(error, CcBridgeError) else f"{type(error).__name__}: {text}"
