"""The channels and bridges of one PBX at this moment, and the channels that can hear each other.

An agent behind `Local/x@ctx/n` (always the case in FreePBX) is not in the caller's bridge. The caller is in
one bridge with the near half of the Local channel, `;1`. The far half, `;2`, is in another bridge with the
phone. Only the event LocalBridge, sent once, shows which two halves belong together.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["Channel", "Channels", "device_of", "extension_of", "is_local"]

# The longest chain of Local channels (queue -> follow-me -> phone) that is followed; a longer one is a loop.
_MAX_HOPS = 6


@dataclass(slots=True)
class Channel:
    """One open channel of the PBX. Instants are UTC seconds since the epoch.

    bridge: the id of the bridge that the channel is in; None if the channel is in no bridge
    """

    uniqueid: str
    name: str = ""  # such as PJSIP/100-0000002a; empty: not observed
    dialled: str = ""  # the extension with which the channel started
    bridge: str | None = None
    place: str = ""  # Context and extension at the entry into the bridge.
    answered_by: str = ""  # Uniqueid of the channel that answered the Dial of this one.
    picks_up: bool = False  # The channel answered instead of a phone that rang.
    was_forwarded: bool = False  # A phone that this channel dialled forwarded the call (SIP 302).
    is_forward: bool = False  # The channel leads to where a phone forwarded the call.
    hung_up_at: float | None = None  # the phone or trunk hung up
    killed_at: float | None = None  # the PBX or an administrator hung up the channel


class Channels:
    """The open channels of one PBX, with their bridges, and the two halves of each Local channel."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._bridges: dict[str, set[str]] = {}
        self._pairs: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._channels)

    def __contains__(self, uniqueid: str) -> bool:
        return uniqueid in self._channels

    def get(self, uniqueid: str) -> Channel:
        """Return the channel `uniqueid`. A channel that is not known yet is added.

        The daemon may have connected in the middle of a call, so any channel can be unknown.
        """
        channel = self._channels.get(uniqueid)
        if channel is None:
            channel = self._channels[uniqueid] = Channel(uniqueid)
        return channel

    def find(self, uniqueid: str) -> Channel | None:
        """Return the channel `uniqueid`; None if it is unknown."""
        return self._channels.get(uniqueid)

    def all(self) -> Collection[Channel]:
        """Return the known channels."""
        return self._channels.values()

    def bridge_of(self, uniqueid: str) -> str | None:
        """Return the id of a channel's bridge; None if the channel is in no bridge or unknown."""
        channel = self._channels.get(uniqueid)
        return None if channel is None else channel.bridge

    def in_bridge(self, bridge: str) -> Collection[str]:
        """Return the uniqueids of the channels in a bridge."""
        return self._bridges.get(bridge, ())

    def ended(self, uniqueid: str) -> Channel | None:
        """Remove a channel from its bridge and from the known channels.

        Return the channel; None if it was not known.

        The halves of a Local channel can end one after the other. For the half that is still open,
        `other_half` still returns the removed half.
        """
        channel = self._channels.pop(uniqueid, None)
        if channel is not None and channel.bridge is not None:
            self._leave(channel, channel.bridge)
        other = self._pairs.pop(uniqueid, None)
        if other is not None and other not in self._channels:
            self._pairs.pop(other, None)
        return channel

    def missing_from(self, living: Collection[str]) -> list[str]:
        """Return the known channels that are not in `living`, the uniqueids of all channels on the PBX."""
        return [known for known in self._channels if known not in living]

    def resync(self, living: Mapping[str, str], names: Mapping[str, str] = MappingProxyType({})) -> None:
        """Set the bridge and the name of each channel on the PBX to those in a snapshot.

        `living` maps each uniqueid to the id of its bridge; an empty id means no bridge. `names` maps
        uniqueids to channel names. The stored pairs of Local halves do not change.
        """
        for uniqueid, bridge in living.items():
            if not bridge:
                self.get(uniqueid)
                self.left_bridge(uniqueid)
            elif self.get(uniqueid).bridge != bridge:
                self.entered_bridge(uniqueid, bridge)
        for uniqueid, name in names.items():
            self.get(uniqueid).name = name

    def pair(self, one: str, two: str) -> None:
        """Store two channels as the halves of one Local channel."""
        self._pairs[one], self._pairs[two] = two, one

    def other_half(self, uniqueid: str) -> str | None:
        """Return the other half of a Local channel; None if the channel is not known as a half."""
        return self._pairs.get(uniqueid)

    def answering(self, dialled: str) -> str:
        """Return the channel that answered when the channel `dialled` was dialled.

        If `dialled` is a half of a Local channel, the result is the channel of the phone behind it, once the
        phone has answered. In all other cases the result is `dialled` itself.
        """
        return self._ways_to_answer(dialled)[-1]

    def answered_elsewhere(self, dialled: str) -> bool:
        """Return whether a phone other than the dialled one answered.

        It did so by picking up the call, or because the dialled phone forwards its calls.
        """
        answering = self._known(self._ways_to_answer(dialled))
        return any(channel.picks_up or channel.is_forward for channel in answering)

    def forwarded(self, dialled: str) -> bool:
        """Return whether a dialled channel was answered by a forward.

        That is: the dialled phone forwarded the call (SIP 302), and the destination of the forward answered.
        """
        return any(channel.is_forward for channel in self._known(self._ways_to_answer(dialled)))

    def _ways_to_answer(self, dialled: str) -> list[str]:
        """Return the chain of dialled channels from `dialled` to the one that answered.

        If a channel of the chain is a half of a Local channel, the next one is the channel that answered
        behind it. The last channel of the chain is the one that answered.
        """
        ways = [dialled]
        for _ in range(_MAX_HOPS):
            far_half = self._channels.get(self._pairs.get(ways[-1], ""))
            if far_half is None or not far_half.answered_by:
                break
            ways.append(far_half.answered_by)
        return ways

    def _known(self, uniqueids: Iterable[str]) -> Iterator[Channel]:
        return (self._channels[uniqueid] for uniqueid in uniqueids if uniqueid in self._channels)

    def is_phone(self, uniqueid: str) -> bool:
        """Return whether a channel is certainly not a half of a Local channel.

        The result is False if the channel or its name is unknown.
        """
        channel = self._channels.get(uniqueid)
        known = channel is not None and channel.name != "" and not is_local(channel.name)
        return known and uniqueid not in self._pairs

    def device_of(self, uniqueid: str) -> str:
        """Return the phone or trunk of a channel, such as PJSIP/100; empty if its name was not observed."""
        channel = self._channels.get(uniqueid)
        return device_of(channel.name) if channel is not None else ""

    def at_device(self, device: str) -> list[str]:
        """Return the channels of a phone or trunk."""
        return [each.uniqueid for each in self._channels.values() if device_of(each.name) == device]

    def entered_bridge(self, uniqueid: str, bridge: str) -> Channel:
        """Move a channel into a bridge, and return the channel."""
        channel = self.get(uniqueid)
        if channel.bridge is not None:
            self.left_bridge(uniqueid)
        channel.bridge = bridge
        self._bridges.setdefault(bridge, set()).add(uniqueid)
        return channel

    def left_bridge(self, uniqueid: str) -> None:
        """Remove a channel from its bridge, if it is in one."""
        channel = self._channels.get(uniqueid)
        if channel is not None and channel.bridge is not None:
            self._leave(channel, channel.bridge)

    def _leave(self, channel: Channel, bridge: str) -> None:
        members = self._bridges[bridge]
        members.discard(channel.uniqueid)
        if not members:
            del self._bridges[bridge]
        channel.bridge = None

    def is_alone(self, uniqueid: str) -> bool:
        """Return whether a channel is in no bridge, or is the only channel in its bridge."""
        channel = self._channels.get(uniqueid)
        return channel is None or channel.bridge is None or len(self._bridges[channel.bridge]) == 1

    def audible_channels(self, uniqueid: str) -> set[str]:
        """Return the other channels that hear the channel `uniqueid` in its bridge or through Local channels.

        Halves of Local channels are not in the result.
        """
        return self.real(self._reach([uniqueid], {uniqueid})) - {uniqueid}

    def real(self, channels: set[str]) -> set[str]:
        """Return the set `channels` without the halves of Local channels."""
        return {each for each in channels if each not in self._pairs}

    def reachable(self, uniqueid: str) -> set[str]:
        """Return the channels that hear the channel `uniqueid`, together with this channel itself.

        If the channel is a half of a Local channel, the channels that hear the other half are included.
        Halves of Local channels are in the result too.
        """
        other = self._pairs.get(uniqueid)
        starts = [uniqueid] if other is None else [uniqueid, other]
        return self._reach(starts, set(starts))

    def _reach(self, starts: list[str], seen: set[str]) -> set[str]:
        """Add to `seen` the ids of all channels that hear a channel in `starts`, and return `seen`.

        The channels hear each other in one bridge, or in several bridges that Local channels connect.
        """
        for _ in range(_MAX_HOPS):
            reached = []
            for start in starts:
                channel = self._channels.get(start)
                if channel is None or channel.bridge is None:
                    continue
                members = self._bridges[channel.bridge] - seen
                seen |= members
                for half in self._pairs.keys() & members:
                    other = self._pairs[half]
                    if other not in seen:
                        seen.add(other)
                        reached.append(other)
            if not reached:
                break
            starts = reached
        return seen


def is_local(name: str) -> bool:
    """Return whether the name of a channel or interface is that of a Local channel.

    Such a name, like `Local/100@from-queue/n`, does not show which phone is behind the Local channel.
    """
    return name.startswith("Local/")


def extension_of(phone: str) -> str:
    """Return the extension in a phone's name: `100` for `PJSIP/100` and for `Local/100@from-queue/n`."""
    return phone.partition("/")[2].partition("@")[0]


def device_of(channel: str) -> str:
    """Return the phone or trunk in the name of a channel: `PJSIP/100` for `PJSIP/100-0000002a`."""
    return channel.rpartition("-")[0]
