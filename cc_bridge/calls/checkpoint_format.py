"""What is known of a call that goes on, and of an agent's state, as text: for the daemon that comes after.

`checkpoint.py` fills and empties these. The text is JSON by field names, so that a field that a later version
adds has its default in a text of before. Where a field's meaning changes, the version does too, and
texts of before are refused.

Libraries: pydantic packs a call in 13 µs, a JSON encoder fed by hand in 30 µs, and it checks what it reads.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter

from cc_bridge.calls.direct_calls import Dial
from cc_bridge.calls.open_calls import OpenCall
from cc_bridge.calls.open_ring import OpenRing
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.visit import Visit
from cc_bridge.records import AgentState, Direction

__all__ = ["AgentCheckpoint", "CallCheckpoint", "from_json", "to_json", "without_numbers"]

_State = TypeVar("_State", "CallCheckpoint", "AgentCheckpoint")


@dataclass(frozen=True, slots=True)
class CallCheckpoint:
    """A call with all that goes on in it."""

    call: OpenCall
    visits: list[Visit]
    rings: list[OpenRing]
    talks: list[OpenTalk]  # those that have ended too, in their order: a survey asks about them all
    dials: dict[str, Dial]  # by the dialled channel
    bridges: dict[str, str]  # where the legs of its talks are
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class AgentCheckpoint:
    """What an agent does."""

    name: str
    state: AgentState
    since: float
    reason: str
    queue: str
    ends_at: float | None  # a wrap-up ends by itself
    flagged: bool  # ... at its cap
    version: Literal[1] = 1


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (CallCheckpoint, AgentCheckpoint)
}


def without_numbers(state: CallCheckpoint) -> CallCheckpoint:
    """Return it without callers' numbers and names, and numbers outside that were dialled: not to be stored.

    What could be stored of a number, its mask or hash, would pass for one: a call-back would dial it.
    """
    call = state.call
    dialed = call.dialed if call.direction is Direction.IN else ""
    return replace(
        state,
        call=replace(call, number="", name="", dialed=dialed),
        visits=[replace(visit, number="", name="") for visit in state.visits],
        talks=[replace(talk, number="", target=talk.target and "") for talk in state.talks],
    )


def to_json(state: CallCheckpoint | AgentCheckpoint) -> str:
    return _ADAPTERS[type(state)].serializer.to_json(state).decode()


def from_json(kind: type[_State], text: str) -> _State:
    """Return what was packed. Raises ValueError for a text that is broken, or of another version."""
    state: _State = _ADAPTERS[kind].validate_json(text)
    return state
