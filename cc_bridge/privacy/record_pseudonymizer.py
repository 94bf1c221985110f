"""What of a caller may be stored and sent: `[callers] numbers` applied to the records. Pure.

Calls and visits get the caller's key here too: the one thing that ties a person's calls together, whatever
is stored of the number.

Every record passes through `RecordPseudonymizer.of` before it is counted, written or sent anywhere,
and `import-queue-log` does so with what it takes in; nothing behind them needs to know the setting. The
tracker and the surveys go on with the true number, in memory: a call-back dials it.

The trap: a record names other numbers than the caller's. Of a call that goes out the customer is whom it
dialled, and a caller may be passed on to a number outside. What has seven digits or more counts as such; a
company's own extensions are shorter.
"""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, TypeVar

from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.records import Call, CustomerNumber, Direction, QueueVisit, Record, Talk

__all__ = ["RecordPseudonymizer"]

_Keyed = TypeVar("_Keyed", Call, QueueVisit)
_KEY = "caller_key"  # the last field of both
_OF_CALL, _OF_VISIT = (
    attrgetter(*(field.name for field in fields(kind) if field.name != _KEY)) for kind in (Call, QueueVisit)
)

_OUTSIDE = 7  # digits
_SERIAL = re.compile(r"-[0-9a-f]{8}(;[12])?$")  # of a channel; it would pass for a number


class RecordPseudonymizer:
    """Takes out of records what must not leave the daemon's memory."""

    def __init__(self, keys: CallerKeys) -> None:
        self._keys = keys
        self._plain = keys.mode == "plain"

    def of(self, record: Record) -> Record:
        """Return the record as it may be stored; the caller keys of surveys are made that way already."""
        match record:
            case Call():
                return self._of_call(_keyed(record, _OF_CALL, self._key(record)))
            case QueueVisit():
                key = self._keys.key(record.caller_number)
                if self._plain:
                    return _keyed(record, _OF_VISIT, key)
                number = self._keys.stored(record.caller_number)
                return replace(record, caller_number=number, caller_name="", caller_key=key)
            case CustomerNumber() if not self._plain:
                return replace(record, name="")
            case Talk(transfer_target=str(target)) if not self._plain:
                return replace(record, transfer_target=self._other(target))
        return record

    def _of_call(self, call: Call) -> Call:
        if self._plain:
            return call
        # What a caller from outside has dialled is a number of the company.
        dialed = call.dialed if call.direction is Direction.IN else self._other(call.dialed)
        number = self._keys.stored(call.caller_number)
        return replace(call, caller_number=number, caller_name="", dialed=dialed)

    def _key(self, call: Call) -> str:
        """Return the key of the person outside, if there is one."""
        match call.direction:
            case Direction.IN:
                return self._keys.key(call.caller_number)
            case Direction.OUT if _is_outside(call.dialed):
                return self._keys.key(call.dialed)
        return ""

    def _other(self, number: str) -> str:
        """Return what may be stored of a number that may be anybody's, or no number at all."""
        return self._keys.stored(number) if _is_outside(number) else number


def _keyed(record: _Keyed, values: Callable[[_Keyed], tuple[Any, ...]], key: str) -> _Keyed:
    """Return the record with a caller's key; `dataclasses.replace` takes three times as long."""
    kind: Callable[..., _Keyed] = type(record)
    return kind(*values(record), key)


def _is_outside(number: str) -> bool:
    return sum(sign.isdecimal() for sign in _SERIAL.sub("", number)) >= _OUTSIDE
