"""The rule for ended calls that were not routed to the survey, case by case."""

from itertools import product
from math import inf

import pytest

from cc_bridge.records import EndedBy
from cc_bridge.surveys.routing import EndedCall, Routing, routing_of

CASE = EndedCall(
    queue="sales",
    has_survey=True,
    ended_by=EndedBy.AGENT,
    requested=False,
    observed=True,
    left_seconds=inf,
    queued_again=False,
)


def test_an_answered_caller_without_a_survey_request_was_not_routed():
    assert routing_of(CASE) is Routing.NOT_ROUTED


@pytest.mark.parametrize(
    ("change", "routing"),
    [
        ({"observed": False}, Routing.UNOBSERVED),
        ({"queue": ""}, Routing.NOT_ANSWERED),
        ({"has_survey": False}, Routing.NO_SURVEY),
        ({"requested": True}, Routing.REQUESTED),
        ({"ended_by": EndedBy.CALLER}, Routing.NOT_ENDED_BY_AGENT),
        ({"ended_by": EndedBy.TRANSFER}, Routing.NOT_ENDED_BY_AGENT),
        ({"ended_by": EndedBy.SYSTEM}, Routing.NOT_ENDED_BY_AGENT),
        ({"ended_by": EndedBy.UNOBSERVED}, Routing.NOT_ENDED_BY_AGENT),
        ({"left_seconds": 0.0}, Routing.LEFT_AT_ONCE),
        ({"left_seconds": 0.9}, Routing.LEFT_AT_ONCE),
        ({"left_seconds": 1.1}, Routing.NOT_ROUTED),
        ({"queued_again": True}, Routing.QUEUED_AGAIN),
    ],
)
def test_each_fact_alone_explains_the_missing_request(change, routing):
    assert routing_of(CASE._replace(**change)) is routing


def test_of_all_combinations_only_one_is_a_case():
    flags = (False, True)
    calls = [
        EndedCall(*facts) for facts in product(("", "sales"), flags, EndedBy, flags, flags, (0.0, inf), flags)
    ]
    assert [call for call in calls if routing_of(call) is Routing.NOT_ROUTED] == [CASE]
