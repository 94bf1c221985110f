"""Who calls: one key for one caller, however the network writes the number. Pure.

Surveys know by it whom they asked and who opted out. A plain key is the number, a hashed one tells it to
nobody without the secret. Where numbers are masked the key is hashed as well, or the mask would hide nothing.
The trap: keys made with another mode, secret or country code do not fit, so changing one of those later
forgets who was asked and who opted out.
"""

import hmac
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["CallerKeys", "Mode", "folded", "masked", "normalise", "shown"]

Mode = Literal["plain", "masked", "hashed"]  # how numbers are stored

_LONGEST = 20  # digits; E.164 allows 15, and a prefix may come before them
_HASHED = 32  # hexadecimal digits: 128 bits
_SHOWN = 8  # of those
_MASKED = 4  # digits: one of 10,000 callers, whose region or operator can still be read


def folded(text: str) -> str:
    """Return a text with the digits of any script as 0 to 9."""
    if text.isascii():
        return text
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)


def normalise(number: str, country: str = "") -> str:
    """Return the number in digits, its country code first if `country` (such as 98) is given.

    +98 912..., 0098912... and, with the country, 0912... all become 98912...; an extension stays as it is.
    Digits may be of any script. What is withheld or no number becomes empty: `anonymous`, `<unknown>`,
    nothing but zeros, digits among letters.
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
        # As people write it, and some trunks send it: +98 (0) 912...
        return country + national.lstrip("0") if national != worldwide else worldwide
    if country and digits.startswith("0"):
        return country + digits[1:]
    return digits


def masked(digits: str) -> str:
    """Return a normalised number with an x for each of its last four digits."""
    return digits[:-_MASKED] + "x" * min(len(digits), _MASKED)


@dataclass(frozen=True, slots=True)
class CallerKeys:
    """Makes the keys; in a cluster of daemons all have the same mode, secret and country."""

    mode: Mode = "plain"
    secret: bytes = field(default=b"", repr=False)  # of hashed keys
    country: str = ""

    def key(self, number: str) -> str:
        """Return the caller's key: empty when the number is withheld, else digits, or 32 of a hash."""
        return normalise(number, self.country) if self.mode == "plain" else self.hashed(number)

    def hashed(self, number: str) -> str:
        """Return the hashed key, whatever the mode; empty without a number, or without a secret."""
        digits = normalise(number, self.country)
        if not digits or not self.secret:
            return ""
        return hmac.digest(self.secret, digits.encode(), "sha256").hex()[:_HASHED]

    def known_by(self, number: str) -> tuple[str, ...]:
        """Return every key that a caller may have: of before an erasure or another mode, and of now."""
        return tuple({key: None for key in (self.key(number), self.hashed(number)) if key})

    def stored(self, number: str) -> str:
        """Return what of a number may be stored: itself, its mask or its hash; empty when withheld."""
        if self.mode == "plain":
            return number
        return self.hashed(number) if self.mode == "hashed" else masked(normalise(number, self.country))


def shown(key: str) -> str:
    """Return a key for people to read: a hashed one is shortened, it says nothing anyway."""
    return f"{key[:_SHOWN]}…" if len(key) == _HASHED else key
