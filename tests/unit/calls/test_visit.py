"""One visit: its start, and the fields of its record."""

import pytest

from cc_bridge.calls.events import Connected, GaveUp, Joined, QueueRun
from cc_bridge.calls.visit import Visit, VisitEvent, VisitPhase
from cc_bridge.records import Outcome, QueueVisit

CALLER, CALL = "1.2", "1.1"
WHO = ("0912", "سارا", "fa")
JOINED = Joined(10, CALLER, CALL, "sales", 3, *WHO)
GAVE_UP = GaveUp(40, CALLER, CALL, "sales", 30, 3, *WHO)
CONNECTED = Connected(
    40, CALLER, CALL, "sales", "PJSIP/101", "زهرا", "1.3", "PJSIP/101-1", 30, *WHO
)  # fmt: skip


@pytest.mark.parametrize(
    ("event", "position", "approximate"), [(JOINED, 3, False), (GAVE_UP, 3, True), (CONNECTED, 0, True)]
)
def test_what_begins_a_visit_seen_or_not(event, position, approximate):
    visit = Visit.of("pbx", event)
    assert (visit.pbx, visit.call_id, visit.uniqueid, visit.queue) == ("pbx", CALL, CALLER, "sales")
    assert (visit.number, visit.name, visit.language) == WHO
    assert (visit.entered_at, visit.position, visit.approximate) == (10, position, approximate)
    assert (visit.phase, visit.left_at, visit.outcome) == (VisitPhase.WAITING, None, None)


def test_a_refused_visit_is_closed_and_a_fact_at_once():
    run = QueueRun(10, CALLER, CALL, "sales", *WHO)
    visit = Visit.refused("pbx", run, Outcome.QUEUE_FULL, 10.5, "VarSet QUEUESTATUS")
    assert visit.phase is VisitPhase.CLOSED
    assert visit.record() == QueueVisit(
        "pbx", CALL, CALLER, "sales", 10, 10.5, Outcome.QUEUE_FULL, None, None, 0, *WHO,
        ringing=False, decided_by="VarSet QUEUESTATUS",
    )  # fmt: skip


@pytest.mark.parametrize("signals", [[], [VisitEvent.LEFT]])
def test_an_open_visit_is_no_fact(signals):
    visit = Visit.of("pbx", JOINED)
    for signal in signals:
        visit.handle_signal(signal, 20, "QueueCallerLeave")
    with pytest.raises(ValueError, match=r"the visit of 1\.2 in sales is still open"):
        visit.record()
