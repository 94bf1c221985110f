"""All talks that live on one PBX: which channels take part, who hears whom, who left first.

The tracker begins a talk, tells this what channels and bridges do, and is told when a talk has ended.

The trap: see `open_talk.py`. A talk is found by each leg that takes part, and legs change: the phone behind a
Local channel is known only when it is bridged, and an optimised Local channel gives its place away.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping

from cc_bridge.calls import events as ev
from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.records import EndedBy, Talk, Transfer

__all__ = ["Talks"]

# A parting that nothing undoes within this many seconds was the end; real returns take milliseconds.
_RETURN_SECONDS = 2.0
# A caller's last talk is remembered this long after the caller's channel ended, for late questions.
_MEMORY_SECONDS = 10.0


class Talks:
    """The open talks of one PBX.

    `ended` hears of each end, with the record unless the two never spoke.
    """

    def __init__(self, channels: Channels, ended: Callable[[OpenTalk, Talk | None, float], None]) -> None:
        self._channels = channels
        self._ended = ended
        self._by_leg: dict[str, OpenTalk] = {}  # open ones, by each leg that takes part
        self._last: dict[str, OpenTalk] = {}  # by the caller's channel, until it is forgotten
        self._of_call: dict[str, list[OpenTalk]] = {}  # all of a call, as long
        self._parted: dict[int, OpenTalk] = {}  # waiting for more news, by identity
        self._expiries: deque[tuple[float, str]] = deque()

    def all(self) -> Collection[OpenTalk]:
        return {id(talk): talk for talk in self._by_leg.values()}.values()

    def of(self, leg: str) -> OpenTalk | None:
        """Return the open talk that a channel takes part in."""
        return self._by_leg.get(leg)

    def last(self, uniqueid: str) -> OpenTalk | None:
        """Return the latest talk of a caller's channel, finished or not."""
        return self._last.get(uniqueid)

    def of_call(self, call_id: str) -> list[OpenTalk]:
        """Return the talks of a call in their order, finished or not; a ring that came to no talk is none."""
        return [talk for talk in self._of_call.get(call_id, ()) if talk.answered_at or not talk.ended]

    def in_progress(self) -> list[OpenTalk]:
        """Return the talks in which caller and agent are connected, on hold or not."""
        return [talk for talk in self.all() if talk.phase in (TalkPhase.TALKING, TalkPhase.CONSULTING)]

    def bridges_of(self, talk: OpenTalk) -> list[str | None]:
        """Return where the two legs are."""
        return [self._channels.bridge_of(leg) for leg in (talk.caller, talk.agent or talk.dialed)]

    def resync(self, at: float, living: Mapping[str, str], halves: Iterable[tuple[str, str]]) -> None:
        """Take over who is where, as Asterisk tells it after a stretch that was not observed.

        Two who are in the bridge in which they were have talked on, as far as anybody can tell: a bridge
        goes with its last channel, and its name never comes again. What else they did meanwhile, such as a
        hold, is not known and does not count; the talk does, whole. In another bridge they may have been
        apart, so the talk is partial.
        """
        before = [(talk, talk.phase, self.bridges_of(talk)) for talk in self.all()]
        for one, two in halves:
            self._channels.pair(one, two)
        self._channels.resync(living)
        for talk, phase, bridges in before:
            together = self._join_if_audible(talk, at)
            if together and (phase is TalkPhase.CONNECTING or self.bridges_of(talk) != bridges):
                talk.partial = True

    def restore(self, talk: OpenTalk) -> None:
        """Take a talk back in as an earlier daemon knew it; those of a call come in their order."""
        self._last[talk.uniqueid] = talk
        self._of_call.setdefault(talk.call_id, []).append(talk)
        if not talk.ended:
            legs = (talk.caller, talk.dialed, talk.agent)
            self._by_leg |= {leg: talk for leg in legs if leg is not None}
        if talk.phase is TalkPhase.PARTED:
            self._parted[id(talk)] = talk

    def observation_lost(self, at: float) -> None:
        """Note that nothing is heard from now on, and take nothing for granted that may change meanwhile."""
        for talk in self.all():
            talk.unheld(at)  # a hold counts as far as it was seen
            if talk.phase in (TalkPhase.CONNECTING, TalkPhase.PARTED):
                talk.partial = True  # another agent may speak with the caller by then

    def sweep(self, now: float) -> None:
        """Take partings that nothing undid as ends, and forget what was long ago."""
        for talk in [talk for talk in self._parted.values() if now - talk.parted_at >= _RETURN_SECONDS]:
            self.close(talk, now)
        while self._expiries and self._expiries[0][0] <= now:
            forgotten = self._last.pop(self._expiries.popleft()[1], None)
            if forgotten is not None:
                self._of_call.pop(forgotten.call_id, None)

    def channel_ended(self, uniqueid: str, at: float) -> None:
        talk = self._by_leg.get(uniqueid)
        if talk is not None and uniqueid in (talk.caller, talk.agent):
            talk.parted(at, self._first_to_leave(talk, uniqueid))
            self.close(talk, at)
        if uniqueid in self._last:
            self._expiries.append((at + _MEMORY_SECONDS, uniqueid))
        self._channels.ended(uniqueid)

    def begin(self, talk: OpenTalk, at: float) -> None:
        self._last[talk.uniqueid] = talk
        self._of_call.setdefault(talk.call_id, []).append(talk)
        for leg in (talk.caller, talk.dialed):
            self._by_leg[leg] = talk
        self._join_if_audible(talk, at)

    def bridge_entered(self, event: ev.BridgeEntered) -> None:
        uniqueid = event.uniqueid
        self._channels.entered_bridge(uniqueid, event.bridge)
        talk = (
            self._by_leg.get(uniqueid) or self._by_leg.get(event.swapped) or self._behind_local(event.bridge)
        )
        if talk is None:
            return
        if event.swapped:
            self._replace_leg(talk, event.swapped, uniqueid)
        if event.holding and uniqueid == talk.agent:
            self.close(talk, event.at)
        elif not self._join_if_audible(talk, event.at) and uniqueid == talk.agent:
            talk.consulting(event.at)
            self._parted.pop(id(talk), None)

    def bridge_left(self, event: ev.BridgeLeft) -> None:
        uniqueid = event.uniqueid
        talk = self._by_leg.get(uniqueid)
        if talk is not None and uniqueid in (talk.caller, talk.agent):
            talk.parted(event.at, self._first_to_leave(talk, uniqueid))
            if talk.phase is TalkPhase.PARTED:
                self._parted[id(talk)] = talk
        self._channels.left_bridge(uniqueid)

    def local_joined(self, event: ev.LocalJoined) -> None:
        self._channels.pair(event.one, event.two)

    def held(self, event: ev.Held) -> None:
        talk = self._by_leg.get(event.uniqueid)
        if talk is not None and event.uniqueid == talk.agent:
            talk.held(event.at)

    def unheld(self, event: ev.Unheld) -> None:
        talk = self._by_leg.get(event.uniqueid)
        if talk is not None and event.uniqueid == talk.agent:
            talk.unheld(event.at)

    def blind_transferred(self, event: ev.BlindTransferred) -> None:
        # For an agent behind Local channels the near half may be named, not the phone (22.10).
        talk = self._by_leg.get(event.transferer)
        if talk is not None and event.transferer in (talk.agent, talk.dialed):
            talk.transferred(Transfer.BLIND, event.target)

    def attended_transferred(self, event: ev.AttendedTransferred) -> None:
        for transferer in event.transferers:
            talk = self._by_leg.get(transferer)
            if talk is not None and transferer in (talk.agent, talk.dialed):
                talk.transferred(Transfer.ATTENDED, event.target)
                talk.parted(event.at, EndedBy.TRANSFER)
                self._parted[id(talk)] = talk
                return

    def close(self, talk: OpenTalk, at: float) -> None:
        self._parted.pop(id(talk), None)
        for leg in (talk.caller, talk.uniqueid, talk.dialed, talk.agent):
            if leg is not None and self._by_leg.get(leg) is talk:
                del self._by_leg[leg]
        if talk.phase is not TalkPhase.ENDED:
            self._ended(talk, talk.record(at), at)

    def _join_if_audible(self, talk: OpenTalk, at: float) -> bool:
        """Begin or resume the talk if its two sides hear each other; find an agent behind Local channels."""
        together = self._channels.audible_channels(talk.caller)
        if talk.agent is None:
            talk.agent = next(iter(together), None)
            if talk.agent is not None:
                self._by_leg[talk.agent] = talk
        if talk.agent not in together:
            return False
        talk.bridged(at)
        self._parted.pop(id(talk), None)
        return True

    def _behind_local(self, bridge: str) -> OpenTalk | None:
        """Return the talk whose agent side is the other end of a Local channel in this bridge."""
        for member in self._channels.in_bridge(bridge):
            talk = self._by_leg.get(self._channels.other_half(member) or "")
            if talk is not None:
                return talk
        return None

    def _replace_leg(self, talk: OpenTalk, old: str, new: str) -> None:
        """Follow a leg whose place another channel takes (a Local channel that is optimised away)."""
        if old == talk.caller:
            talk.caller = new
        elif old in (talk.agent, talk.dialed):
            talk.agent = new
        else:
            return
        if old not in (talk.uniqueid, talk.dialed):  # by these it is found until it ends
            self._by_leg.pop(old, None)
        self._by_leg[new] = talk

    def _first_to_leave(self, talk: OpenTalk, first: str) -> EndedBy:
        """Say who ended a talk whose leg `first` left first.

        An agent who uses a feature code leaves without a hang-up request, and so does a caller whom a
        redirect takes away (16.28, 22.10).
        """
        hang_ups: list[tuple[float, EndedBy]] = []
        for leg, side in ((talk.caller, EndedBy.CALLER), (talk.agent or talk.dialed, EndedBy.AGENT)):
            channel = self._channels.find(leg)
            if channel is not None and channel.hung_up_at is not None:
                hang_ups.append((channel.hung_up_at, side))
            if channel is not None and channel.killed_at is not None:
                hang_ups.append((channel.killed_at, EndedBy.SYSTEM))
        if hang_ups:
            return min(hang_ups)[1]
        return EndedBy.AGENT if first == talk.agent else EndedBy.SYSTEM
