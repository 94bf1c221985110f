"""What is known of a caller at the door, and what the dialplan is told of it. Pure.

`agi/caller_lookup_script.py` sets the variables. The trap: what is stored of a caller came from a caller; so
the language must look like one before a dialplan sets it.
"""

import re
from dataclasses import dataclass

__all__ = ["CALLS_SECONDS", "VARIABLES", "Priorities", "Profile", "variables"]

CALLS_SECONDS = 7 * 86_400.0
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")

VARIABLES = ("CCB_LAST_RATING", "CCB_OPEN_FOLLOW_UP", "CCB_CALLS_7D", "CCB_LANGUAGE", "CCB_PRIORITY")


@dataclass(frozen=True, slots=True)
class Profile:
    """One caller."""

    last_rating: int | None = None  # of the kind of question that counts
    calls: int = 0  # with a queue, in CALLS_SECONDS
    lost: bool = False  # the last of those was not answered
    language: str = ""  # spoken with them last
    follow_ups: tuple[str, ...] = ()  # why somebody should call them back


@dataclass(frozen=True, slots=True)
class Priorities:
    """Who goes before others in a queue; 0 is everybody's priority, the highest that applies counts."""

    low_rating: int = 2  # the highest value that is a low rating
    after_low_rating: int = 0
    after_lost_call: int = 0

    def of(self, profile: Profile) -> int:
        low = profile.last_rating is not None and profile.last_rating <= self.low_rating
        return max(0, low * self.after_low_rating, profile.lost * self.after_lost_call)


def variables(profile: Profile, priorities: Priorities) -> dict[str, str]:
    """Return the channel variables; empty is what is not known."""
    values = (
        "" if profile.last_rating is None else str(profile.last_rating),
        "&".join(profile.follow_ups),  # as Asterisk writes lists
        str(profile.calls),
        profile.language if _LANGUAGE.fullmatch(profile.language) else "",
        str(priorities.of(profile)),
    )
    return dict(zip(VARIABLES, values, strict=True))
