"""One ring: one attempt to reach one agent's phone, from the start of the attempt to its outcome.

`DialEnd` comes twice for a channel that is cancelled or times out, the second time with another status. Only
the first one counts. A phone that rejects the call (SIP 486) has the status NOANSWER and a ring time of 0.
Only the hangup cause of its channel shows the rejection (16.28, 22.10). A ring that was not answered is
therefore closed when its channel ends.

Hangup cause 26 ("answered elsewhere") decides nothing: with the option C of Queue() each phone that stops
ringing has it, also in an abandoned call. A phone that forwards the call (SIP 302) has the status CANCEL, and
the header Forward in its DialEnd.
"""

from dataclasses import dataclass

from cc_bridge.records import Ring, RingOutcome

__all__ = ["OpenRing"]

_O = RingOutcome

# Q.850 hangup causes that determine the outcome more precisely than DIALSTATUS.
_CAUSES: dict[int, RingOutcome] = {
    17: _O.BUSY,
    21: _O.DECLINED,
    34: _O.CONGESTION,
    38: _O.CONGESTION,
    42: _O.CONGESTION,
}
_STATUSES: dict[str, RingOutcome] = {
    "ANSWER": _O.ANSWERED,
    "NOANSWER": _O.NO_ANSWER,
    "BUSY": _O.BUSY,
    "CONGESTION": _O.CONGESTION,
    "CHANUNAVAIL": _O.CONGESTION,
    "CANCEL": _O.CALLER_GONE,
}


@dataclass(slots=True)
class OpenRing:
    """An open ring, which becomes a `Ring` record when its channel or its call ends.

    uniqueid: the caller's channel
    ring_uniqueid: the channel to the agent's phone
    agent: the queue member's name
    ended_at: instant of the first DialEnd; None before that event
    outcome: None until a DialEnd, a Pickup or an AgentDump shows it
    """

    pbx: str
    call_id: str
    uniqueid: str
    ring_uniqueid: str
    queue: str
    agent: str
    interface: str
    started_at: float
    ended_at: float | None = None
    outcome: RingOutcome | None = None

    def dial_ended(self, status: str, at: float, *, forwarded: bool = False) -> None:
        """Store the status and the instant of the first DialEnd; ignore a second one.

        `forwarded` means that the phone sent the call elsewhere (SIP 302). The outcome of the ring is then
        forwarded, whatever the status is.
        """
        if self.ended_at is None:
            self.ended_at = at
        if self.outcome is None:
            self.outcome = _O.FORWARDED if forwarded else _STATUSES.get(status, _O.NO_ANSWER)

    def picked_up(self) -> None:
        """Set the outcome to answered_elsewhere: another phone picked the call up (Pickup)."""
        self.outcome = _O.ANSWERED_ELSEWHERE

    def dumped(self) -> None:
        """Set the outcome to declined: the agent answered, and hung up before the connection (AgentDump)."""
        self.outcome = _O.DECLINED

    def record(self, at: float, cause: int = 0, *, answered_elsewhere: bool = False) -> Ring:
        """Return the record of the ring, whose channel ended at `at` with the hangup cause `cause` (Q.850).

        `cause` is 0 if the end of the channel was not observed. `answered_elsewhere`: another phone answered.
        """
        outcome = self.outcome
        if outcome is None:
            outcome = _CAUSES.get(cause, _O.ANSWERED_ELSEWHERE if answered_elsewhere else _O.UNOBSERVED)
        elif outcome is _O.CALLER_GONE and answered_elsewhere:
            outcome = _O.ANSWERED_ELSEWHERE
        elif outcome in (_O.CALLER_GONE, _O.NO_ANSWER):
            outcome = _CAUSES.get(cause, outcome)
        # By position: with names, the creation of an object takes twice as long.
        return Ring(
            self.pbx,
            self.call_id,
            self.uniqueid,
            self.ring_uniqueid,
            self.queue,
            self.agent,
            self.interface,
            self.started_at,
            at if self.ended_at is None else self.ended_at,
            outcome,
        )
