"""Random surveys, callers and storage faults, cut at any moment: stored records are always consistent."""

import re

from hypothesis import given, settings, strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.agi.channel import PLAY_SECONDS
from cc_bridge.agi.server import AgiLimits, FastAgiFactory
from cc_bridge.agi.survey_script import SurveyScript
from cc_bridge.agi.survey_session import FAREWELL_SECONDS
from cc_bridge.agi.survey_store import STORE_SECONDS
from cc_bridge.records import Answer, OptOut, SurveyAttempt, SurveyResult
from cc_bridge.surveys.attribution import Attribution, Invitation, Segment
from cc_bridge.surveys.definition import parse_survey
from support.generated_surveys import SOUNDS, surveys

HEAD = b"agi_network_script: survey\nagi_uniqueid: 1.5\nagi_language: de\n\n"
LONGEST = 300  # more than the commands and stores of the longest drawn interview

# Possible replies while a caller is listening, by the running command.
DIGITS = "0123456789*#"
REPLIES = {
    "GET DATA": [*(f"200 result={key}\n" for key in DIGITS), "200 result=\n", "200 result= (timeout)\n"],
    "STREAM FILE": [
        *["200 result=0 endpos=1\n"] * 12,
        *(f"200 result={ord(key)} endpos=1\n" for key in DIGITS),
    ],
    "WAIT FOR DIGIT": [*(f"200 result={ord(key)}\n" for key in DIGITS), "200 result=0\n"],
    "RECORD FILE": [
        "200 result=35 (dtmf) endpos=40000\n",
        "200 result=0 (timeout) endpos=8100\n",
        "200 result=0 (timeout) endpos=80000\n",
        "200 result=35 (randomerror) endpos=0\n",
    ],
    "CHANNEL STATUS": ["200 result=6\n"],
    "SET VARIABLE": ["200 result=1\n"],
}
MISFORTUNES = [
    "200 result=-1 endpos=0\n",
    "200 result=-1 (hangup) endpos=9600\nHANGUP\n",
    "200 result=-1 (writefile)\n",
    "200 result= (timeout)\n",
    "HANGUP\n",
    "511 Command Not Permitted on a dead channel or intercept routine\n",
    "510 Invalid or unknown command\n",
    "garbage\n",
    "closed",
    "silent for ever",
    "time limit",
    "shutdown",
]


class Drawn:
    """One survey call in which hypothesis draws every event. It keeps the stored records and the length."""

    def __init__(self, survey, data, luck, misfortunes=()):
        self.survey = survey
        self.data = data
        self.luck = luck
        self.misfortunes = list(misfortunes)
        self.clock = Clock()
        self.transport = StringTransport()
        self.stored = []
        self.played = []
        self.pending = []
        self.ended_at = 0.0
        interviewer = SurveyScript("pbx1", self.invite, self.store, self.clock.seconds, clock=self.clock)
        self.factory = FastAgiFactory(interviewer.run, AgiLimits(call_seconds=10_000), self.clock)
        self.protocol = self.factory.buildProtocol(None)

    async def invite(self, request, _):
        segments = [Segment("sales", "Sara", "PJSIP/sara")]
        return Invitation(self.survey, Attribution("1.1", segments), request.language, "98912")

    def store(self, record):
        how = self.data.draw(st.sampled_from(self.luck), label=f"storing {type(record).__name__}")
        if how == "fails":
            return fail(OSError("disk full"))
        if how == "slow":
            self.pending.append((record, Deferred()))
            return self.pending[-1][1]
        self.stored.append(record)
        return succeed(None)

    def run(self):
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(HEAD)
        for _ in range(LONGEST):
            if not self.factory.in_progress:
                assert not self.clock.getDelayedCalls()
                assert self.factory.failed == 0
                assert self.transport.disconnecting or self.transport.disconnected
                return
            self.turn()
        raise AssertionError("the interview does not end")

    def turn(self):
        sent = self.transport.value().decode()
        self.transport.clear()
        if self.pending:
            record, done = self.pending.pop()
            if self.data.draw(st.booleans(), label="stored in time"):
                self.stored.append(record)
                done.callback(None)
            else:
                self.clock.advance(STORE_SECONDS)
            return
        command = next(known for known in REPLIES if sent.startswith(known))
        reply = self.data.draw(st.sampled_from(REPLIES[command] * 2 + self.misfortunes), label=sent)
        if command in {"SET VARIABLE", "CHANNEL STATUS"}:
            self.happens(reply)
            return
        self.played.append(sent.split('"')[1])  # for WAIT FOR DIGIT the milliseconds
        self.takes_a_while(sent)
        word = re.search(r'GET FULL VARIABLE "(\w+)"', self.transport.value().decode())
        if word is not None:  # the time limit was reached
            late = self.data.draw(st.sampled_from(["", reply, "200 result=1\n"]), label="late reply")
            self.transport.clear()
            if late in self.misfortunes:
                self.happens(late)
                late = ""
            # The channel ignores all replies before the answer to its interruption.
            self.happens(f"{late}200 result=1 ({word[1]})\n")
        elif self.factory.in_progress:
            self.happens(reply)
        self.ended_at = self.clock.seconds()

    def takes_a_while(self, sent):
        seconds = self.data.draw(st.sampled_from([0.1, 3, 8]), label="takes")
        if sent.startswith(("RECORD FILE", "WAIT FOR DIGIT")):  # Asterisk ends these after their timeout
            beep = 0.5 if sent.startswith("RECORD") else 0
            seconds = min(seconds, int(re.findall(r'"(\d+)"', sent)[0]) / 1000 + beep)
        # In small steps, so that each timer in between fires at its time.
        while seconds > 0 and "GET FULL" not in self.transport.value().decode():
            self.clock.advance(min(seconds, 0.25))
            seconds -= 0.25

    def happens(self, what):
        if what == "closed":
            self.protocol.connectionLost()
        elif what == "silent for ever":
            self.clock.advance(2 * PLAY_SECONDS)
        elif what == "time limit":
            self.protocol.terminate("time_limit")
        elif what == "shutdown":
            self.protocol.terminate("shutdown")
        else:
            self.protocol.dataReceived(what.encode())

    @property
    def attempts(self):
        return [record for record in self.stored if isinstance(record, SurveyAttempt)]

    @property
    def answers(self):
        return [record for record in self.stored if isinstance(record, Answer)]

    def check_answers(self):
        """Assert that answers are valid for their question, unique, and in the order of the questions."""
        asked = {question.id: question for question in self.survey.questions}
        order = [list(asked).index(answer.question) for answer in self.answers]
        assert order == sorted(set(order))
        for answer in self.answers:
            question = asked[answer.question]
            assert answer.kind == question.kind
            assert bool(answer.recording) is (question.kind == "comment")
            assert answer.value in question.values or (answer.recording and answer.value > 0)
            assert answer.label == question.label(answer.value)

    def check_ending(self, attempt):
        if attempt.reason == "not_stored":
            assert attempt.result in {SurveyResult.DECLINED, SurveyResult.PARTIAL}
        elif not self.answers:
            assert attempt.result is SurveyResult.DECLINED
        elif attempt.result is SurveyResult.COMPLETE:
            assert not attempt.reason
        else:
            assert attempt.result is SurveyResult.PARTIAL
        assert bool(attempt.reason) is (attempt.result is not SurveyResult.COMPLETE)
        assert (attempt.reason == "opted_out") <= any(isinstance(record, OptOut) for record in self.stored)


@settings(max_examples=150)
@given(surveys(), st.data())
def test_the_stored_attempt_ends_and_agrees_with_the_stored_answers(survey, data):
    call = Drawn(survey, data, ["stored", "stored", "slow"], MISFORTUNES)
    call.run()
    call.check_answers()
    ended = [attempt for attempt in call.attempts if attempt.ended_at is not None]
    assert len(ended) <= 1
    for attempt in ended:
        call.check_ending(attempt)
    assert {attempt.attempt_id for attempt in call.attempts} <= {"1.5-0"}


@settings(max_examples=150)
@given(surveys(), st.data())
def test_with_a_store_that_works_nothing_is_missing(survey, data):
    call = Drawn(survey, data, ["stored"], MISFORTUNES)
    call.run()
    first, *others, last = call.stored
    assert (first.result, first.ended_at) == (SurveyResult.STARTED, None)
    assert last.ended_at is not None
    call.check_answers()
    call.check_ending(last)
    assert not any(isinstance(record, SurveyAttempt) and record.ended_at for record in others)


@settings(max_examples=150)
@given(surveys(), st.data())
def test_it_never_takes_longer_than_its_limit_and_ends_with_a_last_prompt(survey, data):
    call = Drawn(survey, data, ["stored"])
    call.run()
    assert call.played[-1] in {"cc_bridge/thanks", "cc_bridge/goodbye"}
    assert call.ended_at <= survey.max_seconds + 0.25  # the step of the test's clock
    call.check_ending(call.attempts[-1])
    assert call.attempts[-1].reason in {"", "no_input", "invalid", "skipped", "opted_out", "time_limit"}


@settings(max_examples=100)
@given(surveys(), st.data())
def test_a_store_that_fails_never_holds_a_caller(survey, data):
    call = Drawn(survey, data, ["stored", "fails", "slow"], MISFORTUNES)
    call.run()
    call.check_answers()


ONE = parse_survey(
    """
id = "csat"
version = 1
languages = ["en"]
max_seconds = 20
thanks = "thanks"
goodbye = "goodbye"
questions = [{ id = "agent", kind = "csat", ask = "ask", invalid = "invalid" }]
""",
    "survey.toml",
    SOUNDS,
)


class ScriptedCall(Drawn):
    """A survey call without random events. The test decides what happens."""

    def __init__(self, survey):
        super().__init__(survey, None, [])
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(HEAD)
        self.obey()

    def store(self, record):
        self.stored.append(record)
        return succeed(None)

    def obey(self):
        """Reply to commands that end immediately. Return the next command, which plays or waits."""
        while (sent := self.transport.value().decode()).startswith(("SET VARIABLE", "CHANNEL STATUS")):
            self.transport.clear()
            self.happens("200 result=1\n")
        self.transport.clear()
        return sent


def test_the_last_seconds_belong_to_the_goodbye():
    call = ScriptedCall(ONE)
    call.clock.advance(ONE.max_seconds - FAREWELL_SECONDS - 0.1)
    assert call.obey() == ""
    call.clock.advance(0.1)
    (word,) = re.findall(r'^GET FULL VARIABLE "(\w+)"\n$', call.obey())
    call.happens(f"200 result=1 ({word})\n")
    assert call.obey().startswith('STREAM FILE "cc_bridge/goodbye"')
    call.clock.advance(FAREWELL_SECONDS - 0.1)
    call.happens("200 result=0 endpos=1\n")
    assert call.obey() == ""
    assert (call.attempts[-1].result, call.attempts[-1].reason) == (SurveyResult.DECLINED, "time_limit")
    assert call.factory.in_progress == 0


def test_a_goodbye_without_an_end_is_stopped_too():
    call = ScriptedCall(ONE)
    call.happens("200 result=4\n")
    assert call.obey().startswith('STREAM FILE "cc_bridge/thanks"')
    call.clock.advance(ONE.max_seconds)
    (word,) = re.findall(r'^GET FULL VARIABLE "(\w+)"\n$', call.obey())
    call.happens(f"200 result=1 ({word})\n")
    assert call.obey() == ""
    assert call.attempts[-1].result is SurveyResult.COMPLETE
    assert call.factory.in_progress == 0
