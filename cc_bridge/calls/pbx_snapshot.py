"""The snapshot of a PBX: the state that Asterisk reports on request, after the AMI link has connected.

`read_item` parses the items of the lists QueueStatus and CoreShowChannels. `PbxSnapshot.of` combines the
items. `Tracker.resync` compares a snapshot with the tracked state. Tracked visits, talks and channels that
Asterisk no longer lists are closed as unobserved. Waiting callers who were not tracked are added with the
wait time that Asterisk reports, in whole seconds.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cc_bridge.ami.header_numbers import count_of, seconds_of
from cc_bridge.calls.ami_events import read
from cc_bridge.calls.events import Joined, MemberSeen

__all__ = ["PbxSnapshot", "SeenTalk", "SnapshotItem", "read_item"]

ItemHeaders = Mapping[str, Any]


class SeenQueue(NamedTuple):
    """A queue, as listed by QueueStatus."""

    name: str


class SeenChannel(NamedTuple):
    """A channel, as listed by CoreShowChannels.

    name: such as `PJSIP/100-0000002a`
    application: the dialplan application that the channel runs
    """

    uniqueid: str
    linkedid: str
    name: str
    language: str
    bridge: str  # id of its bridge; empty if it is in none
    application: str
    arguments: str  # of the application


SnapshotItem = SeenQueue | SeenChannel | MemberSeen | Joined


@dataclass(frozen=True, slots=True)
class SeenTalk:
    """A talk in a snapshot: a queue's caller and an agent in one bridge. The start of the talk is unknown."""

    uniqueid: str
    linkedid: str
    queue: str
    agent_uniqueid: str
    agent_channel: str


@dataclass(frozen=True, slots=True)
class PbxSnapshot:
    """A snapshot of one PBX: its queues, their members and waiting callers, the talks and the channels.

    taken_at: time of the snapshot by the PBX's clock, in UTC seconds since the epoch
    """

    taken_at: float
    queues: frozenset[str]
    members: tuple[MemberSeen, ...]
    waiting: tuple[Joined, ...]
    talks: tuple[SeenTalk, ...]
    channels: Mapping[str, str]  # id of the bridge of each channel, by uniqueid; empty: in no bridge
    halves: tuple[tuple[str, str], ...] = ()  # the two uniqueids of each Local channel
    names: Mapping[str, str] = field(default_factory=dict)  # such as PJSIP/100-0000002a, by uniqueid

    @classmethod
    def of(cls, items: Iterable[SnapshotItem | None], taken_at: float) -> "PbxSnapshot":
        """Return the snapshot that the items of Asterisk's lists make together.

        None among the items is ignored. The list of waiting callers has no Linkedid and no language. These
        two come from the list of channels.
        """
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
    """Return the content of a list item; None if the item is irrelevant or malformed.

    An item with a repeated header is rejected. Asterisk never repeats one, but a line break in a caller's
    name can forge one.
    """
    reader = _READERS.get(item.name)
    if reader is None or item.message.repeated:
        return None
    try:
        return reader(item, taken_at)
    except (KeyError, ValueError):
        return None


def _member(item: Any, taken_at: float) -> MemberSeen | None:
    """Return the queue member of a QueueMember item; None if the item is malformed."""
    member = read(item, lambda: taken_at)
    if not isinstance(member, MemberSeen):
        return None
    # Equal names share one string, because each queue and each member occurs many times.
    queue, interface, name = map(sys.intern, (member.queue, member.interface, member.name))
    return member._replace(queue=queue, interface=interface, name=name)


def _queue(item: Any, _taken_at: float) -> SeenQueue | None:
    """Return the queue of a QueueParams item; None if its name is empty."""
    name = item.headers["Queue"]
    return SeenQueue(name) if name else None


def _entry(item: Any, taken_at: float) -> Joined:
    """Return the waiting caller of a QueueEntry item, as if their QueueCallerJoin had been received."""
    h: ItemHeaders = item.headers
    return Joined(
        at=taken_at - seconds_of(h["Wait"]),
        uniqueid=h["Uniqueid"],
        linkedid=h["Uniqueid"],
        queue=h["Queue"],
        position=count_of(h["Position"]),
        number=h["CallerIDNum"].replace("unknown", ""),
        name=h["CallerIDName"].replace("unknown", ""),
        language="",
    )


def _channel(item: Any, _taken_at: float) -> SeenChannel:
    """Return the channel of a CoreShowChannel item."""
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
    """Return the waiting caller `entry` with the Linkedid and the language of the caller's channel.

    If the caller's channel is not in `channels`, return `entry` unchanged.
    """
    channel = channels.get(entry.uniqueid)
    return entry._replace(linkedid=channel.linkedid, language=channel.language) if channel else entry


def _halves(channels: Iterable[SeenChannel]) -> Iterator[tuple[str, str]]:
    """Yield the uniqueids of the two halves of each Local channel: one named `...;1`, the other `...;2`."""
    near = {channel.name[:-1]: channel.uniqueid for channel in channels if channel.name.endswith(";1")}
    for channel in channels:
        if channel.name.endswith(";2") and channel.name[:-1] in near:
            yield near[channel.name[:-1]], channel.uniqueid


def _talks(channels: Iterable[SeenChannel]) -> tuple[SeenTalk, ...]:
    """Return the talks among the channels of a snapshot.

    A talk is two channels in one bridge: the caller's, which runs Queue(), and the one that Queue() called.
    """
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
