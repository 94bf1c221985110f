"""AMI events as typed values, which `ami_events.py` makes from AMI messages.

A type is named after the fact that the event shows, not after Asterisk's word for it. Asterisk sends
QueueCallerAbandon also when the queue times out, becomes empty or withdraws the caller (16.28, 22.10). It
only shows that caller or queue gave up. So its type is `GaveUp`, and no outcome depends on it alone.

The values are named tuples instead of frozen dataclasses. A busy PBX sends thousands of events a second, and
named tuples take half the time to create.
"""

from typing import NamedTuple

__all__ = ["CallEvent"]


class ChannelStarted(NamedTuple):
    """A channel was created (Newchannel).

    context, exten: the place in the dialplan where the channel starts
    number, name: the caller ID; empty if unknown
    """

    at: float  # UTC seconds since the epoch by the PBX's clock, as in every event of this module
    uniqueid: str
    linkedid: str
    context: str
    exten: str
    number: str
    name: str
    language: str
    channel: str = ""  # the name of the channel, such as PJSIP/100-0000002a


class ChannelEnded(NamedTuple):
    """A channel ended (Hangup)."""

    at: float
    uniqueid: str
    cause: int  # Q.850
    linkedid: str = ""  # at the end; not the same as at the start if the call was joined to an older one


class HangupRequested(NamedTuple):
    """A hang-up was requested (HangupRequest or SoftHangupRequest).

    by_pbx: True if an administrator, a limit or the PBX requested it; False if the phone or trunk hung up
    """

    at: float
    uniqueid: str
    by_pbx: bool


class QueueRun(NamedTuple):
    """The dialplan ran Queue() for a caller (Newexten), whether or not the queue accepts the caller.

    If the queue rejects the caller, no other event names the queue.
    """

    at: float
    uniqueid: str
    linkedid: str
    queue: str
    number: str
    name: str
    language: str


class Joined(NamedTuple):
    """A caller entered a queue (QueueCallerJoin). `position` counts from 1."""

    at: float
    uniqueid: str
    linkedid: str
    queue: str
    position: int
    number: str
    name: str
    language: str


class Left(NamedTuple):
    """A caller left a queue (QueueCallerLeave), for any reason.

    Asterisk sends the event after an answer too, before `Connected`.
    """

    at: float
    uniqueid: str
    queue: str


class GaveUp(NamedTuple):
    """A queue removed a caller without an answer (QueueCallerAbandon).

    Either the caller hung up, or the queue timed out, the queue became empty, or the caller was withdrawn.

    hold_time: whole seconds in the queue
    position: the caller's position when they entered the queue, from 1
    """

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
    """A queue started to ring an agent's phone (AgentCalled).

    member: the queue member's name
    ring_uniqueid: the channel to the phone
    dial: for a member behind a Local channel, a DialBegin that describes the call of that channel by the
        queue; otherwise None
    """

    at: float
    uniqueid: str
    linkedid: str
    queue: str
    interface: str
    member: str
    ring_uniqueid: str
    dial: "DialStarted | None" = None


class Connected(NamedTuple):
    """A queue connected a caller with an agent (AgentConnect).

    member: the queue member's name
    agent_uniqueid: the channel that answered: the phone's, or the half `;1` of a Local channel
    hold_time: whole seconds in the queue
    """

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
    """An agent answered, and hung up during the announcement before the connection (AgentDump).

    The caller stays in the queue.
    """

    at: float
    uniqueid: str
    ring_uniqueid: str


class DialStarted(NamedTuple):
    """A channel dials another one (DialBegin): by Dial(), or by Queue(), which sends AgentCalled before.

    uniqueid, channel: uniqueid and name of the dialling channel; empty if the PBX itself dials
    context, exten: context and extension of the dialling channel in the dialplan
    """

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
    """A phone answered a call that rings on another phone (Pickup).

    uniqueid, channel: uniqueid and name of the channel of the phone that answered
    rung: the uniqueid of the channel to the phone that rings
    """

    at: float
    uniqueid: str
    channel: str
    rung: str


class DialEnded(NamedTuple):
    """A dialled channel was answered, or the attempt ended (DialEnd).

    Asterisk sends the event twice for a channel that is cancelled or times out. The first one has the correct
    status (16.28, 22.10).
    """

    at: float
    dialed_uniqueid: str
    status: str
    uniqueid: str = ""  # the dialling channel; empty if the PBX itself dials
    forwarded: bool = False  # the phone forwarded the call (SIP 302)
    dialed_channel: str = ""  # name of the dialled channel
    picked_up: bool = False  # the channel that answered was not dialled: it had started another call


class BridgeEntered(NamedTuple):
    """A channel entered a bridge (BridgeEnter)."""

    at: float
    bridge: str
    uniqueid: str
    swapped: str  # whose place it takes, or empty
    holding: bool  # a bridge without sound between its channels: parking, music on hold, app_agent_pool
    channel: str = ""  # its name
    place: str = ""  # context and extension


class BridgeLeft(NamedTuple):
    """A channel left a bridge (BridgeLeave)."""

    at: float
    bridge: str
    uniqueid: str
    place: str = ""  # context and extension; after a redirect not the same as at the entry


class Held(NamedTuple):
    """A phone put the other side of its call on hold (Hold)."""

    at: float
    uniqueid: str


class Unheld(NamedTuple):
    """A phone ended the hold of the other side of its call (Unhold).

    The event can come without a `Held` before it: a phone that transfers a call by SIP REFER sends one.
    """

    at: float
    uniqueid: str


class BlindTransferred(NamedTuple):
    """A channel transferred the other side to an extension without a consultation (BlindTransfer).

    transferer: the uniqueid of the transferring channel
    target: the extension to which the other side was transferred
    """

    at: float
    transferer: str
    target: str
    transferee: str = ""


class AttendedTransferred(NamedTuple):
    """A phone transferred the other side of its call after a consultation (AttendedTransfer)."""

    at: float
    transferers: tuple[str, str]  # the transferring party's channels in the two calls; often the same
    target: str  # number or extension; empty if Asterisk names none
    transferee: str = ""
    target_channel: str = ""
    into_application: bool = False  # the transferee takes the place of the second transferer's channel


class LocalJoined(NamedTuple):
    """The two halves of a Local channel, `;1` and `;2`, were connected (LocalBridge)."""

    at: float
    one: str
    two: str


class StatusSet(NamedTuple):
    """The status with which Queue() or Dial() ended for a caller.

    AMI sends the status as VarSet QUEUESTATUS, or as the UserEvent CCQueueExit of the dialplan. An extension
    that starts a survey without Queue() or Dial() sends the same UserEvent; `trigger` is then `extension`.
    """

    at: float
    uniqueid: str
    queue: str  # empty for VarSet, which does not name the queue
    status: str  # empty if the dialplan clears the variable
    source: str  # the AMI message
    trigger: str = "queue"  # of the survey that follows: queue, dial or extension


class MemberSeen(NamedTuple):
    """The state of a queue member (QueueMemberStatus, QueueMemberPause, QueueMemberAdded or QueueStatus).

    `queue` and `interface` together identify the member.

    name: the member name
    status: the phone's device state, as Asterisk's number
    reason: the reason of the pause; without a pause it can be the reason of an earlier pause
    paused_at: start of the pause, in whole UTC seconds; without a pause it can be that of an earlier pause
    """

    at: float
    queue: str
    interface: str
    name: str
    status: int
    paused: bool
    reason: str
    wrap_up: int  # the member's own wrapuptime in seconds (Asterisk 16.3 and later); 0 if unset
    paused_at: float = 0.0  # 0: never paused, or not known


class MemberGone(NamedTuple):
    """A member was removed from a queue (QueueMemberRemoved)."""

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
