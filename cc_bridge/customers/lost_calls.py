"""Lost calls that were made good or not, and callers who came again. Pure.

`storage/queries/contacts_by_caller.py` reads what both need of one caller after the other. Formulas and words
are those of config/measures.md. All windows are hours, never calendar days: they pass midnight, a change to
summer time and the end of a year like any other hour.

The trap: as long as its window lasts, nobody knows what becomes of a call. Such a call is open, and no
share counts it, or the last day would always look worse than it is.
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
    """One visit of a queue, or one talk without a queue, with one caller."""

    caller_key: str
    pbx: str
    call_id: str
    direction: Direction
    queue: str  # empty for a talk without one
    entered_at: float
    left_at: float  # an answer's instant, if it was answered
    call_ended_at: float
    outcome: Outcome
    agent: str

    @property
    def call(self) -> tuple[str, str]:
        return self.pbx, self.call_id


class LostCallStatus(StrEnum):
    """What became of a lost call."""

    RECALLED = "recalled"  # we called, and they answered
    SELF_SERVED = "self_served"  # they called again, and were answered
    NOT_MANAGED = "not_managed"
    OPEN = "open"  # nothing yet, and the window lasts


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call with a queue that nobody answered, and what became of it."""

    caller_key: str
    pbx: str
    call_id: str
    queue: str  # the one that lost it
    entered_at: float  # into the first queue
    lost_at: float
    outcome: Outcome
    managed: LostCallStatus
    answered_at: float | None = None  # of the call that made it good
    agent: str = ""  # who answered or made that one
    decided: bool = True  # its window is over, so it counts in a share

    @property
    def seconds(self) -> float | None:
        """Time to recall."""
        return None if self.answered_at is None else self.answered_at - self.lost_at


@dataclass(frozen=True, slots=True)
class RepeatCalls:
    """One stay of a caller with a group of queues, reconnects included, and when they came again."""

    caller_key: str
    group: str
    entered_at: float
    ended_at: float
    next_at: float | None

    def within(self, seconds: float, now: float) -> bool | None:
        """Tell whether they came again in time; None: the window is not over, so the stay does not count."""
        if self.ended_at + seconds > now:
            return None
        return self.next_at is not None and self.next_at - self.ended_at <= seconds


def lost_calls(contacts: Iterable[Contact], now: float, window: float = RECALL_SECONDS) -> Iterator[LostCall]:
    """Yield the lost calls of one caller, with what became of them by `now`."""
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
        if first is not None and first.left_at - last.left_at > window:
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
    """Yield the stays of one caller; `group` names the group that a queue belongs to.

    Visits of one call, and of a caller who is back within RECONNECT_SECONDS, are one stay.
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


def _by(contacts: Iterable[Contact], what: Callable[[Contact], object]) -> Sequence[list[Contact]]:
    """Return the contacts apart by what they have in common, in their order."""
    parts: dict[object, list[Contact]] = {}
    for each in contacts:
        parts.setdefault(what(each), []).append(each)
    return list(parts.values())
