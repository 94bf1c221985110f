"""Who is on which channel and in which bridge now, and who can therefore hear whom.

The trap: an agent behind `Local/x@ctx/n` (every FreePBX) is not in the caller's bridge. The caller
shares one with the near half, `;1`; the far half, `;2`, shares another with the phone. Asterisk ties
the halves together once, by LocalBridge.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["Channel", "Channels"]

# Local channels in a row (queue -> follow-me -> phone) that are followed; more is a loop.
_MAX_HOPS = 6


@dataclass(slots=True)
class Channel:
    """A channel that lives, as far as we heard of it."""

    uniqueid: str
    bridge: str | None = None
    hung_up_at: float | None = None  # the far end hung up
    killed_at: float | None = None  # the PBX or an administrator hung it up


class Channels:
    """All channels of the PBX that live, with bridges and Local pairs."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._bridges: dict[str, set[str]] = {}
        self._pairs: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._channels)

    def __contains__(self, uniqueid: str) -> bool:
        return uniqueid in self._channels

    def get(self, uniqueid: str) -> Channel:
        """Return the channel, known before or not: we may have come in mid-call."""
        channel = self._channels.get(uniqueid)
        if channel is None:
            channel = self._channels[uniqueid] = Channel(uniqueid)
        return channel

    def find(self, uniqueid: str) -> Channel | None:
        return self._channels.get(uniqueid)

    def bridge_of(self, uniqueid: str) -> str | None:
        channel = self._channels.get(uniqueid)
        return None if channel is None else channel.bridge

    def in_bridge(self, bridge: str) -> Collection[str]:
        return self._bridges.get(bridge, ())

    def ended(self, uniqueid: str) -> None:
        self.left_bridge(uniqueid)
        self._channels.pop(uniqueid, None)
        other = self._pairs.pop(uniqueid, None)
        if other is not None and other not in self._channels:
            self._pairs.pop(other, None)

    def missing_from(self, living: Collection[str]) -> list[str]:
        """Return the channels that we believe to live and that are not among the living."""
        return [known for known in self._channels if known not in living]

    def resync(self, living: Mapping[str, str]) -> None:
        """Take over which channels live and in which bridge each is; pairs of Local halves stay known."""
        for uniqueid, bridge in living.items():
            if not bridge:
                self.get(uniqueid)
                self.left_bridge(uniqueid)
            elif self.get(uniqueid).bridge != bridge:
                self.entered_bridge(uniqueid, bridge)

    def pair(self, one: str, two: str) -> None:
        self._pairs[one], self._pairs[two] = two, one

    def other_half(self, uniqueid: str) -> str | None:
        """Return the other half of a Local channel."""
        return self._pairs.get(uniqueid)

    def entered_bridge(self, uniqueid: str, bridge: str) -> None:
        self.left_bridge(uniqueid)
        self.get(uniqueid).bridge = bridge
        self._bridges.setdefault(bridge, set()).add(uniqueid)

    def left_bridge(self, uniqueid: str) -> None:
        channel = self._channels.get(uniqueid)
        if channel is None or channel.bridge is None:
            return
        members = self._bridges[channel.bridge]
        members.discard(uniqueid)
        if not members:
            del self._bridges[channel.bridge]
        channel.bridge = None

    def audible_channels(self, uniqueid: str) -> set[str]:
        """Return the real channels (no Local halves) that share the sound of this one, itself not."""
        found: set[str] = set()
        ways, seen = [uniqueid], {uniqueid}
        for _ in range(_MAX_HOPS):
            reached = []
            for way in ways:
                channel = self._channels.get(way)
                for member in self.in_bridge(channel.bridge) if channel and channel.bridge else ():
                    if member in seen:
                        continue
                    seen.add(member)
                    other = self._pairs.get(member)
                    if other is None:
                        found.add(member)
                    elif other not in seen:
                        seen.add(other)
                        reached.append(other)
            if not reached:
                break
            ways = reached
        return found
