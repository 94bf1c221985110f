"""Numbers in the headers of AMI messages: instants, durations and counts, each checked for plausibility.

A header is input from outside: a forged message, a damaged one, or a PBX that boots without a clock can hold
any number. A number that cannot be true raises ValueError, so that it never dates a record to 1970 or to the
year 9999, and never overflows a column of the database.
"""

from functools import lru_cache

__all__ = ["PLAUSIBLE_INSTANTS", "count_of", "instant_of", "is_plausible", "seconds_of"]

# A machine without a clock battery boots in 1970 or 2000. Its instants are not believed before a time server
# has set the clock.
_EARLIEST = 1_000_000_000.0  # September 2001
_LATEST = 4_102_444_800.0  # January 2100
# The earliest plausible instant, and the end of the plausible ones.
PLAUSIBLE_INSTANTS = _EARLIEST, _LATEST
_LONGEST_SECONDS = 366 * 86_400  # no caller waits for longer than a year
_LARGEST_COUNT = 1_000_000
# Most headers have one of few numbers, such as a cause. A number is read again in a fifth of the time.
_KEPT = 1024


def instant_of(text: str) -> float:
    """Return the instant in a header, in UTC seconds since the epoch.

    Raises ValueError if the text is no finite number, or an instant before September 2001 or after 2099.
    """
    instant = float(text)
    if not is_plausible(instant):
        raise ValueError("not a plausible instant")
    return instant


def is_plausible(instant: float) -> bool:
    """Return whether an instant, in UTC seconds, is between September 2001 and the end of 2099."""
    return _EARLIEST <= instant < _LATEST


@lru_cache(_KEPT)
def seconds_of(text: str) -> int:
    """Return the duration in a header, in whole seconds.

    Raises ValueError if the text is no whole number, or a duration of more than 366 days. A negative duration
    is returned as it is: Asterisk writes one if its clock was set back.
    """
    return _within(text, _LONGEST_SECONDS)


@lru_cache(_KEPT)
def count_of(text: str) -> int:
    """Return a count or code in a header, such as the position of a caller in a queue.

    Raises ValueError if the text is no whole number, or a number above a million.
    """
    return _within(text, _LARGEST_COUNT)


def _within(text: str, limit: int) -> int:
    """Return the whole number in `text`. Raises ValueError if it is not between `-limit` and `limit`."""
    number = int(text)
    if abs(number) > limit:
        raise ValueError("not a plausible number")
    return number
