"""The data subject: one caller whose personal data is searched for or erased in stored values. Without I/O.

A `DataSubject` finds the caller's number in every spelling (+98912..., 0098912..., 0912..., Persian digits)
and as a plain or hashed caller key. In a text with more than the number, such as a dialled prefix or
`Local/0912...@trunk`, it finds the number at the end of a run of digits. It also returns a stored value
without the caller's data.

Note: without a country code in the configuration +98912... and 0912... count as two callers.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from cc_bridge.privacy.caller_keys import CallerKeys, folded, normalise

__all__ = ["KEYS", "NAMES", "NUMBERS", "DataSubject"]

KEYS = ("caller_key",)
NUMBERS = ("caller_number", "dialed", "transfer_target")
NAMES = ("caller_name", "name")
_IDS = "id"  # the end of the names of ID fields; their values, such as 1795309819.12, are no phone numbers
_SHORTEST = 7  # digits of a number that is searched for within other text; 201 would match too often


class DataSubject:
    """One caller, given by a phone number, whose personal data is searched for or erased.

    The truth value of the object is False if the given text is no phone number.
    """

    def __init__(self, number: str, keys: CallerKeys) -> None:
        self.keys = keys.known_by(number)
        self._country = keys.country
        self._digits = normalise(number, keys.country)
        national = self._digits.removeprefix(keys.country).lstrip("0")
        # The ends of a run of digits that has a prefix before the number.
        self._endings = (f"0{national}", self._digits) if len(national) >= _SHORTEST else ()

    def __bool__(self) -> bool:
        return bool(self._digits)

    def has_number(self, text: str) -> bool:
        """Return whether a text is the data subject's number or one of their caller keys."""
        return bool(text) and (text in self.keys or normalise(text, self._country) == self._digits)

    def is_in(self, text: str) -> bool:
        """Return whether a text contains the data subject's number, alone or within other text."""
        if self.has_number(text):
            return True
        runs = re.findall("[0-9]+", folded(text)) if self._endings else []
        return any(run.endswith(self._endings) for run in runs)

    def without(self, value: Any) -> Any:
        """Return a JSON value without the data subject's numbers, keys and names.

        Each text that contains the number becomes empty, except in fields whose name ends in `id`. In an
        object that contained the number, the fields `name` and `caller_name` become empty too. JSON that is
        encoded within a text stays encoded. If nothing changes, the value itself is returned.
        """
        if isinstance(value, str):
            return self._without_text(value)
        if isinstance(value, list):
            items = [self.without(item) for item in value]
            return items if items != value else value
        if isinstance(value, Mapping):
            left = {
                name: item if name.lower().endswith(_IDS) else self.without(item)
                for name, item in value.items()
            }
            if left == value:
                return value
            return {
                name: "" if name in NAMES and isinstance(item, str) else item for name, item in left.items()
            }
        return value

    def _without_text(self, text: str) -> str:
        """Return a text without the data subject's data.

        If the text is encoded JSON, the data subject's data is removed from the JSON value, and the rest
        stays. Any other text that contains the data subject's number becomes empty.
        """
        if text[:1] in ("{", "["):
            try:
                inside = json.loads(text)
            except ValueError:
                pass
            else:
                left = self.without(inside)
                return text if left is inside else json.dumps(left, ensure_ascii=False, separators=(",", ":"))
        return "" if self.is_in(text) else text
