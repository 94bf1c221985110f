"""Caller keys: one key for each caller, in whatever form the network writes the number. Without I/O.

Survey attempts and opt-outs are stored under the caller key. A plain key is the number in digits. A hashed
key hides the number from everyone without the secret. With masked numbers the key is hashed too: a plain key
would show the digits that the mask hides.

Note: a change of the mode, the secret or the country code changes the keys. Earlier survey attempts and
opt-outs then no longer match their callers.
"""

import hmac
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["CallerKeys", "Mode", "folded", "masked", "normalise", "shown"]

Mode = Literal["plain", "masked", "hashed"]  # the form in which caller numbers are stored

_LONGEST = 20  # digits; E.164 allows 15, and a prefix may come before them
_HASHED = 32  # hexadecimal digits: 128 bits
_SHOWN = 8  # hexadecimal digits of a hashed key that people see
_MASKED = 4  # digits hidden: 10,000 numbers share a mask; region or operator stay readable


def folded(text: str) -> str:
    """Return the text with the decimal digits of every script (such as Persian) replaced by 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)


def normalise(number: str, country: str = "") -> str:
    """Return a phone number as digits only, starting with the country code where it is known.

    `country` is the country code of the contact centre, such as 98. `+98 912...` and `0098912...` become
    `98912...`. With `country`, `0912...` becomes `98912...` too. A number without a leading 0 or +, such as
    an extension, stays as it is. Digits may be of any script. The result is empty for a withheld number and
    for text that is no number: `anonymous`, `<unknown>`, zeros only, digits mixed with letters, more than 20
    digits.
    """
    text = folded(number)
    digits = text
    if not text.isdecimal():
        digits = "".join(sign for sign in text if sign in "0123456789")
        if any(sign.isalpha() for sign in text):
            return ""
    if not digits.strip("0") or len(digits) > _LONGEST:
        return ""
    if "+" in text or digits.startswith("00"):
        worldwide = digits if "+" in text else digits[2:]
        national = worldwide.removeprefix(country)
        # People write, and some trunks send, the national prefix as well: +98 (0) 912...
        return country + national.lstrip("0") if national != worldwide else worldwide
    if country and digits.startswith("0"):
        return country + digits[1:]
    return digits


def masked(digits: str) -> str:
    """Return a normalised number with its last four digits replaced by x."""
    return digits[:-_MASKED] + "x" * min(len(digits), _MASKED)


@dataclass(frozen=True, slots=True)
class CallerKeys:
    """A maker of caller keys. All daemons of one database need the same mode, secret and country code.

    `mode` determines how numbers are stored: plain, masked or hashed.
    """

    mode: Mode = "plain"
    secret: bytes = field(default=b"", repr=False)  # the HMAC secret of hashed keys
    country: str = ""  # the country code in digits, such as 98; empty: not configured

    def key(self, number: str) -> str:
        """Return the caller key: the number's digits in plain mode, else 32 hexadecimal digits of a hash.

        The key is empty for a withheld number. It is also empty if it must be hashed and no secret is
        configured.
        """
        return normalise(number, self.country) if self.mode == "plain" else self.hashed(number)

    def hashed(self, number: str) -> str:
        """Return the hashed caller key, even in plain mode.

        The result is empty for a withheld number, or if no secret is configured.
        """
        digits = normalise(number, self.country)
        if not digits or not self.secret:
            return ""
        return hmac.digest(self.secret, digits.encode(), "sha256").hex()[:_HASHED]

    def known_by(self, number: str) -> tuple[str, ...]:
        """Return every key under which a caller may be stored.

        These are the key in the configured mode (`callers.number_storage`) and the hashed key. A caller can
        have the hashed key after an erasure, or because another mode was configured earlier. An empty key is
        left out.
        """
        return tuple({key: None for key in (self.key(number), self.hashed(number)) if key})

    def stored(self, number: str) -> str:
        """Return a number in the form in which the mode stores it: unchanged, masked or hashed.

        In the modes masked and hashed, the result is empty for a withheld number.
        """
        if self.mode == "plain":
            return number
        return self.hashed(number) if self.mode == "hashed" else masked(normalise(number, self.country))


def shown(key: str) -> str:
    """Return a caller key for display; a hashed key is shortened to its first eight digits and `…`."""
    return f"{key[:_SHOWN]}…" if len(key) == _HASHED else key
