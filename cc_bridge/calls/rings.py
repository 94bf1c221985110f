"""The open rings of one PBX. A ring lasts from AgentCalled to the end of the channel to the agent's phone.

A ring is found by the channel to the agent's phone, and a visit has the channels of its open rings.
`open_ring.py` determines the outcome of a ring.
"""

from collections.abc import Callable, Collection

from cc_bridge.calls import events as ev
from cc_bridge.calls.open_ring import OpenRing
from cc_bridge.calls.talks import Talks
from cc_bridge.calls.visit import Visit
from cc_bridge.calls.visits import Visits
from cc_bridge.records import Ring, RingOutcome

__all__ = ["Rings"]


class Rings:
    """The open rings of one PBX, found by the channel to the agent's phone.

    `visits` and `talks` have the open visits and talks of the same PBX. `closed` is called with the record of
    each closed ring.
    """

    def __init__(self, pbx: str, visits: Visits, talks: Talks, closed: Callable[[Ring], None]) -> None:
        self._pbx = pbx
        self._visits = visits
        self._talks = talks
        self._closed = closed
        self._open: dict[str, OpenRing] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, uniqueid: str) -> bool:
        return uniqueid in self._open

    def of(self, uniqueid: str) -> OpenRing | None:
        """Return the open ring with the channel `uniqueid` to the agent's phone; None if there is none."""
        return self._open.get(uniqueid)

    def of_visit(self, visit: Visit) -> list[OpenRing]:
        """Return the open rings of a visit."""
        return [ring for uniqueid in visit.rings if (ring := self._open.get(uniqueid)) is not None]

    def all(self) -> Collection[OpenRing]:
        """Return the open rings."""
        return self._open.values()

    def channels(self) -> Collection[str]:
        """Return the channels of the open rings."""
        return self._open.keys()

    def called(self, event: ev.Called) -> None:
        """Start a ring (AgentCalled), and add it to the caller's visit."""
        visit = self._visits.of(event.uniqueid)
        if visit is not None:
            visit.rings[event.ring_uniqueid] = None
        self._open[event.ring_uniqueid] = OpenRing(
            self._pbx,
            visit.call_id if visit else event.linkedid,
            event.uniqueid,
            event.ring_uniqueid,
            event.queue,
            event.member,
            event.interface,
            event.at,
        )

    def restore(self, ring: OpenRing) -> None:
        """Add a ring from a checkpoint."""
        self._open[ring.ring_uniqueid] = ring

    def answered(self, visit: Visit, at: float, outcome: RingOutcome = RingOutcome.ANSWERED) -> None:
        """Close the answered ring of a visit (AgentConnect).

        The other rings of the visit stay open until their channels end. `outcome` differs from `answered` if
        another phone answered than the one that rang.
        """
        for ring in self.of_visit(visit):
            if ring.outcome is RingOutcome.ANSWERED:
                ring.outcome = outcome
                self.close(ring.ring_uniqueid, at)

    def move(self, old: str, new: str) -> None:
        """Move the open rings of a caller's channel to the channel that takes the caller's place."""
        for ring in self._open.values():
            if ring.uniqueid == old:
                ring.uniqueid = new

    def dumped(self, event: ev.Dumped) -> None:
        """Close a ring as declined, because the agent hung up during the announcement (AgentDump)."""
        ring = self._open.get(event.ring_uniqueid)
        if ring is not None:
            ring.dumped()
            self.close(event.ring_uniqueid, event.at)

    def close(self, uniqueid: str, at: float, cause: int = 0) -> None:
        """Close an open ring; `cause` is the hangup cause (Q.850) of its channel, 0 if unknown."""
        ring = self._open.pop(uniqueid)
        visit = self._visits.of(ring.uniqueid)
        if visit is not None:
            visit.rings.pop(uniqueid, None)
        talk = self._talks.by_leg.of_visit(ring.uniqueid, ring.queue)
        answered = visit is not None and any(
            other.outcome is RingOutcome.ANSWERED for other in self.of_visit(visit)
        )
        elsewhere = answered or (talk is not None and talk.dialed != uniqueid)
        record = ring.record(at, cause, answered_elsewhere=elsewhere)
        if visit is not None:
            visit.ringing |= record.outcome is RingOutcome.CALLER_GONE
        self._closed(record)

    def close_all(self, at: float) -> None:
        """Close all open rings at the instant `at`."""
        for uniqueid in list(self._open):
            self.close(uniqueid, at)
