"""The state of the recorded PBX: its channels, queue entries and queue members. Pure.

QueueStatus and CoreShowChannels are answered from it. A daemon may log in at any moment of a take, so the
state follows every event, with or without a session.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from cc_bridge.demo.recording import RecordedHeaders, TimedEvent

__all__ = ["Item", "PbxState"]

Item = list[tuple[str, str]]
"""The headers of one item of a list, the first one is its Event."""

_CHANNEL = (
    "Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum",
    "ConnectedLineName", "Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid",
)  # fmt: skip
_ENTRY = (
    "Channel", "Uniqueid", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName",
)  # fmt: skip
_MEMBER = (
    "StateInterface", "Membership", "Penalty", "CallsTaken", "LastCall", "LastPause", "InCall", "Status",
    "Paused", "PausedReason", "Wrapuptime",
)  # fmt: skip


@dataclass(slots=True)
class _Channel:
    started_at: float
    headers: RecordedHeaders  # of the latest event that described it
    bridge: str = ""


class PbxState:
    """The state of one PBX; it starts with free members and no calls."""

    def __init__(self, queues: Iterable[str], members: Iterable[RecordedHeaders]) -> None:
        self._queues = sorted(queues)
        self._members = {(member["Queue"], member["Interface"]): member for member in members}
        self._waiting: dict[str, TimedEvent] = {}  # by Uniqueid, in the order of joining
        self._channels: dict[str, _Channel] = {}
        self._ended: Counter[tuple[str, str]] = Counter()  # by queue and event

    def apply(self, event: TimedEvent) -> None:
        """Take one event."""
        headers, name = event.headers, event.headers["Event"]
        uniqueid = headers.get("Uniqueid", "")
        if name == "Newchannel":
            self._channels[uniqueid] = _Channel(event.at, headers)
        channel = self._channels.get(uniqueid)
        if channel is not None:
            channel.headers = headers
        match name:
            case "Hangup":
                self._channels.pop(uniqueid, None)
            case "BridgeEnter" | "BridgeLeave" if channel is not None:
                channel.bridge = headers["BridgeUniqueid"] if name == "BridgeEnter" else ""
            case "QueueCallerJoin":
                self._waiting[uniqueid] = event
            case "QueueCallerLeave":
                self._waiting.pop(uniqueid, None)
            case "QueueMemberStatus" | "QueueMemberPause":
                self._members[headers["Queue"], headers["Interface"]] = headers
        if name in self._ENDS:
            self._ended[headers["Queue"], name] += 1

    def queue_status(self, now: float) -> Iterator[Item]:
        """Return the items that QueueStatus lists: each queue, then its members and its callers."""
        for queue in self._queues:
            callers = [entry for entry in self._waiting.values() if entry.headers["Queue"] == queue]
            yield [
                ("Event", "QueueParams"),
                ("Queue", queue),
                ("Max", "0"),
                ("Calls", str(len(callers))),
                *((header, str(self._ended[queue, event])) for event, header in self._ENDS.items()),
            ]
            for (of_queue, _), member in self._members.items():
                if of_queue == queue:
                    yield [
                        ("Event", "QueueMember"),
                        ("Queue", queue),
                        ("Name", member["MemberName"]),
                        ("Location", member["Interface"]),
                        *((name, member[name]) for name in _MEMBER),
                    ]
            for position, entry in enumerate(callers, start=1):
                yield [
                    ("Event", "QueueEntry"),
                    ("Queue", queue),
                    ("Position", str(position)),
                    *((name, entry.headers[name].replace("<unknown>", "unknown")) for name in _ENTRY),
                    ("Wait", str(int(now - entry.at))),
                    ("Priority", "0"),
                ]

    def channels(self, now: float) -> Iterator[Item]:
        """Return the items that CoreShowChannels lists."""
        for channel in self._channels.values():
            minutes, seconds = divmod(int(now - channel.started_at), 60)
            yield [
                ("Event", "CoreShowChannel"),
                *((name, channel.headers[name]) for name in _CHANNEL),
                ("Duration", f"00:{minutes:02}:{seconds:02}"),
                ("BridgeId", channel.bridge),
            ]

    # An event that ends a visit, and the figure of the queue in which app_queue counts it.
    _ENDS: ClassVar[dict[str, str]] = {"AgentComplete": "Completed", "QueueCallerAbandon": "Abandoned"}
