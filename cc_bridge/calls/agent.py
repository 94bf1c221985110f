"""One agent: a person known by the member's name, with the phones and queues that they serve.

`Agents` keeps one for each person, tells it what Asterisk says and asks for its condition. Everything here
is facts; which of them decides is the table `_RULES`.

The trap: Asterisk tells a change of a phone once for each queue of its member, and a pause in between
repeats for its queue what the phone was before. So only a status that differs from what the same queue
said last is news about the phone.
"""

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from cc_bridge.calls.events import MemberSeen
from cc_bridge.records import AgentState

__all__ = ["Agent", "Condition", "WrapUp"]


_S = AgentState

# Device states (QueueMemberStatus: Status); those not named cannot be called. device_state_busy_at=1 shows
# talking as 3 (busy). 0 (unknown) is a phone whose technology cannot tell: app_queue calls it (16.28, 22.10).
_DEVICES: dict[int, AgentState] = {
    0: _S.AVAILABLE,
    1: _S.AVAILABLE,
    2: _S.TALKING,
    3: _S.TALKING,
    6: _S.RINGING,
    7: _S.TALKING,
    8: _S.TALKING,
}
# Of several phones the busiest tells.
_BUSIEST = (_S.TALKING, _S.RINGING, _S.AVAILABLE, _S.UNREACHABLE)

# A wrap-up reason continues a wrap-up that ended no more than this many seconds ago: people press the key
# by hand, and in queues without a wrapuptime the wrap-up ends with the talk.
_DIRECTLY_SECONDS = 5.0


class Condition(NamedTuple):
    """What an interval says of its agent."""

    state: AgentState
    reason: str = ""
    queue: str = ""


# Most say no more than the state; one object for all of them.
_PLAIN = {state: Condition(state) for state in _S}


class Membership(NamedTuple):
    """What one queue said of the agent last."""

    status: int
    paused: bool
    reason: str  # may be an old one when not paused
    wrap_up: int


@dataclass(slots=True)
class AgentPhone:
    """One interface of the agent with the queues that call it."""

    device: AgentState = _S.UNREACHABLE
    queues: dict[str, Membership] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrapUp:
    """The time after a talk, until the agent rings, talks or it is over."""

    queue: str
    until: float  # by wrapuptime
    capped_at: float
    reasons: Collection[str]  # pauses with these prolong it

    def ends(self, pause: str | None) -> float:
        """Return when it ends if the agent stays paused like this; in a pause of another kind it has."""
        if pause is None:
            return min(self.until, self.capped_at)
        return self.capped_at if pause in self.reasons else float("-inf")

    def over(self, at: float) -> bool:
        """Say whether a pause can no longer continue it."""
        return at > self.until + _DIRECTLY_SECONDS


@dataclass(slots=True)
class Agent:
    """The facts about one agent, and the condition that the current interval shows since `since`."""

    name: str
    since: float
    shown: Condition = _PLAIN[_S.LOGGED_OUT]
    lines: dict[str, AgentPhone] = field(default_factory=dict)  # by interface
    talks: int = 0
    rings: int = 0
    wrap_up: WrapUp | None = None
    _last_membership: Membership | None = None

    def update_membership(self, member: MemberSeen) -> bool:
        """Take what a queue says; return whether it is news."""
        said = Membership(member.status, member.paused, member.reason, member.wrap_up)
        if said == self._last_membership:
            said = self._last_membership  # one object for the many queues that say the same
        self._last_membership = said
        line = self.lines.setdefault(member.interface, AgentPhone())
        before = line.queues.get(member.queue)
        line.queues[sys.intern(member.queue)] = said
        if before is None or before.status != said.status:
            line.device = _DEVICES.get(said.status, _S.UNREACHABLE)
        return before != said

    def remove_membership(self, queue: str, interface: str) -> None:
        line = self.lines[interface]
        del line.queues[queue]
        if not line.queues:
            del self.lines[interface]
        if not self.lines:
            self.wrap_up = None  # Asterisk calls a member who comes back at once

    def serves(self, queue: str, interface: str) -> bool:
        return interface in self.lines and queue in self.lines[interface].queues

    def device(self) -> AgentState:
        devices = [line.device for line in self.lines.values()]
        return min(devices, key=_BUSIEST.index, default=_S.UNREACHABLE) if len(devices) != 1 else devices[0]

    def pause(self) -> str | None:
        """Return the reason, perhaps empty, of an agent who is paused in every queue; else None."""
        reason = ""
        for line in self.lines.values():
            for membership in line.queues.values():
                if not membership.paused:
                    return None
                reason = reason or membership.reason
        return reason

    def own_wrap_up(self, queue: str) -> int:
        """Return the member's own wrapuptime in a queue; 0 when unset."""
        said = (line.queues.get(queue) for line in self.lines.values())
        return max((membership.wrap_up for membership in said if membership is not None), default=0)

    def wraps_up(self, at: float) -> bool:
        return self.wrap_up is not None and self.wrap_up.ends(self.pause()) > at

    def condition(self, at: float) -> Condition:
        """Return what the agent does at this instant."""
        device = self.device()
        for state, holds in _RULES:  # noqa: B007 - it is used behind the loop; `next` takes twice as long
            if holds(self, device, at):
                break
        if state is _S.PAUSED:
            return Condition(state, reason=self.pause() or "")
        if state is _S.WRAP_UP and self.wrap_up is not None:
            return Condition(state, queue=self.wrap_up.queue)
        return _PLAIN[state]


# The first that holds is the agent's state. A talk goes on when its agent logs out.
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
