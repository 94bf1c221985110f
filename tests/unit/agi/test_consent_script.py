"""The consent script on a transport in memory, and the consent that the dialplan passes."""

import pytest
from asterisk.agi import AGIHangup
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.consent_script import PROMPT, ConsentScript
from cc_bridge.agi.request import AgiEnvironmentReader
from cc_bridge.agi.script_arguments import ScriptArguments, parse_arguments
from cc_bridge.records import Trigger

SOUNDS = {PROMPT: {"en": "cc_bridge/consent_before", "fa": "cc_bridge/consent_before"}}
PLAYED = b"200 result= (timeout)\n"
SET = b"200 result=1\n"


class Line:
    """One call that runs the consent script, with the test in place of Asterisk."""

    def __init__(self, language="fa", sounds=SOUNDS):
        self.remembered = []
        self.transport = StringTransport()
        self.channel = AgiChannel(self.transport, Clock())
        head = f"agi_network_script: consent\nagi_uniqueid: 1.5\nagi_language: {language}\n\n"
        request, _ = AgiEnvironmentReader(100, 10_000).feed(head.encode())
        asker = ConsentScript(sounds, lambda *said: self.remembered.append(said))
        self.failed = []
        self.asking = Deferred.fromCoroutine(asker.run(request, self.channel))
        self.asking.addErrback(lambda failure: self.failed.append(failure.type))

    def sent(self):
        sent = self.transport.value().decode().splitlines()
        self.transport.clear()
        return sent

    def says(self, *replies):
        for reply in replies:
            self.channel.received(reply)


@pytest.mark.parametrize(
    ("reply", "given"),
    [
        (b"200 result=1\n", True),
        (b"200 result=2\n", False),
        (b"200 result=\n", False),  # the # key
        (PLAYED, False),
    ],
)
def test_only_the_key_one_is_a_yes(reply, given):
    line = Line()
    assert line.sent() == ['GET DATA "cc_bridge/consent_before" "5000" "1"']
    line.says(reply)
    assert line.remembered == [("1.5", given)]
    assert line.sent() == [f'SET VARIABLE "CCB_CONSENT" "{"yes" if given else "no"}"']
    line.says(SET)
    assert line.failed == []


def test_a_hang_up_is_no_consent():
    line = Line()
    line.says(b"HANGUP\n")
    assert line.remembered == [("1.5", False)]
    assert line.failed == [AGIHangup]


def test_a_missing_sound_file_asks_nobody_and_lets_the_caller_go_on():
    line = Line()
    line.says(b"200 result=-1\n", b"200 result=6\n")
    assert line.remembered == [("1.5", False)]
    assert line.sent()[-1] == 'SET VARIABLE "CCB_CONSENT" "no"'


def test_a_catalogue_without_the_prompt_asks_nobody():
    line = Line(sounds={})
    assert line.remembered == [("1.5", False)]
    assert line.sent() == ['SET VARIABLE "CCB_CONSENT" "no"']


@pytest.mark.parametrize(("language", "speaks"), [("fa_IR", "fa"), ("de", "en"), ("en-GB", "en")])
def test_a_language_that_we_do_not_speak_comes_back_after_the_question(language, speaks):
    line = Line(language)
    assert line.sent() == [f'SET VARIABLE "CHANNEL(language)" "{speaks}"']
    line.says(SET)
    line.says(b"200 result=1\n")
    assert line.sent() == [
        'GET DATA "cc_bridge/consent_before" "5000" "1"',
        f'SET VARIABLE "CHANNEL(language)" "{language}"',
    ]
    line.says(SET, SET)
    assert line.remembered == [("1.5", True)]


# The consent from the dialplan


@pytest.mark.parametrize(
    ("arguments", "meaning"),
    [
        (["queue", "sales", "PJSIP/alice", ""], ScriptArguments(Trigger.QUEUE, "sales", "PJSIP/alice", "")),
        (["queue", "dial", "PJSIP/alice"], ScriptArguments(Trigger.QUEUE, "dial", "PJSIP/alice", "")),
        (["dial", "", "PJSIP/alice-0000001a", ""], ScriptArguments(Trigger.DIAL, "", "PJSIP/alice", "")),
        (
            ["extension", "", "Local/201@agents-00000003;1", ""],
            ScriptArguments(Trigger.EXTENSION, "", "Local/201@agents", ""),
        ),
        (["callback", "", "", "1716.5"], ScriptArguments(Trigger.CALLBACK, "", "", "1716.5")),
        (
            ["nonsense", "sales", "PJSIP/alice", ""],
            ScriptArguments(Trigger.QUEUE, "sales", "PJSIP/alice", ""),
        ),
        # the form of version 0.1
        (["sales", "PJSIP/alice"], ScriptArguments(Trigger.QUEUE, "sales", "PJSIP/alice", "")),
        (["queue", "PJSIP/alice"], ScriptArguments(Trigger.QUEUE, "queue", "PJSIP/alice", "")),
        ([], ScriptArguments(Trigger.QUEUE, "", "", "")),
        (["dial", "", "", "", "and", "more"], ScriptArguments(Trigger.DIAL, "", "", "")),
    ],
)
def test_arguments(arguments, meaning):
    assert parse_arguments(arguments) == meaning
