"""One person, looked for in what is stored: is this their number, and what is left of a row without it. Pure.

`storage/personal_data/erasure.py` asks it about every row when a caller wants to see, or to be taken out of,
what is on record. A number is found in every writing (+98912..., 0098912..., 0912..., Persian digits), as a
key and as a hash; where more than a number is written, such as a dialled prefix or `Local/0912...@trunk`, at
the end of a run of digits.

The trap: without a country code in the configuration +98912... and 0912... cannot be known for the same.
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
_IDS = "id"  # how names of fields end that hold no number, though 1795309819.12 would pass for one
_SHORTEST = 7  # digits of a number that is looked for within other text; 201 is in everything


class DataSubject:
    """Whoever calls from a number; falsy when it is none."""

    def __init__(self, number: str, keys: CallerKeys) -> None:
        self.keys = keys.known_by(number)
        self._country = keys.country
        self._digits = normalise(number, keys.country)
        national = self._digits.removeprefix(keys.country).lstrip("0")
        # How a run of digits ends that has something before the number.
        self._endings = (f"0{national}", self._digits) if len(national) >= _SHORTEST else ()

    def __bool__(self) -> bool:
        return bool(self._digits)

    def has_number(self, text: str) -> bool:
        """Tell whether a text is this person's number, or a key of it."""
        return bool(text) and (text in self.keys or normalise(text, self._country) == self._digits)

    def is_in(self, text: str) -> bool:
        """Tell whether a text holds the number, alone or with something around it."""
        if self.has_number(text):
            return True
        runs = re.findall("[0-9]+", folded(text)) if self._endings else []
        return any(run.endswith(self._endings) for run in runs)

    def without(self, value: Any) -> Any:
        """Return a value of JSON without this person; the value itself when nothing in it is about them.

        The name goes with the number beside it. JSON in a text stays JSON in a text.
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
        if text[:1] in ("{", "["):
            try:
                inside = json.loads(text)
            except ValueError:
                pass
            else:
                left = self.without(inside)
                return text if left is inside else json.dumps(left, ensure_ascii=False, separators=(",", ":"))
        return "" if self.is_in(text) else text
