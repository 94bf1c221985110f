"""The list of lost calls: which are open, and which follow-up is about one."""

from dataclasses import replace

import pytest

from cc_bridge.customers.lost_callers import LostCaller, cause_of, follow_up_of
from cc_bridge.customers.lost_calls import LostCall, LostCallStatus
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpReason, FollowUpState
from cc_bridge.follow_ups.rules import follow_up
from cc_bridge.records import Outcome

T = 1_795_309_819.0
CALL = LostCall("98912", "main", "1.1", "sales", T, T + 95, Outcome.ABANDONED, LostCallStatus.OPEN)
LOST = LostCaller(CALL, "+98912", "", 95.4)
OPEN = follow_up(cause_of(LOST), "sara", T + 9000)
TAKEN = replace(OPEN, state=FollowUpState.TAKEN, taken_by="Ali")
DONE = replace(OPEN, state=FollowUpState.DONE, closed_by="Ali", closed_at=T + 500)


def test_the_follow_up_of_a_lost_call():
    assert FollowUp(
        OPEN.follow_up_id, "main", "lost_call", "98912", "+98912", "sales", "", "1.1", "waited 95 s", "sara",
        T + 95, T + 9000,
    ) == OPEN  # fmt: skip
    assert follow_up(cause_of(replace(LOST, wait_seconds=1.0)), "", 0.0).follow_up_id == OPEN.follow_up_id


@pytest.mark.parametrize(
    ("managed", "known", "about", "is_open"),
    [
        (LostCallStatus.OPEN, True, None, True),
        (LostCallStatus.NOT_MANAGED, True, None, True),
        (LostCallStatus.RECALLED, True, None, False),
        (LostCallStatus.SELF_SERVED, True, None, False),
        (LostCallStatus.OPEN, False, None, False),
        (LostCallStatus.OPEN, True, OPEN, True),
        (LostCallStatus.OPEN, True, TAKEN, True),
        (LostCallStatus.NOT_MANAGED, True, DONE, False),
    ],
)
def test_a_call_is_open_until_somebody_reached_the_caller(managed, known, about, is_open):
    lost = LostCaller(replace(CALL, managed=managed), known=known, follow_up=about)
    assert lost.is_open == is_open


def test_the_follow_up_about_a_call():
    other = replace(OPEN, follow_up_id="other", call_id="9.9", reason=FollowUpReason.LONG_WAIT)
    rated = replace(other, reason=FollowUpReason.LOW_RATING)
    before = replace(DONE, follow_up_id="before", call_id="0.1", closed_at=T)
    assert follow_up_of(CALL, []) is None
    assert follow_up_of(CALL, [rated, before]) is None
    assert follow_up_of(CALL, [other]) is other
    assert follow_up_of(CALL, [other, DONE]) is DONE
    assert follow_up_of(CALL, [replace(before, closed_at=T + 96)]) is not None
