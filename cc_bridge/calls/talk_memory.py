"""The talks of open calls and of calls that have just ended, including ended talks."""

import math
from collections import deque

from cc_bridge.calls.open_talk import OpenTalk

__all__ = ["TalkMemory"]

# The talks of a caller stay available for this many seconds after the caller's channel ended.
_SECONDS = 10.0


class TalkMemory:
    """The talks of one PBX, by the caller's channel and by call."""

    def __init__(self) -> None:
        self._last: dict[str, OpenTalk] = {}  # the latest talk of each caller's channel
        self._of_call: dict[str, list[OpenTalk]] = {}
        self._expiries: deque[tuple[float, str]] = deque()

    def add(self, talk: OpenTalk) -> None:
        """Add a talk, as the latest one of its caller's channel."""
        self._last[talk.uniqueid] = self._last[talk.caller] = talk
        self._of_call.setdefault(talk.call_id, []).append(talk)

    def follow(self, talk: OpenTalk) -> None:
        """Make a talk the latest one of its caller's channel, after another channel became the caller's."""
        self._last[talk.caller] = talk

    def last(self, uniqueid: str) -> OpenTalk | None:
        """Return the latest talk of a caller's channel, open or ended; None if there is none."""
        return self._last.get(uniqueid)

    def of_call(self, call_id: str) -> list[OpenTalk]:
        """Return the talks of a call in the order of their start, open or ended.

        A ring that led to no talk is left out.
        """
        return [talk for talk in self._of_call.get(call_id, ()) if talk.answered_at or not talk.ended]

    def heard(self, call_id: str) -> list[OpenTalk]:
        """Return the talks of a call in which caller and agent were connected, in the order of their ends."""
        spoken = [talk for talk in self._of_call.get(call_id, ()) if talk.answered_at]
        return sorted(spoken, key=lambda talk: talk.parted_at if talk.is_apart else math.inf)

    def channel_ended(self, uniqueid: str, at: float) -> None:
        """Schedule the deletion of the talks of a caller's channel that has ended (Hangup)."""
        if uniqueid in self._last:
            self._expiries.append((at + _SECONDS, uniqueid))

    def sweep(self, now: float) -> None:
        """Delete the talks of callers whose channel ended at least 10 seconds ago."""
        while self._expiries and self._expiries[0][0] <= now:
            forgotten = self._last.pop(self._expiries.popleft()[1], None)
            if forgotten is not None:
                self._of_call.pop(forgotten.call_id, None)
