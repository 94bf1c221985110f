"""AGI's wire format, and our parser compared with pyst2's."""

from io import StringIO

import pytest
from asterisk.agi import AGI, AGIAppError, AGIException, AGIHangup, AGIInvalidCommand, AGIUsageError
from hypothesis import given, strategies as st

from cc_bridge.agi.codec import (
    MAX_COMMAND,
    MAX_LINE,
    MAX_REPLY,
    AgiReply,
    BadReply,
    command_line,
    read_reply,
    take_reply,
)

USAGE = (
    b"520-Invalid command syntax.  Proper usage follows:\n"
    b"Usage: <cmd>STREAM FILE</cmd> <filename> <escape digits> [sample offset]\n"
    b"\tSend the given file.\n"
    b"520 End of proper usage."
)

# Replies as Asterisk 16.28 and 22.10 send them.
RECORDED = [
    b"200 result=0",
    b"200 result=1",
    b"200 result=6",
    b"200 result=5",
    b"200 result=*",
    b"200 result=42",
    b"200 result=-1",
    b"200 result=-2",
    b"200 result=52 endpos=1234",
    b"200 result=0 endpos=14880",
    b"200 result=-1 endpos=0",
    b"200 result=",
    b"200 result= (timeout)",
    b"200 result=4 (timeout)",
    b"200 result=1 (value)",
    b"200 result=1 ()",
    b"200 result=1 (SIP/trunk-00000001 (a) (b))",
    b"200 result=1 (hangup)",
    b"200 result=-1 (hangup) endpos=960",
    b"200 result=0 (dtmf) endpos=8000",
    "200 result=1 (سارا)".encode(),
    b"200 result=1 (caf\xc3\xa9 \xe2\x80\xa8 line separator)",
    b"510 Invalid or unknown command",
    USAGE,
]


def pyst2(reply: bytes):
    """Return the result that pyst2 parses from a reply."""
    agi = AGI.__new__(AGI)
    agi.stdin = StringIO(reply.decode() + "\n")
    agi.stderr = StringIO()
    return agi.get_result()["result"]


def outcome(read, reply):
    try:
        return read(reply)
    except AGIException as error:
        return type(error)


@pytest.mark.parametrize("reply", RECORDED)
def test_we_read_recorded_replies_as_pyst2_does(reply):
    ours = outcome(read_reply, reply)
    if isinstance(ours, AgiReply):
        ours = (ours.result, ours.data)
    assert ours == outcome(pyst2, reply)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"511 Command Not Permitted on a dead channel or intercept routine", AGIHangup),
        (b"200 result=-1 endpos=0", AGIAppError),
        (b"510 Invalid or unknown command", AGIInvalidCommand),
        (USAGE, AGIUsageError),
        # Asterisk 22 sends this reply for a command without usage lines. Only pyst2 waits for more lines.
        (b"520 Invalid command syntax.  Proper usage not available.", AGIUsageError),
        (b"", BadReply),
        (b"garbage", BadReply),
        (b"200", BadReply),
        (b"200 OK", BadReply),
        (b"100 result=1", BadReply),
        (b"GET / HTTP/1.1", BadReply),
        (b"\xff\xfe\x00", BadReply),
    ],
)
def test_errors(reply, error):
    with pytest.raises(error) as raised:
        read_reply(reply)
    assert type(raised.value) is error


def test_no_key_and_the_hash_key_are_told_apart():
    assert read_reply(b"200 result= (timeout)") == AgiReply("", "", timed_out=True)
    assert read_reply(b"200 result=") == AgiReply("", "", timed_out=False)


def test_a_value_keeps_its_line_breaks_and_parentheses():
    assert read_reply(b"200 result=1 (a)\nHANGUP\n(b result=-1)").data == "a)\nHANGUP\n(b result=-1"


@given(st.text())
def test_any_value_comes_back(value):
    raw = b"200 result=1 (" + value.encode() + b"END)\n"
    taken = take_reply(bytearray(raw), b"END")
    assert read_reply(taken).data.removesuffix("END") == value


@pytest.mark.parametrize(
    ("stream", "value_end"),
    [
        (b"200 result=0\n", b""),
        (b"HANGUP\n", b"x"),
        (USAGE + b"\n", b""),
        (b"200 result=1 (a)\nb) x)\n", b" x"),
        (b"200 result=0\n", b" x"),
    ],
)
def test_a_reply_is_taken_when_its_last_byte_is_there_and_not_before(stream, value_end):
    buffer = bytearray()
    for byte in stream[:-1]:
        buffer.append(byte)
        assert take_reply(buffer, value_end) is None
    buffer += stream[-1:] + b"next"
    assert take_reply(buffer, value_end) == stream[:-1]
    assert buffer == b"next"


@pytest.mark.parametrize(
    ("endless", "value_end"),
    [
        (b"x" * (MAX_LINE + 1), b""),
        (b"x" * (MAX_LINE + 1) + b"\n", b""),
        (b"520-usage\n" + b"line\n" * (MAX_REPLY // 5), b""),
        (b"200 result=1 (" + b"v" * MAX_REPLY, b"END"),
    ],
)
def test_an_endless_reply_is_refused(endless, value_end):
    with pytest.raises(BadReply):
        take_reply(bytearray(endless), value_end)


def asterisk_parse(line: str) -> list[str]:
    """Split a command line into words as parse_args of Asterisk's res_agi does."""
    words, word, quoted, escaped = [], None, False, False
    for character in line:
        if character == '"' and not escaped:
            quoted = not quoted
            word = word or ""
        elif character in " \t" and not quoted and not escaped:
            if word is not None:
                words.append(word)
            word = None
        elif character == "\\" and not escaped:
            escaped = True
            word = word or ""
        else:
            word = (word or "") + character
            escaped = False
    return [*words, *([word] if word is not None else [])]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=50)))
def test_asterisk_reads_back_every_argument(arguments):
    line = command_line("NOOP", *arguments)
    assert asterisk_parse(line.decode().removesuffix("\n")) == ["NOOP", *arguments]


@pytest.mark.parametrize("hostile", ["a\nHANGUP", "a\rb", "a\0b", "x" * MAX_COMMAND, "\udcff"])
def test_what_asterisk_could_not_read_back_is_refused(hostile):
    with pytest.raises(ValueError, match=r"AGI command|surrogates"):
        command_line("VERBOSE", hostile)


def test_the_longest_command():
    assert len(command_line("VERBOSE", "x" * (MAX_COMMAND - len('VERBOSE ""\n')))) == MAX_COMMAND
