"""A number as a person or a CRM writes it, and the keys under which its calls are stored. Pure.

`customer import`, `customer show`, the pages and the caller lookup use it. phonenumbers, Google's tables of
the countries, knows 0912..., +98 912... and the 912... that a spreadsheet leaves of it for one number,
and how a network may have sent it. So a customer is found however trunks and people write.

`privacy.caller_keys.normalise`, which makes the keys that are stored, does without it on purpose: its speed
would do (51 us for 16, 1.4 MB), but its tables change every two weeks, and a key must stay the same for years
or opt-outs are forgotten. It also takes letters for digits, and an extension, 201, for a number abroad.

The trap: a number without its country code is only found in both writings if the region is known.
"""

from collections.abc import Iterable

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from cc_bridge.privacy.caller_keys import CallerKeys, normalise

__all__ = ["NumberKeys"]


class NumberKeys:
    """The numbers of one contact centre: their keys, its region, and numbers that many people share."""

    def __init__(self, keys: CallerKeys, region: str = "", shared: Iterable[str] = ()) -> None:
        """`region` is two letters such as IR; empty: by the country code of the keys, if that is set."""
        self._keys = keys
        self._region = region or _region_of(keys.country)
        self.shared = frozenset(key for number in shared for key in self.keys(number))

    def keys(self, number: str) -> tuple[str, ...]:
        """Return every key under which this number's calls may be stored; none if it is no number."""
        writings = dict.fromkeys([number, *self._writings(number)])
        return tuple(dict.fromkeys(key for each in writings for key in self._keys.known_by(each)))

    def key(self, number: str) -> str:
        """Return the key under which to store something about this number; empty if it is no number."""
        parsed = self._parsed(number)
        return self._keys.key(_worldwide(parsed) if parsed else number)

    def is_shared(self, number: str) -> bool:
        """Tell whether nobody in particular calls from this number, such as from a company's switchboard."""
        return not self.shared.isdisjoint(self.keys(number))

    def _parsed(self, number: str) -> PhoneNumber | None:
        if not normalise(number):  # withheld, or digits among letters
            return None
        try:
            parsed = phonenumbers.parse(number, self._region or None)
        except NumberParseException:
            return None
        return parsed if phonenumbers.is_possible_number(parsed) else None

    def _writings(self, number: str) -> Iterable[str]:
        """Yield how a network may send this number."""
        parsed = self._parsed(number)
        if parsed is None:
            return
        yield _worldwide(parsed)
        if parsed.country_code != phonenumbers.country_code_for_region(self._region):
            return
        yield phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        bare = phonenumbers.national_significant_number(parsed)
        if not _is_abroad(bare):
            yield bare


def _worldwide(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _region_of(country: str) -> str:
    region = phonenumbers.region_code_for_country_code(int(country)) if country else "ZZ"
    return "" if region in ("ZZ", "001") else region


def _is_abroad(digits: str) -> bool:
    """Tell whether the digits are somebody else's number, whose country code they begin with."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except NumberParseException:
        return False
