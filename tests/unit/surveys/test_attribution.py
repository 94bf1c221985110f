"""The agents and queues of a call that each question rates."""

import pytest

from cc_bridge.surveys.attribution import Attribution, Segment

ALI = Segment("sales", "Ali", "PJSIP/ali")
SARA = Segment("support", "Sara", "PJSIP/sara")
MINA = Segment("sales", "Mina", "PJSIP/mina")
REZA = Segment("support", "Reza", "PJSIP/reza")


@pytest.mark.parametrize(
    ("rates", "rated"),
    [
        ("last_agent", REZA),
        ("first_agent", ALI),
        ("queue:sales", MINA),  # the last agent of the queue
        ("queue:support", REZA),
        ("queue:SALES", MINA),  # Asterisk ignores the case of a queue's name
        ("queue:billing", None),
        ("company", None),
    ],
)
def test_whom_a_question_rates(rates, rated):
    assert Attribution("1.1", [ALI, SARA, MINA, REZA]).rated(rates) == rated
