"""The filter of a list of calls: to the query of a URL and back, and values that may come from anyone."""

from datetime import date
from urllib.parse import parse_qs

import pytest
from hypothesis import given, strategies as st

from cc_bridge.reports.call_filter import CallFilter, ListCondition, ListKind, RowKey
from cc_bridge.reports.query import Dimension

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 7)
NAMES = ("list", "from", "to", "queue", "agent", "pbx", "row", "not", "mark", "outcome", "in-time", "stage",
         "reason", "result", "kind", "question", "value", "several", "open", "rated")  # fmt: skip
WORDS = (
    "2026-11-03", "1405-08-12", "1405-13-01", "9999-12-31", "0001-01-01", "answered", "answered,abandoned",
    "yes", "no", "yes,no", "hour:9", "hour:x", "day:0", "day:99999", "queue:", "queue:a:b", "stage:",
    "part:0", "value:4,5", "outcome:answered", "csat", "10", ":", ",", "agents_spoken:2", "wait-band:-1", "٣",
    *map(str, ListKind),
)  # fmt: skip
VALUES = st.one_of(st.text("a0:,-٣\0\n ", max_size=5), st.sampled_from(WORDS))


def read(query):
    return CallFilter.from_query(parse_qs(query), FIRST, LAST)


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(VALUES, max_size=3)))
def test_any_arguments_give_a_filter_or_one_sentence(arguments):
    try:
        found = CallFilter.from_query(arguments, FIRST, LAST)
    except ValueError as error:
        reason = str(error)
    else:
        reason = "none"
        assert read(found.to_query()) == found
    assert reason
    assert "\n" not in reason


def test_a_filter_goes_through_a_url():
    wanted = CallFilter(
        date(2026, 10, 1), date(2026, 10, 31), ListKind.VISITS, "main", ("sales", "a&b=c,d"), "Ali, Reza",
        (RowKey(Dimension.HOUR, 9), RowKey(Dimension.QUEUE, ""), RowKey("language", "fa:x", others=True)),
        (ListCondition("outcome", ("answered", "abandoned")), ListCondition("rated", ("no",))),
        (ListCondition("outcome", ("answered",)), ListCondition("in-time", ("yes",))),
    )  # fmt: skip
    assert read(wanted.to_query()) == wanted
    assert "outcome=answered%2Cabandoned" in wanted.to_query()


def test_a_question_may_have_a_comma():
    wanted = CallFilter(FIRST, LAST, ListKind.ANSWERS, conditions=(ListCondition("question", ("a,b", "c")),))
    assert read(wanted.to_query()) == wanted


def test_without_arguments_the_list_has_all_visits_of_the_given_days():
    assert read("") == CallFilter(FIRST, LAST)
    assert read("list=&from=&queue=&agent=&outcome=&unknown=1") == CallFilter(FIRST, LAST)
    assert read("to=2026-10-01") == CallFilter(date(2026, 10, 1), date(2026, 10, 1))


def test_a_persian_date_is_accepted():
    assert read("from=1405-08-10&to=1405/08/16") == CallFilter(FIRST, LAST)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("list=x", "list='x' is not one of visits"),
        ("from=2026-11-09", "the day from=2026-11-09 is after to=2026-11-07"),
        ("outcome=lost", "outcome='lost' is not one of answered"),
        ("outcome=answered,", "outcome='answered,' is not one of"),
        ("row=9", "row='9' is not written as NAME:VALUE"),
        ("row=hour:nine", "row='hour:nine' needs a number"),
        ("row=hour:1111111111", "needs a number"),
        ("row=day:999999", "the day is not from 1900-01-01"),
        ("row=part:1", "the list visits has no 'part'"),
        ("list=lost-calls&row=agent:Ali", "the list lost-calls has no 'agent'"),
        ("list=talks&not=wait-band:1", "the list talks has no 'wait-band'"),
        ("list=calls&agent=Ali", "the list calls has no agent"),
        ("mark=stage:invited", "the list visits has no condition 'stage'"),
        ("queue=%00", "a value of queue"),
        ("agent=" + "x" * 201, "more than 200 characters"),
        ("&".join(f"queue={n}" for n in range(201)), "queue has more than 200 values"),
    ],
)
def test_a_wrong_value_is_named(query, reason):
    with pytest.raises(ValueError, match=r"^[^\n]*$") as raised:
        read(query)
    assert reason in str(raised.value)
