"""Functions that make a typed event from the headers of an AMI message and its instant.

In each function, `h` has the headers of one message. `at` is the instant in UTC seconds since the epoch. The
functions raise KeyError if a required header is missing, and ValueError if a number cannot be read.
"""

import re
from collections.abc import Mapping
from typing import Any

from cc_bridge.ami.header_numbers import count_of, instant_of, seconds_of
from cc_bridge.calls.channels_and_bridges import is_local
from cc_bridge.calls.events import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    Called,
    ChannelStarted,
    Connected,
    DialEnded,
    DialStarted,
    GaveUp,
    HangupRequested,
    Joined,
    MemberSeen,
    QueueRun,
    StatusSet,
)

__all__ = [
    "EXPLICIT_HANGUP",
    "EventHeaders",
    "attended_transferred",
    "blind_transferred",
    "bridge_entered",
    "bridge_left",
    "called",
    "channel_started",
    "connected",
    "dial_ended",
    "dial_started",
    "gave_up",
    "joined",
    "member_seen",
    "pbx_hung_up",
    "queue_run",
    "status_set",
    "user_event",
]

EventHeaders = Mapping[str, Any]

# AST_SOFTHANGUP_EXPLICIT: an administrator, a limit or the PBX requested the hang-up. Cause 16 would only
# mean that the dialplan reached its end.
EXPLICIT_HANGUP = 32
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


def channel_started(h: EventHeaders, at: float) -> ChannelStarted:
    """Return the typed event for Newchannel: a channel started."""
    return ChannelStarted(
        at, h["Uniqueid"], h["Linkedid"], h["Context"], h["Exten"], *_caller(h), h.get("Channel", "")
    )


def queue_run(h: EventHeaders, at: float) -> QueueRun | None:
    """Return the typed event for a Newexten that starts Queue().

    The result is None for another application, and for an empty queue name.
    """
    if h["Application"] != "Queue":
        return None
    queue = h["AppData"].partition(",")[0].strip()
    return QueueRun(at, h["Uniqueid"], h["Linkedid"], queue, *_caller(h)) if queue else None


def joined(h: EventHeaders, at: float) -> Joined:
    """Return the typed event for QueueCallerJoin: a caller entered a queue."""
    return Joined(at, h["Uniqueid"], h["Linkedid"], h["Queue"], count_of(h["Position"]), *_caller(h))


def called(h: EventHeaders, at: float) -> Called:
    """Return the typed event for AgentCalled: a queue started to ring an agent's phone.

    For a member behind a Local channel, the event also contains the queue's Dial of that channel. The reason
    is that cc_bridge's event filter for manager.conf excludes the DialBegin of this Dial.
    """
    dial = dial_started(h, at) if is_local(h["Interface"]) and "DestChannel" in h else None
    return Called(
        at,
        h["Uniqueid"],
        h["Linkedid"],
        h["Queue"],
        h["Interface"],
        h["MemberName"],
        h["DestUniqueid"],
        dial,
    )


def gave_up(h: EventHeaders, at: float) -> GaveUp:
    """Return the typed event for QueueCallerAbandon: a caller was removed from a queue without an answer."""
    return GaveUp(
        at,
        h["Uniqueid"],
        h["Linkedid"],
        h["Queue"],
        seconds_of(h["HoldTime"]),
        count_of(h["OriginalPosition"]),
        *_caller(h),
    )


def connected(h: EventHeaders, at: float) -> Connected:
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
        seconds_of(h["HoldTime"]),
        *_caller(h),
    )


def pbx_hung_up(h: EventHeaders, at: float) -> HangupRequested | None:
    """Return the typed event for SoftHangupRequest: the PBX hangs up a channel.

    The header Cause shows whether the hang-up was requested explicitly. If it was not, the result is None.
    """
    if count_of(h["Cause"]) != EXPLICIT_HANGUP:
        return None
    return HangupRequested(at, h["Uniqueid"], by_pbx=True)


def blind_transferred(h: EventHeaders, at: float) -> BlindTransferred | None:
    """Return the typed event for BlindTransfer; None if the transfer did not succeed."""
    if h["Result"] != "Success":
        return None
    return BlindTransferred(at, h["TransfererUniqueid"], h["Extension"], h.get("TransfereeUniqueid", ""))


def attended_transferred(h: EventHeaders, at: float) -> AttendedTransferred | None:
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


def status_set(h: EventHeaders, at: float) -> StatusSet | None:
    """Return the typed event for a VarSet of QUEUESTATUS; None for another variable."""
    if h["Variable"] != "QUEUESTATUS":
        return None
    return StatusSet(at, h["Uniqueid"], "", h["Value"], "VarSet QUEUESTATUS")


def user_event(h: EventHeaders, at: float) -> StatusSet | None:
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


def member_seen(h: EventHeaders, at: float) -> MemberSeen:
    """Return the state of a queue member, from an AMI event or from an item of the list QueueStatus."""
    return MemberSeen(
        at,
        h["Queue"],
        h.get("Interface") or h["Location"],  # events say Interface, QueueStatus says Location
        h.get("MemberName") or h["Name"],
        count_of(h["Status"]),
        h["Paused"] == "1",
        h.get("PausedReason", ""),
        seconds_of(h.get("Wrapuptime") or "0"),
        _paused_at(h.get("LastPause", "")),
    )


def _paused_at(text: str) -> float:
    """Return the start of a pause in UTC seconds, from the header LastPause.

    The result is 0 if the header is empty, 0 or no plausible instant.
    """
    try:
        return instant_of(text)
    except ValueError:
        return 0.0


def dial_started(h: EventHeaders, at: float) -> DialStarted:
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


def dial_ended(h: EventHeaders, at: float) -> DialEnded:
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


def bridge_entered(h: EventHeaders, at: float) -> BridgeEntered:
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


def bridge_left(h: EventHeaders, at: float) -> BridgeLeft:
    """Return the typed event for BridgeLeave: a channel left a bridge."""
    return BridgeLeft(at, h["BridgeUniqueid"], h["Uniqueid"], _place(h))


def _place(h: EventHeaders) -> str:
    """Return the place of the event's channel in the dialplan: context and extension, joined by a comma."""
    return f"{h.get('Context', '')},{h.get('Exten', '')}"
