"""What goes on, written down whenever it changes, and taken back in by the daemon after one that was killed.

`LiveState.touched` names whatever an event is about; `changes` finds the calls behind that
and gives what is to be stored, a few times a second. `restore` is for the start, before the first snapshot.

The trap: what is stored must fit what has been told as ended, so both are stored together
(`daemon/services/record_pipeline.py` makes the cuts). Then nothing that was restored is told twice, and what
ended after the last cut ends again.
"""

from collections.abc import Iterable

from cc_bridge.calls.checkpoint_format import (
    AgentCheckpoint,
    CallCheckpoint,
    from_json,
    to_json,
    without_numbers,
)
from cc_bridge.calls.live_state import LiveState
from cc_bridge.calls.open_calls import OpenCall
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.records import AgentInterval, OpenStateRecord

__all__ = ["Checkpointer"]

_CALL, _AGENT = "call", "agent"


class Checkpointer:
    """Keeps the open calls and the agents' states of one PBX."""

    def __init__(self, state: LiveState, *, numbers: bool) -> None:
        """`numbers`: callers' numbers may be stored."""
        self._live = state
        self._numbers = numbers
        self._stored: dict[
            tuple[str, str], int
        ] = {}  # what is stored, by kind and name, with its state's hash

    # -- out

    def changes(self) -> list[OpenStateRecord]:
        """Return what is to be stored anew, and with an empty state what is over."""
        names = [
            *((_CALL, name) for name in self._touched_calls()),
            *((_AGENT, name) for name in self._changed_agents()),
        ]
        return [change for key in names if (change := self._change(*key)) is not None]

    def _touched_calls(self) -> Iterable[str]:
        """Return the calls that were touched, by a channel, a talk or their name; each once."""
        calls, talks = self._live.calls, self._live.talks
        found: dict[str, None] = {}
        for name in self._live.touched:
            call, talk = calls.of(name), talks.of(name)
            if call is not None:
                found[call.call_id] = None
            if talk is not None:
                found[talk.call_id] = None
            if (_CALL, name) in self._stored or calls.by_id(name) is not None:
                found[name] = None
        self._live.touched.clear()
        return found

    def _changed_agents(self) -> Iterable[str]:
        changed, self._live.agents.changed = self._live.agents.changed, set()
        return changed

    def _change(self, kind: str, name: str) -> OpenStateRecord | None:
        state: CallCheckpoint | AgentCheckpoint | None
        if kind == _CALL:
            call = self._live.calls.by_id(name)
            state = None if call is None else self._checkpoint(call)
        else:
            state = self._live.agents.checkpoint(name)
        text = "" if state is None else to_json(state)
        before = self._stored.pop((kind, name), None)
        if text:
            self._stored[kind, name] = hash(text)
        if before == (hash(text) if text else None):
            return None
        return OpenStateRecord(self._live.pbx, kind, name, text)

    def _checkpoint(self, call: OpenCall) -> CallCheckpoint:
        live = self._live
        talks = live.talks.memory.of_call(call.call_id)
        now = CallCheckpoint(
            call,
            [visit for channel in call.channels if (visit := live.visits.of(channel)) is not None],
            [ring for channel in call.channels if (ring := live.rings.of(channel)) is not None],
            talks,
            {
                channel: dial
                for channel in call.channels
                if (dial := live.direct_calls.of(channel)) is not None
            },
            dict(self._bridges(talks)),
        )
        return now if self._numbers else without_numbers(now)

    def _bridges(self, talks: Iterable[OpenTalk]) -> Iterable[tuple[str, str]]:
        for talk in talks:
            legs = () if talk.ended else (talk.caller, talk.agent or talk.dialed)
            for leg in legs:
                bridge = self._live.channels.bridge_of(leg)
                if bridge is not None:
                    yield leg, bridge

    # -- in

    def restore(
        self, stored: Iterable[OpenStateRecord], until: float
    ) -> tuple[list[AgentInterval], list[str]]:
        """Take back in what went on at an instant.

        Return what agents did until then, and the names of what is refused.
        """
        intervals: list[AgentInterval] = []
        refused: list[str] = []
        for each in stored:
            self._stored[each.kind, each.name] = 0  # no hash: it will be another state, or over
            (self._live.touched if each.kind == _CALL else self._live.agents.changed).add(each.name)
            try:
                if each.kind == _CALL:
                    self._restore_call(from_json(CallCheckpoint, each.state))
                else:
                    intervals += self._certain_interval(from_json(AgentCheckpoint, each.state), until)
            except ValueError:  # its text would tell the caller's number
                refused.append(f"{each.kind} {each.name}")
        return intervals, refused

    def _restore_call(self, state: CallCheckpoint) -> None:
        live, channels = self._live, self._live.channels
        if not state.call.channels:
            raise ValueError("a call without channels")
        live.calls.restore(state.call)
        for channel in state.call.channels:
            channels.get(channel)
        for leg, bridge in state.bridges.items():
            channels.entered_bridge(leg, bridge)
        for visit in state.visits:
            live.visits.restore(visit)
        for ring in state.rings:
            live.rings.restore(ring)
        for talk in state.talks:
            live.talks.restore(talk)
        live.direct_calls.restore(state.dials)

    def _certain_interval(self, agent: AgentCheckpoint, until: float) -> Iterable[AgentInterval]:
        """Return what is certain: the PBX was observed no longer, and a wrap-up ends by itself."""
        ends_itself = agent.ends_at is not None and agent.ends_at <= until
        end = agent.ends_at if ends_itself and agent.ends_at is not None else until
        if end > agent.since:
            yield AgentInterval(
                self._live.pbx,
                agent.name,
                agent.state,
                agent.since,
                end,
                agent.reason,
                agent.queue,
                flagged=ends_itself and agent.flagged,
            )
