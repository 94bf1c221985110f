"""One simulated call of one caller, with the records that it has so far. Pure."""

from dataclasses import dataclass, field

from cc_bridge.demo.history.agents import SimulatedAgent
from cc_bridge.demo.history.callers import Caller
from cc_bridge.records import (
    Call,
    Direction,
    EndedBy,
    Outcome,
    QueueVisit,
    Record,
    Ring,
    RingOutcome,
    Talk,
    Transfer,
)

__all__ = ["SimulatedCall", "outgoing_call"]

_DECIDED_BY = {Outcome.ANSWERED: "AgentConnect", Outcome.ABANDONED: "QueueCallerAbandon"}


@dataclass(slots=True)
class SimulatedCall:
    """A call of one caller: its records so far, and the sums for the record of the whole call.

    `ends_at` is the end of the latest record. `waited` is the wait before the first answer, in seconds.
    """

    pbx: str
    call_id: str
    caller: Caller
    caller_key: str
    queue: str  # the first one
    started_at: float
    ends_at: float = 0.0
    records: list[Record] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    visits: int = 0
    waited: float = 0.0

    def add(self, record: Record) -> None:
        """Add a record of the call, such as one of its survey."""
        self.records.append(record)
        self.ends_at = max(self.ends_at, getattr(record, "ended_at", None) or 0.0)

    def add_visit(
        self,
        queue: str,
        entered_at: float,
        left_at: float,
        outcome: Outcome,
        agent: SimulatedAgent | None = None,
        *,
        ringing: bool = False,
    ) -> None:
        """Add a visit in a queue.

        `agent` is the agent who answered. `ringing` is True if a phone was ringing when the caller left.
        """
        self.visits += 1
        if not self.talks:
            self.waited += left_at - entered_at
        self.ends_at = max(self.ends_at, left_at)
        self.records.append(
            QueueVisit(
                self.pbx, self.call_id, self.call_id, queue, entered_at, left_at, outcome,
                agent.roster.agent if agent else None, agent.roster.interface if agent else None, 1,
                self.caller.number, self.caller.name, self.caller.language, ringing,
                _DECIDED_BY.get(outcome, "QueueCallerLeave"), caller_key=self.caller_key,
            )
        )  # fmt: skip

    def add_ring(
        self, queue: str, agent: SimulatedAgent, started_at: float, ended_at: float, outcome: RingOutcome
    ) -> None:
        """Add an attempt to reach an agent."""
        ring = f"{self.call_id}7{len(self.records)}"
        roster = agent.roster
        self.add(
            Ring(
                self.pbx, self.call_id, self.call_id, ring, queue, roster.agent, roster.interface, started_at,
                ended_at, outcome,
            )
        )  # fmt: skip

    def add_talk(
        self,
        queue: str,
        agent: SimulatedAgent,
        answered_at: float,
        ended_at: float,
        hold_seconds: float,
        ended_by: EndedBy,
        transfer: tuple[Transfer, str] | None,
    ) -> Talk:
        """Add and return a talk; `transfer` is the kind and the target of the transfer that ended it."""
        kind, target = transfer or (None, None)
        talk = Talk(
            self.pbx, self.call_id, self.call_id, f"{self.call_id}9{self.visits}", queue, agent.roster.agent,
            agent.roster.interface, answered_at, ended_at, hold_seconds, int(hold_seconds > 0), ended_by,
            kind, target,
        )  # fmt: skip
        self.talks.append(talk)
        self.add(talk)
        return talk

    def record(self) -> Call:
        """Return the record of the whole call."""
        return Call(
            self.pbx, self.call_id, self.call_id, Direction.IN, self.started_at, self.ends_at,
            self.caller.number, self.caller.name, "8001", self.caller.language, self.queue, bool(self.talks),
            self.visits, len(self.talks), self.waited, sum(talk.talk_seconds for talk in self.talks),
            partial=False, caller_key=self.caller_key,
        )  # fmt: skip


def outgoing_call(
    call: SimulatedCall, agent: SimulatedAgent, answered_at: float, ended_at: float, *, reached: bool
) -> None:
    """Add the records of an outgoing call, in which an agent calls the caller.

    `call` is a call without a queue. `reached` is True if the caller answered.
    """
    roster = agent.roster
    if reached:
        call.add(
            Talk(
                call.pbx, call.call_id, f"{call.call_id}8", call.call_id, "", roster.agent, roster.interface,
                answered_at, ended_at, 0.0, 0, EndedBy.AGENT, None, None,
            )
        )  # fmt: skip
    call.add(
        Call(
            call.pbx, call.call_id, call.call_id, Direction.OUT, call.started_at, ended_at, roster.agent[-3:],
            roster.agent, call.caller.number, "", "", reached, 0, int(reached), 0.0,
            ended_at - answered_at if reached else 0.0, partial=False, caller_key=call.caller_key,
        )
    )  # fmt: skip
