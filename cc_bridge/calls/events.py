"""AMI events as typed values: what the tracker understands. `ami_events.py` makes them from messages.

Names follow what really happened, not what Asterisk calls it: `QueueCallerAbandon` is also sent when
the queue times out, empties or withdraws the caller (16.28, 22.10), so it is `GaveUp` here and decides
nothing by itself.

Named tuples, not frozen dataclasses: a busy PBX makes thousands a second, and these take half the time.
"""

from typing import NamedTuple

__all__ = ["CallEvent"]


class ChannelStarted(NamedTuple):
    at: float  # UTC epoch seconds by the PBX, as in all of these
    uniqueid: str
    linkedid: str
    context: str
    exten: str
    number: str
    name: str
    language: str
    channel: str = ""  # its name, such as PJSIP/100-0000002a


class ChannelEnded(NamedTuple):
    at: float
    uniqueid: str
    cause: int  # Q.850
    linkedid: str = ""  # at its end: another than at its start when its call met an older one


class HangupRequested(NamedTuple):
    """The far end hung up (`by_pbx` False), or an administrator, a limit or the PBX did."""

    at: float
    uniqueid: str
    by_pbx: bool


class QueueRun(NamedTuple):
    """The dialplan ran Queue(), be the caller let in or not. Nothing else names a queue that refuses."""

    at: float
    uniqueid: str
    linkedid: str
    queue: str
    number: str
    name: str
    language: str


class Joined(NamedTuple):
    at: float
    uniqueid: str
    linkedid: str
    queue: str
    position: int
    number: str
    name: str
    language: str


class Left(NamedTuple):
    """Sent for every exit, an answer included, and then before `Connected`."""

    at: float
    uniqueid: str
    queue: str


class GaveUp(NamedTuple):
    at: float
    uniqueid: str
    linkedid: str
    queue: str
    hold_time: int
    position: int
    number: str
    name: str
    language: str


class Called(NamedTuple):
    at: float
    uniqueid: str
    linkedid: str
    queue: str
    interface: str
    member: str
    ring_uniqueid: str


class Connected(NamedTuple):
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


class Dumped(NamedTuple):
    """The agent hung up during the announcement; the caller stays in the queue."""

    at: float
    uniqueid: str
    ring_uniqueid: str


class DialStarted(NamedTuple):
    """A channel dials another: by Dial(), or by Queue() after `Called`."""

    at: float
    uniqueid: str
    linkedid: str
    channel: str
    context: str
    exten: str
    dialed_uniqueid: str
    dialed_channel: str
    number: str
    name: str
    language: str


class PickedUp(NamedTuple):
    """Another phone answers for one that rings."""

    at: float
    uniqueid: str
    channel: str
    rung: str


class DialEnded(NamedTuple):
    """Comes twice for legs that lose or time out; the first one is right (16.28, 22.10)."""

    at: float
    dialed_uniqueid: str
    status: str
    uniqueid: str = ""  # the channel that dialled; empty where the PBX itself did
    forwarded: bool = False  # the phone has sent the call elsewhere (SIP 302)
    dialed_channel: str = ""  # its name
    picked_up: bool = False  # the channel that answered was not dialled: it had started a call of its own


class BridgeEntered(NamedTuple):
    at: float
    bridge: str
    uniqueid: str
    swapped: str  # whose place it takes, or empty
    holding: bool  # nobody hears anybody there: parking, music on hold, waiting agents of app_agent_pool
    channel: str = ""  # its name
    place: str = ""  # context and extension


class BridgeLeft(NamedTuple):
    at: float
    bridge: str
    uniqueid: str
    place: str = ""  # context and extension; another than at the entry after a redirect


class Held(NamedTuple):
    at: float
    uniqueid: str  # who put the other side on hold


class Unheld(NamedTuple):
    """May come without a `Held` before it: a REFER from a phone that held nobody sends one."""

    at: float
    uniqueid: str


class BlindTransferred(NamedTuple):
    at: float
    transferer: str
    target: str
    transferee: str = ""


class AttendedTransferred(NamedTuple):
    at: float
    transferers: tuple[str, str]  # the two channels of the one who transfers; often the same
    target: str  # number or extension; empty when Asterisk names none
    transferee: str = ""
    target_channel: str = ""
    into_application: bool = False  # the transferee takes the place of the second transferer's channel


class LocalJoined(NamedTuple):
    """The two halves of a Local channel, `;1` and `;2`."""

    at: float
    one: str
    two: str


class StatusSet(NamedTuple):
    """QUEUESTATUS, by VarSet or by our dialplan's UserEvent (then with the queue)."""

    at: float
    uniqueid: str
    queue: str  # empty when it is not told
    status: str  # empty when the dialplan clears it
    source: str


class MemberSeen(NamedTuple):
    """A queue member as it is now; `queue` and `interface` are its key."""

    at: float
    queue: str
    interface: str
    name: str
    status: int
    paused: bool
    reason: str
    wrap_up: int  # the member's own wrapuptime in seconds, 16.3 and later; 0 when unset


class MemberGone(NamedTuple):
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
    | DialStarted
    | PickedUp
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
