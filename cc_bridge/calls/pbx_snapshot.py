"""What Asterisk says is going on, asked for instead of heard: the start of a session.

`read_item` reads the items of QueueStatus and CoreShowChannels one by one, `PbxSnapshot.of` puts them
together, and `Tracker.resync` compares that with what it believes. Anything that Asterisk no longer knows is
closed as unobserved, callers that it knows and we do not are taken over with the wait that it tells (whole
seconds).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cc_bridge.calls.ami_events import read
from cc_bridge.calls.events import Joined, MemberSeen

__all__ = ["PbxSnapshot", "SeenTalk", "SnapshotItem", "read_item"]

ItemHeaders = Mapping[str, Any]


class SeenQueue(NamedTuple):
    name: str


class SeenChannel(NamedTuple):
    uniqueid: str
    linkedid: str
    name: str
    language: str
    bridge: str  # or empty
    application: str
    arguments: str  # of the application


SnapshotItem = SeenQueue | SeenChannel | MemberSeen | Joined


@dataclass(frozen=True, slots=True)
class SeenTalk:
    """A caller of a queue who shares a bridge with somebody; when it began is not known."""

    uniqueid: str
    linkedid: str
    queue: str
    agent_uniqueid: str
    agent_channel: str


@dataclass(frozen=True, slots=True)
class PbxSnapshot:
    """The PBX at one instant, by its own clock."""

    taken_at: float
    queues: frozenset[str]
    members: tuple[MemberSeen, ...]
    waiting: tuple[Joined, ...]
    talks: tuple[SeenTalk, ...]
    channels: Mapping[str, str]  # all that live, with the bridge that they are in or an empty text
    halves: tuple[tuple[str, str], ...] = ()  # of the Local channels
    names: Mapping[str, str] = field(default_factory=dict)  # of the channels, such as PJSIP/100-0000002a

    @classmethod
    def of(cls, items: Iterable[SnapshotItem | None], taken_at: float) -> "PbxSnapshot":
        """Put together what was seen; what QueueStatus does not say of a caller is taken from the channel."""
        queues: set[str] = set()
        members: list[MemberSeen] = []
        waiting: list[Joined] = []
        channels: dict[str, SeenChannel] = {}
        for item in items:
            match item:
                case SeenQueue():
                    queues.add(item.name)
                case MemberSeen():
                    members.append(item)
                case Joined():
                    waiting.append(item)
                case SeenChannel():
                    channels[item.uniqueid] = item
        return cls(
            taken_at,
            frozenset(queues),
            tuple(members),
            tuple(_with_channel(entry, channels) for entry in waiting),
            _talks(channels.values()),
            {channel.uniqueid: channel.bridge for channel in channels.values()},
            tuple(_halves(channels.values())),
            {channel.uniqueid: channel.name for channel in channels.values()},
        )


def read_item(item: Any, taken_at: float) -> SnapshotItem | None:
    """Return what a list item says; None when that is nothing to us, or it is malformed.

    A header that comes twice is not Asterisk's: a caller's name with a line break in it can bring one.
    """
    reader = _READERS.get(item.name)
    if reader is None or item.message.repeated:
        return None
    try:
        return reader(item, taken_at)
    except (KeyError, ValueError):
        return None


def _member(item: Any, taken_at: float) -> MemberSeen | None:
    member = read(item, lambda: taken_at)
    if not isinstance(member, MemberSeen):
        return None
    # One string each for the many members of a queue and the many queues of a member.
    queue, interface, name = map(sys.intern, (member.queue, member.interface, member.name))
    return member._replace(queue=queue, interface=interface, name=name)


def _queue(item: Any, _taken_at: float) -> SeenQueue | None:
    name = item.headers["Queue"]
    return SeenQueue(name) if name else None


def _entry(item: Any, taken_at: float) -> Joined:
    """Return a waiting caller as if the joining had been heard."""
    h: ItemHeaders = item.headers
    return Joined(
        at=taken_at - int(h["Wait"]),
        uniqueid=h["Uniqueid"],
        linkedid=h["Uniqueid"],
        queue=h["Queue"],
        position=int(h["Position"]),
        number=h["CallerIDNum"].replace("unknown", ""),
        name=h["CallerIDName"].replace("unknown", ""),
        language="",
    )


def _channel(item: Any, _taken_at: float) -> SeenChannel:
    h: ItemHeaders = item.headers
    return SeenChannel(
        uniqueid=h["Uniqueid"],
        linkedid=h.get("Linkedid", h["Uniqueid"]),
        name=h.get("Channel", ""),
        language=h.get("Language", ""),
        bridge=h.get("BridgeId", ""),
        application=h.get("Application", ""),
        arguments=h.get("ApplicationData", ""),
    )


_READERS: dict[str, Callable[[Any, float], SnapshotItem | None]] = {
    "QueueParams": _queue,
    "QueueMember": _member,
    "QueueEntry": _entry,
    "CoreShowChannel": _channel,
}


def _with_channel(entry: Joined, channels: Mapping[str, SeenChannel]) -> Joined:
    channel = channels.get(entry.uniqueid)
    return entry._replace(linkedid=channel.linkedid, language=channel.language) if channel else entry


def _halves(channels: Iterable[SeenChannel]) -> Iterator[tuple[str, str]]:
    """Yield the two halves of each Local channel: their names differ in `;1` and `;2` only."""
    near = {channel.name[:-1]: channel.uniqueid for channel in channels if channel.name.endswith(";1")}
    for channel in channels:
        if channel.name.endswith(";2") and channel.name[:-1] in near:
            yield near[channel.name[:-1]], channel.uniqueid


def _talks(channels: Iterable[SeenChannel]) -> tuple[SeenTalk, ...]:
    """Return who talks: the channel that runs Queue() and the one in its bridge that Queue() has called."""
    agents = {channel.bridge: channel for channel in channels if channel.application == "AppQueue"}
    return tuple(
        SeenTalk(
            caller.uniqueid,
            caller.linkedid,
            caller.arguments.partition(",")[0],
            agents[caller.bridge].uniqueid,
            agents[caller.bridge].name,
        )
        for caller in channels
        if caller.application == "Queue" and caller.bridge and caller.bridge in agents
    )
