"""All rings of one PBX: the end of each, and the phones that rang when a caller left."""

import pytest

from cc_bridge.calls.channels_and_bridges import Channels
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.events import Called, Dumped, Joined
from cc_bridge.calls.open_calls import Calls
from cc_bridge.calls.rings import Rings
from cc_bridge.calls.talks import Talks
from cc_bridge.calls.visits import Visits
from cc_bridge.queue_names import QueueNames
from cc_bridge.records import RingOutcome

CALLER, CALL = "1.2", "1.1"


class Pbx:
    def __init__(self):
        self.closed = []
        calls = Calls("pbx", Contexts().of_first)
        self.visits = Visits("pbx", QueueNames(["sales"]), calls, lambda _: None, lambda *_: None)
        self.rings = Rings("pbx", self.visits, Talks(Channels(), lambda *_: None), self.closed.append)
        self.visits.joined(Joined(0, CALLER, CALL, "sales", 1, "", "", ""))
        self.visit = self.visits.of(CALLER)

    def rings_at(self, *phones):
        for phone in phones:
            self.rings.called(Called(1, CALLER, CALL, "sales", f"PJSIP/{phone}", phone, phone))
        return [self.rings.of(phone) for phone in phones]


@pytest.fixture
def pbx():
    return Pbx()


def test_a_visit_knows_its_rings_while_they_last(pbx):
    one, other = pbx.rings_at("101", "102")
    assert pbx.rings.of_visit(pbx.visit) == [one, other]
    pbx.rings.close("101", 5)
    assert (pbx.rings.of_visit(pbx.visit), list(pbx.visit.rings)) == ([other], ["102"])
    assert ("101" in pbx.rings, "102" in pbx.rings, len(pbx.rings)) == (False, True, 1)


def test_without_a_cause_or_a_dial_end_nobody_knows_how_a_ring_ended(pbx):
    pbx.rings_at("101")
    pbx.rings.close("101", 5)
    (record,) = pbx.closed
    assert (record.ended_at, record.outcome) == (5, RingOutcome.UNOBSERVED)


def test_an_agent_who_hangs_up_in_the_announcement_has_declined_then(pbx):
    (ring,) = pbx.rings_at("101")
    pbx.rings.dumped(Dumped(4, CALLER, "101"))
    pbx.rings.dumped(Dumped(4, CALLER, "101"))
    (record,) = pbx.closed
    assert (record.ended_at, record.outcome, record.agent) == (4, RingOutcome.DECLINED, ring.agent)


def test_a_phone_that_rang_when_the_caller_left_is_remembered_whatever_the_others_did(pbx):
    gone, busy = pbx.rings_at("101", "102")
    gone.dial_ended("CANCEL", 5)
    busy.dial_ended("BUSY", 5)
    for phone in ("101", "102"):
        pbx.rings.close(phone, 5)
    assert pbx.visit.ringing
