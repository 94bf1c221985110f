"""The translation of AMI messages into the typed events of `events.py`.

`read` turns one AMI event into a typed event, or into None if the message is irrelevant. The functions of
`ami_headers.py` make the event. `WANTED` contains the names of the AMI events to accept, and the headers to
extract from each event. The AMI parser in `ami/codec.py` ignores all other events.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cc_bridge.ami.codec import EventSpec
from cc_bridge.ami.header_numbers import PLAUSIBLE_INSTANTS
from cc_bridge.ami.messages import ExtractedEvent
from cc_bridge.calls.ami_headers import (
    EXPLICIT_HANGUP,
    attended_transferred,
    blind_transferred,
    bridge_entered,
    bridge_left,
    called,
    channel_ended,
    channel_started,
    connected,
    dial_ended,
    dial_started,
    gave_up,
    hangup_requested,
    joined,
    member_seen,
    pbx_hung_up,
    queue_run,
    status_set,
    user_event,
)
from cc_bridge.calls.events import (
    CallEvent,
    Dumped,
    Held,
    Left,
    LocalJoined,
    MemberGone,
    PickedUp,
    Unheld,
)

__all__ = ["WANTED", "WANTED_FOR_DIRECT_CALLS", "read"]


class _EventReader(NamedTuple):
    """The rule by which one kind of AMI event becomes a typed event.

    always: names of the headers that every such message has
    maybe: names of optional headers
    make: function that returns the typed event, or None if the message is irrelevant. Its arguments are the
        instant and the values of the headers, in the order of `always` and `maybe`.
    """

    always: tuple[str, ...]
    maybe: tuple[str, ...]
    make: Callable[..., CallEvent | None]


def _reader(make: Callable[..., CallEvent | None], always: str, maybe: str = "") -> _EventReader:
    """Return the rule by which one kind of AMI event becomes a typed event.

    `make` is the function that makes the typed event. `always` has the names of the required headers and
    `maybe` the names of the optional headers, separated by spaces.
    """
    return _EventReader(tuple(always.split()), tuple(maybe.split()), make)


_MEMBER_STATE = "PausedReason Wrapuptime LastPause"
_MEMBER = _reader(member_seen, "Queue Interface MemberName Status Paused", _MEMBER_STATE)
_CALLER = "CallerIDNum CallerIDName"
_CALLED = "Uniqueid Linkedid Queue Interface MemberName DestUniqueid"

_READERS: dict[str, _EventReader] = {
    "Newchannel": _reader(channel_started, f"Uniqueid Linkedid Context Exten {_CALLER}", "Language Channel"),
    "Hangup": _reader(channel_ended, "Uniqueid Linkedid Cause"),
    "HangupRequest": _reader(hangup_requested, "Uniqueid"),
    "SoftHangupRequest": _reader(pbx_hung_up, "Uniqueid Cause"),
    "Newexten": _reader(queue_run, f"Uniqueid Linkedid {_CALLER} Application AppData", "Language"),
    "QueueCallerJoin": _reader(joined, f"Uniqueid Linkedid Queue Position {_CALLER}", "Language"),
    "QueueCallerLeave": _reader(Left, "Uniqueid Queue"),
    "QueueCallerAbandon": _reader(
        gave_up, f"Uniqueid Linkedid Queue HoldTime OriginalPosition {_CALLER}", "Language"
    ),
    "AgentCalled": _reader(called, _CALLED),
    "AgentConnect": _reader(
        connected,
        f"Uniqueid Linkedid Queue Interface MemberName DestUniqueid DestChannel HoldTime {_CALLER}",
        "Language",
    ),
    "AgentDump": _reader(Dumped, "Uniqueid DestUniqueid"),
    "DialEnd": _reader(dial_ended, "DestUniqueid DialStatus", "Uniqueid Forward DestChannel DestLinkedid"),
    "BridgeEnter": _reader(
        bridge_entered,
        "BridgeUniqueid Uniqueid BridgeType BridgeTechnology",
        "SwapUniqueid Channel Context Exten",
    ),
    "BridgeLeave": _reader(bridge_left, "BridgeUniqueid Uniqueid", "Context Exten"),
    "Pickup": _reader(PickedUp, "Uniqueid Channel TargetUniqueid"),
    "Hold": _reader(Held, "Uniqueid"),
    "Unhold": _reader(Unheld, "Uniqueid"),
    "BlindTransfer": _reader(blind_transferred, "Result TransfererUniqueid Extension", "TransfereeUniqueid"),
    "AttendedTransfer": _reader(
        attended_transferred,
        "Result OrigTransfererUniqueid DestType",
        "SecondTransfererUniqueid SecondTransfererConnectedLineNum TransfereeUniqueid TransferTargetUniqueid",
    ),
    "LocalBridge": _reader(LocalJoined, "LocalOneUniqueid LocalTwoUniqueid"),
    "VarSet": _reader(status_set, "Uniqueid Variable Value"),
    "UserEvent": _reader(user_event, "UserEvent Uniqueid Queue QueueStatus", "Trigger"),
    "QueueMemberStatus": _MEMBER,
    "QueueMemberPause": _MEMBER,
    "QueueMemberAdded": _MEMBER,
    "QueueMemberRemoved": _reader(MemberGone, "Queue Interface"),
}
_ITEMS = {"QueueMember": _reader(member_seen, "Queue Location Name Status Paused", _MEMBER_STATE)}
_OF_DIRECT_CALLS = {
    "AgentCalled": _reader(called, _CALLED, f"DestChannel Channel Context Exten {_CALLER} Language"),
    "DialBegin": _reader(
        dial_started,
        "DestUniqueid DestChannel",
        f"Uniqueid Linkedid Channel Context Exten {_CALLER} Language",
    ),
}

# The line that an AMI message of this name must contain to be accepted, as the start of the line.
_LINES = {
    "SoftHangupRequest": f"Cause: {EXPLICIT_HANGUP}",
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
        name: EventSpec(reader.always, reader.maybe, _LINES.get(name)) for name, reader in readers.items()
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

_ALL = _READERS | _OF_DIRECT_CALLS | _ITEMS


def read(
    event: Any, received_at: Callable[[], float], plausible: tuple[float, float] = PLAUSIBLE_INSTANTS
) -> CallEvent | None:
    """Return the typed form of an `Event` or `ExtractedEvent`; None if the event is irrelevant or malformed.

    The typed event gets its instant from the `Timestamp` header, which Asterisk writes with microseconds. A
    PBX with timestampevents=no sends no such header. Then the instant is the result of `received_at()`. The
    same is done for an instant that is not plausible. `plausible` has the earliest plausible instant, and the
    first later one that is not plausible.
    """
    reader = _ALL.get(event.name)
    if reader is None:
        return None
    earliest, end = plausible
    try:
        values = event.values if type(event) is ExtractedEvent else _values(event.headers, reader)
        at = float(values[0] or 0)
        return reader.make(at if earliest <= at < end else received_at(), *values[1:])
    except (KeyError, ValueError, TypeError):
        return None


def _values(headers: Mapping[str, Any], reader: _EventReader) -> list[str]:
    """Return the values of Timestamp and of the headers that `reader` names; a missing one is "".

    Raises KeyError if a required header is missing.
    """
    always = [headers[name] for name in reader.always]
    return [headers.get("Timestamp", ""), *always, *(headers.get(name, "") for name in reader.maybe)]
