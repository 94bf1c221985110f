"""Differences of other releases of Asterisk, applied to the recordings of 16.28 and 22.10.

The differences were read in the changelogs and sources of 16, 18, 20, 21 and 22; these releases were not run.
A recording with a difference must give the same records as without it.
"""

import re

import pytest

from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.offline.replay import replay
from cc_bridge.records import QueueVisit
from support.paths import ROOT
from support.recordings import EVERYDAY, recording
from unit.calls.test_recordings import HARDER, STORIES, story

MEMBER_EVENT = re.compile(rb"Event: QueueMember(Status|Added|Removed|Pause|Penalty|Ringinuse)?\r\n")
HANGUPS = (b"Event: Hangup\r\n", b"Event: HangupRequest\r\n", b"Event: SoftHangupRequest\r\n")
ALSO = ("agent_paused_with_reason", "dynamic_member_added_removed", "status_lists", "blind_transfer_to_queue")
NAMES = [f"{version}/{name}" for version in ("16", "22") for name in sorted({*EVERYDAY, *STORIES, *ALSO})]
NAMES += [f"22/{name}" for name in HARDER if f"22/{name}" not in NAMES]


def records_of(stream):
    counts = MessageCounts()
    records = list(replay(iter([stream]), Tracker("pbx"), counts))
    return records, counts.malformed


def messages_of(stream):
    return [
        f"{message}\r\n".encode("latin-1")
        for message in stream.decode("latin-1").split("\r\n\r\n")
        if message
    ]


def stream_of(messages):
    return b"".join(message + b"\r\n" for message in messages)


def without(header):
    """Return a function that removes a header from all events of queue members."""
    line = re.compile(rb"^%b:.*\r\n" % header.encode(), re.MULTILINE)

    def change(message):
        return line.sub(b"", message) if MEMBER_EVENT.match(message) else message

    return change


def without_pause_reason(message):
    """18.0: QueueMemberPause has the reason in PausedReason only."""
    return (
        re.sub(rb"^Reason:.*\r\n", b"", message, flags=re.MULTILINE)
        if b"QueueMemberPause" in message
        else message
    )


def with_tenant(message):
    """18.25, 20.10, 21.5: each block of a channel ends with Tenantid, if the endpoint has one."""
    return re.sub(rb"^((\w*?)Linkedid: .*\r\n)", rb"\1\2Tenantid: acme\r\n", message, flags=re.MULTILINE)


def with_technical_cause(message):
    """20.17, 22.7: the three hang-up events have TechCause, if the call did not end normally."""
    return message + b"TechCause: 486\r\n" if message.startswith(HANGUPS) else message


def with_more_variables(message):
    """20.19, 22.9: Queue() and Dial() set more variables; here before each QUEUESTATUS."""
    if b"Variable: QUEUESTATUS\r\n" not in message:
        return message
    more = [
        message.replace(b"Variable: QUEUESTATUS\r\n", b"Variable: %b\r\n" % name)
        for name in (b"QUEUEWAIT", b"QUEUEWAIT_MS", b"ANSWEREDTIME", b"ANSWEREDTIME_MS", b"DIALEDTIME_MS")
    ]
    return b"\r\n".join([*more, message])


def with_system_name(message):
    """Any release, with `systemname` set: only the header, since the ids of a recording cannot change."""
    added = re.compile(rb"^(Privilege: .*\r\n(?:Timestamp: .*\r\n)?)(?!SystemName)", re.MULTILINE)
    return added.sub(rb"\1SystemName: pbx1\r\n", message, count=1)


CHANGES = [
    without_pause_reason,
    with_tenant,
    with_technical_cause,
    with_more_variables,
    with_system_name,
    pytest.param(without("LoginTime"), id="without_login_time"),  # before 16.23, 18.9
    pytest.param(without("Wrapuptime"), id="without_wrapuptime"),  # before 16.3
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_of_headers_changes_no_record(change, name):
    messages = messages_of(recording(name))
    changed = [change(message) for message in messages]
    assert records_of(stream_of(changed)) == records_of(stream_of(messages))


@pytest.mark.parametrize("change", CHANGES)
def test_each_difference_is_one_for_some_recording(change):
    streams = [messages_of(recording(name)) for name in NAMES]
    assert any(change(message) != message for messages in streams for message in messages)


def told(name, change):
    """Return the story of a recording whose messages are changed; an empty message is left out."""
    records, malformed = records_of(stream_of(filter(None, map(change, messages_of(recording(name))))))
    assert malformed == 0
    return sorted(story(records))


def unchanged(message):
    return message


def without_abandon(message):
    """16.0 to 16.13: a caller removed by leavewhenempty leaves without QueueCallerAbandon."""
    return b"" if message.startswith(b"Event: QueueCallerAbandon\r\n") else message


def without_complete(message):
    """16.0 to 16.10: after a masquerade AgentComplete does not come."""
    return b"" if message.startswith(b"Event: AgentComplete\r\n") else message


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("22/queue_empties_while_waiting", without_abandon),
        *((name, without_complete) for name in NAMES),
    ],
)
def test_an_event_that_does_not_come_changes_no_line_of_the_story(name, change):
    assert told(name, change) == told(name, unchanged)


def test_a_caller_whom_an_administrator_withdraws():
    """16.25, 18.11, 20.0: the action QueueWithdrawCaller ends Queue() with its own QUEUESTATUS."""

    def change(message):
        is_status = b"Variable: QUEUESTATUS\r\n" in message
        return message.replace(b"Value: TIMEOUT\r\n", b"Value: WITHDRAW\r\n") if is_status else message

    name = "timeout_overflow_to_second_queue"
    withdrawn = [line.replace("timed_out", "transferred_away") for line in STORIES[name]]
    assert told(f"22/{name}", change) == sorted(withdrawn) != sorted(STORIES[name])


def test_a_name_that_is_no_utf_8():
    """18.17, 20.2: Asterisk itself replaces such bytes by U+FFFD."""

    def named(name):
        def change(message):
            line = b"CallerIDName: Caller %b\\r\\n" % name
            return re.sub(rb"^CallerIDName: .*\r\n", line, message, flags=re.MULTILINE)

        messages = messages_of(recording("16/answered_agent_hangup_survey"))
        return records_of(stream_of(map(change, messages)))

    (visit,) = (each for each in named(b"Ren\xe9")[0] if isinstance(each, QueueVisit))
    assert visit.caller_name == "Caller Ren\ufffd"
    assert named(b"Ren\xe9") == named("Ren\ufffd".encode())


@pytest.mark.parametrize("version", ["5.0.0", "7.0.3", "9.0.0", "10.0.0", "11.0.0"])
def test_the_banner_of_each_release_is_read(version):
    stream = recording("22/answered_agent_hangup_survey")
    banner = f"Asterisk Call Manager/{version}\r\n".encode()
    assert records_of(banner + stream) == records_of(stream)


def test_the_dialplan_uses_nothing_that_a_release_has_moved_or_removed():
    """21: no Macro(), and Queue() has one argument less, so the sixth argument and later ones moved."""
    dialplan = "\n".join(path.read_text() for path in (ROOT / "dialplans").rglob("*.conf"))
    code = re.sub(r"(?m)^\s*;.*|\s;.*", "", dialplan)
    calls = re.findall(r"[,(]Queue\(([^()]*)\)", code)
    assert calls
    assert all(len(arguments.split(",")) <= 5 for arguments in calls)
    assert not re.search(r"\bMacro(Exit)?\(", code)
