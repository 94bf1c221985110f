"""One AGI channel on a transport in memory: replies, hang-ups, silence and invalid data."""

import re

import pytest
from asterisk.agi import AGIAppError, AGIError, AGIHangup, AGIInvalidCommand, AGIUsageError
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.agi.channel import (
    PLAY_SECONDS,
    REPLY_SECONDS,
    AgiChannel,
    Interrupted,
    NoReply,
    NotRecorded,
    PromptMissing,
    RecordResult,
)
from cc_bridge.agi.codec import BadReply

DEAD = b"511 Command Not Permitted on a dead channel or intercept routine\n"


class Line:
    """One AGI channel, with the test in place of Asterisk."""

    def __init__(self):
        self.clock = Clock()
        self.transport = StringTransport()
        self.channel = AgiChannel(self.transport, self.clock)
        self.results = []

    def start(self, coroutine):
        running = Deferred.fromCoroutine(coroutine)
        running.addBoth(self.results.append)
        return running

    def sent(self):
        sent = self.transport.value().decode()
        self.transport.clear()
        return sent

    def say(self, reply: bytes):
        self.channel.received(reply)

    def result(self):
        (result,) = self.results
        self.results.clear()
        return result

    def error(self):
        return self.result().value

    def ask(self, coroutine, reply: bytes):
        self.start(coroutine)
        self.say(reply)
        return self.result()


@pytest.fixture
def line():
    line = Line()
    yield line
    assert not line.clock.getDelayedCalls()


def test_commands_are_quoted(line):
    line.ask(line.channel.verbose('say "hi" \\o/', 3), b"200 result=1\n")
    assert line.sent() == 'VERBOSE "say \\"hi\\" \\\\o/" "3"\n'


@pytest.mark.parametrize(
    ("reply", "key"),
    [
        (b"200 result=5\n", "5"),
        (b"200 result=*\n", "*"),
        (b"200 result=\n", "#"),
        (b"200 result= (timeout)\n", ""),
        (b"200 result=4 (timeout)\n", "4"),
    ],
)
def test_get_key(line, reply, key):
    assert line.ask(line.channel.get_key("cc_bridge/ask", 5), reply) == key
    assert line.sent() == 'GET DATA "cc_bridge/ask" "5000" "1"\n'


@pytest.mark.parametrize(
    ("reply", "key"),
    [(b"200 result=0 endpos=8000\n", ""), (b"200 result=52 endpos=1234\n", "4"), (b"200 result=35\n", "#")],
)
def test_stream_file(line, reply, key):
    assert line.ask(line.channel.stream_file("thanks", "12345"), reply) == key
    assert line.sent() == 'STREAM FILE "thanks" "12345"\n'


@pytest.mark.parametrize("reply", [b"200 result=x\n", b"200 result=999\n", b"200 result=\n"])
def test_a_result_that_is_no_key_closes_the_connection(line, reply):
    error = line.ask(line.channel.stream_file("thanks"), reply).value
    assert isinstance(error, BadReply)
    assert line.transport.disconnecting or line.transport.disconnected


def test_set_variable_and_channel_status(line):
    line.ask(line.channel.set_variable("CHANNEL(language)", "fa"), b"200 result=1\n")
    assert line.sent() == 'SET VARIABLE "CHANNEL(language)" "fa"\n'
    assert line.ask(line.channel.channel_status(), b"200 result=6\n") == 6
    assert line.sent() == "CHANNEL STATUS\n"
    line.ask(line.channel.hangup(), b"200 result=1\n")
    assert line.sent() == "HANGUP\n"


@pytest.mark.parametrize("value", ["", "x", "a)\nHANGUP\nb) ", "hangup", "200 result=-1", "سارا", " x "])
def test_get_full_variable_returns_any_value(line, value):
    line.start(line.channel.get_full_variable("${CALLERID(name)}"))
    (end,) = re.fullmatch(r'GET FULL VARIABLE "\$\{CALLERID\(name\)\}(\w+)"\n', line.sent()).groups()
    for byte in f"200 result=1 ({value}{end})\n".encode():
        assert not line.results
        line.say(bytes([byte]))
    assert line.result() == value
    assert line.ask(line.channel.channel_status(), b"200 result=6\n") == 6


def test_get_full_variable_of_another_channel_that_is_gone(line):
    assert line.ask(line.channel.get_full_variable("${X}"), b"200 result=0\n") == ""


def test_two_commands_at_once_are_a_fault_of_the_program(line):
    line.start(line.channel.stream_file("a"))
    with pytest.raises(RuntimeError, match="while another"):
        raise line.ask(line.channel.stream_file("b"), b"").value
    line.say(b"200 result=0 endpos=1\n")
    assert line.result() == ""
    assert line.sent() == 'STREAM FILE "a" ""\n'


def test_a_refused_command_is_not_sent_and_leaves_the_channel_usable(line):
    with pytest.raises(ValueError, match="line break"):
        raise line.ask(line.channel.verbose("a\nHANGUP"), b"").value
    assert line.sent() == ""
    assert line.ask(line.channel.channel_status(), b"200 result=6\n") == 6


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"510 Invalid or unknown command\n", AGIInvalidCommand),
        (b"520-Invalid command syntax.\nUsage: <b>x</b>\n520 End of proper usage.\n", AGIUsageError),
        (b"520 Invalid command syntax.  Proper usage not available.\n", AGIUsageError),
        (b"200 result=-1\n", AGIAppError),
    ],
)
def test_a_command_that_failed_leaves_the_channel_usable(line, reply, error):
    assert isinstance(line.ask(line.channel.execute("NOOP"), reply).value, error)
    assert line.ask(line.channel.channel_status(), b"200 result=6\n") == 6


@pytest.mark.parametrize("play", [lambda c: c.stream_file("nope"), lambda c: c.get_key("nope", 5)])
def test_a_missing_sound_file_is_told_from_a_hangup(line, play):
    line.start(play(line.channel))
    line.say(b"200 result=-1 endpos=0\n")
    assert line.sent().endswith("CHANNEL STATUS\n")
    line.say(b"200 result=6\n")
    error = line.error()
    assert isinstance(error, PromptMissing)
    assert not isinstance(error, AGIHangup)
    assert line.ask(line.channel.channel_status(), b"200 result=6\n") == 6


@pytest.mark.parametrize("after", [[DEAD], [b"HANGUP\n" + DEAD], [b"HANGUP\n"], [b"HAN", b"GUP\n"]])
@pytest.mark.parametrize("play", [lambda c: c.stream_file("ask"), lambda c: c.get_key("ask", 5)])
def test_a_hangup_while_a_prompt_plays(line, play, after):
    line.start(play(line.channel))
    line.say(b"200 result=-1 endpos=0\n")
    for piece in after:
        line.say(piece)
    assert isinstance(line.error(), AGIHangup)


def test_a_reply_and_the_hangup_line_may_come_together(line):
    line.start(line.channel.get_key("ask", 5))
    line.say(b"200 result=-1\nHANG")
    line.say(b"UP\n")
    assert isinstance(line.error(), AGIHangup)
    assert line.sent() == 'GET DATA "ask" "5000" "1"\nCHANNEL STATUS\n'


def test_the_hangup_line_may_come_twice(line):
    line.start(line.channel.get_key("ask", 5))
    line.say(b"200 result=-1\nHANGUP\nHANGUP\n")
    assert isinstance(line.error(), AGIHangup)


def test_a_second_reply_is_not_taken_for_the_next_commands(line):
    line.start(line.channel.execute("EXEC", "x"))
    line.say(b"200 result=1\n520-Invalid command syntax.\n520 End of proper usage.\n")
    assert isinstance(line.error(), BadReply)
    line.start(line.channel.channel_status())
    assert isinstance(line.error(), BadReply)


@pytest.mark.parametrize("first", [b"HANGUP\n", DEAD])
def test_after_a_hangup_every_command_raises_it(line, first):
    assert isinstance(line.ask(line.channel.stream_file("a"), first).value, AGIHangup)
    line.sent()
    line.say(b"200 result=1\n" + DEAD)  # late replies
    for _ in range(2):
        line.start(line.channel.set_variable("X", "1"))
        assert isinstance(line.error(), AGIHangup)
    assert line.sent() == ""


def test_a_hangup_between_two_commands(line):
    line.say(b"HANGUP\n")
    line.start(line.channel.stream_file("a"))
    assert isinstance(line.error(), AGIHangup)
    assert line.sent() == ""


@pytest.mark.parametrize("before", [b"", b"200 res", b"520-Invalid\nusage\n"])
def test_end_of_file_is_a_hangup(line, before):
    line.start(line.channel.get_key("ask", 5))
    line.say(before)
    line.channel.connection_lost()
    assert isinstance(line.error(), AGIHangup)
    line.start(line.channel.channel_status())
    assert isinstance(line.error(), AGIHangup)


@pytest.mark.parametrize("nonsense", [b"what?\n", b"\n", b"\xff\xfe\n", b"200\n", b"x" * 5000])
def test_nonsense_closes_the_connection(line, nonsense):
    error = line.ask(line.channel.channel_status(), nonsense).value
    assert isinstance(error, BadReply)
    assert not isinstance(error, AGIHangup)
    assert line.transport.disconnected or line.transport.disconnecting
    line.start(line.channel.channel_status())
    assert isinstance(line.error(), BadReply)


def test_a_line_that_nobody_waits_for_closes_the_connection(line):
    line.say(b"agi_extension: 8001\n")
    line.start(line.channel.channel_status())
    assert isinstance(line.error(), BadReply)


def test_asterisk_has_a_limited_time_to_reply(line):
    line.start(line.channel.channel_status())
    line.clock.advance(REPLY_SECONDS - 0.1)
    assert not line.results
    line.clock.advance(0.1)
    assert isinstance(line.error(), NoReply)
    assert line.transport.disconnected or line.transport.disconnecting


def test_a_prompt_may_take_longer_and_the_wait_for_a_key_comes_on_top(line):
    line.start(line.channel.get_key("ask", 30))
    line.clock.advance(PLAY_SECONDS + 29)
    assert not line.results
    line.clock.advance(1)
    assert isinstance(line.error(), NoReply)


def test_closing_from_our_side(line):
    line.start(line.channel.get_key("ask", 5))
    line.channel.close("time_limit")
    assert isinstance(line.error(), AGIHangup)
    line.channel.close("shutdown")
    assert line.channel.closed_because == "time_limit"


def test_cancelling_a_command_closes_the_connection(line):
    line.start(line.channel.get_key("ask", 5)).cancel()
    assert isinstance(line.error(), CancelledError)
    line.say(b"200 result=5\n")  # its reply must not count for the next command
    line.start(line.channel.channel_status())
    assert isinstance(line.error(), AGIError)


@pytest.mark.parametrize(
    ("reply", "key"), [(b"200 result=48\n", "0"), (b"200 result=35\n", "#"), (b"200 result=0\n", "")]
)
def test_wait_for_key(line, reply, key):
    assert line.ask(line.channel.wait_for_key(2), reply) == key
    assert line.sent() == 'WAIT FOR DIGIT "2000"\n'


# Recordings, with replies of Asterisk 16.28 and 22.10


@pytest.mark.parametrize(
    ("reply", "recording"),
    [
        (b"200 result=35 (dtmf) endpos=19040\n", RecordResult(2.38, "dtmf")),
        (b"200 result=0 (timeout) endpos=16000\n", RecordResult(2.0, "timeout")),
        (b"200 result=5734 (timeout) endpos=8160\n", RecordResult(1.02, "timeout")),
        (b"200 result=35 (randomerror) endpos=0\n", RecordResult(0.0, "randomerror")),
    ],
)
def test_record_file(line, reply, recording):
    assert line.ask(line.channel.record_file("/var/spool/x-1", 30, 3), reply) == recording
    assert line.sent() == 'RECORD FILE "/var/spool/x-1" "wav" "#" "30000" "BEEP" "s=3"\n'


@pytest.mark.parametrize("after", [b"", b"HANGUP\n", b"HANGUP\nHANGUP\n"])
def test_what_was_said_before_a_hangup_is_kept(line, after):
    line.start(line.channel.record_file("x", 30, 3))
    line.say(b"200 result=-1 (hangup) endpos=20320\n" + after)
    assert line.result() == RecordResult(2.54, "hangup")
    line.start(line.channel.stream_file("thanks"))
    assert isinstance(line.error(), AGIHangup)


def test_a_hangup_before_the_recording(line):
    assert isinstance(line.ask(line.channel.record_file("x", 30, 3), DEAD).value, AGIHangup)


@pytest.mark.parametrize("reply", [b"200 result=-1 (writefile)\n", b"200 result=-1 (randomerror) endpos=0\n"])
def test_what_cannot_be_recorded_is_told_from_a_hangup(line, reply):
    line.start(line.channel.record_file("/nowhere/x", 30, 3))
    line.say(reply)
    assert line.sent().endswith("CHANNEL STATUS\n")
    line.say(b"200 result=6\n")
    error = line.error()
    assert isinstance(error, NotRecorded)
    assert "/nowhere/x.wav" in str(error)
    assert line.ask(line.channel.channel_status(), b"200 result=6\n") == 6


def test_a_path_cannot_break_out_of_the_command(line):
    line.ask(line.channel.record_file('a" "b', 5, 1), b"200 result=0 (timeout) endpos=0\n")
    assert line.sent().startswith('RECORD FILE "a\\" \\"b" "wav"')


# Interruptions


@pytest.mark.parametrize(
    "play", [lambda c: c.stream_file("a"), lambda c: c.get_key("a", 5), lambda c: c.wait_for_key(5)]
)
@pytest.mark.parametrize(
    "late", [b"", b"200 result=1\n", b"200 result=53 endpos=99\n", b"200 result= (timeout)\n"]
)
def test_an_interruption(line, play, late):
    """A late reply to the interrupted command may come first; WAIT FOR DIGIT always sends one."""
    line.start(play(line.channel))
    line.sent()
    line.channel.interrupt()
    line.channel.interrupt()
    (word,) = re.fullmatch(r'GET FULL VARIABLE "(\w+)"\n', line.sent()).groups()
    for byte in late + f"200 result=1 ({word})\n".encode():
        assert not line.results
        line.say(bytes([byte]))
    assert isinstance(line.error(), Interrupted)
    assert line.ask(line.channel.stream_file("goodbye"), b"200 result=0 endpos=1\n") == ""


def test_an_interruption_of_nothing(line):
    line.channel.interrupt()
    assert line.sent() == ""
    assert line.ask(line.channel.channel_status(), b"200 result=6\n") == 6


def test_a_recording_is_not_interrupted_and_its_result_counts(line):
    line.start(line.channel.record_file("x", 30, 3))
    line.sent()
    line.channel.interrupt()
    assert line.sent() == ""
    line.say(b"200 result=0 (timeout) endpos=16000\n")
    assert line.results == [RecordResult(2.0, "timeout")]


@pytest.mark.parametrize("reply", [b"HANGUP\n", b"200 result=-1\nHANGUP\n"])
def test_a_hangup_while_being_interrupted(line, reply):
    line.start(line.channel.get_key("a", 5))
    line.channel.interrupt()
    line.say(reply)
    assert isinstance(line.error(), AGIHangup)


def test_an_interruption_without_a_reply(line):
    line.start(line.channel.wait_for_key(5))
    line.channel.interrupt()
    line.clock.advance(REPLY_SECONDS + 5)
    assert isinstance(line.error(), NoReply)
