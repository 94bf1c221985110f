"""The form in which a caller's data is stored or sent, by the setting: plain, masked, hashed."""

from dataclasses import astuple, replace

import pytest

from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.privacy.record_pseudonymizer import RecordPseudonymizer
from cc_bridge.records import Call, Direction, EndedBy, Talk, Transfer
from support.records import visit

SECRET = b"a secret of the house"
CUSTOMER = "+989121234567"
CALL = Call(
    "pbx", "1.1", "1.1", Direction.IN, 1.0, 2.0, CUSTOMER, "Maryam", "02112345678", "fa", "sales", True, 1, 1,
    0.5, 0.5, False,
)  # fmt: skip
TALK = Talk(
    "pbx", "1.1", "1.1", "1.2", "sales", "Alice", "PJSIP/alice", 1.0, 2.0, 0.0, 0, EndedBy.AGENT,
    Transfer.BLIND, CUSTOMER,
)  # fmt: skip


def privacy(mode):
    return RecordPseudonymizer(CallerKeys(mode, SECRET, "98"))


HASH = CallerKeys("hashed", SECRET, "98").key(CUSTOMER)
STORED = {"masked": "98912123xxxx", "hashed": HASH}


KEYS = {"plain": "989121234567", "masked": HASH, "hashed": HASH}


def test_plain_adds_the_key_and_leaves_the_rest_as_it_is():
    assert privacy("plain").of(TALK) is TALK
    assert privacy("plain").of(CALL) == replace(CALL, caller_key=KEYS["plain"])
    withheld = replace(visit(1), caller_number="anonymous")
    assert privacy("plain").of(withheld) == withheld


@pytest.mark.parametrize("mode", KEYS)
def test_a_call_is_of_the_person_outside(mode):
    for direction, caller, dialed, key in (
        (Direction.IN, CUSTOMER, "02112345678", KEYS[mode]),
        (Direction.OUT, "201", "09121234567", KEYS[mode]),
        (Direction.OUT, "201", "8", ""),
        (Direction.INTERNAL, "201", "202", ""),
    ):
        call = replace(CALL, direction=direction, caller_number=caller, dialed=dialed)
        assert privacy(mode).of(call).caller_key == key


@pytest.mark.parametrize("mode", STORED)
def test_of_a_call_that_comes_in_the_caller_is_hidden_and_the_company_is_not(mode):
    call = privacy(mode).of(CALL)
    assert call == replace(CALL, caller_number=STORED[mode], caller_name="", caller_key=HASH)


@pytest.mark.parametrize("mode", STORED)
@pytest.mark.parametrize("direction", [Direction.OUT, Direction.INTERNAL])
def test_whom_a_call_goes_out_to_is_hidden(mode, direction):
    call = replace(CALL, direction=direction, caller_number="201", dialed="09121234567")
    assert privacy(mode).of(call).dialed == STORED[mode]
    assert privacy(mode).of(replace(call, dialed="202")).dialed == "202"
    assert privacy(mode).of(replace(call, dialed="sip:09121234567@host")).dialed == ""


@pytest.mark.parametrize("mode", STORED)
def test_of_a_visit_the_caller_is_hidden(mode):
    stored = privacy(mode).of(replace(visit(1), caller_number=CUSTOMER))
    assert stored == replace(visit(1), caller_number=STORED[mode], caller_name="", caller_key=HASH)


@pytest.mark.parametrize("mode", STORED)
@pytest.mark.parametrize(
    ("target", "kept"),
    [("202", True), ("PJSIP/202-0000001f", True), ("Local/202@sales-0000001f;2", True), ("VoiceMail", True),
     (CUSTOMER, False), ("Local/09121234567@out-0000001f;1", False)],
)  # fmt: skip
def test_where_a_caller_was_passed_on_to_is_hidden_if_it_is_outside(mode, target, kept):
    stored = privacy(mode).of(replace(TALK, transfer_target=target))
    assert (stored.transfer_target == target) is kept
    assert "9121234567" not in str(astuple(stored))


def test_a_talk_without_a_transfer_stays():
    talk = replace(TALK, transfer=None, transfer_target=None)
    assert privacy("hashed").of(talk) is talk


@pytest.mark.parametrize("mode", STORED)
def test_hostile_numbers_never_get_through(mode):
    for number in ("9121234567" * 3, "ali.9121234567", "<9121234567>\x00", "sip:9121234567@evil"):
        stored = privacy(mode).of(replace(CALL, caller_number=number))
        assert "9121234567" not in str(astuple(stored))
