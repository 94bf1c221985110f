"""One talk: one conversation of one agent with one caller, from both in one bridge until the first leaves.

Bridge events determine a talk. Asterisk's AgentComplete is not reliable: it can come minutes later, with the
survey inside TalkTime. It can name the wrong side, or only one agent of a transferred call (16.28, 22.10).

A talk does not always end when caller or agent leaves the bridge. When Asterisk optimises a Local channel
away, the phone moves to another bridge within milliseconds. An agent who consults leaves the caller on hold
and may return. The instant of leaving is only a possible end. It becomes the end when the side that left
hangs up, when the transfer is done, or when caller and agent do not meet in time.
"""

from dataclasses import dataclass
from enum import StrEnum, auto

from cc_bridge.records import Direction, EndedBy, Talk, Transfer

__all__ = ["OpenTalk", "TalkPhase"]


class TalkPhase(StrEnum):
    """A phase of one talk, from the agent's answer to the end of the talk."""

    CONNECTING = auto()  # the agent answered, but the two legs are not in one bridge yet
    TALKING = auto()
    PARTED = auto()  # one leg left, and may return within milliseconds
    CONSULTING = auto()  # the agent talks to a third party while the caller is on hold
    ENDED = auto()


@dataclass(slots=True)
class OpenTalk:
    """An open talk, which becomes a `Talk` record when it ends.

    caller, agent: uniqueids of the channels of caller and agent, which are no halves of Local channels
    member: the queue member's name
    near_at: instant from which caller and dialled half of a Local channel were in one bridge; 0 before
    answered_at: instant from which caller and agent were in one bridge, in UTC seconds since the epoch; 0
        before
    parted_at: instant at which caller or agent left the bridge, a possible end of the talk; 0 if neither has
        left
    parted_by: the side that ended the talk, if `parted_at` becomes its end
    target: the transfer target; None without a transfer
    hold_seconds, holds: time on hold and number of holds so far
    held_at: start of the current hold; None if there is none
    picked_up: another phone answered than the one that rang
    partial: the start or the end was not observed
    """

    pbx: str
    call_id: str
    uniqueid: str  # the caller's channel that ran Queue()
    queue: str
    member: str
    interface: str
    dialed: str  # the dialled channel: the phone, or the near half of a Local channel
    caller: str
    agent: str | None  # None until the first common bridge if the phone is behind Local channels
    phase: TalkPhase = TalkPhase.CONNECTING
    answered_at: float = 0.0
    near_at: float = 0.0
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
    # Facts of the call, which are set when the talk ends. The direction of a Dial's talk is set at its start.
    number: str = ""
    language: str = ""
    direction: Direction | None = None

    @property
    def ended(self) -> bool:
        """Return whether the talk has ended."""
        return self.phase is TalkPhase.ENDED

    @property
    def is_apart(self) -> bool:
        """Whether caller and agent were connected and no longer are.

        This is the case after caller or agent has left the bridge, in a consultation, and after the end of
        the talk.
        """
        return self.phase in (TalkPhase.PARTED, TalkPhase.ENDED, TalkPhase.CONSULTING)

    def ending(self) -> EndedBy:
        """Return the side that ended the talk of a caller who is still on the line, such as for a survey.

        After a transfer, the result is TRANSFER. If neither side is known to have left the bridge, the result
        is the agent.
        """
        if self.transfer:
            return EndedBy.TRANSFER
        return self.parted_by if self.parted_at else EndedBy.AGENT

    def bridged(self, at: float) -> None:
        """Start or resume the talk: caller and agent are in one bridge from the instant `at` on."""
        if self.phase is TalkPhase.CONNECTING:
            self.answered_at = at
        elif self.phase in (TalkPhase.PARTED, TalkPhase.CONSULTING):
            self.unheld(at)
            self.parted_at, self.parted_by = 0.0, EndedBy.UNOBSERVED
        if self.phase is not TalkPhase.ENDED:
            self.phase = TalkPhase.TALKING

    def correct_start(self, at: float, member: str, interface: str) -> None:
        """Set the agent and the true start of a talk that a snapshot showed in progress.

        `member` is the name of the agent's queue member, and `interface` the agent's phone. If caller and
        agent are connected already, `at` becomes the start, and the talk is no longer partial. Otherwise the
        start follows when they are connected.
        """
        self.member, self.interface = member, interface
        if self.phase is not TalkPhase.CONNECTING:
            self.answered_at, self.partial = at, False

    def parted(self, at: float, by: EndedBy) -> None:
        """Store the instant `at`, when caller or agent left the bridge, as a possible end of the talk.

        `by` is the side that ended the talk if this is its end. An instant that was stored at the start of a
        consultation is replaced.
        """
        if self.phase in (TalkPhase.TALKING, TalkPhase.CONSULTING):
            self.phase, self.parted_at, self.parted_by = TalkPhase.PARTED, at, by

    def consulting(self, at: float) -> None:
        """Start a consultation: the agent entered another bridge, and the caller is on hold."""
        if self.phase is TalkPhase.PARTED:
            self.phase = TalkPhase.CONSULTING
            self.held(at)

    def held(self, at: float) -> None:
        """Start a hold, unless one is in progress."""
        if self.held_at is None and self.phase in (TalkPhase.TALKING, TalkPhase.CONSULTING):
            self.held_at = at
            self.holds += 1

    def unheld(self, at: float) -> None:
        """End the current hold, and add its length to the hold time."""
        if self.held_at is not None:
            self.hold_seconds += at - self.held_at
            self.held_at = None

    def transferred(self, how: Transfer, target: str) -> None:
        """Store the kind (`how`) and the target of a transfer."""
        self.transfer, self.target = how, target

    def record(self, at: float) -> Talk | None:
        """End the talk and return its record; None if caller and agent were never in one bridge.

        The talk ends when caller or agent left the bridge, or at the instant `at` if neither has left.
        """
        spoke = self.phase not in (TalkPhase.CONNECTING, TalkPhase.ENDED)
        parted = self.phase is TalkPhase.PARTED
        self.phase = TalkPhase.ENDED
        if not spoke or self.agent is None:
            return None
        ended_at = self.parted_at if parted else at
        self.unheld(ended_at)
        ended_by = EndedBy.TRANSFER if self.transfer else self.parted_by if parted else EndedBy.UNOBSERVED
        # By position: with names, the creation of an object takes twice as long.
        return Talk(
            self.pbx,
            self.call_id,
            self.uniqueid,
            self.agent,
            self.queue,
            self.member,
            self.interface,
            self.answered_at,
            ended_at,
            self.hold_seconds,
            self.holds,
            ended_by,
            self.transfer,
            self.target,
            self.picked_up,
            self.partial or not parted,
        )
