"""Steps of the PBX's clock: the clock was set while calls were open.

All instants of a tracker are by the PBX's clock. After a step, the instants of everything open are moved to
the new time. So no duration is negative or contains the step. Asterisk's own durations (HoldTime, Wait) do
contain the step (16.28, 22.10).
"""

from collections.abc import Iterable
from dataclasses import fields
from math import inf
from typing import Any

__all__ = ["EventTimes", "move_instants"]

# An event that is earlier than the one before by at least this many seconds shows a step. In 83 recordings no
# event is earlier than the one before without a step. Several threads of Asterisk stamp events, so a small
# difference is not taken for a step.
_EARLIER_SECONDS = 0.5
# If no event and no call of `passed` comes for this many seconds, the clock was put forward. A recording has
# only events: a talk that is the only call of the PBX for an hour, on hold or not, is taken for a step too.
_SILENT_SECONDS = 3599.0
# Events can be older than the snapshot that starts a session by this many seconds.
_SNAPSHOT_SECONDS = 60.0


class EventTimes:
    """The instants of the events of one PBX, in the order of their arrival.

    last: instant of the last event
    silent_until: an event at `last` or later, but before this instant, shows no step; `step_before` need not
        run for it
    """

    def __init__(self) -> None:
        self.last = self.silent_until = self._passed = -inf

    @property
    def latest(self) -> float:
        """The latest instant known to have passed: that of an event, or of a call of `passed()`."""
        return max(self.last, self._passed)

    def step_before(self, at: float) -> float:
        """Note an event at the instant `at`; return the step of the PBX's clock before it, in seconds.

        The step is positive if the clock was put forward, and negative if it was set back. The real time
        since the last event is not subtracted. The result is 0 if there is no step, or if `at` is 0 because
        the instant is not known.
        """
        earlier = self.last - at
        if earlier > 0 and (earlier < _EARLIER_SECONDS or not at):
            return 0.0
        step = at - self.latest if earlier > 0 or self.is_step(at) else 0.0
        self.last = at
        if step:
            self._passed = at
        self.silent_until = self.latest + _SILENT_SECONDS
        return step

    def is_step(self, now: float) -> bool:
        """Return whether the PBX's clock was put forward, judged by its present time `now`.

        This is the case if `now` is 3599 s or more after the latest known instant. The method must only be
        used when no event since that instant was missed.
        """
        return inf > now - self.latest >= _SILENT_SECONDS

    def started(self, now: float) -> None:
        """Note that a session started with a snapshot at the instant `now`. Its first events can be older."""
        self.last, self._passed = now - _SNAPSHOT_SECONDS, now

    def passed(self, now: float) -> None:
        """Note that the clock has reached the instant `now`. Earlier events may still arrive."""
        self._passed = max(self._passed, now)

    def moved(self, seconds: float) -> None:
        """Move the stored instants by `seconds`, because the PBX's clock was set."""
        self.last += seconds
        self._passed += seconds
        self.silent_until += seconds


def move_instants(items: Iterable[Any], seconds: float) -> None:
    """Move the known instants of dataclass objects by `seconds`.

    The instants are the fields whose name ends in `_at`. A value of 0 or None is not known.
    """
    for item in items:
        for each in fields(item):
            if each.name.endswith("_at") and getattr(item, each.name):
                setattr(item, each.name, getattr(item, each.name) + seconds)
