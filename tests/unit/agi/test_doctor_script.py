"""The answer to the doctor's nonce, by which a FastAGI server proves that it is cc_bridge."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.doctor_script import DoctorScript, identity, pbx_in
from cc_bridge.agi.request import AgiEnvironmentReader

NONCE = "0123456789abcdef"


def answer(*arguments):
    """Return the text that the doctor script sends for a request with these arguments."""
    transport = StringTransport()
    lines = [f"agi_arg_{number}: {each}\n" for number, each in enumerate(arguments, 1)]
    head = f"agi_network_script: doctor\nagi_uniqueid: 1.5\n{''.join(lines)}\n"
    request, _ = AgiEnvironmentReader(100, 10_000).feed(head.encode())
    channel = AgiChannel(transport, Clock())
    running = Deferred.fromCoroutine(DoctorScript("north").run(request, channel))
    sent = transport.value().decode()
    if sent:
        channel.received(b"200 result=1\n")
    assert running.called
    return sent


def test_a_nonce_comes_back_with_the_name_of_the_pbx():
    assert answer(NONCE) == f'SET VARIABLE "ccb_identity" "cc-bridge north {NONCE}"\n'


@pytest.mark.parametrize("arguments", [(), ("",), ("a,b",), ("0" * 65,), ("x",)])
def test_what_is_no_nonce_is_not_repeated(arguments):
    assert answer(*arguments) == ""


@pytest.mark.parametrize(
    ("text", "pbx"),
    [
        (identity("north", NONCE), "north"),
        (identity("north", "0" * 16), None),
        (f"cc-bridge  {NONCE}", None),
        (NONCE, None),
        ("", None),
    ],
)
def test_the_name_is_read_only_beside_the_same_nonce(text, pbx):
    assert pbx_in(text, NONCE) == pbx
