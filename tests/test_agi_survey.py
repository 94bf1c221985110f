"""Any caller, any luck with storing, cut at any moment: what is stored always ends and adds up."""

from hypothesis import given, settings, strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.agi.channel import PLAY_SECONDS
from cc_bridge.agi.server import FastAgiFactory, Limits
from cc_bridge.agi.survey import STORE_SECONDS, Interviewer
from cc_bridge.records import Answer, SurveyAttempt, SurveyResult
from cc_bridge.surveys.attribution import Attribution
from cc_bridge.surveys.definition import parse_survey

HEAD = b"agi_network_script: survey\nagi_uniqueid: 1.5\nagi_language: fa\n\n"
QUESTIONS = 2
SURVEY = parse_survey(
    """
id = "csat"
version = 1
languages = ["en"]
thanks = "prompt"
goodbye = "prompt"
questions = [
  { id = "agent", kind = "csat", ask = "prompt", invalid = "prompt" },
  { id = "wait", kind = "csat", ask = "prompt", invalid = "prompt" },
]
""",
    "survey.toml",
    {"prompt": {"en": "cc_bridge/prompt"}},
)
STEPS = 60  # commands, stores and waits of the longest interview, and then some

# What may happen next to a caller who is listening.
KEYS = [f"200 result={key}\n".encode() for key in ["", *"0123456789*#"]]
STREAMED = [b"200 result=0 endpos=1\n", b"200 result=53 endpos=1\n", b"200 result=57 endpos=1\n"]
MISFORTUNES = [
    b"200 result= (timeout)\n",
    b"200 result=-1 endpos=0\n",
    b"HANGUP\n",
    b"511 Command Not Permitted on a dead channel or intercept routine\n",
    b"510 Invalid or unknown command\n",
    b"garbage\n",
    "closed",
    "silent for ever",
    "time limit",
    "shutdown",
]


class Drawn:
    """One call whose every turn is drawn by hypothesis; stored records and when they were confirmed."""

    def __init__(self, data, luck):
        self.data = data
        self.luck = luck
        self.clock = Clock()
        self.transport = StringTransport()
        self.stored = []
        self.pending = []
        interviewer = Interviewer(
            "pbx1",
            SURVEY,
            lambda _: Attribution("1.1", "sales", "Sara", "PJSIP/sara"),
            self.store,
            self.clock.seconds,
            clock=self.clock,
        )
        self.factory = FastAgiFactory(interviewer.interview, Limits(call_seconds=10_000), self.clock)
        self.protocol = self.factory.buildProtocol(None)

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
        for _ in range(STEPS):
            if not self.factory.in_progress:
                return
            self.turn()
        raise AssertionError("the interview does not end")

    def turn(self):
        command = self.transport.value().decode()
        self.transport.clear()
        if self.pending:
            record, done = self.pending.pop()
            if self.data.draw(st.booleans(), label="stored in time"):
                self.stored.append(record)
                done.callback(None)
            else:
                self.clock.advance(STORE_SECONDS)
        elif command.startswith("GET DATA"):
            self.happens(self.data.draw(st.sampled_from(KEYS * 2 + MISFORTUNES), label=command))
        elif command.startswith("STREAM FILE"):
            self.happens(self.data.draw(st.sampled_from(STREAMED * 3 + MISFORTUNES), label=command))
        elif command == "CHANNEL STATUS\n":
            self.happens(
                self.data.draw(st.sampled_from([b"200 result=6\n", *MISFORTUNES[2:]]), label=command)
            )
        else:
            self.happens(
                self.data.draw(st.sampled_from([b"200 result=1\n"] * 20 + MISFORTUNES[2:]), label=command)
            )

    def happens(self, what):
        if what == "closed":
            self.protocol.connectionLost()
        elif what == "silent for ever":
            self.clock.advance(PLAY_SECONDS + SURVEY.wait_seconds)
        elif what == "time limit":
            self.protocol.cut("time_limit")
        elif what == "shutdown":
            self.protocol.cut("shutdown")
        else:
            self.protocol.dataReceived(what)

    @property
    def attempts(self):
        return [record for record in self.stored if isinstance(record, SurveyAttempt)]

    @property
    def answers(self):
        return [record for record in self.stored if isinstance(record, Answer)]


def result_of(answers):
    return {0: SurveyResult.DECLINED, QUESTIONS: SurveyResult.COMPLETE}.get(
        len(answers), SurveyResult.PARTIAL
    )


@settings(max_examples=400)
@given(st.data())
def test_the_stored_attempt_ends_and_agrees_with_the_stored_answers(data):
    call = Drawn(data, ["stored", "stored", "slow"])
    call.run()
    assert not call.clock.getDelayedCalls()
    assert call.factory.failed == 0
    assert call.transport.disconnecting or call.transport.disconnected
    assert len({answer.question for answer in call.answers}) == len(call.answers)
    ended = [attempt for attempt in call.attempts if attempt.ended_at is not None]
    for attempt in ended:
        assert attempt.result is result_of(call.answers)
        assert bool(attempt.reason) is (attempt.result is not SurveyResult.COMPLETE)
    assert len(ended) <= 1
    if all(isinstance(record, Answer) for record in call.stored):
        return  # every attempt was lost by the store that was too slow
    assert {attempt.attempt_id for attempt in call.attempts} == {"1.5-0"}


@settings(max_examples=200)
@given(st.data())
def test_with_a_store_that_works_nothing_is_missing(data):
    call = Drawn(data, ["stored"])
    call.run()
    first, last = call.attempts
    assert (first.result, first.ended_at) == (SurveyResult.STARTED, None)
    assert last.ended_at is not None
    assert last.result is result_of(call.answers)
    assert call.stored == [first, *call.answers, last]


@settings(max_examples=200)
@given(st.data())
def test_a_store_that_fails_never_holds_a_caller(data):
    call = Drawn(data, ["stored", "fails", "slow"])
    call.run()
    assert not call.clock.getDelayedCalls()
    assert call.factory.in_progress == 0
