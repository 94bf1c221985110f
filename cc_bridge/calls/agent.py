"""One agent: the person behind one queue member name, with their phones and the queues that call each phone.

An `Agent` holds facts only: memberships in queues, open rings, open talks and a wrap-up. The table `_RULES`
derives the agent's state from these facts.

When the device state of a phone changes, Asterisk sends one report for each queue that calls the phone. If
the agent pauses between these reports, the report of the pause still has the old device state. So an `Agent`
takes a device state only from a report that differs in it from the report before of the same queue.
"""

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cc_bridge.calls.events import MemberSeen
from cc_bridge.records import AgentState

__all__ = ["BUSY", "DO_NOT_DISTURB", "Agent", "Condition", "WrapUp"]


_S = AgentState

# Agent state for each device state (header Status of QueueMemberStatus). A phone with any other device state
# cannot be called. With device_state_busy_at=1 a talking phone has device state 3 (busy). Device state 0
# (unknown) means that the phone's technology reports no state; app_queue calls such a phone (16.28, 22.10).
_DEVICES: dict[int, AgentState] = {
    0: _S.AVAILABLE,
    1: _S.AVAILABLE,
    2: _S.TALKING,
    3: _S.TALKING,
    6: _S.RINGING,
    7: _S.TALKING,
    8: _S.TALKING,
}
# Asterisk's device state "busy".
BUSY = 3
# The status of a phone that is busy without a channel: its user has set it so. Asterisk has no such number.
DO_NOT_DISTURB = -3
_REASON = "do_not_disturb"

# The busiest of an agent's phones determines the device state of the agent; busiest first.
_BUSIEST = (_S.TALKING, _S.RINGING, _S.AVAILABLE, _S.UNREACHABLE)

# A pause with a wrap-up reason prolongs a wrap-up that ended up to this many seconds ago. Agents press the
# pause key by hand, and in a queue without a wrapuptime the wrap-up ends together with the talk.
_DIRECTLY_SECONDS = 5.0


class Condition(NamedTuple):
    """The state of one agent, with the reason of a pause or the queue of a wrap-up.

    reason: the reason of the pause; do_not_disturb if the agent is unreachable for that reason; else empty
    queue: the queue of the talk before the wrap-up; empty unless the agent is in wrap-up
    """

    state: AgentState
    reason: str = ""
    queue: str = ""


# Shared conditions without a reason and a queue, by state; most conditions are like that.
_PLAIN = {state: Condition(state) for state in _S}


class Membership(NamedTuple):
    """One membership: one phone of an agent in one queue, as the queue last reported it.

    status: the phone's device state, as Asterisk's number
    wrap_up: the wrapuptime that is set for this queue member, in seconds; 0 if none is set
    paused_at: start of the pause, in UTC seconds since the epoch; 0 if not paused or not known
    """

    status: int
    paused: bool
    reason: str  # of the pause; can be of an earlier pause if not paused
    wrap_up: int
    paused_at: float = 0.0


@dataclass(slots=True)
class AgentPhone:
    """An agent's phone: one interface, its device state, and its membership in each queue that calls it."""

    device: AgentState = _S.UNREACHABLE
    do_not_disturb: bool = False
    queues: dict[str, Membership] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrapUp:
    """One wrap-up: the time after a talk from a queue, in which one agent finishes the work on the talk.

    A new ring or talk of the agent ends the wrap-up early. Instants are UTC seconds since the epoch.
    """

    queue: str
    until: float  # end by the wrapuptime
    capped_at: float  # latest possible end
    reasons: Collection[str]  # pause reasons that prolong the wrap-up up to capped_at

    def ends(self, pause: str | None) -> float:
        """Return the instant at which the wrap-up ends if the agent's pause does not change.

        `pause` is the reason of the agent's pause; None means that the agent is not paused. Without a pause,
        the wrap-up ends after the wrapuptime, at the latest at `capped_at`, the end of the longest allowed
        wrap-up. A pause with a wrap-up reason prolongs the wrap-up to `capped_at`. A pause with another
        reason ends the wrap-up immediately; the result is then minus infinity.
        """
        if pause is None:
            return min(self.until, self.capped_at)
        return self.capped_at if pause in self.reasons else float("-inf")

    def moved(self, seconds: float) -> "WrapUp":
        """Return the wrap-up with its instants moved by `seconds`."""
        return replace(self, until=self.until + seconds, capped_at=self.capped_at + seconds)

    def over(self, at: float) -> bool:
        """Return whether a pause at the instant `at` is too late to prolong the wrap-up.

        A pause prolongs the wrap-up until 5 seconds after the end of the wrapuptime.
        """
        return at > self.until + _DIRECTLY_SECONDS


@dataclass(slots=True)
class Agent:
    """One agent: phones, open talks and rings, wrap-up, and the state of the current interval.

    name: the queue member name
    since: start of the current interval, in UTC seconds since the epoch
    seen_at: instant of the first report about the agent; 0 after the PBX's clock was set
    shown: the state in the current interval, with the reason of a pause or the queue of a wrap-up
    lines: the agent's phones, by interface
    talks, rings: number of open talks and of open rings
    wrap_up: the wrap-up after the last talk; None if there is none
    """

    name: str
    since: float
    shown: Condition = _PLAIN[_S.LOGGED_OUT]
    lines: dict[str, AgentPhone] = field(default_factory=dict)
    talks: int = 0
    rings: int = 0
    wrap_up: WrapUp | None = None
    seen_at: float = 0.0
    _last_membership: Membership | None = None

    def update_membership(self, member: MemberSeen) -> bool:
        """Store a queue's report about one of the agent's phones.

        Return True if the report differs from the same queue's last report about this phone. The device state
        of the phone is set only if it differs between the two reports.
        """
        paused_at = member.paused_at if member.paused else 0.0
        said = Membership(member.status, member.paused, member.reason, member.wrap_up, paused_at)
        if said == self._last_membership:
            said = self._last_membership  # saves memory: many queues report the same
        self._last_membership = said
        line = self.lines.get(member.interface)
        if line is None:
            line = self.lines[member.interface] = AgentPhone()
        before = line.queues.get(member.queue)
        line.queues[sys.intern(member.queue)] = said
        if before is None or before.status != said.status:
            line.device = _DEVICES.get(said.status, _S.UNREACHABLE)
            line.do_not_disturb = said.status == DO_NOT_DISTURB
        return before != said

    def remove_membership(self, queue: str, interface: str) -> None:
        """Remove a phone of the agent from a queue. Raises KeyError if the queue does not call that phone.

        If the agent then has no phone in any queue, the wrap-up of the agent is removed too.
        """
        line = self.lines[interface]
        del line.queues[queue]
        if not line.queues:
            del self.lines[interface]
        if not self.lines:
            self.wrap_up = None  # after a new login Asterisk calls the agent without waiting

    def stop_ringing(self) -> None:
        """Set the phones that still count as ringing to available, because the last ring has ended.

        Usually a queue reports that a phone no longer rings. No queue does if the member was deleted from a
        realtime queue during the ring (22.10).
        """
        for line in self.lines.values():
            if line.device is _S.RINGING:
                line.device = _S.AVAILABLE

    def serves(self, queue: str, interface: str) -> bool:
        """Return whether a queue calls the agent at this interface."""
        return interface in self.lines and queue in self.lines[interface].queues

    def device(self) -> AgentState:
        """Return the device state of the agent's busiest phone; UNREACHABLE if the agent has no phone.

        From busiest to least busy, the states are talking, ringing, available, unreachable.
        """
        if len(self.lines) == 1:
            return next(iter(self.lines.values())).device
        devices = (line.device for line in self.lines.values())
        return min(devices, key=_BUSIEST.index, default=_S.UNREACHABLE)

    def pause(self) -> str | None:
        """Return the reason of the agent's pause; None if the agent is not paused.

        The agent is paused if each queue membership of the agent is paused. The reason is an empty text if no
        membership has one.
        """
        reason = ""
        for line in self.lines.values():
            for membership in line.queues.values():
                if not membership.paused:
                    return None
                reason = reason or membership.reason
        return reason

    def shown_since(self) -> float:
        """Return the instant at which the agent's state started.

        The result is usually `since`. If the first report about the agent showed a pause, the pause may have
        started earlier. The result is then the start of the pause as the queues report it, if every queue
        reports one.
        """
        if self.shown.state is not _S.PAUSED or self.since != self.seen_at:
            return self.since
        starts = [each.paused_at for line in self.lines.values() for each in line.queues.values()]
        return min(max(starts), self.since) if all(starts) else self.since

    def own_wrap_up(self, queue: str) -> int:
        """Return the wrapuptime that is set for the agent as a member of a queue, in seconds.

        The result is 0 if none is set. If several phones of the agent are in the queue, the longest
        wrapuptime counts.
        """
        said = (line.queues.get(queue) for line in self.lines.values())
        return max((membership.wrap_up for membership in said if membership is not None), default=0)

    def wraps_up(self, at: float) -> bool:
        """Return whether the agent has a wrap-up that ends after the instant `at`."""
        return self.wrap_up is not None and self.wrap_up.ends(self.pause()) > at

    def condition(self, at: float) -> Condition:
        """Return the agent's state at the instant `at`.

        The first rule of the table `_RULES` that applies gives the state.
        """
        device = self.device()
        for state, holds in _RULES:  # noqa: B007 - used after the loop; `next` takes twice as long
            if holds(self, device, at):
                break
        if state is _S.PAUSED:
            return Condition(state, reason=self.pause() or "")
        if state is _S.UNREACHABLE and any(line.do_not_disturb for line in self.lines.values()):
            return Condition(state, reason=_REASON)
        if state is _S.WRAP_UP and self.wrap_up is not None:
            return Condition(state, queue=self.wrap_up.queue)
        return _PLAIN[state]


# The state of an agent is the first whose condition holds. TALKING precedes LOGGED_OUT because a talk
# continues when its agent logs out.
_RULES: tuple[tuple[AgentState, Callable[[Agent, AgentState, float], bool]], ...] = (
    (_S.TALKING, lambda agent, *_: agent.talks > 0),
    (_S.LOGGED_OUT, lambda agent, *_: not agent.lines),
    (_S.TALKING, lambda _, device, __: device is _S.TALKING),
    (_S.RINGING, lambda agent, device, _: agent.rings > 0 or device is _S.RINGING),
    (_S.UNREACHABLE, lambda _, device, __: device is _S.UNREACHABLE),
    (_S.WRAP_UP, lambda agent, _, at: agent.wraps_up(at)),
    (_S.PAUSED, lambda agent, *_: agent.pause() is not None),
    (_S.AVAILABLE, lambda *_: True),
)
