"""The state of the simulated PBX: its channels, queue entries and queue members. Pure.

The responses to QueueStatus and CoreShowChannels are made from this state. A daemon may log in at any moment,
so each played event updates the state, even while no client is logged in.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from cc_bridge.demo.recording import RecordedHeaders, TimedEvent

__all__ = ["Item", "PbxState"]

Item = list[tuple[str, str]]
"""The headers of one item of an AMI list, as pairs of name and value; the first one is `Event`."""

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
    """One channel of the simulated PBX, with its latest event and its bridge."""

    started_at: float  # UTC seconds since the epoch
    headers: RecordedHeaders  # of the latest event about this channel
    bridge: str = ""  # id of the bridge that the channel is in; empty: none


class PbxState:
    """The state of the simulated PBX, which starts without calls and with all queue members available."""

    def __init__(self, queues: Iterable[str], members: Iterable[RecordedHeaders]) -> None:
        self._queues = sorted(queues)
        self._members = {(member["Queue"], member["Interface"]): member for member in members}
        self._waiting: dict[str, TimedEvent] = {}  # by Uniqueid, in the order of joining
        self._channels: dict[str, _Channel] = {}
        self._ended: Counter[tuple[str, str]] = Counter()  # by queue and event

    def apply(self, event: TimedEvent) -> None:
        """Update the state with one event that the simulated PBX plays."""
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
        """Yield the items of a QueueStatus list: each queue, followed by its members and its callers.

        `now` is UTC seconds since the epoch, to compute how long each caller has waited.
        """
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
        """Yield the items of a CoreShowChannels list; `now` is UTC seconds since the epoch."""
        for channel in self._channels.values():
            minutes, seconds = divmod(int(now - channel.started_at), 60)
            yield [
                ("Event", "CoreShowChannel"),
                *((name, channel.headers[name]) for name in _CHANNEL),
                ("Duration", f"00:{minutes:02}:{seconds:02}"),
                ("BridgeId", channel.bridge),
            ]

    # The events that decide a visit, each with the header of QueueParams in which they are counted. Asterisk
    # counts an answered call when it ends (AgentComplete), but the recording does not have that event.
    _ENDS: ClassVar[dict[str, str]] = {"AgentConnect": "Completed", "QueueCallerAbandon": "Abandoned"}
