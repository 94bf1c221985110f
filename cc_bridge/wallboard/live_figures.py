"""The live figures of the wallboard, from the tracked state of the PBX. Pure."""

from collections import Counter

from cc_bridge.calls.tracker import Tracker
from cc_bridge.calls.visit import Visit
from cc_bridge.records import AgentState
from cc_bridge.wallboard.board import BoardAgent, BoardCaller, LiveFigures

__all__ = ["live_figures"]


def live_figures(tracker: Tracker) -> LiveFigures:
    """Return the waiting callers, talks and agents of an observed PBX, as `tracker` has them now."""
    names = {member.name for member in tracker.members.values()}
    states = [(name, state) for name in names if (state := tracker.agents.state_of(name))]
    return LiveFigures(
        waiting=[_waiting_caller(tracker, visit) for visit in tracker.waiting()],
        talking=Counter(talk.queue for talk in tracker.talks.in_progress()),
        members=tracker.agents.counts(),
        agents=[
            BoardAgent(name, state, since)
            for name, (state, since) in states
            if state is not AgentState.LOGGED_OUT
        ],
    )


def _waiting_caller(tracker: Tracker, visit: Visit) -> BoardCaller:
    call = tracker.calls.by_id(visit.call_id)
    waited_before = call.unanswered_wait_seconds if call else 0.0
    return BoardCaller(visit.queue, visit.entered_at, visit.entered_at - waited_before)
