"""Digest deliveries: the sending of one report digest to one address, as stored in the database.

Each method is one transaction, so that other processes see its result immediately. Instants are UTC seconds
since the epoch.

A process claims a delivery before it sends the digest. The claim is an UPDATE that requires a certain state,
so only one of several processes succeeds. A claim expires, because the process may have died. A delivery in
the state `sending` is never claimed by another process.

Note: a digest that is left in `sending` may have arrived. The delivery becomes `unclear`, which is reported,
and is not retried automatically.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cc_bridge.storage.schema.tables import digest_deliveries

__all__ = ["CLAIM_SECONDS", "DeliveryKey", "DeliveryState", "DigestDeliveries", "DigestDelivery"]

CLAIM_SECONDS = 900.0  # lifetime of a claim; the report of millions of calls takes a minute to make


class DeliveryState(StrEnum):
    """The state of a digest delivery.

    In the state `unclear` it is unknown whether the digest was sent.
    """

    WAITING = "waiting"
    CLAIMED = "claimed"  # a process makes the digest
    SENDING = "sending"  # the text is on its way to the mail server
    SENT = "sent"
    FAILED = "failed"
    UNCLEAR = "unclear"  # unknown whether it was sent


# The states from which each state can be reached.
_FROM: Mapping[DeliveryState, tuple[DeliveryState, ...]] = {
    DeliveryState.SENDING: (DeliveryState.CLAIMED,),
    DeliveryState.SENT: (DeliveryState.SENDING,),
    DeliveryState.WAITING: (DeliveryState.CLAIMED, DeliveryState.SENDING),
    DeliveryState.FAILED: (DeliveryState.CLAIMED, DeliveryState.SENDING),
    DeliveryState.UNCLEAR: (DeliveryState.SENDING,),
}
_ENDS = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCLEAR)


@dataclass(frozen=True, slots=True)
class DeliveryKey:
    """The key of a digest delivery: frequency, first day and owner of the digest, and the address.

    An empty owner means a digest for everyone.
    """

    frequency: str
    first_day: str
    owner: str
    address: str

    @property
    def recipient(self) -> str:
        """The recipient for log lines: the address, and the digest's owner or "everyone" in brackets."""
        return f"{self.address} ({self.owner or 'everyone'})"


@dataclass(frozen=True, slots=True)
class DigestDelivery:
    """A digest delivery: one row of the table `digest_deliveries`, without the column `claimed_by`."""

    frequency: str
    first_day: str
    owner: str
    address: str
    last_day: str
    enqueued_at: float
    state: str
    attempts: int
    next_attempt_at: float
    ended_at: float | None
    reason: str

    @property
    def key(self) -> DeliveryKey:
        return DeliveryKey(self.frequency, self.first_day, self.owner, self.address)


_c = digest_deliveries.c
_COLUMNS = [_c[field.name] for field in fields(DigestDelivery)]


class DigestDeliveries:
    """The digest deliveries that are stored in a database.

    `me` is the unique name of this process. It is stored with each delivery that this process claims.
    """

    def __init__(self, engine: Engine, me: str) -> None:
        self._engine = engine
        self._me = me

    def enqueue(self, keys: Iterable[DeliveryKey], last_day: str, now: float) -> None:
        """Add digest deliveries in the state `waiting`; existing deliveries are not changed.

        `last_day` is the last day of each digest. `now` is in UTC seconds since the epoch.
        """
        for key in keys:
            row = {field.name: getattr(key, field.name) for field in fields(DeliveryKey)} | {
                "last_day": last_day, "enqueued_at": now, "state": DeliveryState.WAITING.value,
                "claimed_by": "", "attempts": 0, "next_attempt_at": now, "ended_at": None, "reason": "",
            }  # fmt: skip
            with (
                self._engine.connect() as connection
            ):  # read in another transaction: SQLite waits for no lock after a read
                there = connection.scalar(select(func.count()).where(_is(key)))
            if not there:
                with suppress(IntegrityError), self._engine.begin() as connection:
                    connection.execute(
                        insert(digest_deliveries).values(row)
                    )  # IntegrityError: another process was faster

    def requeue(self, key: DeliveryKey, now: float) -> bool:
        """Let a delivery be sent again if it was sent, has failed or is unclear: its state becomes `waiting`.

        Return False, and change nothing, if it is in another state.
        """
        values = {
            "state": DeliveryState.WAITING.value,
            "enqueued_at": now,
            "next_attempt_at": now,
            "attempts": 0,
            "reason": "",
        }
        return self._changed(key, _c.state.in_(_ENDS), values)

    def open(self, frequency: str) -> list[DigestDelivery]:
        """Return the deliveries that are waiting, claimed or being sent, oldest first.

        Only digests of the given frequency are returned.
        """
        statement = select(*_COLUMNS).where(_c.frequency == frequency, _c.state.not_in(_ENDS))
        with self._engine.connect() as connection:
            rows = connection.execute(statement.order_by(_c.enqueued_at, _c.owner, _c.address))
            return [DigestDelivery(*row) for row in rows]

    def claim(self, key: DeliveryKey, now: float, *, at_once: bool = False) -> bool:
        """Claim a delivery for this process; return False if it cannot be claimed.

        A delivery can be claimed when its next attempt is due or another process's claim has expired.
        `at_once` claims a waiting delivery even if its next attempt is not due yet.
        """
        waits = _c.state == DeliveryState.WAITING
        left = and_(_c.state == DeliveryState.CLAIMED, _c.next_attempt_at <= now)
        due = waits if at_once else and_(waits, _c.next_attempt_at <= now)
        values = {
            "state": DeliveryState.CLAIMED.value, "claimed_by": self._me,
            "next_attempt_at": now + CLAIM_SECONDS, "attempts": _c.attempts + 1,
        }  # fmt: skip
        return self._changed(key, due | left, values)

    def sending(self, key: DeliveryKey, now: float) -> bool:
        """Store that this process starts to send a digest.

        Return False if this process has lost its claim on the delivery; then the digest must not be sent.
        """
        return self._moved(key, DeliveryState.SENDING, {"next_attempt_at": now + CLAIM_SECONDS})

    def sent(self, key: DeliveryKey, now: float) -> bool:
        return self._moved(key, DeliveryState.SENT, {"ended_at": now, "reason": ""})

    def postpone(self, key: DeliveryKey, at: float, reason: str) -> bool:
        return self._moved(key, DeliveryState.WAITING, {"next_attempt_at": at, "reason": reason})

    def failed(self, key: DeliveryKey, now: float, reason: str) -> bool:
        return self._moved(key, DeliveryState.FAILED, {"ended_at": now, "reason": reason})

    def unclear(self, key: DeliveryKey, now: float, reason: str) -> bool:
        return self._moved(key, DeliveryState.UNCLEAR, {"ended_at": now, "reason": reason})

    def left_unclear(self, key: DeliveryKey, now: float) -> bool:
        """Mark a delivery as unclear if its process died while sending; return False if it was not marked.

        A process counts as dead when the state `sending` is older than the lifetime of a claim.
        """
        left = and_(_c.state == DeliveryState.SENDING, _c.next_attempt_at <= now)
        reason = "the sending process ended before the result was known, so it may have been sent"
        return self._changed(
            key, left, {"state": DeliveryState.UNCLEAR.value, "ended_at": now, "reason": reason}
        )

    def last_sent_at(self, frequency: str) -> float:
        """Return the instant at which a digest of this frequency was last sent; 0 if none was.

        The instant is in UTC seconds since the epoch.
        """
        newest = select(func.max(_c.ended_at, type_=_c.ended_at.type)).where(
            _c.frequency == frequency, _c.state == DeliveryState.SENT
        )
        with self._engine.connect() as connection:
            return connection.scalar(newest) or 0.0

    def newest(self, limit: int) -> list[DigestDelivery]:
        """Return up to `limit` deliveries in any state; the digests with the latest first day come first."""
        order = (_c.first_day.desc(), _c.frequency, _c.owner, _c.address)
        with self._engine.connect() as connection:
            rows = connection.execute(select(*_COLUMNS).order_by(*order).limit(limit))
            return [DigestDelivery(*row) for row in rows]

    def _moved(self, key: DeliveryKey, to: DeliveryState, values: Mapping[str, Any]) -> bool:
        mine = and_(_c.state.in_(_FROM[to]), _c.claimed_by == self._me)
        return self._changed(key, mine, {"state": to.value, **values})

    def _changed(self, key: DeliveryKey, when: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        with self._engine.begin() as connection:
            done = connection.execute(update(digest_deliveries).where(_is(key), when).values(**values))
            return done.rowcount == 1


def _is(key: DeliveryKey) -> ColumnElement[bool]:
    return and_(*(_c[field.name] == getattr(key, field.name) for field in fields(DeliveryKey)))
