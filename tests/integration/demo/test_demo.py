"""The demo: a recording that is played repeatedly, the PBX and callers made from it, and the command."""

import json
import os
import pty
import random
import re
import select
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from hashlib import md5
from io import StringIO
from itertools import islice, pairwise, takewhile

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge import resource_path
from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import MessageCounts, encode
from cc_bridge.calls.ami_events import WANTED, read
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, read_item
from cc_bridge.calls.tracker import Tracker
from cc_bridge.cli import main
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.pbx_state import PbxState
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.run import RECORDING
from cc_bridge.demo.screen import Screen
from cc_bridge.demo.survey_callers import SurveyCallers, keys
from cc_bridge.demo.table import QueueRow, table
from cc_bridge.offline.replay import read_stream, replay
from cc_bridge.records import AgentInterval, Outcome, QueueVisit, Ring, Talk
from support.event_filter import SHIPPED
from support.recordings import recording

NOW = 1_900_000_000.0
STREAM = b"".join(read_stream(RECORDING))
MIX = AmiRecording(STREAM)


# -- the recording


def test_the_recording_is_what_the_shipped_manager_user_gets_of_the_recorded_mix():
    user = resource_path("config/asterisk/manager.d/cc_bridge.conf").read_text()
    classes = set(re.search(r"^read = (.*)$", user, re.MULTILINE)[1].split(","))

    def is_sent(text):
        privilege = re.search(r"^Privilege: (.*),all\r$", text, re.MULTILINE)[1]
        return set(privilege.split(",")) <= classes and SHIPPED.passes(text)

    events = [text.lstrip("\r\n") for text in recording("22/mix").decode().split("\r\n\r\n")]
    sent = [f"{text}\r\n\r\n" for text in events if text and is_sent(text)]
    assert "".join(sent).encode() == STREAM


def facts(stream):
    """Return the visits, rings and talks of an AMI stream without ids and instants, and the tracker."""
    tracker, told = Tracker("pbx"), []
    for record in replay(iter([stream]), tracker, MessageCounts()):
        match record:
            case QueueVisit():
                told.append((record.queue, record.outcome, record.agent, round(record.wait_seconds, 3)))
            case Ring():
                told.append((record.queue, record.outcome, record.agent, round(record.ring_seconds, 3)))
            case Talk():
                told.append((record.queue, record.ended_by, record.agent, round(record.talk_seconds, 3)))
    return told, tracker


def test_a_fresh_take_tells_what_the_recorded_one_did():
    recorded, _ = facts(recording("22/mix"))
    fresh, tracker = facts("".join(told.text for told in MIX.take(7, NOW)).encode())
    assert fresh == recorded
    assert tracker.unexpected == 0
    outcomes = Counter(outcome for _, outcome, _, _ in fresh if isinstance(outcome, Outcome))
    assert outcomes == {
        Outcome.ANSWERED: 132,
        Outcome.ABANDONED: 8,
        Outcome.TIMED_OUT: 8,
        Outcome.LEFT_BY_KEY: 1,
        Outcome.JOIN_EMPTY: 13,
    }


IDS = {
    "channels": re.compile(r"\bpbx-(\d{10}\.\d+)\r"),
    "names": re.compile(r"\b((?:PJSIP|Local)/\S+-[0-9a-f]{8})(?:;[12])?\r"),
    "bridges": re.compile(r"\b([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\r"),
}


@pytest.mark.parametrize("kind", IDS)
def test_a_take_has_as_many_ids_as_the_recording_and_shares_none(kind):
    texts = [STREAM.decode()]
    texts += ["".join(told.text for told in MIX.take(number, NOW)) for number in (1, 2, 3)]
    ids = [set(IDS[kind].findall(text)) for text in texts]
    assert len(ids[0]) > 100
    assert {len(each) for each in ids} == {len(ids[0])}
    assert len(set().union(*ids)) == 4 * len(ids[0])


def test_no_instant_of_the_recording_is_left_in_a_take():
    assert "17953082" in STREAM.decode()
    for told in MIX.take(0, NOW):
        assert "17953081" not in told.text
        assert "17953082" not in told.text
        assert float(told.headers["Timestamp"]) == pytest.approx(told.at, abs=1e-5)
        assert NOW <= told.at < NOW + 120


def test_takes_follow_one_another_without_a_pause():
    story = list(takewhile(lambda told: told.at < NOW + 4 * MIX.period, MIX.endless(NOW)))
    instants = [told.at for told in story]
    assert instants == sorted(instants)
    assert max(b - a for a, b in pairwise(instants)) < 2.0
    joined = [told.at for told in story if told.headers["Event"] == "QueueCallerJoin"]
    assert max(b - a for a, b in pairwise(joined)) < 8.0


def test_no_member_has_two_calls_where_takes_overlap():
    talks = []
    tracker, codec = Tracker("pbx"), Codec(WANTED)
    for told in takewhile(lambda told: told.at < NOW + 3 * MIX.period, MIX.endless(NOW)):
        for message in codec.feed(told.text.encode()):
            event = read(message, float)
            talks += [r for r in tracker.apply(event) if isinstance(r, Talk)] if event else []
    assert tracker.unexpected == 0
    assert len(talks) > 350
    talks.sort(key=lambda talk: (talk.interface, talk.answered_at))
    for one, next_one in pairwise(talks):
        assert one.interface != next_one.interface or one.ended_at <= next_one.answered_at


# -- the state of the PBX


def snapshot(state, now):
    codec = Codec()
    action = ("ActionID", "1")
    items = [[event, action, *rest] for event, *rest in state.queue_status(now)]
    shown = [[event, action, *rest] for event, *rest in state.channels(now)]
    told = codec.feed(b"".join(encode(item) for item in [*items, *shown]))
    return PbxSnapshot.of([read_item(item, now) for item in told], now)


def states(tracker):
    return {key: (member.name, member.status, member.paused) for key, member in tracker.members.items()}


def test_the_lists_agree_with_the_events_at_any_moment():
    state = PbxState(MIX.queues, MIX.members)
    tracker, codec = Tracker("pbx"), Codec(WANTED)
    tracker.resync(snapshot(state, NOW))
    assert tracker.queues == {"billing", "tech", "vip", "closed"}
    assert len(tracker.members) == 18
    most_waiting, check_at = 0, NOW + 1
    for told in takewhile(lambda told: told.at < NOW + 220, MIX.endless(NOW)):
        if told.at > check_at:
            seen = snapshot(state, check_at)
            waiting = {(visit.uniqueid, visit.queue): visit.entered_at for visit in tracker.waiting()}
            assert {(entry.uniqueid, entry.queue) for entry in seen.waiting} == set(waiting)
            for entry in seen.waiting:  # the header Wait has whole seconds
                assert 0 <= entry.at - waiting[entry.uniqueid, entry.queue] < 1.0
            assert {talk.caller for talk in tracker.talks.in_progress()} <= seen.channels.keys()
            members = states(tracker)
            corrected = [r for r in tracker.resync(seen) if not isinstance(r, AgentInterval)]
            assert corrected == []
            assert states(tracker) == members
            most_waiting = max(most_waiting, len(waiting))
            check_at = told.at + 1
        state.apply(told)
        for message in codec.feed(told.text.encode()):
            event = read(message, float)
            if event:
                tracker.apply(event)
    assert most_waiting >= 5


def test_everybody_is_free_and_gone_after_a_take():
    state = PbxState(MIX.queues, MIX.members)
    for told in MIX.take(0, NOW):
        state.apply(told)
    after = snapshot(state, NOW + 200)
    assert after.channels == {}
    assert after.waiting == ()
    assert {(member.status, member.paused) for member in after.members} == {(1, False)}


# -- the PBX


class Manager:
    """A manager session with a recorded PBX, over a transport in memory."""

    def __init__(self, pbx):
        self.session = pbx.buildProtocol(None)
        self.transport = StringTransport()
        self.session.makeConnection(self.transport)
        self.codec = Codec()

    def ask(self, name, **headers):
        self.session.dataReceived(encode([("Action", name), ("ActionID", "7"), *headers.items()]))
        return self.heard()

    def heard(self):
        messages = self.codec.feed(self.transport.value())
        self.transport.clear()
        return messages

    def login(self, secret="word"):
        [challenge] = self.ask("Challenge", AuthType="MD5")
        key = md5((challenge.headers["Challenge"] + secret).encode()).hexdigest()
        return self.ask("Login", AuthType="MD5", Username="me", Key=key)


@pytest.fixture
def clock():
    ticking = Clock()
    ticking.advance(NOW)
    return ticking


@pytest.fixture
def pbx(clock):
    playing = RecordedPbx(MIX, ("me", "word"), clock)
    yield playing
    playing.stop()
    assert not clock.getDelayedCalls()


def pass_seconds(clock, seconds):
    clock.pump([0.05] * round(seconds * 20))


def test_a_session_gets_what_asterisk_would_say(pbx):
    manager = Manager(pbx)
    assert manager.transport.value() == b"Asterisk Call Manager/11.0.0\r\n"
    accepted, booted = manager.login()
    assert accepted.headers == {
        "Response": "Success", "ActionID": "7", "Message": "Authentication accepted",
    }  # fmt: skip
    assert booted.name == "FullyBooted"
    [pong] = manager.ask("Ping")
    assert pong.headers == {
        "Response": "Success", "ActionID": "7", "Ping": "Pong", "Timestamp": f"{NOW:.6f}",
    }  # fmt: skip
    begin, *items, end = manager.ask("QueueStatus")
    assert begin.headers["EventList"] == "start"
    assert end.headers["ListItems"] == str(len(items)) == "22"
    manager.ask("Logoff")
    assert manager.transport.disconnecting


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("QueueStatus", "Permission denied"),
        ("Nonsense", "Permission denied"),
        ("Challenge", "Must specify AuthType"),
        ("", "Missing action in request"),
    ],
)
def test_who_is_not_logged_in_is_refused(pbx, action, message):
    [refusal] = Manager(pbx).ask(action)
    assert refusal.headers == {"Response": "Error", "ActionID": "7", "Message": message}


def test_an_unknown_action_is_refused(pbx):
    manager = Manager(pbx)
    manager.login()
    [refusal] = manager.ask("Originate")
    assert refusal.headers["Message"] == (
        "Invalid/unknown command: Originate. Use Action: ListCommands to show available commands."
    )


def test_a_wrong_secret_is_refused_after_a_second(pbx, clock):
    manager = Manager(pbx)
    assert manager.login("guess") == []
    pass_seconds(clock, 1.1)
    assert manager.heard()[0].headers["Message"] == "Authentication failed"
    assert manager.transport.disconnecting


def test_a_login_without_a_challenge_is_refused(pbx, clock):
    manager = Manager(pbx)
    assert manager.ask("Login", AuthType="MD5", Username="me", Key=md5(b"word").hexdigest()) == []
    pass_seconds(clock, 1.1)
    assert manager.heard()[0].headers["Message"] == "Authentication failed"


def test_whoever_logs_in_during_a_take_hears_the_rest_of_it(pbx, clock):
    early, late = Manager(pbx), Manager(pbx)
    early.login()
    pbx.start()
    pass_seconds(clock, 40)
    assert late.heard() == []
    late.login()
    early.heard()
    listed = [item.headers for item in late.ask("QueueStatus")]
    waiting = [entry["Uniqueid"] for entry in listed if entry.get("Event") == "QueueEntry"]
    assert len(waiting) >= 2
    pass_seconds(clock, 60)
    heard = late.heard()
    assert len(heard) > 1500
    assert [event.headers for event in heard] == [event.headers for event in early.heard()]
    left = {event.headers["Uniqueid"] for event in heard if event.name == "QueueCallerLeave"}
    assert set(waiting) <= left


# -- the callers


def test_callers_who_waited_rate_lower_and_not_all_make_it_easy():
    def first_ratings(waited):
        rng = random.Random(1)
        presses = [list(islice(keys(rng, waited), 3)) for _ in range(2000)]
        firsts = Counter(press[0] for press in presses)
        return firsts, [int(press[-1]) for press in presses if press[-1]]

    firsts, served_at_once = first_ratings(0.0)
    assert statistics.mean(served_at_once) == pytest.approx(4.3, abs=0.15)
    assert firsts["4"] + firsts["5"] > 1200
    assert 150 < firsts[""] < 350  # callers who press no key
    assert 150 < sum(firsts[key] for key in "06789*") < 350  # callers who press a wrong key
    assert statistics.mean(first_ratings(12.0)[1]) == pytest.approx(2.85, abs=0.15)
    assert set(served_at_once) == {1, 2, 3, 4, 5}


class Agi:
    """An endpoint in place of a daemon's AGI port. `lines` holds the opened connections."""

    def __init__(self):
        self.lines = []

    def connect(self, factory):
        line = factory.buildProtocol(None)
        transport = StringTransport()
        line.makeConnection(transport)
        self.lines.append((line, transport))
        opened = Deferred()
        opened.callback(line)
        return opened


CHANNEL = {
    "Channel": "PJSIP/trunk-1", "Uniqueid": "pbx-1.1", "Language": "en", "AccountCode": "",
    "CallerIDNum": "0912", "CallerIDName": "Sara",
}  # fmt: skip
SERVED = {**CHANNEL, "Event": "AgentConnect", "Queue": "vip", "Interface": "PJSIP/b314", "HoldTime": "3"}
GOES_ON = {**CHANNEL, "Event": "VarSet", "Variable": "QUEUESTATUS", "Value": "CONTINUE"}
ENDS = {**CHANNEL, "Event": "Hangup"}


@pytest.fixture
def agi():
    return Agi()


@pytest.fixture
def callers(agi, clock):
    yield SurveyCallers(agi, clock, random.Random(3))
    assert not clock.getDelayedCalls()


def said(transport):
    words = transport.value().decode()
    transport.clear()
    return words


def test_a_caller_is_asked_answers_and_hangs_up(callers, agi, clock):
    callers.on_event(SERVED)
    callers.on_event(GOES_ON)
    assert agi.lines == []
    pass_seconds(clock, 0.3)
    [(line, transport)] = agi.lines
    head = said(transport)
    assert head.startswith("agi_network: yes\nagi_network_script: survey\n")
    assert "agi_uniqueid: pbx-1.1\n" in head
    assert head.endswith("agi_arg_1: vip\nagi_arg_2: PJSIP/b314\n\n")

    line.dataReceived(b'SET VARIABLE "CCB_SURVEY" "started"\n')
    pass_seconds(clock, 0.1)
    assert said(transport) == "200 result=1\n"
    line.dataReceived(b'GET DATA "cc_bridge/csat_ask" "5000" "1"\n')
    pass_seconds(clock, 8)
    assert re.fullmatch(r"200 result=[0-9*]\n", said(transport))
    line.dataReceived(b'STREAM FILE "cc_bridge/thanks" ""\n')
    pass_seconds(clock, 1)
    assert said(transport) == "200 result=0 endpos=6400\n"
    line.dataReceived(b"ORIGINATE\n")
    assert said(transport) == "510 Invalid or unknown command\n"

    line.dataReceived(b'STREAM FILE "cc_bridge/goodbye" ""\n')
    callers.on_event(ENDS)
    assert said(transport) == "200 result=-1\nHANGUP\n"
    assert transport.disconnecting


def test_a_silent_caller_lets_the_time_pass(agi, clock):
    rng = random.Random()
    rng.random = lambda: 0.0
    callers = SurveyCallers(agi, clock, rng)
    callers.on_event(SERVED)
    callers.on_event(GOES_ON)
    pass_seconds(clock, 0.3)
    [(line, transport)] = agi.lines
    said(transport)
    line.dataReceived(b'GET DATA "cc_bridge/csat_ask" "5000" "1"\n')
    pass_seconds(clock, 6.4)
    assert said(transport) == ""
    pass_seconds(clock, 0.2)
    assert said(transport) == "200 result= (timeout)\n"


def test_whom_the_dialplan_hangs_up_is_not_asked(callers, agi, clock):
    callers.on_event(SERVED)
    callers.on_event(GOES_ON)
    callers.on_event(ENDS)
    pass_seconds(clock, 1)
    assert agi.lines == []


def test_in_a_take_86_callers_are_asked(callers, agi, clock):
    for told in MIX.take(0, clock.seconds()):
        clock.advance(max(0.0, told.at - clock.seconds()))
        callers.on_event(told.headers)
    assert len(agi.lines) == 86
    assert all(transport.disconnecting for _, transport in agi.lines)


# -- the live table


def test_the_table():
    rows = [
        QueueRow("billing", 3, 64.9, 5, 41, 2, 3, 17, 4.25),
        QueueRow("vip", answered=2, ratings=1, mean_rating=1.0),
    ]
    assert table(rows) == [
        "queue     waiting  longest  talking  answered  abandoned  timed out       rating",
        "billing         3     1:04        5        41          2          3  4.25 (n 17)",
        "vip             0        -        0         2          0          0   1.00 (n 1)",
        "all             3     1:04        5        43          2          3  4.07 (n 18)",
    ]
    assert {len(line) for line in table(rows)} == {80}
    assert len(table([])) == 1


class Terminal(StringIO):
    def isatty(self):
        return True


def test_a_terminal_is_drawn_in_place_with_log_lines_above():
    out, errors = Terminal(), Terminal()
    with Screen(out, errors) as screen:
        screen.draw(["one", "x" * 500])
        screen.log.write("a warning\n")
        screen.draw(["two"])
        screen.log.write("the last word\n")
    first, second = re.fullmatch(
        r"\x1b\[\?25l(one\nx+\n\n)(.*?)\x1b\[\?25h", out.getvalue(), re.DOTALL
    ).groups()
    assert len(first) < 500  # a wrapped line could not be overwritten
    assert second == "\x1b[3F\x1b[Ja warning\ntwo\n\n"
    assert errors.getvalue() == "the last word\n"


def test_a_file_gets_plain_lines_and_the_log_goes_its_own_way():
    out, errors = StringIO(), StringIO()
    with Screen(out, errors) as screen:
        screen.draw(["one"])
        screen.log.write("a warning\n")
        screen.draw(["two"])
    assert out.getvalue() == "one\n\ntwo\n\n"
    assert errors.getvalue() == "a warning\n"


# -- the command


# An ignored SIGHUP, as by nohup, would stay ignored in the demo; here it is not ignored.
COMMAND = ["env", "--default-signal=HUP", sys.executable, "-m", "cc_bridge", "demo"]
FRESH = ["--days", "0"]  # without a past


class Demo:
    """The command `cc-bridge demo` as a process."""

    def __init__(self, folder, *arguments, stdout=subprocess.PIPE, **environment):
        self.folder = folder / "tmp"
        self.folder.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            env={**os.environ, "TMPDIR": str(self.folder), **environment},
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def greeting(self):
        """Return the addresses and other values that the demo prints at its start, by their names."""
        lines = iter(self.process.stdout.readline, b"")
        shown = takewhile(lambda line: not line.startswith(b"The demo uses only"), lines)
        named = (re.fullmatch(r"  (\w+(?: \d+)?) +([^ ,;\n]+).*\n", line.decode()) for line in shown)
        return {found[1]: found[2] for found in named if found}

    def text(self):
        """Return the lines that the demo prints at its start."""
        lines = iter(self.process.stdout.readline, b"")
        return [
            line.decode().rstrip() for line in takewhile(lambda line: b"The demo uses" not in line, lines)
        ]

    def end(self, *signals):
        """Send the signals, wait for the demo's end, and check that it ended well and left no files."""
        for number in signals:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        assert errors.decode() == ""
        assert self.process.returncode == 0
        assert list(self.folder.iterdir()) == []


@pytest.fixture
def demo(tmp_path):
    started = []

    def start(*arguments, **options):
        started.append(Demo(tmp_path, *arguments, **options))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


def test_the_words_of_the_start_fit_into_80_columns(demo):
    started = demo(*FRESH)
    lines = [line for line in started.text() if not re.search(r"/agent#|/tmp|python", line)]
    assert len(lines) > 8
    assert [line for line in lines if len(line) > 80] == []
    started.end(signal.SIGINT)


def wait_for(condition, seconds=60.0):
    """Call `condition` repeatedly and return its first true result."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        time.sleep(0.1)
    return answer


@pytest.mark.prometheus
def test_the_demo_shows_waiting_talking_and_rating_callers_and_leaves_nothing_behind(demo):
    # Settings of a real daemon must have no effect.
    running = demo(
        *FRESH, CC_BRIDGE_STORAGE__URL="postgresql://calls@localhost/real", CC_BRIDGE_HTTP__PORT="1"
    )
    shown = running.greeting()
    assert shown["database"].startswith(str(running.folder))

    def page(name):
        with urllib.request.urlopen(shown[name], timeout=5) as answer:
            return answer.read().decode()

    assert "<html" in page("wallboard")
    peaks = Counter()

    def all_seen():
        for family in text_string_to_metric_families(page("metrics")):
            total = sum(sample.value for sample in family.samples)
            peaks[family.name] = max(peaks[family.name], total)
        names = ("cc_bridge_callers_waiting", "cc_bridge_talks_in_progress", "cc_bridge_ratings")
        return all(peaks[name] for name in names)

    wait_for(all_seen)
    assert peaks["cc_bridge_unexpected_call_events"] == 0
    assert peaks["cc_bridge_agi_failures"] == 0
    assert page("readiness")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=page("metrics").encode(), capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    running.end(signal.SIGINT)


def caught(process, number):
    """Return whether a process has a handler for a signal."""
    with open(f"/proc/{process.pid}/status") as status:  # noqa: PTH123  # proc is no place for paths
        mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt:"))
    return bool(mask & 1 << (number - 1))


def test_it_says_at_once_that_it_starts(demo):
    starting = demo()
    assert starting.process.stdout.readline() == b"Starting the demo ...\n"
    assert starting.process.stdout.readline() == b"Making up the calls of 30 days: some seconds ...\n"
    starting.end(signal.SIGINT)  # while the calls are made


def test_the_pages_of_persons_have_data_at_once(demo):
    running = demo()
    shown = running.greeting()
    home, token = shown["pages"].removesuffix("/"), shown["token"]

    def answer(path, key=token):
        asked = urllib.request.Request(f"{home}{path}", headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(asked, timeout=10) as response:
            return json.load(response)

    assert len(answer("/api/follow-ups?owner=reza")["follow_ups"]) > 3
    for agent in ("Agent 304", "Agent 311"):
        page = answer("/api/agent?days=30", shown[agent].partition("#")[2])
        assert page["agent"] == agent
        talks = next(each for each in page["work"] if each["name"] == "talks")
        assert talks["value"] > 100
    comments = list(running.folder.glob("*/comments/*.wav"))
    assert len(comments) > 20
    running.end(signal.SIGINT)


def test_a_kept_database_is_for_reports_and_a_second_demo(demo, tmp_path):
    kept = tmp_path / "kept"
    running = demo("--keep", str(kept), "--days", "3", "--seconds", "0.2")
    assert running.greeting()["database"] == str(kept / "cc-bridge.sqlite")
    running.end()
    config = ["-c", str(kept / "cc-bridge.toml")]
    report = CliRunner().invoke(
        main, ["report", "service", "--from", "2020-01-01", "--format", "json", *config]
    )
    rows = json.loads(report.stdout)["tables"][0]["rows"]
    assert {"billing", "tech", "vip"} <= {row["queue"] for row in rows}
    again = demo("--keep", str(kept), "--days", "3", "--seconds", "0.2")
    assert again.process.stdout.readline() == b"Starting the demo ...\n"
    again.process.stdout.readline()
    assert again.process.stdout.readline() == b"The database has calls already.\n"
    again.end()


def test_two_demos_start_at_the_same_moment(demo):
    one, other = demo("--days", "1"), demo("--days", "1")
    assert one.greeting()["pages"] != other.greeting()["pages"]
    one.process.send_signal(signal.SIGINT)
    one.process.communicate(timeout=30)
    other.end(signal.SIGINT)


def test_a_directory_that_cannot_be_used_is_refused_in_one_line(demo, tmp_path):
    (tmp_path / "cc-bridge.toml").write_text("[pbx]\n")
    for folder, why in ((tmp_path, "does not belong to a demo"), (tmp_path / "a b", "must have only")):
        refused = demo("--keep", str(folder))
        _, errors = refused.process.communicate(timeout=30)
        assert refused.process.returncode == 1
        assert why in errors.decode()
        assert errors.count(b"\n") == 1


def test_ctrl_c_ends_the_demo_while_it_is_still_loading(demo):
    starting = demo(*FRESH)
    wait_for(lambda: caught(starting.process, signal.SIGTERM))
    starting.end(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_twice_is_as_good_as_one(demo, number):
    running = demo(*FRESH)
    running.greeting()
    running.end(number, number)


def test_the_demo_ends_after_its_seconds(demo):
    running = demo(*FRESH, "--seconds", "0.2")
    running.greeting()
    running.end()


def test_the_demo_ends_when_nobody_reads(demo):
    running = demo(*FRESH)
    running.greeting()
    running.process.stdout.close()
    running.process.stdout = None
    running.end()


def test_on_a_terminal_the_cursor_comes_back(demo):
    ours, theirs = pty.openpty()
    running = demo(*FRESH, "--seconds", "5", stdout=theirs)  # long enough for two tables on a busy machine
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # Linux raises it when the other side is closed
            break
    os.close(ours)
    running.end()
    assert b"metrics    http://127.0.0.1:" in shown
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") == 1
    assert shown.rstrip().endswith(b"\x1b[?25h")
    assert shown.count(b"queue     waiting") >= 2


def test_the_help_names_the_option():
    shown = CliRunner().invoke(main, ["demo", "--help"])
    assert "--seconds" in shown.output
    assert "\n  Examples:  cc-bridge demo" in shown.output
