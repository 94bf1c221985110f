"""Records of a busy contact centre as the daemon makes them, for a bench of storage.

Each call makes eleven records: a visit, its rings, its talk, the agent's states, the open state of the call
in progress, and in some cases a survey. A seed always gives the same records.
"""

import random
from collections.abc import Iterator

from cc_bridge.records import (
    AgentInterval,
    AgentState,
    Answer,
    Call,
    Direction,
    EndedBy,
    OpenStateRecord,
    Outcome,
    QueueVisit,
    Record,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyResult,
    Talk,
    Trigger,
)

__all__ = ["PBX", "records"]

PBX = "pbx"
_QUEUES, _AGENTS = 20, 200
_STATE = '{"queue": "%s", "entered_at": %.6f, "number": "%s", "more": "' + "x" * 350 + '"}'


def records(seed: int, began: float) -> Iterator[Record]:
    """Yield records without end. A call starts every 5 ms, from `began` (epoch seconds)."""
    chance = random.Random(seed)
    number = 0
    while True:
        yield from _call(chance, number, began + number / 200)
        number += 1


def _call(chance: random.Random, number: int, at: float) -> Iterator[Record]:
    call_id, ring_id = f"{at:.0f}.{2 * number}", f"{at:.0f}.{2 * number + 1}"
    queue, agent = f"queue {chance.randrange(_QUEUES)}", f"Agent {chance.randrange(_AGENTS)}"
    interface, caller = f"PJSIP/{agent.removeprefix('Agent ')}", f"0912{chance.randrange(10**7):07}"
    yield OpenStateRecord(PBX, "call", call_id, _STATE % (queue, at, caller))
    ringing, answered = at + chance.expovariate(1 / 20), chance.random() < 0.85
    picked = ringing + chance.uniform(1, 8)
    if chance.random() < 0.3:
        yield Ring(
            PBX,
            call_id,
            call_id,
            f"{ring_id}-0",
            queue,
            "Agent 0",
            "PJSIP/0",
            at,
            ringing,
            RingOutcome.NO_ANSWER,
        )
    yield Ring(
        PBX,
        call_id,
        call_id,
        ring_id,
        queue,
        agent,
        interface,
        ringing,
        picked,
        RingOutcome.ANSWERED if answered else RingOutcome.CALLER_GONE,
    )
    yield QueueVisit(
        PBX,
        call_id,
        call_id,
        queue,
        at,
        picked,
        Outcome.ANSWERED if answered else Outcome.ABANDONED,
        agent if answered else None,
        interface if answered else None,
        1,
        caller,
        "",
        "fa",
        not answered,
        "QueueCallerLeave",
    )
    ended = picked
    if answered:
        ended = picked + chance.expovariate(1 / 180)
        yield Talk(
            PBX,
            call_id,
            call_id,
            ring_id,
            queue,
            agent,
            interface,
            picked,
            ended,
            0.0,
            0,
            EndedBy.AGENT,
            None,
            None,
        )
        begins = (ringing, picked, ended, ended + 10)
        states = (AgentState.RINGING, AgentState.TALKING, AgentState.WRAP_UP, AgentState.AVAILABLE)
        for state, begin, end in zip(states, begins, (*begins[1:], ended + 60), strict=True):
            yield AgentInterval(PBX, agent, state, begin, end, "", queue, flagged=False)
        asked = chance.random() < 0.25
        stage = "invited" if asked else "sampled_out"
        yield SurveyDecision(
            PBX, call_id, call_id, queue, agent, interface, ended, "csat", Trigger.QUEUE, stage, caller
        )
        if asked:
            yield from _survey(chance, call_id, queue, agent, interface, ended, caller)
    yield Call(
        PBX,
        call_id,
        call_id,
        Direction.IN,
        at,
        ended,
        caller,
        "",
        "600",
        "fa",
        queue,
        answered,
        1,
        int(answered),
        picked - at,
        ended - picked,
        partial=False,
    )
    yield OpenStateRecord(PBX, "call", call_id, "")


def _survey(
    chance: random.Random, call_id: str, queue: str, agent: str, interface: str, at: float, caller: str
) -> Iterator[Record]:
    attempt_id = f"{call_id}-{round(at * 1000)}"
    for ended, result in ((None, SurveyResult.STARTED), (at + 20, SurveyResult.COMPLETE)):
        if ended:
            yield Answer(
                PBX,
                attempt_id,
                "satisfaction",
                "csat",
                chance.randint(1, 5),
                1,
                at + 9,
                queue,
                agent,
                interface,
            )
        yield SurveyAttempt(
            PBX,
            attempt_id,
            call_id,
            call_id,
            queue,
            agent,
            interface,
            "csat",
            1,
            "fa",
            at,
            ended,
            result,
            "",
            caller_key=caller,
        )
