"""The memory of the talks of one PBX: open talks, and ended talks for a few seconds after the call."""

import math
from collections import deque

from cc_bridge.calls.clock_steps import move_instants
from cc_bridge.calls.open_talk import OpenTalk

__all__ = ["TalkMemory"]

# The talks of a caller stay available for this many seconds after the caller's channel ended.
_SECONDS = 10.0


class TalkMemory:
    """The open and ended talks of one PBX, found by the caller's channel or by the call.

    A talk is deleted 10 seconds after the last of the caller's channels has ended.
    """

    def __init__(self) -> None:
        self._last: dict[str, OpenTalk] = {}  # the latest talk of each caller's channel
        self._of_call: dict[str, list[OpenTalk]] = {}
        self._expiries: deque[tuple[float, str]] = deque()
        self._hang_ups: dict[str, float] = {}  # of callers, by channel; removed with the channel

    def add(self, talk: OpenTalk) -> None:
        """Add a talk. It becomes the latest talk of the caller's channel."""
        self._last[talk.uniqueid] = self._last[talk.caller] = talk
        self._of_call.setdefault(talk.call_id, []).append(talk)

    def follow(self, talk: OpenTalk) -> None:
        """Make a talk findable by `talk.caller`, a channel that has replaced the caller's earlier channel."""
        self._last[talk.caller] = talk

    def last(self, uniqueid: str) -> OpenTalk | None:
        """Return the latest talk of a caller's channel, open or ended; None if there is none."""
        return self._last.get(uniqueid)

    def of_call(self, call_id: str) -> list[OpenTalk]:
        """Return the talks of a call, open and ended, in the order of their start.

        A talk that ended before caller and agent were in one bridge is left out.
        """
        return [talk for talk in self._of_call.get(call_id, ()) if talk.answered_at or not talk.ended]

    def heard(self, call_id: str) -> list[OpenTalk]:
        """Return the talks of a call in which caller and agent were connected, in the order of their ends.

        Talks that have not ended come last.
        """
        spoken = [talk for talk in self._of_call.get(call_id, ()) if talk.answered_at]
        return sorted(spoken, key=lambda talk: talk.parted_at if talk.is_apart else math.inf)

    def hung_up_at(self, uniqueid: str) -> float | None:
        """Return when the caller on an ended channel hung up, in UTC seconds since the epoch.

        The result is None if the PBX ended the channel, or if the channel is unknown or has not ended.
        """
        return self._hang_ups.get(uniqueid)

    def channel_ended(self, uniqueid: str, at: float, hung_up_at: float | None = None) -> None:
        """Schedule a caller's channel, which ended at the instant `at`, for deletion 10 seconds later.

        `hung_up_at` is the instant at which the caller hung up; None if the PBX ended the channel.
        """
        if uniqueid in self._last:
            self._expiries.append((at + _SECONDS, uniqueid))
            if hung_up_at is not None:
                self._hang_ups[uniqueid] = hung_up_at

    def clock_set(self, seconds: float) -> None:
        """Move the instants of all talks by `seconds`, because the PBX's clock was set."""
        move_instants((talk for talks in self._of_call.values() for talk in talks), seconds)
        self._expiries = deque((at + seconds, uniqueid) for at, uniqueid in self._expiries)
        self._hang_ups = {uniqueid: at + seconds for uniqueid, at in self._hang_ups.items()}

    def sweep(self, now: float) -> None:
        """Delete the callers' channels that ended at least 10 seconds ago.

        A call can have several channels on which the caller spoke, such as an agent's second line that waited
        in a queue for the caller. The talks of the call are deleted with the last of these channels.
        """
        while self._expiries and self._expiries[0][0] <= now:
            uniqueid = self._expiries.popleft()[1]
            self._hang_ups.pop(uniqueid, None)
            talk = self._last.pop(uniqueid, None)
            if talk is not None:
                self._forget_call(talk.call_id)

    def _forget_call(self, call_id: str) -> None:
        """Delete the talks of a call, unless one of the callers' channels in these talks must still be kept.

        A caller's channel is kept while it is open, and for 10 seconds after its end.
        """
        talks = self._of_call.get(call_id, ())
        if any(talk.caller in self._last for talk in talks):
            return
        self._of_call.pop(call_id, None)
        for talk in talks:
            last = self._last.get(talk.uniqueid)
            if last is not None and last.call_id == call_id:
                del self._last[talk.uniqueid]
