"""Number keys: the caller keys under which the calls of a phone number may be stored. Pure.

One number can be written as 0912..., +98 912... or, by a spreadsheet, 912... Google's library phonenumbers
recognises these forms as one number. It also knows the forms in which a network sends the number. A number
with and without its country code is recognised as one only if the region is known.

The stored keys are made by `privacy.caller_keys.normalise` without this library, for two reasons. The
library's tables change every two weeks, but a key must stay the same for years, or opt-outs are lost. The
library also accepts letters as digits, and takes the extension 201 for a foreign number. It costs 51 us for
16 numbers, and 1.4 MB.
"""

from collections.abc import Iterable

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from cc_bridge.privacy.caller_keys import CallerKeys, normalise

__all__ = ["NumberKeys"]


class NumberKeys:
    """A converter from phone numbers to caller keys for one contact centre.

    The contact centre has a region, which is the country of numbers without a country code. It also has
    shared numbers, from which many people call.
    """

    def __init__(self, keys: CallerKeys, region: str = "", shared: Iterable[str] = ()) -> None:
        """Set the region and the shared numbers.

        `region` is the country of numbers without a country code, in two letters such as IR. If it is empty,
        the region follows from the country code in `keys`; without this code, the region is unknown. `shared`
        are the numbers from which many people call.
        """
        self._keys = keys
        self._region = region or _region_of(keys.country)
        self.shared = frozenset(key for number in shared for key in self.keys(number))

    def keys(self, number: str) -> tuple[str, ...]:
        """Return every caller key under which calls of the number may be stored.

        There are several, because a network may send the number in several forms. The result is empty for a
        text that is not a phone number.
        """
        writings = dict.fromkeys([number, *self._writings(number)])
        return tuple(dict.fromkeys(key for each in writings for key in self._keys.known_by(each)))

    def key(self, number: str) -> str:
        """Return the one caller key under which new data about the number is to be stored.

        The result is empty for a text that is not a phone number.
        """
        parsed = self._parsed(number)
        return self._keys.key(_worldwide(parsed) if parsed else number)

    def written(self, number: str) -> str:
        """Return a phone number in the one form in which people see it.

        A number of the contact centre's region is written as in that country, such as 09121234567. Another
        number is written with + and its country code. If the number's country is unknown, or if no such
        number can exist, the result is its digits. A hashed or masked caller key is returned unchanged.
        """
        parsed = self._parsed(number)
        if parsed is None:
            return normalise(number) or number
        if parsed.country_code != phonenumbers.country_code_for_region(self._region):
            return _worldwide(parsed)
        return normalise(phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL))

    def is_shared(self, number: str) -> bool:
        """Return whether the number is one of the configured shared numbers, from which many people call."""
        return not self.shared.isdisjoint(self.keys(number))

    def _parsed(self, number: str) -> PhoneNumber | None:
        if not normalise(number):  # withheld, or a text that contains letters
            return None
        try:
            parsed = phonenumbers.parse(number, self._region or None)
        except NumberParseException:
            return None
        return parsed if phonenumbers.is_possible_number(parsed) else None

    def _writings(self, number: str) -> Iterable[str]:
        """Yield the forms in which a network may send the number, such as with and without country code."""
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
    """Return whether the digits, with a + before them, are a valid international number."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except NumberParseException:
        return False
