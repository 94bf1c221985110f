"""Times at which people heard each other: a witness that knows channels and bridges, not cc_bridge.

It is fed with the events of the rig's own manager session. Two channels hear each other while they are in one
bridge, or in bridges that Local channels join. A Uniqueid stays with the phone at the other end, through
masquerades too (16.28, 22.10).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from pbx.driver import Event

__all__ = ["Heard", "Hearing", "Spoke"]

CALLERS = "PJSIP/trunk-"  # how the names of callers' channels begin
PHONES = "PJSIP/"  # and those of all phones, callers' too
SILENT = "holding_bridge"  # the technology of a bridge in which no one hears the other: parked, on hold
AT_ONCE = 0.1  # seconds from leaving one bridge to entering the next, for an agent who asks another person


@dataclass(slots=True)
class Heard:
    """A stretch in which a phone was heard."""

    phone: str  # the Uniqueid of its channel
    device: str
    since: float
    until: float = inf


@dataclass(frozen=True, slots=True)
class Spoke:
    """All stretches of a caller with one channel of a phone, and what its agent asked others meanwhile."""

    phone: str
    device: str
    queue: str  # whose AgentConnect led to this phone; empty: none
    since: float
    until: float


@dataclass(slots=True)
class Channel:
    """A channel, with every stay of it in a bridge; it is kept after its end."""

    name: str
    started_at: float
    ended_at: float = inf
    bridge: str = ""
    stays: list[tuple[float, float]] = field(default_factory=list)

    @property
    def device(self) -> str:
        return self.name.rpartition("-")[0]


class Hearing:
    """Feed it with each event in its order; ask it at any time. Channels are named by their Uniqueids."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self._living: dict[str, Channel] = {}
        self._bridges: dict[str, set[str]] = defaultdict(set)
        self._halves: dict[str, str] = {}
        self._heard: dict[str, list[Heard]] = defaultdict(list)  # by listener
        self._dialled: dict[str, list[str]] = defaultdict(list)  # by the channel that dials
        self._joined: list[Event] = []  # QueueCallerJoin
        self._connected: list[Event] = []  # AgentConnect
        self._pickups: dict[str, str] = {}  # the channel that picked up, by the one that rang

    # Present state

    def heard_now(self, caller: str) -> list[str]:
        """Return the phones' channels that a caller hears now."""
        return [each.phone for each in self._heard[caller] if each.until == inf]

    def together(self, one: str, other: str) -> bool:
        """Say whether two channels hear each other now."""
        return other in self._near(one)

    def phones_near(self, channel: str) -> list[str]:
        """Return the phones' channels that a channel hears now."""
        return sorted(each for each in self._near(channel) if self._is_phone(each))

    def halves_near(self, channel: str) -> list[str]:
        """Return the halves of Local channels through which a channel hears now."""
        return sorted(each for each in self._near(channel) if each in self._halves)

    def at(self, device: str) -> list[str]:
        """Return the living channels of a device, the oldest first."""
        return [uniqueid for uniqueid, channel in self._living.items() if channel.device == device]

    @property
    def anybody(self) -> bool:
        """Whether a channel has not ended."""
        return bool(self._living)

    def is_living(self, channel: str) -> bool:
        return channel in self._living

    # Past talks

    def last_heard(self, caller: str, before: float) -> Heard | None:
        """Return the stretch of a caller that ended last before an instant; None if there was none."""
        stretches = [each for each in self._heard[caller] if each.since < before]
        return max(stretches, key=lambda each: (min(each.until, before), each.since), default=None)

    def talks(self, caller: str) -> list[Spoke]:
        """Return a talk for each channel of a phone that a caller heard, in the order of their starts."""
        queues = {self._phone_of(each["DestUniqueid"]): each["Queue"] for each in self._connected}
        stretches: dict[str, list[Heard]] = defaultdict(list)
        for each in self._heard[caller]:
            stretches[each.phone].append(each)
        return [
            Spoke(
                phone,
                heard[0].device,
                queues.get(phone, ""),
                heard[0].since,
                self._end(caller, phone, heard[-1]),
            )
            for phone, heard in stretches.items()
        ]

    def answered_visits(self, caller: str, lines: set[str]) -> list[tuple[str, str | None]]:
        """Return the queues that a caller's call came to, with the device that answered; None if none did.

        It came to a queue on the caller's channel, on a Local channel of the call, or on one of these lines,
        on which agents ask others. No call comes to one queue twice.
        """
        ours = {caller, *lines}

        def is_ours(event: Event) -> bool:
            return not ours.isdisjoint((event["Uniqueid"], event["Linkedid"]))

        answered = {
            each["Queue"]: self.channels[self._phone_of(each["DestUniqueid"])].device
            for each in filter(is_ours, self._connected)
        }
        return [(each["Queue"], answered.get(each["Queue"])) for each in filter(is_ours, self._joined)]

    def together_at(self, phone: str, other: str) -> tuple[float, float]:
        """Return when a phone of one device first heard one of another, and when they had done.

        They have not done while the first one asks another person.
        """
        stretches = [
            (listener, each)
            for listener, heard in self._heard.items()
            if self.channels[listener].device == other
            for each in heard
            if each.device == phone
        ]
        listener, last = max(stretches, key=lambda each: each[1].until)
        return min(each.since for _, each in stretches), self._end(listener, last.phone, last)

    def _end(self, caller: str, phone: str, last: Heard) -> float:
        """Return the end of a talk: an agent who asks another person still handles the call."""
        end = last.until
        for entered, left in self.channels[phone].stays:
            if end <= entered <= end + AT_ONCE:
                end = left
        return min(end, self.channels[caller].ended_at)

    def _phone_of(self, channel: str) -> str:
        """Return the phone that answered for a channel: itself, or the one behind Local channels."""
        channel = self._pickups.get(channel, channel)
        far_half = self._halves.get(channel)
        if far_half is None:
            return channel
        answered = [each for each in self._dialled[far_half] if self._answered(each)]
        return self._phone_of(answered[0]) if answered else channel

    def _answered(self, channel: str) -> bool:
        return channel in self._pickups or bool(self.channels[channel].stays)

    # Hearing

    def hear(self, event: Event) -> None:
        handler = getattr(self, f"_{event.name.lower()}", None)
        if handler is not None:
            handler(event, float(event["Timestamp"]))

    def _newchannel(self, event: Event, at: float) -> None:
        channel = Channel(event["Channel"], at)
        self.channels[event["Uniqueid"]] = self._living[event["Uniqueid"]] = channel

    def _hangup(self, event: Event, at: float) -> None:
        channel = self._living.pop(event["Uniqueid"], None)
        if channel is not None:
            channel.ended_at = at

    def _localbridge(self, event: Event, at: float) -> None:
        one, two = event["LocalOneUniqueid"], event["LocalTwoUniqueid"]
        self._halves[one], self._halves[two] = two, one
        self._listen(at)

    def _bridgeenter(self, event: Event, at: float) -> None:
        channel = self.channels[event["Uniqueid"]]
        if event["BridgeTechnology"] == SILENT:
            return
        channel.bridge = event["BridgeUniqueid"]
        channel.stays.append((at, inf))
        self._bridges[channel.bridge].add(event["Uniqueid"])
        self._listen(at)

    def _bridgeleave(self, event: Event, at: float) -> None:
        channel = self.channels[event["Uniqueid"]]
        if event["BridgeUniqueid"] == channel.bridge:
            self._bridges[channel.bridge].discard(event["Uniqueid"])
            channel.bridge, channel.stays[-1] = "", (channel.stays[-1][0], at)
            self._listen(at)

    def _dialbegin(self, event: Event, _at: float) -> None:
        if event.get_header("Uniqueid"):
            self._dialled[event["Uniqueid"]].append(event["DestUniqueid"])

    def _pickup(self, event: Event, _at: float) -> None:
        self._pickups[event["TargetUniqueid"]] = event["Uniqueid"]

    def _queuecallerjoin(self, event: Event, _at: float) -> None:
        self._joined.append(event)

    def _agentconnect(self, event: Event, _at: float) -> None:
        self._connected.append(event)

    def _listen(self, at: float) -> None:
        """Note which phones each phone hears from now on, and which no more."""
        for listener in filter(self._is_phone, self._living):
            near = {each for each in self._near(listener) if self._is_phone(each)}
            for heard in self._heard[listener]:
                if heard.until == inf and heard.phone not in near:
                    heard.until = at
                elif heard.until == inf:
                    near.remove(heard.phone)
            self._heard[listener] += [Heard(each, self.channels[each].device, at) for each in sorted(near)]

    def _is_phone(self, channel: str) -> bool:
        return self.channels[channel].name.startswith(PHONES)

    def _near(self, start: str) -> set[str]:
        """Return the channels that a channel hears."""
        return {*self._walk(start, {start})} - {start}

    def _walk(self, start: str, seen: set[str]) -> Iterator[str]:
        yield start
        channel = self.channels[start]
        beside = {*self._bridges.get(channel.bridge, ()), self._halves.get(start, start)}
        for each in beside - seen:
            if each in self._living:
                seen.add(each)
                yield from self._walk(each, seen)
