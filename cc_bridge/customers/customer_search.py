"""A result of the search for customers, and the caller keys that a typed text may mean. Pure."""

import re
from dataclasses import dataclass

from cc_bridge.customers.number_keys import NumberKeys

__all__ = ["FoundCustomer", "keys_of"]

_HASHED_KEY = re.compile(r"[0-9a-f]{32}")
_LONGEST_NUMBER = 40  # characters, with spaces and brackets


@dataclass(frozen=True, slots=True)
class FoundCustomer:
    """One number of a customer: its caller key, and the customer's id and name from the CRM."""

    caller_key: str
    customer_id: str
    name: str


def keys_of(text: str, numbers: NumberKeys) -> tuple[str, ...]:
    """Return the caller keys that a text names: a phone number in any usual form, or a hashed caller key.

    The result is empty for any other text.
    """
    if _HASHED_KEY.fullmatch(text):
        return (text,)
    return numbers.keys(text) if len(text) <= _LONGEST_NUMBER else ()
