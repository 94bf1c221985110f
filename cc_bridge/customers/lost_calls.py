"""Lost calls and their results, and repeat calls. Pure.

A lost call is a call with a queue that no agent answered. Its result says whether a later call reached the
caller within a window, such as 24 hours after the loss. The formulas are those of config/docs/kpis.md. All
windows are in hours, never in calendar days, so midnight and clock changes do not matter.

The share of lost calls whose callers were reached includes a lost call only after its window has ended: its
result may change until then. Otherwise the last day would always look worse than it is.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cc_bridge.records import Direction, Outcome

__all__ = [
    "LOST",
    "RECALL_SECONDS",
    "RECONNECT_SECONDS",
    "REPEAT_SECONDS",
    "Contact",
    "LostCall",
    "LostCallStatus",
    "RepeatCalls",
    "lost_calls",
    "repeat_calls",
]

RECALL_SECONDS = 24 * 3600.0
REPEAT_SECONDS = (24 * 3600.0, 7 * 24 * 3600.0)
RECONNECT_SECONDS = 60.0
_MICROSECONDS = 6  # decimal places of the stored instants: without rounding, a difference is not exact

LOST = frozenset(
    {
        Outcome.ABANDONED,
        Outcome.TIMED_OUT,
        Outcome.LEFT_BY_KEY,
        Outcome.QUEUE_FULL,
        Outcome.JOIN_EMPTY,
        Outcome.LEAVE_EMPTY,
        Outcome.JOIN_UNAVAILABLE,
        Outcome.LEAVE_UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact of one caller: one queue visit, or one talk without a queue.

    Instants are UTC seconds since the epoch.
    """

    caller_key: str
    pbx: str
    call_id: str
    direction: Direction
    queue: str  # empty for a talk without a queue
    entered_at: float
    left_at: float  # the instant of the answer if it was answered
    call_ended_at: float
    outcome: Outcome
    agent: str

    @property
    def call(self) -> tuple[str, str]:
        """The key of the call to which the contact belongs: PBX and call id."""
        return self.pbx, self.call_id


class LostCallStatus(StrEnum):
    """The result of a lost call: whether and how the caller was reached in the time window after it."""

    RECALLED = "recalled"  # an agent called, and the customer answered
    SELF_SERVED = "self_served"  # the customer called again and was answered
    NOT_MANAGED = "not_managed"
    OPEN = "open"  # no result yet, and the window has not ended


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call that entered a queue and that no agent answered, with its result.

    The result, `managed`, says whether and how the caller was reached later. Instants are UTC seconds since
    the epoch.
    """

    caller_key: str
    pbx: str
    call_id: str
    queue: str  # the last queue of the call
    entered_at: float  # when the caller entered the first queue
    lost_at: float
    outcome: Outcome
    managed: LostCallStatus
    answered_at: float | None = None  # answer of the later call that reached the customer; None: none
    agent: str = ""  # the agent of that later call
    decided: bool = True  # the window has ended, so the call counts in a share

    @property
    def seconds(self) -> float | None:
        """The time in seconds from the loss to the answer of the later call that reached the caller.

        None means that there is no such call.
        """
        return None if self.answered_at is None else self.answered_at - self.lost_at


@dataclass(frozen=True, slots=True)
class RepeatCalls:
    """One episode of a caller, and the start of the same caller's next episode in the same group of queues.

    An episode is all visits that one call of a caller makes to a group of queues. A visit to the group that
    starts less than RECONNECT_SECONDS after the end of an episode belongs to this episode too. Instants are
    UTC seconds since the epoch.
    """

    caller_key: str
    group: str
    entered_at: float
    ended_at: float
    next_at: float | None  # start of the caller's next episode; None: no later episode

    def within(self, seconds: float, now: float) -> bool | None:
        """Return whether the caller's next episode started within `seconds` after the end of this one.

        An episode is the visits of a caller to a group of queues in one call, or in calls that follow each
        other immediately. None means that the time has not passed yet at `now`, so that the episode must not
        be counted.
        """
        if self.ended_at + seconds > now:
            return None
        return self.next_at is not None and self.next_at - self.ended_at <= seconds


def lost_calls(contacts: Iterable[Contact], now: float, window: float = RECALL_SECONDS) -> Iterator[LostCall]:
    """Yield the lost calls of one caller with their results at the instant `now`.

    `contacts` are all contacts of the caller. `now` is in UTC seconds since the epoch. The result of a lost
    call says whether a later call reached the caller. A later call counts only if it was answered within
    `window` seconds after the loss.
    """
    calls = _by(sorted(contacts, key=lambda each: each.entered_at), lambda each: each.call)
    answered = sorted(
        (each for call in calls for each in call if each.outcome is Outcome.ANSWERED),
        key=lambda each: each.left_at,
    )
    instants = [each.left_at for each in answered]
    for call in calls:
        last = call[-1]
        if last.outcome not in LOST or any(each.outcome is Outcome.ANSWERED for each in call):
            continue
        decided = last.left_at + window <= now
        found = bisect_right(instants, last.left_at)
        first = answered[found] if found < len(answered) else None
        if first is not None and round(first.left_at - last.left_at, _MICROSECONDS) > window:
            first = None
        yield LostCall(
            last.caller_key,
            last.pbx,
            last.call_id,
            last.queue,
            call[0].entered_at,
            last.left_at,
            last.outcome,
            _managed(first, decided),
            first.left_at if first else None,
            first.agent if first else "",
            decided,
        )


def _managed(first: Contact | None, decided: bool) -> LostCallStatus:
    if first is None:
        return LostCallStatus.NOT_MANAGED if decided else LostCallStatus.OPEN
    return LostCallStatus.RECALLED if first.direction is Direction.OUT else LostCallStatus.SELF_SERVED


def repeat_calls(contacts: Iterable[Contact], group: Callable[[str], str]) -> Iterator[RepeatCalls]:
    """Yield one RepeatCalls for each episode of one caller with a group of queues.

    `contacts` are the queue visits and talks of this caller; talks without a queue are ignored. `group`
    returns the group to which a queue belongs. All visits of one call to a group are one episode. A visit
    that starts less than RECONNECT_SECONDS after the end of an episode belongs to this episode too.
    """
    visits = sorted((each for each in contacts if each.queue), key=lambda each: each.entered_at)
    for of_group in _by(visits, lambda each: group(each.queue)):
        stays: list[list[Contact]] = []
        ended_at = 0.0
        for visit in of_group:
            same = stays and (
                visit.entered_at - ended_at < RECONNECT_SECONDS
                or any(visit.call == each.call for each in stays[-1])
            )
            if same:
                stays[-1].append(visit)
            else:
                stays.append([visit])
                ended_at = 0.0
            ended_at = max(ended_at, visit.left_at, visit.call_ended_at)
        for stay, after in zip(stays, [*stays[1:], None], strict=True):
            first = stay[0]
            ends = max(max(each.left_at, each.call_ended_at) for each in stay)
            yield RepeatCalls(
                first.caller_key,
                group(first.queue),
                first.entered_at,
                ends,
                after[0].entered_at if after else None,
            )


def _by(contacts: Iterable[Contact], key: Callable[[Contact], object]) -> Sequence[list[Contact]]:
    """Return the contacts grouped by `key`: one list for each value, in the order of their first contacts."""
    parts: dict[object, list[Contact]] = {}
    for each in contacts:
        parts.setdefault(key(each), []).append(each)
    return list(parts.values())
