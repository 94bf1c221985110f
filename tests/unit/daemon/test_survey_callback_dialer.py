"""The callback dialler: due calls are made, and their results go to the funnel."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from cc_bridge.agi.script_arguments import parse_arguments
from cc_bridge.daemon.services.survey_callback_dialer import SurveyCallbackDialer
from cc_bridge.errors import AmiLinkLost
from cc_bridge.surveys.attribution import Attribution, Invitation, Segment
from cc_bridge.surveys.business_hours import BusinessHours
from cc_bridge.surveys.callback import (
    CallbackCandidate,
    CallbackPlan,
    CallbackRules,
    CallResult,
    NoCallbackReason,
)
from cc_bridge.surveys.definition import Survey
from support.service_context import context

SURVEY = Survey.__new__(Survey)
object.__setattr__(SURVEY, "id", "csat")
INVITATION = Invitation(SURVEY, Attribution("1.0", [Segment("sales", "Alice", "PJSIP/alice")]), "fa", "0912")


class DialerWithPlan:
    """A callback plan without delay, the test's clock, and a dialler with scripted results."""

    def __init__(self, *results):
        self.now, self.done, self.dialled, self.funnel = 0.0, [], [], []
        self.results = list(results)
        self.consents = {"1.0": True, "2.0": True}
        rules = CallbackRules(hours=BusinessHours(), delay_seconds=0, retry_seconds=60)
        plan = CallbackPlan(rules, lambda candidate, why: self.done.append((candidate.uniqueid, why)))
        self.calling = SurveyCallbackDialer(context(), plan, self.call, lambda: self.now, self.funnel.append)

    def call(self, number, uniqueid):
        self.dialled.append((number, uniqueid))
        return self.results.pop(0)

    def left(self, n=1, number="0912"):
        invitation = Invitation(INVITATION.survey, INVITATION.attribution, "fa", number)
        consented = self.consents.get(f"{n}.0")
        self.calling.caller_left_first(CallbackCandidate(f"{n}.0", number, consented, invitation))

    def tick(self, seconds=0.0):
        self.now += seconds
        self.calling.tick()


def test_a_caller_is_called_and_asked():
    dialer = DialerWithPlan(succeed(CallResult.ANSWERED))
    dialer.left()
    dialer.tick()
    assert dialer.dialled == [("0912", "1.0")]
    ((stage, trigger, key),) = [(entry.stage, entry.trigger, entry.caller_key) for entry in dialer.funnel]
    assert (stage, trigger, key) == ("called_back", "callback", "0912")
    assert dialer.calling.invitation(parse_arguments(["callback", "", "", "1.0"])).caller_key == "0912"
    assert dialer.calling.invitation(parse_arguments(["callback", "", "", "1.0"])) is None


def test_busy_is_tried_again():
    dialer = DialerWithPlan(succeed(CallResult.BUSY), succeed(CallResult.NO_ANSWER))
    dialer.left()
    dialer.tick()
    dialer.tick(59)
    assert len(dialer.dialled) == 1
    dialer.tick(1)
    assert len(dialer.dialled) == 2
    assert dialer.done == [("1.0", NoCallbackReason.NO_ANSWER)]


def test_without_consent_nobody_is_called():
    dialer = DialerWithPlan()
    dialer.consents.clear()
    dialer.left()
    dialer.tick()
    assert dialer.dialled == []


def test_a_slow_call_does_not_hold_up_the_next():
    slow = Deferred()
    dialer = DialerWithPlan(slow, succeed(CallResult.ANSWERED))
    dialer.left(1)
    dialer.tick()
    dialer.left(2, number="0913")
    dialer.tick(1)
    assert dialer.dialled == [("0912", "1.0"), ("0913", "2.0")]
    dialer.calling.stop()
    assert slow.called
    assert dialer.done == []


@pytest.mark.parametrize("error", [AmiLinkLost("refused"), ValueError("no number")])
def test_a_call_that_could_not_be_made_is_given_up(error):
    dialer = DialerWithPlan(fail(error), succeed(CallResult.ANSWERED))
    dialer.left(1)
    dialer.tick()
    dialer.left(2, number="0913")
    dialer.tick()
    assert dialer.done == [("1.0", NoCallbackReason.FAILED)]
    assert len(dialer.dialled) == 2
