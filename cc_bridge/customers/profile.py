"""The caller profile: facts from a caller's earlier calls, which the dialplan gets before the queue. Pure.

The profile becomes channel variables. The stored language of a call may be any text that was on the caller's
channel. So it becomes a channel variable only if it has the form of a language code.
"""

import re
from dataclasses import dataclass

__all__ = ["CALLS_SECONDS", "VARIABLES", "Priorities", "Profile", "variables"]

CALLS_SECONDS = 7 * 86_400.0
_LANGUAGE = re.compile(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?")

VARIABLES = ("CCB_LAST_RATING", "CCB_OPEN_FOLLOW_UP", "CCB_CALLS_7D", "CCB_LANGUAGE", "CCB_PRIORITY")


@dataclass(frozen=True, slots=True)
class Profile:
    """The facts that are known about one caller from earlier calls, ratings and follow-ups."""

    last_rating: int | None = None  # the last answer to the configured kind of question; None: no answer
    calls: int = 0  # calls with a queue within CALLS_SECONDS
    lost: bool = False  # the last of these calls was not answered
    language: str = ""  # language of the last call
    follow_ups: tuple[str, ...] = ()  # reasons of the caller's open follow-ups


@dataclass(frozen=True, slots=True)
class Priorities:
    """The queue priorities that callers get after a low rating or after a lost call.

    0 is the normal priority.
    """

    low_rating: int = 2  # the highest value that is a low rating
    after_low_rating: int = 0  # priority after a low rating
    after_lost_call: int = 0  # priority after a lost call

    def of(self, profile: Profile) -> int:
        """Return the queue priority of a caller: the highest of the priorities that apply to the caller."""
        low = profile.last_rating is not None and profile.last_rating <= self.low_rating
        return max(0, low * self.after_low_rating, profile.lost * self.after_lost_call)


def variables(profile: Profile, priorities: Priorities) -> dict[str, str]:
    """Return the channel variables of a caller, name -> value; an unknown value is empty."""
    values = (
        "" if profile.last_rating is None else str(profile.last_rating),
        "&".join(profile.follow_ups),  # Asterisk's separator of lists
        str(profile.calls),
        profile.language if _LANGUAGE.fullmatch(profile.language) else "",
        str(priorities.of(profile)),
    )
    return dict(zip(VARIABLES, values, strict=True))
