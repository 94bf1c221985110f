"""One attempt to reach one agent, from the call to their phone to how it ended.

The trap: `DialEnd` comes twice for a leg that loses or times out, the second time with another status;
only the first counts. A phone that rejects the call (SIP 486) shows as NOANSWER with ring time 0, and
only the hangup cause of its channel tells (16.28, 22.10); so a ring that was not answered is closed
when its channel has ended.
"""

from dataclasses import dataclass

from cc_bridge.records import Ring, RingOutcome

__all__ = ["OpenRing"]

_O = RingOutcome

# Q.850 causes that say more than DIALSTATUS.
_CAUSES: dict[int, RingOutcome] = {
    17: _O.BUSY,
    21: _O.DECLINED,
    26: _O.ANSWERED_ELSEWHERE,
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
    """A ring in progress; `record` when its channel, or the call, has ended."""

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
        if self.ended_at is None:
            self.ended_at = at
            self.outcome = _O.FORWARDED if forwarded else _STATUSES.get(status, _O.NO_ANSWER)

    def dumped(self) -> None:
        """Note that the agent picked up and hung up before the caller was put through."""
        self.outcome = _O.DECLINED

    def record(self, at: float, cause: int = 0, *, answered_elsewhere: bool = False) -> Ring:
        """Return the fact; `at` and `cause` are those of the channel's end, 0 when it was not seen."""
        outcome = self.outcome
        if outcome is None:
            outcome = _CAUSES.get(cause, _O.ANSWERED_ELSEWHERE if answered_elsewhere else _O.UNOBSERVED)
        elif outcome is _O.CALLER_GONE:
            # Cause 26 alone says nothing: with the queue's option C every cancelled phone has it.
            other = _CAUSES.get(cause, outcome)
            outcome = outcome if other is _O.ANSWERED_ELSEWHERE else other
            outcome = _O.ANSWERED_ELSEWHERE if answered_elsewhere else outcome
        elif outcome is _O.NO_ANSWER:
            outcome = _CAUSES.get(cause, outcome)
        return Ring(
            pbx=self.pbx,
            call_id=self.call_id,
            uniqueid=self.uniqueid,
            ring_uniqueid=self.ring_uniqueid,
            queue=self.queue,
            agent=self.agent,
            interface=self.interface,
            started_at=self.started_at,
            ended_at=at if self.ended_at is None else self.ended_at,
            outcome=outcome,
        )
