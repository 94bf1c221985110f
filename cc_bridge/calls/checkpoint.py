"""Checkpoints of the open calls and agents of one PBX, which a daemon restores after a crash.

`LiveState.touched` has the channels and calls of the latest events. A few times a second,
`Checkpointer.changes` makes the checkpoints of these calls and of the changed agents, and returns those that
differ from the stored checkpoints. `Checkpointer.restore` runs once at the start, before the first snapshot.

A checkpoint must be stored in one transaction with the records of the visits and talks that ended before the
checkpoint was made. Otherwise, after a crash, a visit or talk could be recorded twice or not at all.
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
    """The writer and reader of the checkpoints of one PBX: its open calls and its agents' current states."""

    def __init__(self, state: LiveState, *, numbers: bool) -> None:
        """Prepare checkpoints of `state`. With `numbers`, the checkpoints contain callers' numbers."""
        self._live = state
        self._numbers = numbers
        self._stored: dict[tuple[str, str], int] = {}  # hash of each stored state, by kind and name

    # -- out

    def changes(self) -> list[OpenStateRecord]:
        """Return the checkpoints that differ from the stored ones.

        A checkpoint with an empty state deletes the stored one, because the call has ended or a gap has ended
        the agent's interval.
        """
        names = [
            *((_CALL, name) for name in self._touched_calls()),
            *((_AGENT, name) for name in self._changed_agents()),
        ]
        return [change for key in names if (change := self._change(*key)) is not None]

    def _touched_calls(self) -> Iterable[str]:
        """Return the ids of the calls whose checkpoint may have changed; clear `LiveState.touched`.

        `LiveState.touched` contains ids of calls and ids of channels. For a channel, the result has the ids
        of the channel's call and of the call of its talk.
        """
        calls, talks = self._live.calls, self._live.talks
        found: dict[str, None] = {}
        for name in self._live.touched:
            call, talk = calls.of(name), talks.by_leg.of(name)
            if call is not None:
                found[call.call_id] = None
            if talk is not None:
                found[talk.call_id] = None
            if (_CALL, name) in self._stored or calls.by_id(name) is not None:
                found[name] = None
        self._live.touched.clear()
        return found

    def _changed_agents(self) -> Iterable[str]:
        """Return the names of the agents whose checkpoint may have changed; clear `Agents.changed`."""
        changed, self._live.agents.changed = self._live.agents.changed, set()
        return changed

    def _change(self, kind: str, name: str) -> OpenStateRecord | None:
        """Return the new checkpoint of a call or agent; None if it equals the stored one.

        `kind` is `call` or `agent`. `name` is the id of the call or the name of the agent. If the call or
        agent is no longer tracked, the new checkpoint has an empty state.
        """
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
        """Return the checkpoint of an open call.

        Callers' numbers are left out unless the `Checkpointer` was made with `numbers`.
        """
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
        """Yield the channels of caller and agent in each open talk, each with the id of the channel's bridge.

        A channel that is in no bridge is left out.
        """
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
        """Restore the open calls and the agents' states as they were stored at the instant `until`.

        Return two lists: the agents' intervals of state up to `until`, and the kind and name of each rejected
        checkpoint. A checkpoint is rejected if it is damaged or of another version.
        """
        intervals: list[AgentInterval] = []
        refused: list[str] = []
        for each in stored:
            self._stored[each.kind, each.name] = 0  # no hash, so that the next state differs
            (self._live.touched if each.kind == _CALL else self._live.agents.changed).add(each.name)
            try:
                if each.kind == _CALL:
                    self._restore_call(from_json(CallCheckpoint, each.state))
                else:
                    intervals += self._certain_interval(from_json(AgentCheckpoint, each.state), until)
            except ValueError:  # its text is not reported: it can contain the caller's number
                refused.append(f"{each.kind} {each.name}")
        return intervals, refused

    def _restore_call(self, state: CallCheckpoint) -> None:
        """Restore one call with its channels, visits, rings, talks and dials.

        Raises ValueError if the checkpoint has no channel.
        """
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
        """Yield the interval of an agent's state, as far as it was observed: up to the instant `until`.

        If the state is a wrap-up that was over before `until`, the interval ends with the wrap-up. Nothing is
        yielded if the interval has no length.
        """
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
