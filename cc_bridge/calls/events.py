"""AMI events as typed values: what the tracker understands, and where each field comes from.

`read` turns one pyst2 `Event` into one of these, or into None when it is of no use or malformed.
`WANTED` tells the codec which messages to parse at all.

Names follow what really happened, not what Asterisk calls it: `QueueCallerAbandon` is also sent when
the queue times out, empties or withdraws the caller (16.28, 22.10), so it is `GaveUp` here and decides
nothing by itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["WANTED", "CallEvent", "read"]

Headers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChannelStarted:
    at: float  # UTC epoch seconds by the PBX, as in all of these
    uniqueid: str
    linkedid: str
    name: str


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    at: float
    uniqueid: str
    cause: int  # Q.850


@dataclass(frozen=True, slots=True)
class HangupRequested:
    """The far end hung up (`by_pbx` False), or an administrator, a limit or the PBX did."""

    at: float
    uniqueid: str
    by_pbx: bool


@dataclass(frozen=True, slots=True)
class QueueRun:
    """The dialplan ran Queue(), be the caller let in or not. Nothing else names a queue that refuses."""

    at: float
    uniqueid: str
    linkedid: str
    queue: str
    number: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Joined:
    at: float
    uniqueid: str
    linkedid: str
    queue: str
    position: int
    number: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Left:
    """Sent for every exit, an answer included, and then before `Connected`."""

    at: float
    uniqueid: str
    queue: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    at: float
    uniqueid: str
    linkedid: str
    queue: str
    hold_time: int
    position: int
    number: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Called:
    at: float
    uniqueid: str
    linkedid: str
    queue: str
    interface: str
    member: str
    ring_uniqueid: str


@dataclass(frozen=True, slots=True)
class Connected:
    at: float
    uniqueid: str
    linkedid: str
    queue: str
    interface: str
    member: str
    agent_uniqueid: str
    agent_channel: str
    hold_time: int
    number: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Dumped:
    """The agent hung up during the announcement; the caller stays in the queue."""

    at: float
    uniqueid: str
    ring_uniqueid: str


@dataclass(frozen=True, slots=True)
class DialEnded:
    """Comes twice for legs that lose or time out; the first one is right (16.28, 22.10)."""

    at: float
    dialed_uniqueid: str
    status: str


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    at: float
    bridge: str
    uniqueid: str
    swapped: str  # whose place it takes, or empty
    holding: bool  # a waiting room: app_agent_pool's, or one that plays music


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    at: float
    bridge: str
    uniqueid: str


@dataclass(frozen=True, slots=True)
class Held:
    at: float
    uniqueid: str  # who put the other side on hold


@dataclass(frozen=True, slots=True)
class Unheld:
    """May come without a `Held` before it: a REFER from a phone that held nobody sends one."""

    at: float
    uniqueid: str


@dataclass(frozen=True, slots=True)
class BlindTransferred:
    at: float
    transferer: str
    target: str


@dataclass(frozen=True, slots=True)
class AttendedTransferred:
    at: float
    transferers: tuple[str, str]  # the two channels of the one who transfers; often the same
    target: str


@dataclass(frozen=True, slots=True)
class LocalJoined:
    """The two halves of a Local channel, `;1` and `;2`."""

    at: float
    one: str
    two: str


@dataclass(frozen=True, slots=True)
class StatusSet:
    """QUEUESTATUS, by VarSet or by our dialplan's UserEvent (then with the queue)."""

    at: float
    uniqueid: str
    queue: str  # empty when it is not told
    status: str  # empty when the dialplan clears it
    told_by: str


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """A queue member as it is now; `queue` and `interface` are its key."""

    at: float
    queue: str
    interface: str
    name: str
    status: int
    paused: bool
    reason: str
    wrap_up: int  # the member's own wrapuptime in seconds, 16.3 and later; 0 when unset


@dataclass(frozen=True, slots=True)
class MemberGone:
    at: float
    queue: str
    interface: str


CallEvent = (
    ChannelStarted
    | ChannelEnded
    | HangupRequested
    | QueueRun
    | Joined
    | Left
    | GaveUp
    | Called
    | Connected
    | Dumped
    | DialEnded
    | BridgeEntered
    | BridgeLeft
    | Held
    | Unheld
    | BlindTransferred
    | AttendedTransferred
    | LocalJoined
    | StatusSet
    | MemberSeen
    | MemberGone
)

# AST_SOFTHANGUP_EXPLICIT: somebody asked for it. 16 only says that the dialplan came to its end.
_EXPLICIT = 32
_ESCAPED = re.compile(r"\\(.)")
_UNKNOWN = ("<unknown>", "unknown")


def _known(value: str) -> str:
    return "" if value in _UNKNOWN else value


def _caller(h: Headers) -> dict[str, str]:
    """Return number, name and language; Asterisk escapes the name alone, and with backslashes."""
    return {
        "number": _known(h["CallerIDNum"]),
        "name": _ESCAPED.sub(r"\1", _known(h["CallerIDName"])),
        "language": h.get("Language", ""),
    }


def _queue_run(h: Headers, at: float) -> QueueRun | None:
    queue = h["AppData"].partition(",")[0].strip()
    return QueueRun(at, h["Uniqueid"], h["Linkedid"], queue, **_caller(h)) if queue else None


def _joined(h: Headers, at: float) -> Joined:
    return Joined(at, h["Uniqueid"], h["Linkedid"], h["Queue"], int(h["Position"]), **_caller(h))


def _gave_up(h: Headers, at: float) -> GaveUp:
    return GaveUp(
        at,
        h["Uniqueid"],
        h["Linkedid"],
        h["Queue"],
        int(h["HoldTime"]),
        int(h["OriginalPosition"]),
        **_caller(h),
    )


def _connected(h: Headers, at: float) -> Connected:
    return Connected(
        at,
        h["Uniqueid"],
        h["Linkedid"],
        h["Queue"],
        h["Interface"],
        h["MemberName"],
        h["DestUniqueid"],
        h["DestChannel"],
        int(h["HoldTime"]),
        **_caller(h),
    )


def _soft_hangup(h: Headers, at: float) -> HangupRequested | None:
    return HangupRequested(at, h["Uniqueid"], by_pbx=True) if int(h["Cause"]) & _EXPLICIT else None


def _blind(h: Headers, at: float) -> BlindTransferred | None:
    if h["Result"] != "Success":
        return None
    return BlindTransferred(at, h["TransfererUniqueid"], h["Extension"])


def _attended(h: Headers, at: float) -> AttendedTransferred | None:
    if h["Result"] != "Success":
        return None
    number = _known(h.get("SecondTransfererConnectedLineNum", ""))
    target = number or h.get("TransferTargetChannel") or h.get("DestApp") or h["DestType"]
    return AttendedTransferred(at, (h["OrigTransfererUniqueid"], h["SecondTransfererUniqueid"]), target)


def _user_event(h: Headers, at: float) -> StatusSet | None:
    if h["UserEvent"] != "CCQueueExit":
        return None
    return StatusSet(at, h["Uniqueid"], h["Queue"], h["QueueStatus"], "UserEvent CCQueueExit")


def _member(h: Headers, at: float) -> MemberSeen:
    return MemberSeen(
        at,
        h["Queue"],
        h.get("Interface") or h["Location"],  # events say Interface, QueueStatus says Location
        h.get("MemberName") or h["Name"],
        int(h["Status"]),
        h["Paused"] == "1",
        h.get("PausedReason", ""),
        int(h.get("Wrapuptime") or 0),
    )


_READERS: dict[str, Callable[[Headers, float], CallEvent | None]] = {
    "Newchannel": lambda h, at: ChannelStarted(at, h["Uniqueid"], h["Linkedid"], h["Channel"]),
    "Hangup": lambda h, at: ChannelEnded(at, h["Uniqueid"], int(h["Cause"])),
    "HangupRequest": lambda h, at: HangupRequested(at, h["Uniqueid"], by_pbx=False),
    "SoftHangupRequest": _soft_hangup,
    "Newexten": _queue_run,
    "QueueCallerJoin": _joined,
    "QueueCallerLeave": lambda h, at: Left(at, h["Uniqueid"], h["Queue"]),
    "QueueCallerAbandon": _gave_up,
    "AgentCalled": lambda h, at: Called(
        at, h["Uniqueid"], h["Linkedid"], h["Queue"], h["Interface"], h["MemberName"], h["DestUniqueid"]
    ),
    "AgentConnect": _connected,
    "AgentDump": lambda h, at: Dumped(at, h["Uniqueid"], h["DestUniqueid"]),
    "DialEnd": lambda h, at: DialEnded(at, h["DestUniqueid"], h["DialStatus"]),
    "BridgeEnter": lambda h, at: BridgeEntered(
        at,
        h["BridgeUniqueid"],
        h["Uniqueid"],
        h.get("SwapUniqueid", ""),
        h["BridgeType"] == "agent_hold" or h["BridgeTechnology"] == "holding_bridge",
    ),
    "BridgeLeave": lambda h, at: BridgeLeft(at, h["BridgeUniqueid"], h["Uniqueid"]),
    "Hold": lambda h, at: Held(at, h["Uniqueid"]),
    "Unhold": lambda h, at: Unheld(at, h["Uniqueid"]),
    "BlindTransfer": _blind,
    "AttendedTransfer": _attended,
    "LocalBridge": lambda h, at: LocalJoined(at, h["LocalOneUniqueid"], h["LocalTwoUniqueid"]),
    "VarSet": lambda h, at: StatusSet(at, h["Uniqueid"], "", h["Value"], "VarSet QUEUESTATUS"),
    "UserEvent": _user_event,
    "QueueMemberStatus": _member,
    "QueueMemberPause": _member,
    "QueueMemberAdded": _member,
    "QueueMember": _member,  # an item of QueueStatus
    "QueueMemberRemoved": lambda h, at: MemberGone(at, h["Queue"], h["Interface"]),
}

# For the codec: the events' names, each with a line that it must hold or None.
WANTED: dict[str, str | None] = {
    **dict.fromkeys(_READERS),
    "VarSet": "Variable: QUEUESTATUS",
    "Newexten": "Application: Queue",
    "UserEvent": "UserEvent: CCQueueExit",
    "FullyBooted": None,
    # The items of QueueStatus and CoreShowChannels, and what ends them.
    **dict.fromkeys(("QueueParams", "QueueEntry", "QueueStatusComplete")),
    **dict.fromkeys(("CoreShowChannel", "CoreShowChannelsComplete")),
}


def read(event: Any, received_at: float) -> CallEvent | None:
    """Return the typed form of a pyst2 `Event`, or None if it says nothing to us or is malformed.

    Its instant is the `Timestamp` header (microseconds, written when AMI formats the event);
    `received_at` stands in when the PBX has timestampevents=no.
    """
    reader = _READERS.get(event.name)
    if reader is None:
        return None
    headers = event.headers
    try:
        stamp = headers.get("Timestamp")
        return reader(headers, float(stamp) if stamp else received_at)
    except (KeyError, ValueError, TypeError):
        return None
