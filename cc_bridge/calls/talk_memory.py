"""The talks of the calls that live, finished talks too, and of those that have just ended."""

import math
from collections import deque

from cc_bridge.calls.open_talk import OpenTalk

__all__ = ["TalkMemory"]

# A caller's talks are remembered this long after the caller's channel ended, for late questions.
_SECONDS = 10.0


class TalkMemory:
    """The talks by the caller's channel and by call."""

    def __init__(self) -> None:
        self._last: dict[str, OpenTalk] = {}  # the latest of each caller's channel
        self._of_call: dict[str, list[OpenTalk]] = {}
        self._expiries: deque[tuple[float, str]] = deque()

    def add(self, talk: OpenTalk) -> None:
        self._last[talk.uniqueid] = self._last[talk.caller] = talk
        self._of_call.setdefault(talk.call_id, []).append(talk)

    def follow(self, talk: OpenTalk) -> None:
        """Find a talk by the channel that has become the caller's."""
        self._last[talk.caller] = talk

    def last(self, uniqueid: str) -> OpenTalk | None:
        """Return the latest talk of a caller's channel, finished or not."""
        return self._last.get(uniqueid)

    def of_call(self, call_id: str) -> list[OpenTalk]:
        """Return the talks of a call in their order, finished or not; a ring that came to no talk is none."""
        return [talk for talk in self._of_call.get(call_id, ()) if talk.answered_at or not talk.ended]

    def heard(self, call_id: str) -> list[OpenTalk]:
        """Return the talks of a call in which the two have spoken, in the order of their ends."""
        spoken = [talk for talk in self._of_call.get(call_id, ()) if talk.answered_at]
        return sorted(spoken, key=lambda talk: talk.parted_at if talk.is_apart else math.inf)

    def channel_ended(self, uniqueid: str, at: float) -> None:
        """Forget the talks of a caller's channel some time after its end."""
        if uniqueid in self._last:
            self._expiries.append((at + _SECONDS, uniqueid))

    def sweep(self, now: float) -> None:
        while self._expiries and self._expiries[0][0] <= now:
            forgotten = self._last.pop(self._expiries.popleft()[1], None)
            if forgotten is not None:
                self._of_call.pop(forgotten.call_id, None)
