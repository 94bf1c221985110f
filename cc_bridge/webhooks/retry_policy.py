"""The retry policy of webhooks: the pause after a failure, and the point of giving up. Pure.

Failed attempts are counted for each event and for each endpoint. A rejected event waits, together with the
later events of its call. The events of other calls are delivered meanwhile. An endpoint that fails three
times in succession counts as unreachable. It then receives only one request at a time, after growing pauses,
and each request has a different event. When one request succeeds, all waiting events are due.

The clock may be set back, which would make a pause too long. So the end of a pause is ignored if it is
further away than the longest possible pause.
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

AT_ONCE = 4  # concurrent requests to one endpoint, each for another call
_LONGEST_RETRY_AFTER = 86_400.0  # seconds; a longer pause in a Retry-After header is shortened to this
_AWAY = 3  # consecutive failures after which an endpoint counts as unreachable
_GONE = 410  # the HTTP status Gone: the endpoint does not want the event, so it is not retried


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The retry policy for one endpoint: the pauses between attempts, and when an event is given up.

    After a failed attempt, an event is given up if there were `max_attempts` attempts, or if the event is at
    least `max_age_seconds` old. The pauses are in seconds.
    """

    first_pause: float = 5.0
    longest_pause: float = 3_600.0
    max_attempts: int = 100
    max_age_seconds: float = 3 * 86_400.0

    def pause(self, failures: int, random: float) -> float:
        """Return the pause in seconds after this number of consecutive failures.

        The full pause doubles with each failure, up to the longest pause. `random` (0 to 1) shortens
        it by up to one half.
        """
        # Twisted's own jitter is not used: it adds the same amount to a short pause as to a long one.
        return backoffPolicy(self.first_pause, self.longest_pause, 2, jitter=float)(failures - 1) * (
            0.5 + random / 2
        )


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """The reply of a webhook endpoint to one request, or the reason why there was none."""

    status: int | None  # HTTP status; None: no response, or an incomplete one
    reason: str  # why the request failed; empty if it succeeded
    retry_after: float = 0.0  # pause in seconds that the endpoint asks for; 0: none

    @property
    def taken(self) -> bool:
        """Whether the endpoint accepted the event: an HTTP status from 200 to 299."""
        return self.status is not None and 200 <= self.status <= 299  # noqa: PLR2004 - HTTP's successes


class DeliveryOutcome(Enum):
    """The result of a delivery attempt: the event is delivered, to be retried, or given up."""

    DELIVERED = auto()
    AGAIN = auto()  # failed, to be retried
    DEAD = auto()  # failed and given up


def verdict(reply: WebhookReply, attempts: int, age: float, rules: RetryPolicy) -> DeliveryOutcome:
    """Return the outcome of an attempt for an event: it is delivered, to be retried, or given up.

    `attempts` is the number of attempts including this one. `age` is the age of the event in seconds. `rules`
    has the limits of both. The HTTP status 410 (Gone) means that the endpoint does not want the event, so the
    event is given up.
    """
    if reply.taken:
        return DeliveryOutcome.DELIVERED
    exhausted = attempts >= rules.max_attempts or age >= rules.max_age_seconds
    return DeliveryOutcome.DEAD if exhausted or reply.status == _GONE else DeliveryOutcome.AGAIN


@dataclass(frozen=True, slots=True)
class ReceiverHealth:
    """The health of an endpoint: its consecutive failures, and the instant until which no request is sent."""

    failures: int = 0  # consecutive
    until: float = 0.0  # no request is sent before this time, UTC seconds since the epoch

    @property
    def away(self) -> bool:
        """Whether the endpoint counts as unreachable: at least three consecutive failures."""
        return self.failures >= _AWAY

    def after(self, reply: WebhookReply, now: float, rules: RetryPolicy, random: float) -> "ReceiverHealth":
        """Return the endpoint's health after this reply.

        An accepted event or the HTTP status 410 (Gone) ends the series of failures. Any other reply is one
        more failure. A pause follows the third and each later consecutive failure, and any failure whose
        reply asks for a pause (Retry-After). `now` is UTC seconds since the epoch. `random` (0 to 1) varies
        the length of the pause.
        """
        if reply.taken or reply.status == _GONE:  # with status 410, too, the endpoint is reachable
            return ReceiverHealth()
        after = replace(self, failures=self.failures + 1)
        pause = rules.pause(after.failures - _AWAY + 1, random) if after.away else 0.0
        return replace(after, until=now + max(pause, min(reply.retry_after, _LONGEST_RETRY_AFTER)))

    def room(self, now: float, running: int) -> int:
        """Return how many further requests to the endpoint may start now; 0 during a pause.

        `running` is the number of requests in progress.
        """
        if now < self.until <= now + _LONGEST_RETRY_AFTER:
            return 0
        return max(0, (1 if self.away else AT_ONCE) - running)


def retry_after(header: str, now: float) -> float:
    """Return the pause in seconds that a Retry-After header asks for, up to one day.

    The header holds a number of seconds or a date. Return 0 for an empty or invalid header.
    """
    try:
        seconds = int(header) if header.isdecimal() else parsedate_to_datetime(header).timestamp() - now
    except (OverflowError, TypeError, ValueError):
        return 0.0
    return float(min(max(0, seconds), _LONGEST_RETRY_AFTER))
