"""The AGI environment of a call: whole, in pieces, invalid and forged."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from cc_bridge.agi.request import AgiEnvironmentReader, BadAgiEnvironment

HEAD = (
    b"agi_network: yes\n"
    b"agi_network_script: survey/?q=sales&x=1\n"
    b"agi_request: agi://127.0.0.1:14573/survey/?q=sales&x=1\n"
    b"agi_channel: PJSIP/trunk-00000001\n"
    b"agi_language: fa_IR\n"
    b"agi_type: PJSIP\n"
    b"agi_uniqueid: pbx1-1716.5\n"
    b"agi_version: 22.10.1\n"
    b"agi_callerid: 02188776655\n"
    b"agi_calleridname: \xd8\xb3\xd8\xa7\xd8\xb1\xd8\xa7: \xff\n"
    b"agi_context: incoming\n"
    b"agi_extension: 8001\n"
    b"agi_something_new: x\n"
    b"agi_arg_1: sales\n"
    b"agi_arg_2: \n"
    b"\n"
)


def read(data: bytes, lines: int = 100, size: int = 16384):
    return AgiEnvironmentReader(lines, size).feed(data)


def test_a_head():
    request, rest = read(HEAD + b"HANGUP\n")
    assert rest == b"HANGUP\n"
    assert request.script == "survey"
    assert request.uniqueid == "pbx1-1716.5"
    assert request.channel == "PJSIP/trunk-00000001"
    assert request.language == "fa_IR"
    assert request.caller_id == "02188776655"
    assert (request.context, request.extension) == ("incoming", "8001")
    assert request.args == ("sales", "")
    assert request.raw["agi_calleridname"] == "سارا: \N{REPLACEMENT CHARACTER}"
    assert request.raw["agi_something_new"] == "x"


def test_who_calls_is_not_in_its_repr():
    request, _ = read(HEAD)
    assert "02188776655" not in repr(request)


@given(st.lists(st.integers(1, len(HEAD) - 1)))
def test_it_may_come_in_any_pieces(cuts):
    reader = AgiEnvironmentReader(100, 16384)
    edges = [0, *sorted(cuts), len(HEAD)]
    results = [reader.feed(HEAD[start:end]) for start, end in pairwise(edges)]
    *before, last = results
    assert not any(before)
    assert last is not None
    assert last[0].uniqueid == "pbx1-1716.5"


def test_crlf_is_taken_too():
    request, _ = read(HEAD.replace(b"\n", b"\r\n"))
    assert request.extension == "8001"


@pytest.mark.parametrize(
    "head",
    [
        b"\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD.replace(b"agi_uniqueid: pbx1-1716.5\n", b""),
        HEAD.replace(b"agi_network_script: survey/?q=sales&x=1\n", b""),
        HEAD.replace(b"agi_callerid: 02188776655", b"agi_callerid: 1\nSystem(x)"),
        # A caller's name with a line break, followed by a forged channel identity.
        HEAD.replace(b"agi_callerid: 02188776655", b"agi_callerid: 1\nagi_uniqueid: 1716.9"),
        HEAD.replace(b"agi_callerid: 02188776655", b"agi_callerid: 1\nagi_extension: 9"),
    ],
)
def test_a_broken_or_forged_head_is_refused(head):
    with pytest.raises(BadAgiEnvironment):
        read(head)


def test_limits():
    assert read(HEAD, lines=HEAD.count(b"\n"), size=len(HEAD)) is not None
    with pytest.raises(BadAgiEnvironment):
        read(HEAD, lines=HEAD.count(b"\n") - 2)
    with pytest.raises(BadAgiEnvironment):
        read(HEAD, size=len(HEAD) - 3)
    with pytest.raises(BadAgiEnvironment):
        read(b"x" * 16385)
