"""The translation of AMI messages into the typed events of `events.py`.

`read` turns one pyst2 `Event` into a typed event, or into None if the message is irrelevant. `WANTED`
contains the names of the AMI events to accept, and the headers to extract from each event. The AMI parser in
`ami/codec.py` ignores all other events.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cc_bridge.ami.codec import EventSpec
from cc_bridge.calls.events import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    Called,
    CallEvent,
    ChannelEnded,
    ChannelStarted,
    Connected,
    DialEnded,
    DialStarted,
    Dumped,
    GaveUp,
    HangupRequested,
    Held,
    Joined,
    Left,
    LocalJoined,
    MemberGone,
    MemberSeen,
    PickedUp,
    QueueRun,
    StatusSet,
    Unheld,
)

__all__ = ["WANTED", "WANTED_FOR_DIRECT_CALLS", "read"]

EventHeaders = Mapping[str, Any]


class _EventReader(NamedTuple):
    """The rule by which one kind of AMI event becomes a typed event.

    always: names of the headers that every such message has
    maybe: names of optional headers
    make: function that returns the typed event from the headers and the instant, or None if the message is
        irrelevant
    """

    always: tuple[str, ...]
    maybe: tuple[str, ...]
    make: Callable[[EventHeaders, float], CallEvent | None]


# AST_SOFTHANGUP_EXPLICIT: an administrator, a limit or the PBX requested the hang-up. Cause 16 would only
# mean that the dialplan reached its end.
_EXPLICIT = 32
_ESCAPED = re.compile(r"\\(.)")
_UNKNOWN = ("<unknown>", "unknown")


def _known(value: str) -> str:
    """Return the value of a caller ID header; empty if Asterisk reports the value as unknown."""
    return "" if value in _UNKNOWN else value


def _caller(h: EventHeaders) -> tuple[str, str, str]:
    """Return the caller's number, name and language, given the headers `h` of an AMI event.

    Asterisk escapes some characters of the name with backslashes; these are removed.
    """
    name = _known(h["CallerIDName"])
    if "\\" in name:
        name = _ESCAPED.sub(r"\1", name)
    return _known(h["CallerIDNum"]), name, h.get("Language", "")


def _queue_run(h: EventHeaders, at: float) -> QueueRun | None:
    """Return the typed event for a Newexten that starts Queue().

    The result is None for another application, and for an empty queue name.
    """
    if h["Application"] != "Queue":
        return None
    queue = h["AppData"].partition(",")[0].strip()
    return QueueRun(at, h["Uniqueid"], h["Linkedid"], queue, *_caller(h)) if queue else None


def _joined(h: EventHeaders, at: float) -> Joined:
    """Return the typed event for QueueCallerJoin: a caller entered a queue."""
    return Joined(at, h["Uniqueid"], h["Linkedid"], h["Queue"], int(h["Position"]), *_caller(h))


def _gave_up(h: EventHeaders, at: float) -> GaveUp:
    """Return the typed event for QueueCallerAbandon: a caller was removed from a queue without an answer."""
    return GaveUp(
        at,
        h["Uniqueid"],
        h["Linkedid"],
        h["Queue"],
        int(h["HoldTime"]),
        int(h["OriginalPosition"]),
        *_caller(h),
    )


def _connected(h: EventHeaders, at: float) -> Connected:
    """Return the typed event for AgentConnect: a caller was connected with an agent."""
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
        *_caller(h),
    )


def _soft_hangup(h: EventHeaders, at: float) -> HangupRequested | None:
    """Return the typed event for SoftHangupRequest: the PBX hangs up a channel.

    The header Cause shows whether the hang-up was requested explicitly. If it was not, the result is None.
    """
    return HangupRequested(at, h["Uniqueid"], by_pbx=True) if int(h["Cause"]) == _EXPLICIT else None


def _blind(h: EventHeaders, at: float) -> BlindTransferred | None:
    """Return the typed event for BlindTransfer; None if the transfer did not succeed."""
    if h["Result"] != "Success":
        return None
    return BlindTransferred(at, h["TransfererUniqueid"], h["Extension"], h.get("TransfereeUniqueid", ""))


def _attended(h: EventHeaders, at: float) -> AttendedTransferred | None:
    """Return the typed event for AttendedTransfer; None if the transfer did not succeed."""
    if h["Result"] != "Success":
        return None
    return AttendedTransferred(
        at,
        (h["OrigTransfererUniqueid"], h["SecondTransfererUniqueid"]),
        _known(h.get("SecondTransfererConnectedLineNum", "")),
        h.get("TransfereeUniqueid", ""),
        h.get("TransferTargetUniqueid", ""),
        h.get("DestType") == "App",
    )


def _status_set(h: EventHeaders, at: float) -> StatusSet | None:
    """Return the typed event for a VarSet of QUEUESTATUS; None for another variable."""
    if h["Variable"] != "QUEUESTATUS":
        return None
    return StatusSet(at, h["Uniqueid"], "", h["Value"], "VarSet QUEUESTATUS")


def _user_event(h: EventHeaders, at: float) -> StatusSet | None:
    """Return the typed event for the dialplan's UserEvent CCQueueExit; None for another UserEvent."""
    if h["UserEvent"] != "CCQueueExit":
        return None
    return StatusSet(
        at,
        h["Uniqueid"],
        h["Queue"],
        h["QueueStatus"],
        "UserEvent CCQueueExit",
        h.get("Trigger", "queue"),
    )


def _member(h: EventHeaders, at: float) -> MemberSeen:
    """Return the state of a queue member, from an AMI event or from an item of the list QueueStatus."""
    return MemberSeen(
        at,
        h["Queue"],
        h.get("Interface") or h["Location"],  # events say Interface, QueueStatus says Location
        h.get("MemberName") or h["Name"],
        int(h["Status"]),
        h["Paused"] == "1",
        h.get("PausedReason", ""),
        int(h.get("Wrapuptime") or 0),
        float(h.get("LastPause") or 0),
    )


def _dial_started(h: EventHeaders, at: float) -> DialStarted:
    """Return the typed event for DialBegin: a channel dials another one."""
    # If the PBX itself dials, as for an Originate action, the caller's headers are missing.
    return DialStarted(
        at,
        h["Uniqueid"],
        h["Linkedid"],
        h["Channel"],
        h["Context"],
        h["Exten"],
        h["DestUniqueid"],
        h["DestChannel"],
        *_caller(h),
    )


def _dial_ended(h: EventHeaders, at: float) -> DialEnded:
    """Return the typed event for DialEnd: a dialled channel answered, or the attempt ended."""
    caller, dialed = h.get("Uniqueid", ""), h["DestUniqueid"]
    return DialEnded(
        at,
        dialed,
        h["DialStatus"],
        caller,
        bool(h.get("Forward")),
        h.get("DestChannel", ""),
        caller != "" and h.get("DestLinkedid") == dialed,
    )


def _bridge_entered(h: EventHeaders, at: float) -> BridgeEntered:
    """Return the typed event for BridgeEnter: a channel entered a bridge."""
    holding = h["BridgeType"] == "agent_hold" or h["BridgeTechnology"] == "holding_bridge"
    return BridgeEntered(
        at,
        h["BridgeUniqueid"],
        h["Uniqueid"],
        h.get("SwapUniqueid", ""),
        holding,
        h.get("Channel", ""),
        _place(h),
    )


def _place(h: EventHeaders) -> str:
    """Return the place of the event's channel in the dialplan: context and extension, joined by a comma."""
    return f"{h.get('Context', '')},{h.get('Exten', '')}"


def _reader(
    make: Callable[[EventHeaders, float], CallEvent | None], always: str, maybe: str = ""
) -> _EventReader:
    """Return the rule by which one kind of AMI event becomes a typed event.

    `make` is the function that makes the typed event. `always` has the names of the required headers and
    `maybe` the names of the optional headers, separated by spaces.
    """
    return _EventReader(tuple(always.split()), tuple(maybe.split()), make)


_MEMBER = _reader(_member, "Queue Interface MemberName Status Paused", "PausedReason Wrapuptime LastPause")

_READERS: dict[str, _EventReader] = {
    "Newchannel": _reader(
        lambda h, at: ChannelStarted(
            at,
            h["Uniqueid"],
            h["Linkedid"],
            h["Context"],
            h["Exten"],
            *_caller(h),
            h.get("Channel", ""),
        ),
        "Uniqueid Linkedid Context Exten CallerIDNum CallerIDName",
        "Language Channel",
    ),
    "Hangup": _reader(
        lambda h, at: ChannelEnded(at, h["Uniqueid"], int(h["Cause"]), h["Linkedid"]),
        "Uniqueid Linkedid Cause",
    ),
    "HangupRequest": _reader(lambda h, at: HangupRequested(at, h["Uniqueid"], by_pbx=False), "Uniqueid"),
    "SoftHangupRequest": _reader(_soft_hangup, "Uniqueid Cause"),
    "Newexten": _reader(
        _queue_run, "Uniqueid Linkedid CallerIDNum CallerIDName Application AppData", "Language"
    ),
    "QueueCallerJoin": _reader(
        _joined, "Uniqueid Linkedid Queue Position CallerIDNum CallerIDName", "Language"
    ),
    "QueueCallerLeave": _reader(lambda h, at: Left(at, h["Uniqueid"], h["Queue"]), "Uniqueid Queue"),
    "QueueCallerAbandon": _reader(
        _gave_up, "Uniqueid Linkedid Queue HoldTime OriginalPosition CallerIDNum CallerIDName", "Language"
    ),
    "AgentCalled": _reader(
        lambda h, at: Called(
            at, h["Uniqueid"], h["Linkedid"], h["Queue"], h["Interface"], h["MemberName"], h["DestUniqueid"]
        ),
        "Uniqueid Linkedid Queue Interface MemberName DestUniqueid",
    ),
    "AgentConnect": _reader(
        _connected,
        "Uniqueid Linkedid Queue Interface MemberName DestUniqueid DestChannel HoldTime"
        " CallerIDNum CallerIDName",
        "Language",
    ),
    "AgentDump": _reader(lambda h, at: Dumped(at, h["Uniqueid"], h["DestUniqueid"]), "Uniqueid DestUniqueid"),
    "DialEnd": _reader(_dial_ended, "DestUniqueid DialStatus", "Uniqueid Forward DestChannel DestLinkedid"),
    "BridgeEnter": _reader(
        _bridge_entered,
        "BridgeUniqueid Uniqueid BridgeType BridgeTechnology",
        "SwapUniqueid Channel Context Exten",
    ),
    "BridgeLeave": _reader(
        lambda h, at: BridgeLeft(at, h["BridgeUniqueid"], h["Uniqueid"], _place(h)),
        "BridgeUniqueid Uniqueid",
        "Context Exten",
    ),
    "Pickup": _reader(
        lambda h, at: PickedUp(at, h["Uniqueid"], h["Channel"], h["TargetUniqueid"]),
        "Uniqueid Channel TargetUniqueid",
    ),
    "Hold": _reader(lambda h, at: Held(at, h["Uniqueid"]), "Uniqueid"),
    "Unhold": _reader(lambda h, at: Unheld(at, h["Uniqueid"]), "Uniqueid"),
    "BlindTransfer": _reader(_blind, "Result TransfererUniqueid Extension", "TransfereeUniqueid"),
    "AttendedTransfer": _reader(
        _attended,
        "Result OrigTransfererUniqueid",
        "SecondTransfererUniqueid SecondTransfererConnectedLineNum TransfereeUniqueid TransferTargetUniqueid"
        " DestType",
    ),
    "LocalBridge": _reader(
        lambda h, at: LocalJoined(at, h["LocalOneUniqueid"], h["LocalTwoUniqueid"]),
        "LocalOneUniqueid LocalTwoUniqueid",
    ),
    "VarSet": _reader(_status_set, "Uniqueid Variable Value"),
    "UserEvent": _reader(_user_event, "UserEvent Uniqueid Queue QueueStatus", "Trigger"),
    "QueueMemberStatus": _MEMBER,
    "QueueMemberPause": _MEMBER,
    "QueueMemberAdded": _MEMBER,
    "QueueMemberRemoved": _reader(
        lambda h, at: MemberGone(at, h["Queue"], h["Interface"]), "Queue Interface"
    ),
}
_ITEMS = {"QueueMember": _member}
_OF_DIRECT_CALLS = {
    "DialBegin": _reader(
        _dial_started,
        "DestUniqueid DestChannel",
        "Uniqueid Linkedid Channel Context Exten CallerIDNum CallerIDName Language",
    ),
}

# The line that an AMI message of this name must contain to be accepted, as the start of the line.
_LINES = {
    "SoftHangupRequest": f"Cause: {_EXPLICIT}",
    "VarSet": "Variable: QUEUESTATUS",
    "Newexten": "Application: Queue",
    "UserEvent": "UserEvent: CCQueueExit",
}


def _wanted(readers: dict[str, _EventReader]) -> dict[str, EventSpec]:
    """Return the `EventSpec` of each AMI event in `readers`, by the name of the event.

    An `EventSpec` has the headers that the AMI parser extracts. For some events it also has the start of a
    line that the message must contain to be accepted.
    """
    return {
        name: EventSpec(reader.always, ("Timestamp", *reader.maybe), _LINES.get(name))
        for name, reader in readers.items()
    }


WANTED: dict[str, EventSpec] = {
    **_wanted(_READERS),
    "FullyBooted": EventSpec(),
    # The items of the lists QueueStatus and CoreShowChannels, and the event that ends each list.
    **dict.fromkeys(("QueueParams", "QueueMember", "QueueEntry", "QueueStatusComplete"), EventSpec()),
    **dict.fromkeys(("CoreShowChannel", "CoreShowChannelsComplete"), EventSpec()),
}

# Events for the recording of calls without a queue. They are parsed only if that recording is enabled.
WANTED_FOR_DIRECT_CALLS = WANTED | _wanted(_OF_DIRECT_CALLS)

_MAKE = {name: reader.make for name, reader in (_READERS | _OF_DIRECT_CALLS).items()} | _ITEMS


def read(event: Any, received_at: Callable[[], float]) -> CallEvent | None:
    """Return the typed form of a pyst2 `Event`; None if the event is irrelevant or malformed.

    The typed event gets its instant from the `Timestamp` header, which Asterisk writes with microseconds. A
    PBX with timestampevents=no sends no such header. The instant is then the result of `received_at()`.
    """
    make = _MAKE.get(event.name)
    if make is None:
        return None
    headers = event.headers
    try:
        stamp = headers.get("Timestamp")
        return make(headers, float(stamp) if stamp else received_at())
    except (KeyError, ValueError, TypeError):
        return None
