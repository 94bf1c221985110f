"""What Asterisk says is going on, asked for instead of heard: the start of a session.

`Snapshot.of` reads the items of QueueStatus and CoreShowChannels, and `Tracker.resync` compares them
with what it believes. Anything that Asterisk no longer knows is closed as unobserved, callers that it
knows and we do not are taken over with the wait that it tells (whole seconds).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cc_bridge.calls.events import Joined, MemberSeen
from cc_bridge.calls.reading import read

__all__ = ["SeenTalk", "Snapshot"]


@dataclass(frozen=True, slots=True)
class SeenTalk:
    """A caller of a queue who shares a bridge with somebody; when it began is not known."""

    uniqueid: str
    linkedid: str
    queue: str
    agent_uniqueid: str
    agent_channel: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The PBX at one instant, by its own clock."""

    taken_at: float
    queues: frozenset[str]
    members: tuple[MemberSeen, ...]
    waiting: tuple[Joined, ...]
    talks: tuple[SeenTalk, ...]
    channels: Mapping[str, str]  # all that live, with the bridge that they are in or an empty text

    @classmethod
    def of(cls, queue_status: Iterable[Any], channels: Iterable[Any], taken_at: float) -> "Snapshot":
        """Read list items; those that are malformed are passed over."""
        lived = {
            item.headers["Uniqueid"]: item.headers
            for item in channels
            if item.name == "CoreShowChannel" and "Uniqueid" in item.headers
        }
        bridges = {uniqueid: headers.get("BridgeId", "") for uniqueid, headers in lived.items()}
        queues: set[str] = set()
        members: list[MemberSeen] = []
        waiting: list[Joined] = []
        for item in queue_status:
            if item.name == "QueueParams":
                queues.add(item.headers.get("Queue", ""))
            elif item.name == "QueueEntry":
                entry = _entry(item.headers, lived, taken_at)
                if entry is not None:
                    waiting.append(entry)
            else:
                member = read(item, lambda: taken_at)
                if isinstance(member, MemberSeen):
                    members.append(member)
        return cls(taken_at, frozenset(queues - {""}), tuple(members), tuple(waiting), _talks(lived), bridges)


def _talks(channels: dict[str, dict[str, Any]]) -> tuple[SeenTalk, ...]:
    """Return who talks: the channel that runs Queue() and the one in its bridge that Queue() has called."""
    agents = {
        headers.get("BridgeId", ""): headers
        for headers in channels.values()
        if headers.get("Application") == "AppQueue"
    }
    return tuple(
        SeenTalk(
            uniqueid,
            headers.get("Linkedid", uniqueid),
            headers.get("ApplicationData", "").partition(",")[0],
            agents[headers["BridgeId"]]["Uniqueid"],
            agents[headers["BridgeId"]].get("Channel", ""),
        )
        for uniqueid, headers in channels.items()
        if headers.get("Application") == "Queue" and headers.get("BridgeId") in agents and headers["BridgeId"]
    )


def _entry(headers: dict[str, Any], channels: dict[str, dict[str, Any]], taken_at: float) -> Joined | None:
    """Return a waiting caller as if the joining had been heard; the Linkedid is the channel's."""
    try:
        uniqueid = headers["Uniqueid"]
        channel = channels.get(uniqueid, {})
        return Joined(
            at=taken_at - int(headers["Wait"]),
            uniqueid=uniqueid,
            linkedid=channel.get("Linkedid", uniqueid),
            queue=headers["Queue"],
            position=int(headers["Position"]),
            number=headers["CallerIDNum"].replace("unknown", ""),
            name=headers["CallerIDName"].replace("unknown", ""),
            language=channel.get("Language", ""),
        )
    except (KeyError, ValueError, TypeError):
        return None
