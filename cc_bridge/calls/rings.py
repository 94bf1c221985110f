"""All rings that go on on one PBX: which phone rings for which visit, until its channel has ended.

The tracker tells it what phones do, and is told when a ring has closed. The trap: see `open_ring.py`. A ring
is found by the channel towards the agent, and its visit knows it by that name too.
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
    """The open rings of one PBX; `visits` and `talks` are the tracker's. `closed` hears of each end."""

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
        """Return the open ring whose channel this is."""
        return self._open.get(uniqueid)

    def of_visit(self, visit: Visit) -> list[OpenRing]:
        return [ring for uniqueid in visit.rings if (ring := self._open.get(uniqueid)) is not None]

    def channels(self) -> Collection[str]:
        return self._open.keys()

    def called(self, event: ev.Called) -> None:
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
        """Take a ring back in as an earlier daemon knew it."""
        self._open[ring.ring_uniqueid] = ring

    def answered(self, visit: Visit, at: float, *, picked_up: bool = False) -> None:
        """Close the ring that was answered; the others end with their channels.

        `picked_up`: another phone than the one that rang has answered.
        """
        for ring in self.of_visit(visit):
            if ring.outcome is RingOutcome.ANSWERED:
                if picked_up:
                    ring.outcome = RingOutcome.ANSWERED_ELSEWHERE
                self.close(ring.ring_uniqueid, at)

    def dumped(self, event: ev.Dumped) -> None:
        ring = self._open.get(event.ring_uniqueid)
        if ring is not None:
            ring.dumped()
            self.close(event.ring_uniqueid, event.at)

    def close(self, uniqueid: str, at: float, cause: int = 0) -> None:
        """End an open ring; `cause` is the hangup cause (Q.850) of its channel."""
        ring = self._open.pop(uniqueid)
        visit = self._visits.of(ring.uniqueid)
        if visit is not None:
            visit.rings.pop(uniqueid, None)
        talk = self._talks.of_visit(ring.uniqueid, ring.queue)
        answered = visit is not None and any(
            other.outcome is RingOutcome.ANSWERED for other in self.of_visit(visit)
        )
        elsewhere = answered or (talk is not None and talk.dialed != uniqueid)
        record = ring.record(at, cause, answered_elsewhere=elsewhere)
        if visit is not None:
            visit.ringing |= record.outcome is RingOutcome.CALLER_GONE
        self._closed(record)

    def close_all(self, at: float) -> None:
        for uniqueid in list(self._open):
            self.close(uniqueid, at)
