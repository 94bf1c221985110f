"""The check of requests by the definition of their operation."""

from io import BytesIO
from types import SimpleNamespace

import pytest

from cc_bridge.follow_ups.follow_up import Action, FollowUpState
from cc_bridge.web.openapi.admission import SCHEMES, Admission
from cc_bridge.web.openapi.agents import AGENT
from cc_bridge.web.openapi.customers import STORE_CUSTOMER
from cc_bridge.web.openapi.follow_ups import ACT, LIST_FOLLOW_UPS
from cc_bridge.web.openapi.operation import WrongRequest
from cc_bridge.web.openapi.reports import REPORT


def request(content=b"", **arguments):
    args = {name.encode(): [value.encode() for value in values] for name, values in arguments.items()}
    return SimpleNamespace(args=args, content=BytesIO(content))


def fault_of(check, *given):
    with pytest.raises(WrongRequest) as caught:
        check(*given)
    return caught.value.code, str(caught.value)


# -- the query


def test_without_arguments_the_defaults_are_in_force():
    assert (AGENT.query_of(request()).days, AGENT.query_of(request()).lang) == (7, None)
    assert LIST_FOLLOW_UPS.query_of(request()).state == (FollowUpState.OPEN, FollowUpState.TAKEN)


def test_an_empty_value_is_none_and_an_unknown_argument_is_ignored():
    assert AGENT.query_of(request(days=[""], lang=[""], token=["x"])).days == 7
    assert LIST_FOLLOW_UPS.query_of(request(state=["", "done"])).state == (FollowUpState.DONE,)


def test_the_last_of_several_values_counts_except_in_a_list():
    assert AGENT.query_of(request(days=["x", "30"])).days == 30
    assert REPORT.arguments({"queue": ("a,b", "c")}).queue == ("a,b", "c")
    assert len(LIST_FOLLOW_UPS.query_of(request(state=["open,taken", "done"])).state) == 3


def test_a_wrong_argument_is_named_with_what_is_possible():
    assert fault_of(AGENT.query_of, request(days=["2"])) == (400, "days: must be 1, 7 or 30")
    both = fault_of(AGENT.query_of, request(days=["9" * 400], lang=["xx"]))
    assert both[1].endswith("; lang: must be 'en' or 'fa'")
    assert fault_of(LIST_FOLLOW_UPS.query_of, request(state=["open,lost"])) == (
        400,
        "state.1: must be 'open', 'taken', 'done' or 'dismissed'",
    )


# -- the body


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "the body: Invalid JSON"),
        (b"[]", "the body: must be an object"),
        (b'{"name": 1}', "name: must be a valid string"),
        (b'{"age": 1}', "age: Extra inputs are not permitted"),
        (b'{"name": " "}', "the body: neither customer_id nor name"),
        (b'{"name": "a\\u0000"}', "the body: name has control characters"),
        (b'{"name": "%s"}' % (129 * b"x"), "name: String should have at most 128 characters"),
    ],
)
def test_a_wrong_body_is_told(body, fault):
    code, text = fault_of(STORE_CUSTOMER.body_of, request(body))
    assert (code, text.startswith(fault)) == (400, True), text


def test_the_fault_of_a_body_has_no_value_and_one_printable_line():
    secret = b"0912 123 4567"
    hostile = b'{"\\u001b[2J\\n%s": 1, "name": {"x": "%s"}}' % (b"x" * 3000, secret)
    _, text = fault_of(STORE_CUSTOMER.body_of, request(hostile))
    assert text.isprintable()
    assert len(text) <= 1000
    assert secret.decode() not in text


def test_a_body_that_is_too_long_is_not_parsed():
    most = STORE_CUSTOMER.longest_body
    assert STORE_CUSTOMER.body_of(request(b'{"name": "x"}'.ljust(most))).name == "x"
    assert fault_of(STORE_CUSTOMER.body_of, request(b" " * (most + 1))) == (
        413,
        f"the body has more than {most} bytes",
    )


def test_who_closes_a_follow_up_must_say_why():
    assert ACT[Action.TAKE].body_of(request(b'{"by": "Ali"}')).by == "Ali"
    for action in (Action.DONE, Action.DISMISS):
        for body in (b'{"by": "Ali"}', b'{"by": "Ali", "text": " "}'):
            assert fault_of(ACT[action].body_of, request(body))[1].startswith("text: ")


# -- the senders


@pytest.mark.parametrize("admission", Admission)
def test_each_way_of_a_sender_is_described(admission):
    for changes in (False, True):
        ways = admission.security(changes=changes)
        assert {name for way in ways for name in way} <= SCHEMES.keys()
        assert not changes or all("fromThisSite" in way for way in ways if "session" in way)
    assert (401 in admission.refusals) is bool(ways)
