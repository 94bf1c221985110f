"""The index of the open talks of one PBX by their legs: the channels of caller and agent."""

from collections.abc import Collection, KeysView, Sequence

from cc_bridge.calls.open_talk import OpenTalk

__all__ = ["TalksByLeg"]


class TalksByLeg:
    """The open talks of one PBX, found by each of their legs.

    The legs of a talk are the channels of caller and agent, the caller's first channel and the dialled
    channel. A channel can be a leg of several talks.

    legs: the channels that are legs of open talks, as a view that follows each change
    """

    def __init__(self) -> None:
        # Tuples, because talks are added and removed while others iterate over the talks of a leg.
        self._by_leg: dict[str, tuple[OpenTalk, ...]] = {}
        self.legs: KeysView[str] = self._by_leg.keys()

    def all(self) -> Collection[OpenTalk]:
        """Return the open talks; each is in the result once."""
        return {id(talk): talk for talks in self._by_leg.values() for talk in talks}.values()

    def of(self, leg: str) -> OpenTalk | None:
        """Return the latest open talk of the channel `leg`; None if there is none.

        The channel is the caller's or the agent's in the talk.
        """
        talks = self._by_leg.get(leg)
        return talks[-1] if talks else None

    def with_leg(self, leg: str) -> Sequence[OpenTalk]:
        """Return the open talks of the channel `leg`, in the order of their starts.

        The channel is the caller's or the agent's in each of them.
        """
        return self._by_leg.get(leg, ())

    def of_visit(self, uniqueid: str, queue: str) -> OpenTalk | None:
        """Return the open talk from the queue `queue` with the caller on the channel `uniqueid`.

        The result is None if there is none.
        """
        return next((each for each in self.with_leg(uniqueid) if each.queue == queue), None)

    def add(self, talk: OpenTalk) -> None:
        """Add a talk, or the new legs of a talk that was added before."""
        for leg in {talk.caller, talk.uniqueid, talk.dialed, talk.agent or talk.dialed}:
            self.add_leg(talk, leg)

    def add_leg(self, talk: OpenTalk, leg: str) -> None:
        """Let a talk be found by the channel `leg`."""
        talks = self._by_leg.get(leg)
        if talks is None:
            self._by_leg[leg] = (talk,)
        elif talk not in talks:
            self._by_leg[leg] = (*talks, talk)

    def remove(self, talk: OpenTalk) -> None:
        """Remove a talk. Nothing happens if the talk is not in the index."""
        for leg in {talk.caller, talk.uniqueid, talk.dialed, talk.agent or talk.dialed}:
            self._forget_leg(talk, leg)

    def replace_leg(self, talk: OpenTalk, old: str) -> None:
        """Let a talk be found by its new legs, and no longer by the channel `old`.

        If `old` is the caller's first channel or the dialled channel, the talk is still found by it.
        """
        if old not in (talk.uniqueid, talk.dialed):  # these two find the talk until it ends
            self._forget_leg(talk, old)
        self.add(talk)

    def _forget_leg(self, talk: OpenTalk, leg: str) -> None:
        """Let a talk no longer be found by the channel `leg`."""
        talks = self.with_leg(leg)
        if talk in talks:
            others = tuple(each for each in talks if each is not talk)
            if others:
                self._by_leg[leg] = others
            else:
                del self._by_leg[leg]
