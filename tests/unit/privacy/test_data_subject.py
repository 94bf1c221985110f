"""A data subject: matching of numbers, and rows without the subject's number."""

import json

import pytest

from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.privacy.data_subject import DataSubject

KEYS = CallerKeys("plain", b"a secret of the house", "98")
PERSON = DataSubject("0912 123 4567", KEYS)
WAYS = ["09121234567", "+989121234567", "00989121234567", "989121234567", "۰۹۱۲۱۲۳۴۵۶۷", "(0912) 123-4567"]


@pytest.mark.parametrize("way", [*WAYS, KEYS.hashed("09121234567")])
def test_a_number_is_known_in_every_writing_and_as_a_hash(way):
    assert PERSON.has_number(way)
    assert PERSON.is_in(way)
    assert DataSubject(way, KEYS).has_number("+98912 123 4567") or way == KEYS.hashed("09121234567")


@pytest.mark.parametrize(
    "text",
    [
        "909121234567",
        "9989121234567",
        "Local/09121234567@out",
        "SIP/t/+989121234567",
        "Local/۰۹۱۲۱۲۳۴۵۶۷@out",
        "0912 via 09121234567",
    ],
)
def test_a_number_is_found_within_other_text(text):
    assert PERSON.is_in(text)
    assert not PERSON.has_number(text)


@pytest.mark.parametrize(
    "text", ["", "anonymous", "09121234568", "091212345678", "+499121234567", "98912123xxxx"]
)
def test_another_number_is_left_alone(text):
    assert not PERSON.is_in(text)
    assert PERSON.without(text) == text


def test_an_extension_is_found_only_alone():
    extension = DataSubject("201", KEYS)
    assert extension.has_number("201")
    assert not extension.is_in("PJSIP/0201")


def test_what_is_no_number_is_nobody():
    assert PERSON
    assert not DataSubject("anonymous", KEYS)


@pytest.mark.parametrize("way", WAYS)
def test_the_name_goes_with_the_number(way):
    body = {
        "data": {"caller_number": way, "caller_name": "Maryam", "call_id": "9121234567.12", "talks": 1},
        "others": [{"number": "201", "name": "Alice"}],
        "seen": [way, "202"],
    }
    left = PERSON.without(body)
    assert left == {
        "data": {"caller_number": "", "caller_name": "", "call_id": "9121234567.12", "talks": 1},
        "others": [{"number": "201", "name": "Alice"}],
        "seen": ["", "202"],
    }
    text = json.dumps(body)
    assert json.loads(PERSON.without(text)) == left


def test_nothing_about_the_person_comes_back_as_it_is():
    for value in ({"caller_number": "202", "n": [1, None]}, '{"caller_number": "202"}', "{no json", 5, None):
        assert PERSON.without(value) is value
