"""Digests to be sent and sent, each to one address: who may send one, and what became of it.

`digest/delivery.py` sends by it, `cc-bridge digest list` reads it. Every function is one transaction of
its own, so that what one process notes, every other one sees at once; instants are UTC seconds since the
epoch.

A digest is claimed by an UPDATE that names the state which it must have, so of many processes one succeeds. A
claim ends by itself: who claimed may be dead. But once it is `sending`, nobody takes it over.

The trap: what was left in `sending` may have arrived. It becomes `unclear`, which is told, and never goes
again by itself.
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

CLAIM_SECONDS = 900.0  # to make and begin to send one; a report of millions of calls takes a minute


class DeliveryState(StrEnum):
    """How far a digest has come."""

    WAITING = "waiting"
    CLAIMED = "claimed"  # it is being made
    SENDING = "sending"  # the server is getting the text
    SENT = "sent"
    FAILED = "failed"
    UNCLEAR = "unclear"  # nobody knows whether it was sent


# From what a digest may come to each state.
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
    """Which digest, for whom."""

    frequency: str
    first_day: str
    owner: str
    address: str

    @property
    def recipient(self) -> str:
        """Who gets it, in a log."""
        return f"{self.address} ({self.owner or 'everyone'})"


@dataclass(frozen=True, slots=True)
class DigestDelivery:
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
    """Those of a database; `me` is a name that no other process has."""

    def __init__(self, engine: Engine, me: str) -> None:
        self._engine = engine
        self._me = me

    def enqueue(self, keys: Iterable[DeliveryKey], last_day: str, now: float) -> None:
        """Let these be sent, unless they are known."""
        for key in keys:
            row = {field.name: getattr(key, field.name) for field in fields(DeliveryKey)} | {
                "last_day": last_day, "enqueued_at": now, "state": DeliveryState.WAITING.value,
                "claimed_by": "", "attempts": 0, "next_attempt_at": now, "ended_at": None, "reason": "",
            }  # fmt: skip
            with self._engine.connect() as connection:  # SQLite waits for no lock once it has read
                there = connection.scalar(select(func.count()).where(_is(key)))
            if not there:
                with suppress(IntegrityError), self._engine.begin() as connection:
                    connection.execute(insert(digest_deliveries).values(row))  # unless another was faster

    def requeue(self, key: DeliveryKey, now: float) -> bool:
        """Let one that has ended be sent once more; tell whether it had ended."""
        values = {
            "state": DeliveryState.WAITING.value,
            "enqueued_at": now,
            "next_attempt_at": now,
            "attempts": 0,
            "reason": "",
        }
        return self._changed(key, _c.state.in_(_ENDS), values)

    def open(self, frequency: str) -> list[DigestDelivery]:
        """Return those that have not ended, the oldest first."""
        statement = select(*_COLUMNS).where(_c.frequency == frequency, _c.state.not_in(_ENDS))
        with self._engine.connect() as connection:
            rows = connection.execute(statement.order_by(_c.enqueued_at, _c.owner, _c.address))
            return [DigestDelivery(*row) for row in rows]

    def claim(self, key: DeliveryKey, now: float, *, at_once: bool = False) -> bool:
        """Take one that is due, or `at_once`; tell whether it is ours now."""
        waits = _c.state == DeliveryState.WAITING
        left = and_(_c.state == DeliveryState.CLAIMED, _c.next_attempt_at <= now)
        due = waits if at_once else and_(waits, _c.next_attempt_at <= now)
        values = {
            "state": DeliveryState.CLAIMED.value, "claimed_by": self._me,
            "next_attempt_at": now + CLAIM_SECONDS, "attempts": _c.attempts + 1,
        }  # fmt: skip
        return self._changed(key, due | left, values)

    def sending(self, key: DeliveryKey, now: float) -> bool:
        """Note that the server gets the text from now on; False: it is ours no more, and must not be sent."""
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
        """Give up one that was left while it was being sent; tell whether it was, and by us."""
        left = and_(_c.state == DeliveryState.SENDING, _c.next_attempt_at <= now)
        reason = "whoever sent it ended in the middle, so it may have been sent"
        return self._changed(
            key, left, {"state": DeliveryState.UNCLEAR.value, "ended_at": now, "reason": reason}
        )

    def last_sent_at(self, frequency: str) -> float:
        """Return when one was sent last; 0: never."""
        newest = select(func.max(_c.ended_at, type_=_c.ended_at.type)).where(
            _c.frequency == frequency, _c.state == DeliveryState.SENT
        )
        with self._engine.connect() as connection:
            return connection.scalar(newest) or 0.0

    def newest(self, limit: int) -> list[DigestDelivery]:
        """Return the newest ones first."""
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
