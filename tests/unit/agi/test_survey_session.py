"""Whole survey sessions over a loopback connection: our FastAGI server, and a fake Asterisk in a thread.

The callers of the fake Asterisk press keys, hang up and lack sound files. It answers commands as Asterisk
16.28 and 22.10 do.
"""

import re
import socket
import time
from dataclasses import dataclass, field

import pytest
from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThreadPool
from twisted.logger import capturedLogs, formatEvent
from twisted.python.threadpool import ThreadPool

from cc_bridge.agi import survey_store
from cc_bridge.agi.server import AgiLimits, FastAgiFactory
from cc_bridge.agi.survey_script import SurveyScript
from cc_bridge.errors import StorageError
from cc_bridge.records import Answer, AttributedBy, OptOut, SurveyAttempt, SurveyResult, Trigger
from cc_bridge.surveys.attribution import Attribution, Invitation, Segment
from cc_bridge.surveys.definition import parse_survey
from cc_bridge.surveys.eligibility import NotAskedReason

DEADLINE = 20  # seconds for one test; every session takes milliseconds

SURVEY = """
id = "csat"
version = 3
languages = ["en", "fa"]
thanks = "thanks"
goodbye = "goodbye"
[[questions]]
id = "agent"
kind = "csat"
ask = "ask_agent"
invalid = "invalid"
[[questions]]
id = "wait"
kind = "csat"
ask = "ask_wait"
invalid = "invalid"
"""
FULL = """
id = "full"
version = 1
languages = ["en", "fa"]
max_seconds = 100
skip_key = "*"
opt_out_key = "*0"
welcome = "welcome"
skipped = "skipped"
opted_out = "opted_out"
thanks = "thanks"
goodbye = "goodbye"
[ask_language]
prompt = "which_language"
keys = { 1 = "en", 2 = "fa" }
[[questions]]
id = "agent"
kind = "csat"
ask = "ask_agent"
invalid = "invalid"
rates = "first_agent"
[[questions]]
id = "why"
kind = "comment"
consent = "may_we_record"
ask = "after_the_beep"
max_seconds = 30
silence_seconds = 2
rates = "queue:support"
[[questions]]
id = "recommend"
kind = "nps"
ask = "ask_recommend"
invalid = "invalid"
rates = "company"
[[questions]]
id = "reason"
kind = "choice"
ask = "ask_reason"
invalid = "invalid"
keys = { 1 = "delivery", 2 = "bill" }
"""
SOUNDS = {
    name: {"en": f"cc_bridge/{name}", "fa": f"cc_bridge/{name}"}
    for name in (
        "ask_agent", "ask_wait", "invalid", "thanks", "welcome", "skipped", "opted_out", "which_language",
        "may_we_record", "after_the_beep", "ask_recommend", "ask_reason",
    )
} | {"goodbye": {"en": "vm-goodbye", "fa": "cc_bridge/goodbye"}}  # fmt: skip
SARA, OMID = Segment("sales", "Sara", "PJSIP/sara"), Segment("support", "Omid", "PJSIP/omid")

DEAD = "511 Command Not Permitted on a dead channel or intercept routine\n"
WORKS_WHEN_DEAD = ("SET VARIABLE", "VERBOSE")


@dataclass
class FakeAsterisk:
    """One call of the fake Asterisk: what its caller does, and what it received from the server."""

    keys: list[str] = field(default_factory=list)  # one for each wait for a key; "" is silence
    hangs_up_at: str = ""  # the first words of a command
    hangup: str = "result"  # result, line_first, dead, close or exit (AGIEXITONHANGUP=yes)
    missing: tuple[str, ...] = ()
    says: dict[str, str] = field(default_factory=dict)  # command -> the reply in place of the usual one
    language: str = "en"
    uniqueid: str = "1716.5"
    head: bytes | None = None

    heard: list[str] = field(default_factory=list)  # file names without our folder
    recorded: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)  # all languages set on the channel
    silences: list[float] = field(default_factory=list)  # seconds between a reply and the next command
    gone: bool = False

    def call(self, port: int) -> "FakeAsterisk":
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as self.socket:
            try:
                self.socket.sendall(self.head if self.head is not None else self._head())
                replied_at = time.monotonic()
                for line in self.socket.makefile("r", encoding="utf-8", newline="\n"):
                    self.silences.append(time.monotonic() - replied_at)
                    replied_at = time.monotonic()
                    if not self._answer(line.rstrip("\n")):
                        break
            except (ConnectionResetError, BrokenPipeError):
                pass  # the server may close the connection first
        self.silences.append(time.monotonic() - replied_at)  # until the call continues in the dialplan
        return self

    def _head(self) -> bytes:
        return (
            f"agi_network: yes\nagi_network_script: survey\nagi_channel: PJSIP/trunk-1\n"
            f"agi_language: {self.language}\nagi_uniqueid: {self.uniqueid}\nagi_callerid: 0912\n\n"
        ).encode()

    def _send(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def _answer(self, command: str) -> bool:
        """Reply to a command. Return False when Asterisk closes the connection."""
        own = [reply for start, reply in self.says.items() if command.startswith(start)]
        if own:
            self._send(own[0])
        elif self.gone:
            self._send("200 result=1\n" if command.startswith(WORKS_WHEN_DEAD) else DEAD)
        elif self.hangs_up_at and command.startswith(self.hangs_up_at):
            self.gone = True
            if self.hangup == "close":
                return False
            self._send(
                {
                    "result": "200 result=-1 endpos=0\nHANGUP\n",
                    "line_first": f"HANGUP\n{DEAD}",
                    "dead": DEAD,
                    "exit": "200 result=-1 endpos=0\nHANGUP\nHANGUP\n",
                }[self.hangup]
            )
            return self.hangup != "exit"
        else:
            self._send(self._reply(command))
        return True

    def _reply(self, command: str) -> str:
        words = re.findall(r'"([^"]*)"', command)
        if command.startswith('SET VARIABLE "CHANNEL(language)"'):
            self.languages.append(words[1])
        elif command.startswith("SET VARIABLE"):
            self.variables[words[0]] = words[1]
        if command.startswith("SET VARIABLE"):
            return "200 result=1\n"
        if command == "CHANNEL STATUS":
            return "200 result=6\n"
        if command.startswith("WAIT FOR DIGIT"):
            key = self.keys.pop(0) if self.keys else ""
            return f"200 result={ord(key) if key else 0}\n"
        if command.startswith("RECORD FILE"):
            self.recorded.append(words[0])
            return "200 result=35 (dtmf) endpos=60000\n"
        if words[0] in self.missing:
            return "200 result=-1 endpos=0\n"
        self.heard.append(words[0].removeprefix("cc_bridge/"))
        if command.startswith("STREAM FILE"):
            return "200 result=0 endpos=14880\n"
        key = self.keys.pop(0) if self.keys else ""
        return f"200 result={key}\n" if key else "200 result= (timeout)\n"


@dataclass
class Bridge:
    """Our side of the sessions. It keeps stored records and stages, and storing can be made to fail."""

    limits: AgiLimits = field(default_factory=AgiLimits)
    survey: str = SURVEY
    asked: bool = True
    segments: tuple[Segment, ...] = (SARA,)
    caller_key: str = "98912"
    uniqueid: str = "1716.5"
    fails_on: type | None = None
    hangs_on: type | None = None
    records: list = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)
    factory: FastAgiFactory | None = None

    async def invite(self, request, channel):
        if not self.asked:
            return NotAskedReason.NO_AGENT
        assert request.uniqueid == self.uniqueid
        assert await channel.channel_status() == 6  # the decision may use the channel
        attribution = Attribution("1716.1", self.segments, AttributedBy.CHANNEL)
        survey = parse_survey(self.survey, "survey.toml", SOUNDS)
        return Invitation(survey, attribution, request.language, self.caller_key, Trigger.EXTENSION)

    def staged(self, stage, queue):
        assert queue == self.segments[-1].queue
        self.stages.append(stage)

    def store(self, record):
        if isinstance(record, self.fails_on or ()):
            return fail(OSError("disk full"))
        if isinstance(record, self.hangs_on or ()):
            return Deferred()
        self.records.append(record)
        return succeed(None)

    def converse(self, *callers: FakeAsterisk, during=None) -> None:
        """Run every caller's session to its end. The coroutine `during` runs meanwhile."""
        reactor = EPollReactor()
        interviewer = SurveyScript(
            "pbx1",
            self.invite,
            self.store,
            time.time,
            clock=reactor,
            on_stage=self.staged,
            opted_out=self.excused.append,
            recordings="/recordings",
        )
        self.factory = FastAgiFactory(interviewer.run, self.limits, reactor)
        pool = ThreadPool(0, len(callers) or 1)
        outcomes = []

        async def main():
            listening = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
            port = listening.getHost().port
            calls = [deferToThreadPool(reactor, pool, caller.call, port) for caller in callers]
            if during is not None:
                await during(self, reactor, port)
            await gatherResults(calls, consumeErrors=True)
            while self.factory.in_progress:
                await turn(reactor)
            await listening.stopListening()

        def start():
            pool.start()
            running = Deferred.fromCoroutine(main()).addTimeout(DEADLINE, reactor)
            running.addBoth(outcomes.append).addBoth(lambda _: reactor.stop())

        reactor.callWhenRunning(start)
        reactor.run(installSignalHandlers=False)
        pool.stop()
        reactor.removeAll()
        if outcomes[0] is not None:
            outcomes[0].raiseException()

    @property
    def answers(self):
        return [
            (record.question, record.value, record.tries) for record in self.records if type(record) is Answer
        ]

    @property
    def attempts(self):
        return [record for record in self.records if type(record) is SurveyAttempt]

    @property
    def outcome(self):
        """Result and reason of the attempt. Its two stored versions must agree in all other fields."""
        started, ended = self.attempts
        assert (started.result, started.ended_at, started.reason) == (SurveyResult.STARTED, None, "")
        assert ended.attempt_id == started.attempt_id
        assert ended.ended_at >= ended.started_at == started.started_at
        return (ended.result.value, ended.reason)


def turn(reactor):
    """Return a Deferred that fires after 5 ms, so that other events are processed."""
    done = Deferred()
    reactor.callLater(0.005, done.callback, None)
    return done


@pytest.fixture
def bridge():
    return Bridge()


def assert_tells_which_call(event, bridge):
    (attempt, *_) = [record for record in bridge.records if isinstance(record, SurveyAttempt)]
    told = (event["uniqueid"], event["call_id"], event["attempt_id"])
    assert told == (attempt.uniqueid, attempt.call_id, attempt.attempt_id)


def talk(bridge, **caller) -> FakeAsterisk:
    call = FakeAsterisk(**caller)
    bridge.converse(call)
    return call


def test_two_right_keys(bridge):
    call = talk(bridge, keys=["5", "2"])
    assert call.heard == ["ask_agent", "ask_wait", "thanks"]
    assert call.variables == {"CCB_SURVEY": "complete"}
    assert bridge.answers == [("agent", 5, 1), ("wait", 2, 1)]
    assert bridge.outcome == ("complete", "")
    assert bridge.stages == ["invited", "started", "answered", "answered", "complete"]
    attempt = bridge.attempts[-1]
    assert attempt.attempt_id == f"1716.5-{round(attempt.started_at * 1000)}"
    assert (attempt.pbx, attempt.call_id, attempt.uniqueid) == ("pbx1", "1716.1", "1716.5")
    assert (attempt.queue, attempt.agent, attempt.interface) == ("sales", "Sara", "PJSIP/sara")
    assert (attempt.survey, attempt.version, attempt.language) == ("csat", 3, "en")
    assert (attempt.caller_key, attempt.trigger) == ("98912", Trigger.EXTENSION)
    assert attempt.attributed_by is AttributedBy.CHANNEL
    assert type(bridge.records[0]) is SurveyAttempt


def test_wrong_then_right(bridge):
    call = talk(bridge, keys=["9", "4", "*", "1"])
    ask_twice = ["ask_agent", "invalid", "ask_agent"]
    assert call.heard[:3] == ask_twice
    assert bridge.answers == [("agent", 4, 2), ("wait", 1, 2)]
    assert bridge.stages.count("invalid") == 2


def test_a_key_while_the_correction_plays(bridge):
    call = talk(
        bridge, keys=["9", "3"], says={'STREAM FILE "cc_bridge/invalid"': "200 result=52 endpos=800\n"}
    )
    assert call.heard[:2] == ["ask_agent", "ask_wait"]
    assert bridge.answers == [("agent", 4, 2), ("wait", 3, 1)]


def test_no_key(bridge):
    call = talk(bridge)
    assert call.heard == ["ask_agent", "ask_agent", "vm-goodbye"]
    assert call.variables["CCB_SURVEY"] == "declined"
    assert bridge.outcome == ("declined", "no_input")
    assert bridge.stages == ["invited", "started", "no_input", "no_input", "declined"]


def test_half_an_interview(bridge):
    call = talk(bridge, keys=["5"])
    assert call.heard[-1] == "thanks"
    assert call.variables["CCB_SURVEY"] == "partial"
    assert bridge.outcome == ("partial", "no_input")


@pytest.mark.parametrize(
    ("language", "asked_in", "switched"),
    [("en", "en", None), ("fa", "fa", None), ("fa_IR", "fa", "fa"), ("de", "en", "en")],
)
def test_languages(bridge, language, asked_in, switched):
    call = talk(bridge, language=language)
    # The channel's language is switched for the survey and restored afterwards.
    assert call.languages == ([switched, language] if switched else [])
    assert call.heard[-1] == SOUNDS["goodbye"][asked_in].removeprefix("cc_bridge/")
    assert bridge.attempts[0].language == asked_in


def test_nobody_to_rate(bridge):
    bridge.asked = False
    call = talk(bridge)
    assert call.variables == {"CCB_SURVEY": "no_agent"}
    assert not call.heard
    assert not bridge.records
    assert not bridge.stages


@pytest.mark.parametrize("hangup", ["result", "line_first", "dead", "close", "exit"])
@pytest.mark.parametrize(
    ("command", "answers", "outcome"),
    [
        ("SET VARIABLE", 0, ("declined", "hung_up")),
        ('GET DATA "cc_bridge/ask_agent"', 0, ("declined", "hung_up")),
        ('STREAM FILE "cc_bridge/invalid"', 0, ("declined", "hung_up")),
        ('GET DATA "cc_bridge/ask_wait"', 1, ("partial", "hung_up")),
        ('STREAM FILE "cc_bridge/thanks"', 2, ("complete", "")),
        ('STREAM FILE "vm-goodbye"', 0, ("declined", "no_input")),
    ],
)
def test_hanging_up_in_each_state(bridge, hangup, command, answers, outcome):
    if command == "SET VARIABLE" and hangup in {"result", "exit"}:
        hangup = "line_first"  # this command has no result=-1
    keys = ["9"] if "invalid" in command else [] if "goodbye" in command else ["4", "4"]
    talk(bridge, keys=keys, hangs_up_at=command, hangup=hangup)
    assert len(bridge.answers) == answers
    assert bridge.outcome == outcome
    assert ("hung_up" in bridge.stages) is True
    assert bridge.stages[-1] == outcome[0]


def test_missing_sound_files(bridge, logged):
    call = talk(bridge, keys=["9", "4", "5"], missing=("cc_bridge/invalid", "cc_bridge/thanks"))
    assert call.heard == ["ask_agent", "ask_agent", "ask_wait", "vm-goodbye"]
    assert bridge.outcome == ("complete", "")
    (told,) = [event for event in logged if "cc_bridge/thanks" in str(event.get("error"))]
    assert_tells_which_call(told, bridge)


def test_a_question_without_its_sound_file(bridge):
    call = talk(bridge, missing=("cc_bridge/ask_agent",))
    assert call.heard == ["vm-goodbye"]
    assert bridge.outcome == ("declined", "error")


def test_an_answer_that_cannot_be_stored(logged):
    bridge = Bridge(fails_on=Answer)
    call = talk(bridge, keys=["5", "5"])
    assert call.heard == ["ask_agent", "vm-goodbye"]
    assert call.variables["CCB_SURVEY"] == "partial"
    assert bridge.outcome == ("partial", "not_stored")
    (told,) = [event for event in logged if "log_failure" in event]
    assert told["log_failure"].check(OSError)
    assert_tells_which_call(told, bridge)


def test_nothing_can_be_stored(logged):
    bridge = Bridge(fails_on=SurveyAttempt)
    call = talk(bridge, keys=["5", "5"])
    assert call.heard == ["vm-goodbye"]
    assert not bridge.records
    assert len([event for event in logged if "log_failure" in event]) == 2


def test_an_answer_that_is_slow_to_be_stored_ends_the_survey(monkeypatch):
    monkeypatch.setattr(survey_store, "STORE_SECONDS", 0.05)
    bridge = Bridge(hangs_on=Answer)
    call = talk(bridge, keys=["5", "5"])
    assert call.heard == ["ask_agent", "vm-goodbye"]
    assert bridge.stages[-2:] == ["not_stored", "partial"]
    assert bridge.outcome == ("partial", "not_stored")


def test_an_attempt_that_is_slow_to_be_stored_holds_no_caller(monkeypatch):
    monkeypatch.setattr(survey_store, "_ATTEMPT_SECONDS", 0.05)
    bridge = Bridge(hangs_on=SurveyAttempt)
    call = talk(bridge, keys=["5", "5"])
    assert call.heard == ["ask_agent", "ask_wait", "thanks"]
    assert bridge.answers == [("agent", 5, 1), ("wait", 5, 1)]
    assert bridge.stages[-1] == "complete"


def test_nothing_of_a_database_that_stands_still_is_a_long_silence():
    bridge = Bridge(hangs_on=SurveyAttempt | Answer)
    call = talk(bridge, keys=["5", "5"])
    assert call.heard == ["ask_agent", "vm-goodbye"]
    assert max(call.silences) < survey_store.STORE_SECONDS + 1
    assert sum(call.silences) < survey_store.STORE_SECONDS + 2
    assert bridge.stages[-1] == "partial"


@pytest.mark.parametrize("garbage", ["what?\n", "\n", "200 result=1\n200 result=1\n", "x" * 5000 + "\n"])
def test_garbage_instead_of_a_reply(bridge, garbage):
    talk(bridge, keys=["5", "5"], says={"GET DATA": garbage})
    assert bridge.outcome == ("declined", "error")
    assert bridge.factory.in_progress == 0


def test_asterisk_refuses_a_command(bridge):
    talk(
        bridge, says={"GET DATA": "520-Invalid command syntax.\nUsage: GET DATA\n520 End of proper usage.\n"}
    )
    assert bridge.outcome == ("declined", "error")


def test_the_time_limit(bridge):
    bridge.limits = AgiLimits(call_seconds=0.2)
    talk(bridge, says={"GET DATA": ""})
    assert bridge.outcome == ("declined", "time_limit")
    assert bridge.factory.terminated == {"time_limit": 1}


# A survey with all features


@pytest.fixture
def full():
    return Bridge(survey=FULL, segments=(SARA, OMID, SARA))


def test_a_whole_survey(full):
    call = talk(full, language="fa", keys=["2", "1", "1", "0", "2"])
    assert call.heard == [
        "welcome",
        "ask_agent",
        "may_we_record",
        "after_the_beep",
        "ask_recommend",
        "ask_reason",
        "thanks",
    ]
    assert full.answers == [("agent", 2, 1), ("why", 8, 1), ("recommend", 10, 1), ("reason", 2, 1)]
    assert full.outcome == ("complete", "")
    assert full.stages == ["invited", "started", *["answered"] * 4, "complete"]
    agent, why, recommend, reason = (record for record in full.records if type(record) is Answer)
    whom = [(answer.queue, answer.agent, answer.interface) for answer in (agent, why, recommend, reason)]
    assert whom == [
        ("sales", "Sara", "PJSIP/sara"),
        ("support", "Omid", "PJSIP/omid"),
        ("", "", ""),
        ("sales", "Sara", "PJSIP/sara"),
    ]
    assert [answer.label for answer in (agent, why, recommend, reason)] == ["", "", "", "bill"]
    assert call.recorded == [f"/recordings/{why.attempt_id}-why"]
    assert why.recording == f"{call.recorded[0]}.wav"
    assert not agent.recording


def test_the_language_is_chosen_and_given_back(full):
    call = talk(full, language="de", keys=["2", "1", "2", "7", "1"])
    assert call.heard[:2] == ["which_language", "fa/cc_bridge/which_language"]
    assert call.heard[-1] == "thanks"
    assert call.languages == ["en", "fa", "de"]
    first, chosen, last = full.attempts
    assert (first.language, chosen.language, last.language) == ("en", "fa", "fa")
    assert chosen.result is SurveyResult.STARTED
    assert (last.result, last.attempt_id) == (SurveyResult.COMPLETE, first.attempt_id)


def test_a_declined_comment_and_a_skipped_question(full):
    call = talk(full, language="fa", keys=["5", "2", "*", "", "1"])
    assert call.heard[3:6] == ["ask_recommend", "skipped", "ask_reason"]
    assert full.answers == [("agent", 5, 1), ("reason", 1, 1)]
    assert full.outcome == ("complete", "")
    assert full.stages.count("skipped") == 2


@pytest.mark.parametrize("reply", ["200 result=-1 (writefile)\n", "200 result=-1 (randomerror) endpos=0\n"])
def test_a_comment_that_the_pbx_cannot_keep(full, logged, reply):
    call = talk(full, language="fa", keys=["5", "1", "9", "1"], says={"RECORD FILE": reply})
    assert call.heard[-2:] == ["ask_reason", "thanks"]
    assert full.outcome == ("complete", "")
    assert "not_recorded" in full.stages
    told = [event for event in logged if "does the folder exist" in str(event.get("error"))]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("200 result=35 (randomerror) endpos=0\n", None),  # a key while it beeped
        ("200 result=35 (dtmf) endpos=160\n", None),  # a key right after the beep
        ("200 result=0 (timeout) endpos=8200\n", None),  # three seconds of silence, two of them cut
        ("200 result=0 (timeout) endpos=240000\n", 30),
        ("200 result=35 (dtmf) endpos=6000\n", 1),  # "Good."
    ],
)
def test_what_counts_as_a_comment(full, reply, value):
    talk(full, language="fa", keys=["5", "1", "9", "1"], says={"RECORD FILE": reply})
    assert {question: answer for question, answer, _ in full.answers}.get("why") == value
    assert full.outcome == ("complete", "")


def test_who_hangs_up_while_speaking_has_left_a_comment(full):
    reply = "200 result=-1 (hangup) endpos=20320\nHANGUP\nHANGUP\n"
    talk(full, language="fa", keys=["1", "1"], says={"RECORD FILE": reply})
    assert full.answers == [("agent", 1, 1), ("why", 3, 1)]
    assert full.outcome == ("partial", "hung_up")


@pytest.mark.parametrize("uniqueid", ["../../etc/x", "1/2 3", 'a"b', "x" * 300, "pbx-1.5"])
def test_a_recording_stays_in_its_folder(full, uniqueid):
    full.uniqueid = uniqueid
    call = talk(full, language="fa", keys=["1", "1"], uniqueid=uniqueid)
    (file,) = call.recorded
    assert re.fullmatch(r"/recordings/[A-Za-z0-9._-]{1,100}-why", file)


def test_opting_out(full):
    call = talk(full, language="fa", keys=["5", "*", "0"])
    assert call.heard[-2:] == ["opted_out", "thanks"]
    (wish,) = (record for record in full.records if type(record) is OptOut)
    assert (wish.caller_key, wish.opted_out, wish.source) == ("98912", True, "key")
    assert full.excused == ["98912"]
    assert full.outcome == ("partial", "opted_out")


def test_opting_out_with_a_withheld_number(full):
    full.caller_key = ""
    call = talk(full, language="fa", keys=["*", "0"])
    assert call.heard[-2:] == ["opted_out", "goodbye"]
    assert full.outcome == ("declined", "opted_out")
    assert not full.excused


def test_a_wish_that_cannot_be_stored_is_not_confirmed(full, logged):
    full.fails_on = OptOut
    call = talk(full, language="fa", keys=["*", "0"])
    assert call.heard[-2:] == ["ask_agent", "goodbye"]
    assert full.outcome == ("declined", "not_stored")
    assert not full.excused
    assert any("log_failure" in event for event in logged)


def test_shutdown_in_the_middle_of_a_question(bridge):
    async def stop(bridge, reactor, _):
        while "answered" not in bridge.stages:
            await turn(reactor)
        await bridge.factory.stop(0.05)

    call = FakeAsterisk(keys=["5"], says={'GET DATA "cc_bridge/ask_wait"': ""})
    bridge.converse(call, during=stop)
    assert bridge.answers == [("agent", 5, 1)]
    assert bridge.outcome == ("partial", "shutdown")


def test_a_running_interview_may_end_before_the_shutdown(bridge):
    async def stop(bridge, reactor, _):
        while "invited" not in bridge.stages:
            await turn(reactor)
        await bridge.factory.stop(DEADLINE)

    call = FakeAsterisk(keys=["5", "5"])
    bridge.converse(call, during=stop)
    assert bridge.outcome == ("complete", "")


def test_over_the_limit_of_callers_the_dialplan_goes_on(bridge):
    bridge.limits = AgiLimits(callers=1, call_seconds=DEADLINE)
    second = FakeAsterisk(keys=["5", "5"])

    async def another(bridge, reactor, port):
        while bridge.factory.in_progress < 1:
            await turn(reactor)
        pool = ThreadPool(1, 1)
        pool.start()
        await deferToThreadPool(reactor, pool, second.call, port)
        pool.stop()
        await bridge.factory.stop(0)

    bridge.converse(FakeAsterisk(says={"GET DATA": ""}), during=another)
    assert bridge.factory.refused == {"busy": 1}
    assert not second.heard
    assert not second.variables


def test_fifty_callers_at_once(bridge):
    calls = [FakeAsterisk(keys=["9", "5", "", "3"]) for _ in range(50)]
    bridge.converse(*calls)
    assert len(bridge.answers) == 100
    assert bridge.stages.count("complete") == 50
    assert all(call.heard[-1] == "thanks" for call in calls)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"agi_x: y\n" * 200, "invalid_header"),
        (b"agi_" + b"x" * 20000, "invalid_header"),
        (b"\x16\x03\x01\x02\x00\n\n", "invalid_header"),
        (b"agi_network: yes\n", "header_timeout"),
    ],
)
def test_bad_heads(bridge, head, reason):
    bridge.limits = AgiLimits(header_timeout_seconds=0.1)
    talk(bridge, head=head)
    assert bridge.factory.refused == {reason: 1}
    assert not bridge.records


@pytest.mark.parametrize(("seconds", "consequence"), [(3, "the survey ends"), (0, "the survey has ended")])
def test_the_log_says_what_a_failed_store_means(seconds, consequence):
    ids = {"uniqueid": "1.1", "call_id": "1.1", "attempt_id": "1.1-1"}
    with capturedLogs() as logs:
        failing = survey_store.store_within(
            "answer", lambda _: fail(StorageError("x")), Clock(), seconds, ids
        )
        Deferred.fromCoroutine(failing)
    (line,) = map(formatEvent, logs)
    assert consequence in line
