"""Pseudonymisation of records: the setting `callers.number_storage` applied to each record. Without I/O.

Every record, also an imported one, passes through `RecordPseudonymizer.of` before it is counted, stored or
sent. Code that handles the record later therefore need not know the setting. Calls and visits also get their
caller key, which links the calls of one caller in every mode. The tracker and the surveys keep the real
number in memory, because a callback dials it.

Note: besides the caller's number, a record can have other personal numbers. The customer of an outgoing call
has the dialled number, and a transfer may have an external target. A number of seven or more digits counts as
external; the contact centre's extensions are shorter.
"""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, TypeVar, cast

from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.records import Call, CustomerNumber, Direction, QueueVisit, Record, Talk

__all__ = ["RecordPseudonymizer"]

_Keyed = TypeVar("_Keyed", Call, QueueVisit)
_KEY = "caller_key"  # the last field of Call and of QueueVisit
_OF_CALL, _OF_VISIT = (
    attrgetter(*(field.name for field in fields(kind) if field.name != _KEY)) for kind in (Call, QueueVisit)
)

_OUTSIDE = 7  # digits from which on a number is external
_SERIAL = re.compile(r"-[0-9a-f]{8}(;[12])?$")  # the serial of a channel name; its digits are no number


class RecordPseudonymizer:
    """A converter of records into the form in which they are stored.

    It adds caller keys to calls and visits. Unless numbers are stored plain, it also replaces real numbers
    and removes the callers' names.
    """

    def __init__(self, keys: CallerKeys) -> None:
        self._keys = keys
        self._plain = keys.mode == "plain"
        self._converters: dict[type[Any], Callable[[Any], Any]] = {
            Call: self._of_call,
            QueueVisit: self._of_visit,
        }
        if not self._plain:
            self._converters |= {CustomerNumber: self._of_customer_number, Talk: self._of_talk}

    def of(self, record: Record) -> Record:
        """Return the record in the form that may be stored. A call or visit gets its caller key.

        Survey records are returned unchanged: they hold a caller key instead of a number.
        """
        convert = self._converters.get(type(record))
        return record if convert is None else cast("Record", convert(record))

    def _of_call(self, call: Call) -> Call:
        """Return a call with its caller key.

        Unless numbers are stored plain, the result has no real numbers and no name of the caller.
        """
        call = _keyed(call, _OF_CALL, self._key(call))
        if self._plain:
            return call
        # The dialled number of an incoming call belongs to the contact centre and is no personal data.
        dialed = call.dialed if call.direction is Direction.IN else self._other(call.dialed)
        number = self._keys.stored(call.caller_number)
        return replace(call, caller_number=number, caller_name="", dialed=dialed)

    def _of_visit(self, visit: QueueVisit) -> QueueVisit:
        """Return a visit with its caller key.

        Unless numbers are stored plain, the result has no real number and no name of the caller.
        """
        key = self._keys.key(visit.caller_number)
        if self._plain:
            return _keyed(visit, _OF_VISIT, key)
        number = self._keys.stored(visit.caller_number)
        return replace(visit, caller_number=number, caller_name="", caller_key=key)

    def _of_customer_number(self, number: CustomerNumber) -> CustomerNumber:
        """Return a customer's number without the name."""
        return replace(number, name="")

    def _of_talk(self, talk: Talk) -> Talk:
        """Return a talk without the real number of an external transfer target."""
        target = talk.transfer_target
        return talk if target is None else replace(talk, transfer_target=self._other(target))

    def _key(self, call: Call) -> str:
        """Return the caller key of a call's customer: the caller or, in an outgoing call, the dialled number.

        The result is empty for an internal call, and for an outgoing call to a number of fewer than seven
        digits.
        """
        match call.direction:
            case Direction.IN:
                return self._keys.key(call.caller_number)
            case Direction.OUT if _is_outside(call.dialed):
                return self._keys.key(call.dialed)
        return ""

    def _other(self, number: str) -> str:
        """Return an external number in the form that may be stored; return any other text unchanged."""
        return self._keys.stored(number) if _is_outside(number) else number


def _keyed(record: _Keyed, values: Callable[[_Keyed], tuple[Any, ...]], key: str) -> _Keyed:
    """Return the record with a caller key. `values` returns all other fields of the record, in their order.

    The function does not use `dataclasses.replace`, which takes three times as long.
    """
    kind: Callable[..., _Keyed] = type(record)
    return kind(*values(record), key)


def _is_outside(number: str) -> bool:
    """Return whether a number is external, that is, has at least seven digits.

    The digits of a channel's serial, such as `-0000002a` in `PJSIP/100-0000002a`, are not counted.
    """
    return sum(sign.isdecimal() for sign in _SERIAL.sub("", number)) >= _OUTSIDE
