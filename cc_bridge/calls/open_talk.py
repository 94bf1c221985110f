"""One agent with one caller, from both in one bridge to the first of them leaving.

The tracker makes one for each `Connected` and tells it what the two legs do. The truth of a talk is in
bridges: Asterisk's own AgentComplete may come minutes later with the survey inside TalkTime, name the
wrong side, or name one agent for a transferred call (16.28, 22.10).

The trap: leaving a bridge is not always an end. A Local channel that is optimised away moves the phone
to another bridge at once, and an agent who consults for an attended transfer leaves the caller on hold
and may come back. So the first leaving is remembered, and taken as the end when the leg hangs up, the
transfer is done, or nothing brings the two together again.
"""

from dataclasses import dataclass
from enum import StrEnum, auto

from cc_bridge.records import Direction, EndedBy, Talk, Transfer

__all__ = ["OpenTalk", "TalkPhase"]


class TalkPhase(StrEnum):
    CONNECTING = auto()  # the agent picked up, the two are not bridged yet
    TALKING = auto()
    PARTED = auto()  # one of them left; perhaps to come back at once
    CONSULTING = auto()  # the agent speaks with somebody else, the caller is on hold
    ENDED = auto()


@dataclass(slots=True)
class OpenTalk:
    """A talk in progress. `caller` and `agent` are the uniqueids of the two real legs."""

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel that ran Queue()
    queue: str
    member: str
    interface: str
    dialed: str  # the leg that the queue dialed: the phone, or the near half of a Local channel
    caller: str
    agent: str | None  # known at once for a phone, when bridged for one behind Local channels
    phase: TalkPhase = TalkPhase.CONNECTING
    answered_at: float = 0.0
    parted_at: float = 0.0
    parted_by: EndedBy = EndedBy.UNOBSERVED
    transfer: Transfer | None = None
    target: str | None = None
    hold_seconds: float = 0.0
    holds: int = 0
    held_at: float | None = None
    picked_up: bool = False
    redirected: bool = False  # a leg left for another place in the dialplan
    partial: bool = False
    # Of the call, known when the talk has ended.
    number: str = ""
    language: str = ""
    direction: Direction | None = None

    @property
    def ended(self) -> bool:
        return self.phase is TalkPhase.ENDED

    @property
    def is_apart(self) -> bool:
        """Whether caller and agent share no sound now, after they have spoken."""
        return self.phase in (TalkPhase.PARTED, TalkPhase.ENDED, TalkPhase.CONSULTING)

    def ending(self) -> EndedBy:
        """Return who ended it; the agent, if the caller's dialplan goes on and nothing else was heard."""
        if self.transfer:
            return EndedBy.TRANSFER
        return self.parted_by if self.parted_at else EndedBy.AGENT

    def bridged(self, at: float) -> None:
        """Both legs are in one bridge: the talk begins, or goes on as if they had not parted."""
        if self.phase is TalkPhase.CONNECTING:
            self.answered_at = at
        elif self.phase in (TalkPhase.PARTED, TalkPhase.CONSULTING):
            self.unheld(at)
        if self.phase is not TalkPhase.ENDED:
            self.phase = TalkPhase.TALKING

    def correct_start(self, at: float, member: str, interface: str) -> None:
        """Take when it began and whose it is, told after it was seen to go on."""
        self.member, self.interface = member, interface
        if self.phase is not TalkPhase.CONNECTING:
            self.answered_at, self.partial = at, False

    def parted(self, at: float, by: EndedBy) -> None:
        """One leg left. From a consultation only the later moment can be the end."""
        if self.phase in (TalkPhase.TALKING, TalkPhase.CONSULTING):
            self.phase, self.parted_at, self.parted_by = TalkPhase.PARTED, at, by

    def consulting(self, at: float) -> None:
        """Take it as hold, not an end, that the agent joined another bridge while the caller stays."""
        if self.phase is TalkPhase.PARTED:
            self.phase = TalkPhase.CONSULTING
            self.held(at)

    def held(self, at: float) -> None:
        if self.held_at is None and self.phase in (TalkPhase.TALKING, TalkPhase.CONSULTING):
            self.held_at = at
            self.holds += 1

    def unheld(self, at: float) -> None:
        if self.held_at is not None:
            self.hold_seconds += at - self.held_at
            self.held_at = None

    def transferred(self, how: Transfer, target: str) -> None:
        self.transfer, self.target = how, target

    def record(self, at: float) -> Talk | None:
        """Close it and return the fact, or None if the two never spoke.

        `at` is when the tracker gave up on more news; a parting seen before it is the end.
        """
        spoke = self.phase not in (TalkPhase.CONNECTING, TalkPhase.ENDED)
        parted = self.phase is TalkPhase.PARTED
        self.phase = TalkPhase.ENDED
        if not spoke or self.agent is None:
            return None
        ended_at = self.parted_at if parted else at
        self.unheld(ended_at)
        ended_by = EndedBy.TRANSFER if self.transfer else self.parted_by if parted else EndedBy.UNOBSERVED
        return Talk(
            pbx=self.pbx,
            call_id=self.call_id,
            uniqueid=self.uniqueid,
            agent_uniqueid=self.agent,
            queue=self.queue,
            agent=self.member,
            interface=self.interface,
            answered_at=self.answered_at,
            ended_at=ended_at,
            hold_seconds=self.hold_seconds,
            holds=self.holds,
            ended_by=ended_by,
            transfer=self.transfer,
            transfer_target=self.target,
            picked_up=self.picked_up,
            partial=self.partial or not parted,
        )
