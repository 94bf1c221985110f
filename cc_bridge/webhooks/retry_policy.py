"""When to retry, and when to give up. Pure: the clock and random numbers are given.

There are two levels, because two things can fail. An event that its receiver does not take waits by itself,
with the later ones of its call, and others go on. A receiver that failed some times in a row is taken to be
away: it gets one request at a time, each of another event, with growing pauses, until one of them succeeds.
Then all that wait for it are due.

The clock may be put back: no instant here is further away than the longest pause; one that is, is due.
"""

from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from twisted.application.internet import backoffPolicy

__all__ = [
    "AT_ONCE",
    "_LONGEST_RETRY_AFTER",
    "DeliveryOutcome",
    "ReceiverHealth",
    "RetryPolicy",
    "WebhookReply",
    "retry_after",
    "verdict",
]

AT_ONCE = 4  # requests to one receiver, each of another call
_LONGEST_RETRY_AFTER = 86_400.0  # seconds that a receiver may ask for
_AWAY = 3  # failures in a row
_GONE = 410


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient we are with one receiver; seconds."""

    first_pause: float = 5.0
    longest_pause: float = 3_600.0
    max_attempts: int = 100
    max_age_seconds: float = 3 * 86_400.0

    def pause(self, failures: int, random: float) -> float:
        """Return how long to wait after so many failures, from half of the pause to all of it."""
        # Twisted's own jitter adds the same to a short pause as to a long one.
        return backoffPolicy(self.first_pause, self.longest_pause, 2, jitter=float)(failures - 1) * (
            0.5 + random / 2
        )


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """What came of one request."""

    status: int | None  # None: no answer, or not all of it
    reason: str  # in words, empty when it was taken
    retry_after: float = 0.0  # seconds that the receiver asks to be left alone

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299  # noqa: PLR2004 - HTTP's successes


class DeliveryOutcome(Enum):
    """What becomes of the event."""

    DELIVERED = auto()
    AGAIN = auto()
    DEAD = auto()


def verdict(reply: WebhookReply, attempts: int, age: float, rules: RetryPolicy) -> DeliveryOutcome:
    """Judge an event after an attempt; `attempts` counts this one, `age` is the event's in seconds."""
    if reply.taken:
        return DeliveryOutcome.DELIVERED
    tired = attempts >= rules.max_attempts or age >= rules.max_age_seconds
    return DeliveryOutcome.DEAD if tired or reply.status == _GONE else DeliveryOutcome.AGAIN


@dataclass(frozen=True, slots=True)
class ReceiverHealth:
    """How a receiver did of late."""

    failures: int = 0  # in a row
    until: float = 0.0  # it is left alone until then, seconds since the epoch

    @property
    def away(self) -> bool:
        return self.failures >= _AWAY

    def after(self, reply: WebhookReply, now: float, rules: RetryPolicy, random: float) -> "ReceiverHealth":
        if reply.taken or reply.status == _GONE:  # an answer is an answer
            return ReceiverHealth()
        after = replace(self, failures=self.failures + 1)
        pause = rules.pause(after.failures - _AWAY + 1, random) if after.away else 0.0
        return replace(after, until=now + max(pause, min(reply.retry_after, _LONGEST_RETRY_AFTER)))

    def room(self, now: float, running: int) -> int:
        """Return how many more requests may go out beside those that are running."""
        if now < self.until <= now + _LONGEST_RETRY_AFTER:
            return 0
        return max(0, (1 if self.away else AT_ONCE) - running)


def retry_after(header: str, now: float) -> float:
    """Return the seconds of a Retry-After header, which holds seconds or a date; 0 for anything else."""
    try:
        seconds = int(header) if header.isdecimal() else parsedate_to_datetime(header).timestamp() - now
    except (OverflowError, TypeError, ValueError):
        return 0.0
    return float(min(max(0, seconds), _LONGEST_RETRY_AFTER))
