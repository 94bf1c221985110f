"""The simulation of the demo's contact centre: calls arrive, wait, are answered, transferred or lost. Pure.

The events of the simulation, such as the arrival of a call, are functions in a heap, in order of time. A
caller gets the agent who is free first. So waits follow from the load and the shifts.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from itertools import count

from cc_bridge.demo.history.agents import SimulatedAgent
from cc_bridge.demo.history.callers import Caller
from cc_bridge.demo.history.calls import SimulatedCall, outgoing_call
from cc_bridge.demo.history.centre import HOUR_LOAD, QUEUES, WEEKDAY_LOAD
from cc_bridge.demo.history.opinions import Opinions, Served
from cc_bridge.records import AgentState, EndedBy, Outcome, Record, RingOutcome, Transfer
from cc_bridge.reports.calendar import Days

__all__ = ["Simulation"]

_HOUR, _DAY = 3600.0, 86_400.0
_RING_LIMIT_SECONDS = 15.0


class Simulation:
    """A contact centre that is simulated for some days.

    `callers` call; the first ones of the list call more often. `key` returns the caller key of a number.
    """

    def __init__(
        self,
        pbx: str,
        callers: list[Caller],
        key: Callable[[str], str],
        opinions: Opinions,
        chance: random.Random,
    ) -> None:
        self._pbx = pbx
        self._callers = callers
        self._key = key
        self._opinions = opinions
        self._chance = chance
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count(1)
        self._agents: dict[str, list[SimulatedAgent]] = {}
        self._calls: list[SimulatedCall] = []

    def records(self, first: date, until: float, days: Days) -> Iterator[Record]:
        """Yield the records from the day `first` up to the instant `until` (UTC seconds since the epoch).

        A call that has not ended by then is left out.
        """
        begin = days.began(first)
        self._agents = {
            name: [SimulatedAgent(self._pbx, roster, begin) for roster in queue.rosters]
            for name, queue in QUEUES.items()
        }
        for day in days.between(first, days.today(until)):
            self._plan(day.weekday(), days.began(day))
        while self._events and self._events[0][0] < until:
            at, _, event = heapq.heappop(self._events)
            event(at)
        for call in self._calls:
            if call.ends_at < until:
                yield from call.records
                if call.queue:
                    yield call.record()
        for agent in (agent for agents in self._agents.values() for agent in agents):
            yield from agent.finish(until)

    # -- the events

    def _plan(self, weekday: int, midnight: float) -> None:
        """Schedule the shifts that start on a day, and the calls that arrive on it."""
        chance = self._chance
        for name, queue in QUEUES.items():
            for agent in self._agents[name]:
                if weekday not in agent.roster.days_off:
                    start = midnight + agent.roster.start * _HOUR + chance.uniform(-300, 300)
                    self._schedule(start, partial(self._start_shift, agent))
            for hour, load in enumerate(HOUR_LOAD):
                if queue.hours.contains_minute(weekday, 60 * hour):
                    rate = queue.calls_an_hour * load * WEEKDAY_LOAD[weekday] / _HOUR
                    at = midnight + hour * _HOUR + chance.expovariate(rate)
                    while at < midnight + (hour + 1) * _HOUR:
                        self._schedule(at, partial(self._arrive, name, self._someone()))
                        at += chance.expovariate(rate)

    def _someone(self) -> Caller:
        return self._callers[int(len(self._callers) * self._chance.random() ** 2.2)]

    def _schedule(self, at: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (round(at, 6), next(self._numbers), event))

    def _start_shift(self, agent: SimulatedAgent, at: float) -> None:
        agent.start_shift(at, self._chance)

    def _arrive(self, queue: str, caller: Caller, at: float) -> None:
        self._wait(self._new_call(queue, caller, at), queue, at)

    def _new_call(self, queue: str, caller: Caller, at: float) -> SimulatedCall:
        call_id = f"{int(at)}.{next(self._numbers)}"
        call = SimulatedCall(self._pbx, call_id, caller, self._key(caller.number), queue, at)
        self._calls.append(call)
        return call

    def _wait(self, call: SimulatedCall, queue: str, at: float) -> None:
        """Let a caller wait in a queue until an agent answers or the caller leaves."""
        chance, limit = self._chance, QUEUES[queue].max_wait_seconds
        patience = 4 + chance.expovariate(1 / QUEUES[queue].patience_seconds)
        outcome = Outcome.ABANDONED if patience < limit else Outcome.TIMED_OUT
        if limit > patience > _RING_LIMIT_SECONDS and chance.random() < 0.05:
            outcome = Outcome.LEFT_BY_KEY
        gives_up_at = round(at + min(patience, limit), 6)
        now = at
        if all(agent.ready_at(at) == math.inf for agent in self._agents[queue]):
            self._lost(call, queue, at, round(at + 0.2, 6), Outcome.JOIN_EMPTY)
            return
        while (agent := self._first_free(queue, now)).ready_at(now) < gives_up_at:
            rings_at, misses = agent.ready_at(now), chance.random() < 0.05
            picks_up_at = round(rings_at + (_RING_LIMIT_SECONDS if misses else chance.uniform(1.5, 8)), 6)
            agent.spend(AgentState.RINGING, rings_at, min(picks_up_at, gives_up_at))
            if picks_up_at > gives_up_at:
                call.add_ring(queue, agent, rings_at, gives_up_at, RingOutcome.CALLER_GONE)
                self._lost(call, queue, at, gives_up_at, outcome, ringing=True)
                return
            rang = RingOutcome.NO_ANSWER if misses else RingOutcome.ANSWERED
            call.add_ring(queue, agent, rings_at, picks_up_at, rang)
            if not misses:
                call.add_visit(queue, at, picks_up_at, Outcome.ANSWERED, agent)
                self._talk(call, queue, agent, picks_up_at)
                return
            now = picks_up_at
        self._lost(call, queue, at, gives_up_at, outcome)

    def _first_free(self, queue: str, now: float) -> SimulatedAgent:
        return min(self._agents[queue], key=lambda agent: (agent.ready_at(now), agent.free_at))

    def _lost(
        self,
        call: SimulatedCall,
        queue: str,
        entered_at: float,
        left_at: float,
        outcome: Outcome,
        *,
        ringing: bool = False,
    ) -> None:
        """End a visit that no agent answered. Some callers call again or are called back.

        `ringing` is True if a phone was ringing when the caller left.
        """
        call.add_visit(queue, entered_at, left_at, outcome, ringing=ringing)
        fate = self._chance.random()
        if not self._agents[queue]:
            return
        if fate < 0.35:
            again = left_at + 60 + self._chance.expovariate(1 / 1500)
            self._schedule(again, partial(self._arrive, queue, call.caller))
        elif fate < 0.65:
            later = left_at + self._chance.uniform(300, 2 * _HOUR)
            self._schedule(later, partial(self._call_back, queue, call.caller))

    def _talk(self, call: SimulatedCall, queue: str, agent: SimulatedAgent, answered_at: float) -> None:
        """Let agent and caller talk. Some callers are transferred, the others are asked for their opinion."""
        chance = self._chance
        other = "tech" if queue == "billing" else "billing"
        passed_on = call.visits == 1 and chance.random() < 0.07 and answered_at < self._staffed_until(other)
        seconds = QUEUES[queue].talk_seconds * chance.lognormvariate(-0.25, 0.7) * (0.5 if passed_on else 1)
        ended_at = round(answered_at + max(12.0, seconds), 6)
        held = 0.15 * (ended_at - answered_at) if chance.random() < 0.2 else 0.0
        ended_by = chance.choice((EndedBy.AGENT, EndedBy.AGENT, EndedBy.CALLER))
        transfer = (chance.choice((Transfer.BLIND, Transfer.ATTENDED)), other) if passed_on else None
        agent.spend(AgentState.TALKING, answered_at, ended_at)
        agent.spend(AgentState.WRAP_UP, ended_at, ended_at + chance.uniform(5, 40), queue=queue)
        talk = call.add_talk(
            queue, agent, answered_at, ended_at, held, EndedBy.TRANSFER if transfer else ended_by, transfer
        )
        if transfer:
            self._schedule(ended_at, partial(self._wait, call, other))
            return
        for record in self._opinions.of(Served(talk, call.waited, call.caller_key, call.caller.language)):
            call.add(record)
        if chance.random() < 0.06:
            again = ended_at + chance.choice((1, 1, 2, 3)) * _DAY + chance.uniform(-_HOUR, _HOUR)
            self._schedule(again, partial(self._arrive, queue, call.caller))

    def _staffed_until(self, queue: str) -> float:
        return max(agent.shift_ends_at for agent in self._agents[queue])

    def _call_back(self, queue: str, caller: Caller, at: float) -> None:
        """Let the first free agent of a queue call a lost caller back."""
        agent = self._first_free(queue, at)
        starts_at = agent.ready_at(at)
        if starts_at == math.inf:
            return
        reached = self._chance.random() < 0.7
        answered_at = round(starts_at + self._chance.uniform(6, 20), 6)
        ended_at = round(answered_at + (self._chance.uniform(40, 240) if reached else 15), 6)
        agent.spend(AgentState.TALKING, starts_at, ended_at)
        outgoing_call(self._new_call("", caller, starts_at), agent, answered_at, ended_at, reached=reached)
