"""Queue members and their state as Asterisk tells it, for the live counts by queue and state."""

from dataclasses import dataclass
from enum import StrEnum

from cc_bridge.calls.events import MemberSeen

__all__ = ["Member", "MemberState"]


class MemberState(StrEnum):
    AVAILABLE = "available"
    RINGING = "ringing"
    TALKING = "talking"  # in use, be it by a call of the queue or another
    PAUSED = "paused"
    UNREACHABLE = "unreachable"


# Asterisk's device states (QueueMemberStatus: Status). device_state_busy_at=1 shows talking as 3 (busy).
_STATES: dict[int, MemberState] = {
    1: MemberState.AVAILABLE,
    2: MemberState.TALKING,
    3: MemberState.TALKING,
    6: MemberState.RINGING,
    7: MemberState.TALKING,
    8: MemberState.TALKING,
}


@dataclass(frozen=True, slots=True)
class Member:
    queue: str
    interface: str
    name: str
    state: MemberState
    pause_reason: str
    wrap_up: int  # seconds, the member's own; 0 when unset

    @classmethod
    def of(cls, seen: MemberSeen) -> "Member":
        """Return the member; a pause shows only on one who could otherwise be called."""
        state = _STATES.get(seen.status, MemberState.UNREACHABLE)
        if seen.paused and state is MemberState.AVAILABLE:
            state = MemberState.PAUSED
        return cls(seen.queue, seen.interface, seen.name, state, seen.reason, seen.wrap_up)
