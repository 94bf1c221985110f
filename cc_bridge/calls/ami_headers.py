"""Functions that make a typed event from the headers of an AMI message and its instant.

The first parameter `at` is the instant in UTC seconds since the epoch. The other parameters are the values of
the message's headers, in the order that `ami_events.py` gives. The value of a missing optional header is "".
The functions raise ValueError if a number cannot be read.
"""

import re

from cc_bridge.ami.header_numbers import count_of, instant_of, seconds_of
from cc_bridge.calls.channels_and_bridges import is_local
from cc_bridge.calls.events import (
    AttendedTransferred,
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    Called,
    ChannelEnded,
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
    "attended_transferred",
    "blind_transferred",
    "bridge_entered",
    "bridge_left",
    "called",
    "channel_ended",
    "channel_started",
    "connected",
    "dial_ended",
    "dial_started",
    "gave_up",
    "hangup_requested",
    "joined",
    "member_seen",
    "pbx_hung_up",
    "queue_run",
    "status_set",
    "user_event",
]

# AST_SOFTHANGUP_EXPLICIT: an administrator, a limit or the PBX requested the hang-up. Cause 16 would only
# mean that the dialplan reached its end.
EXPLICIT_HANGUP = 32
# Makes an event of its type and the values of all its fields, in a fifth of the time of the constructor that
# NamedTuple makes.
_new = tuple.__new__
_ESCAPED = re.compile(r"\\(.)")
_UNKNOWN = ("<unknown>", "unknown")


def _known(value: str) -> str:
    """Return the value of a caller ID header; empty if Asterisk reports the value as unknown."""
    return "" if value in _UNKNOWN else value


def _name(value: str) -> str:
    """Return the caller's name from the header CallerIDName; empty if unknown.

    Asterisk escapes some characters of the name with backslashes; these are removed.
    """
    if "\\" in value:
        value = _ESCAPED.sub(r"\1", value)
    return "" if value in _UNKNOWN else value


def channel_started(
    at: float,
    uniqueid: str,
    linkedid: str,
    context: str,
    exten: str,
    number: str,
    name: str,
    language: str,
    channel: str,
) -> ChannelStarted:
    """Return the typed event for Newchannel: a channel started."""
    return _new(
        ChannelStarted,
        (at, uniqueid, linkedid, context, exten, _known(number), _name(name), language, channel),
    )


def channel_ended(at: float, uniqueid: str, linkedid: str, cause: str) -> ChannelEnded:
    """Return the typed event for Hangup: a channel ended."""
    return _new(ChannelEnded, (at, uniqueid, count_of(cause), linkedid))


def hangup_requested(at: float, uniqueid: str) -> HangupRequested:
    """Return the typed event for HangupRequest: a phone or trunk hung up a channel."""
    return _new(HangupRequested, (at, uniqueid, False))


def queue_run(
    at: float,
    uniqueid: str,
    linkedid: str,
    number: str,
    name: str,
    application: str,
    arguments: str,
    language: str,
) -> QueueRun | None:
    """Return the typed event for a Newexten that starts Queue().

    The result is None for another application, and for an empty queue name.
    """
    if application != "Queue":
        return None
    queue = arguments.partition(",")[0].strip()
    return (
        _new(QueueRun, (at, uniqueid, linkedid, queue, _known(number), _name(name), language))
        if queue
        else None
    )


def joined(
    at: float, uniqueid: str, linkedid: str, queue: str, position: str, number: str, name: str, language: str
) -> Joined:
    """Return the typed event for QueueCallerJoin: a caller entered a queue."""
    return _new(
        Joined, (at, uniqueid, linkedid, queue, count_of(position), _known(number), _name(name), language)
    )


def called(
    at: float,
    uniqueid: str,
    linkedid: str,
    queue: str,
    interface: str,
    member: str,
    ring_uniqueid: str,
    *dial: str,
) -> Called:
    """Return the typed event for AgentCalled: a queue started to ring an agent's phone.

    `dial` has the headers about the dial: the names of both channels, the caller's place in the dialplan, and
    the caller ID. `dial` is empty if calls without a queue are not recorded. For a member behind a Local
    channel, the typed event also contains the dial of that channel, because cc_bridge's event filter for
    manager.conf excludes the DialBegin of this dial.
    """
    dialled = None
    if dial and dial[0] and is_local(interface):
        dialled = dial_started(at, ring_uniqueid, dial[0], uniqueid, linkedid, *dial[1:])
    return _new(Called, (at, uniqueid, linkedid, queue, interface, member, ring_uniqueid, dialled))


def gave_up(
    at: float,
    uniqueid: str,
    linkedid: str,
    queue: str,
    hold_time: str,
    position: str,
    number: str,
    name: str,
    language: str,
) -> GaveUp:
    """Return the typed event for QueueCallerAbandon: a caller was removed from a queue without an answer."""
    seconds, place = seconds_of(hold_time), count_of(position)
    return _new(
        GaveUp, (at, uniqueid, linkedid, queue, seconds, place, _known(number), _name(name), language)
    )


def connected(
    at: float,
    uniqueid: str,
    linkedid: str,
    queue: str,
    interface: str,
    member: str,
    agent_uniqueid: str,
    agent_channel: str,
    hold_time: str,
    number: str,
    name: str,
    language: str,
) -> Connected:
    """Return the typed event for AgentConnect: a caller was connected with an agent."""
    return _new(
        Connected,
        (
            at,
            uniqueid,
            linkedid,
            queue,
            interface,
            member,
            agent_uniqueid,
            agent_channel,
            seconds_of(hold_time),
            _known(number),
            _name(name),
            language,
        ),
    )


def pbx_hung_up(at: float, uniqueid: str, cause: str) -> HangupRequested | None:
    """Return the typed event for SoftHangupRequest: the PBX hangs up a channel.

    The header Cause shows whether the hang-up was requested explicitly. If it was not, the result is None.
    """
    return _new(HangupRequested, (at, uniqueid, True)) if count_of(cause) == EXPLICIT_HANGUP else None


def blind_transferred(
    at: float, result: str, transferer: str, target: str, transferee: str
) -> BlindTransferred | None:
    """Return the typed event for BlindTransfer; None if the transfer did not succeed."""
    return _new(BlindTransferred, (at, transferer, target, transferee)) if result == "Success" else None


def attended_transferred(
    at: float,
    result: str,
    transferer: str,
    destination: str,
    second_transferer: str,
    second_number: str,
    transferee: str,
    target: str,
) -> AttendedTransferred | None:
    """Return the typed event for AttendedTransfer: a phone transferred its first call to its second.

    The result is None if the transfer failed, or if the message names no second channel of the phone.
    `second_number` is the number of the party to which the second channel is connected.
    """
    if result != "Success" or not second_transferer:
        return None
    lines, number = (transferer, second_transferer), _known(second_number)
    return _new(AttendedTransferred, (at, lines, number, transferee, target, destination == "App"))


def status_set(at: float, uniqueid: str, variable: str, value: str) -> StatusSet | None:
    """Return the typed event for a VarSet of QUEUESTATUS; None for another variable."""
    return (
        _new(StatusSet, (at, uniqueid, "", value, "VarSet QUEUESTATUS", "queue"))
        if variable == "QUEUESTATUS"
        else None
    )


def user_event(
    at: float, kind: str, uniqueid: str, queue: str, status: str, trigger: str
) -> StatusSet | None:
    """Return the typed event for the dialplan's UserEvent CCQueueExit; None for another UserEvent."""
    if kind != "CCQueueExit":
        return None
    return _new(StatusSet, (at, uniqueid, queue, status, "UserEvent CCQueueExit", trigger or "queue"))


def member_seen(
    at: float,
    queue: str,
    interface: str,
    name: str,
    status: str,
    paused: str,
    reason: str,
    wrap_up_seconds: str,
    last_pause: str,
) -> MemberSeen:
    """Return the state of a queue member, from an AMI event or from an item of the list QueueStatus."""
    wrap_up = seconds_of(wrap_up_seconds or "0")
    paused_at = _paused_at(last_pause)
    return _new(
        MemberSeen, (at, queue, interface, name, count_of(status), paused == "1", reason, wrap_up, paused_at)
    )


def _paused_at(text: str) -> float:
    """Return the start of a pause in UTC seconds, from the header LastPause.

    The result is 0 if the header is empty, 0 or no plausible instant.
    """
    if text in ("", "0"):  # the usual case; an exception would take ten times as long
        return 0.0
    try:
        return instant_of(text)
    except ValueError:
        return 0.0


def dial_started(
    at: float,
    dialed_uniqueid: str,
    dialed_channel: str,
    uniqueid: str,
    linkedid: str,
    channel: str,
    context: str,
    exten: str,
    number: str,
    name: str,
    language: str,
) -> DialStarted | None:
    """Return the typed event for DialBegin: a channel dials another one.

    The result is None if the PBX itself dials, as for an Originate action: the caller's headers are missing.
    """
    if not uniqueid:
        return None
    caller = _known(number), _name(name), language
    return _new(
        DialStarted,
        (at, uniqueid, linkedid, channel, context, exten, dialed_uniqueid, dialed_channel, *caller),
    )


def dial_ended(
    at: float,
    dialed_uniqueid: str,
    status: str,
    uniqueid: str,
    forward: str,
    dialed_channel: str,
    dialed_linkedid: str,
) -> DialEnded:
    """Return the typed event for DialEnd: a dialled channel answered, or the attempt ended."""
    picked_up = uniqueid != "" and dialed_linkedid == dialed_uniqueid
    return _new(DialEnded, (at, dialed_uniqueid, status, uniqueid, forward != "", dialed_channel, picked_up))


def bridge_entered(
    at: float,
    bridge: str,
    uniqueid: str,
    kind: str,
    technology: str,
    swapped: str,
    channel: str,
    context: str,
    exten: str,
) -> BridgeEntered:
    """Return the typed event for BridgeEnter: a channel entered a bridge."""
    holding = kind == "agent_hold" or technology == "holding_bridge"
    return _new(BridgeEntered, (at, bridge, uniqueid, swapped, holding, channel, f"{context},{exten}"))


def bridge_left(at: float, bridge: str, uniqueid: str, context: str, exten: str) -> BridgeLeft:
    """Return the typed event for BridgeLeave: a channel left a bridge."""
    return _new(BridgeLeft, (at, bridge, uniqueid, f"{context},{exten}"))
