"""Who calls: one key for one caller, however the network writes the number. Pure.

Surveys know by it whom they asked and who opted out. A plain key is the number, a hashed one tells it to
nobody without the secret. The trap: keys made with another mode, secret or country code do not fit, so
changing one of those later forgets who was asked and who opted out.
"""

import hmac
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["CallerKeys", "Mode", "normalise", "shown"]

Mode = Literal["plain", "hashed"]

_LONGEST = 20  # digits; E.164 allows 15, and a prefix may come before them
_HASHED = 32  # hexadecimal digits: 128 bits
_SHOWN = 8  # of those


def normalise(number: str, country: str = "") -> str:
    """Return the number in digits, its country code first if `country` (such as 98) is given.

    +98 912..., 0098912... and, with the country, 0912... all become 98912...; an extension stays as it is.
    Digits may be of any script. What is withheld or no number becomes empty: `anonymous`, `<unknown>`,
    nothing but zeros, digits among letters.
    """
    folded = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in number)
    digits = "".join(sign for sign in folded if sign in "0123456789")
    if any(sign.isalpha() for sign in folded) or not digits.strip("0") or len(digits) > _LONGEST:
        return ""
    if "+" in folded or digits.startswith("00"):
        worldwide = digits if "+" in folded else digits[2:]
        national = worldwide.removeprefix(country)
        # As people write it, and some trunks send it: +98 (0) 912...
        return country + national.lstrip("0") if national != worldwide else worldwide
    if country and digits.startswith("0"):
        return country + digits[1:]
    return digits


@dataclass(frozen=True, slots=True)
class CallerKeys:
    """Makes the keys; in a cluster of daemons all have the same mode, secret and country."""

    mode: Mode = "plain"
    secret: bytes = field(default=b"", repr=False)  # of hashed keys
    country: str = ""

    def key(self, number: str) -> str:
        """Return the caller's key: empty when the number is withheld, else digits, or 32 of a hash."""
        digits = normalise(number, self.country)
        if not digits or self.mode == "plain":
            return digits
        return hmac.digest(self.secret, digits.encode(), "sha256").hex()[:_HASHED]


def shown(key: str) -> str:
    """Return a key for people to read: a hashed one is shortened, it says nothing anyway."""
    return f"{key[:_SHOWN]}…" if len(key) == _HASHED else key
