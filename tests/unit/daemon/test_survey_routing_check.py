"""Answered callers who never reached the survey, found from a real tracker and the survey requests."""

from types import SimpleNamespace

import pytest
from asterisk.agi import AGIHangup
from twisted.internet.defer import ensureDeferred, succeed
from twisted.internet.task import Clock

from cc_bridge.agi.request import Request
from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.direct_calls import Contexts
from cc_bridge.calls.events import (
    BlindTransferred,
    BridgeEntered,
    BridgeLeft,
    ChannelEnded,
    ChannelStarted,
    Connected,
    DialEnded,
    DialStarted,
    GaveUp,
    HangupRequested,
    Joined,
    Left,
    StatusSet,
)
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config, QueueConfig
from cc_bridge.daemon.services.survey_invitations import SurveyInvitations
from cc_bridge.daemon.services.survey_routing_check import SurveyRoutingCheck
from cc_bridge.offline.replay import SurveyRequest, queue_names, read_stream, replay
from cc_bridge.records import Gap, GapReason, NotRoutedCall
from support.recordings import RECORDINGS
from support.service_context import context, hand_over

CALLER, AGENT, OTHER = "100.1", "100.2", "100.3"


class Link:
    up = True

    def pbx_now(self):
        return 1000.0

    def flush(self):
        return succeed(True)


class Centre:
    """A contact centre with two queues, two agents and a caller, on a PBX without cc_bridge's contexts."""

    def __init__(self, *, direct=False, enabled=True, **queue):
        config = Config(queue_defaults=QueueConfig(**{"survey": "csat", "min_talk_seconds": 0, **queue}))
        config = config.model_copy(update={"survey": config.survey.model_copy(update={"enabled": enabled})})
        self.tracker = Tracker("pbx", contexts=Contexts(internal=("phones",)), direct=direct)
        self.recorded, self.observing, self.clock = [], True, Clock()
        surveys = SimpleNamespace(surveys={"csat": object()}, sounds={})
        services = context(config, clock=self.clock)
        self.check = SurveyRoutingCheck(
            services, surveys, self.tracker, self.recorded.extend, lambda: self.observing
        )
        self.invitations = SurveyInvitations(
            services,
            surveys,
            self.tracker,
            Link(),
            lambda _decision: None,
            SimpleNamespace(in_progress=1),
            requested=self.check.survey_requested,
        )
        self.invitations._consider = lambda *_: None  # decisions have no effect here

    def hear(self, *events):
        for event in events:
            for record in self.tracker.apply(event):
                hand_over(self.check, record)

    def start(self, at=900.0, context="incoming", call=CALLER):
        self.hear(ChannelStarted(at, call, call, context, "8001", "0912", "", "fa", "PJSIP/trunk-1"))

    def joins(self, at=900.0, queue="sales"):
        self.hear(Joined(at, CALLER, CALLER, queue, 1, "0912", "", "fa"))

    def is_answered(self, at=905.0, queue="sales", agent=AGENT, name="Alice", phone="PJSIP/alice"):
        self.hear(
            ChannelStarted(at - 1, agent, CALLER, "agents", "s", "", "", "", f"{phone}-1"),
            Left(at, CALLER, queue),
            Connected(at, CALLER, CALLER, queue, phone, name, agent, f"{phone}-1", 5, "0912", "", "fa"),
            BridgeEntered(at, f"b-{agent}", agent, "", holding=False),
            BridgeEntered(at, f"b-{agent}", CALLER, "", holding=False),
        )

    def times_out(self, at=910.0, queue="sales"):
        """Let the caller leave the queue by its timeout."""
        self.hear(
            GaveUp(at, CALLER, CALLER, queue, 10, 1, "0912", "", "fa"),
            Left(at, CALLER, queue),
            StatusSet(at, CALLER, "", "TIMEOUT", "VarSet QUEUESTATUS"),
        )

    def agent_hangs_up(self, at=990.0, agent=AGENT):
        self.hear(
            HangupRequested(at, agent, by_pbx=False),
            BridgeLeft(at, f"b-{agent}", agent),
            BridgeLeft(at, f"b-{agent}", CALLER),
            ChannelEnded(at + 0.1, agent, 16, CALLER),
        )

    def caller_hangs_up(self, at):
        self.hear(HangupRequested(at, CALLER, by_pbx=False), ChannelEnded(at, CALLER, 16, CALLER))

    def caller_ends(self, at=990.2):
        """Let the PBX end the caller's channel, as after Queue() without the option c."""
        self.hear(HangupRequested(at, CALLER, by_pbx=True), ChannelEnded(at, CALLER, 16, CALLER))

    def transferred(self, to, at=950.0):
        self.hear(
            BlindTransferred(at, AGENT, to, CALLER),
            BridgeLeft(at, f"b-{AGENT}", AGENT),
            BridgeLeft(at, f"b-{AGENT}", CALLER),
            ChannelEnded(at, AGENT, 16, CALLER),
        )

    def comes_to_the_survey(self, channel=None, uniqueid=CALLER):
        request = Request(
            "survey", uniqueid, "PJSIP/x-1", "fa", "0912", "s", "survey", ("queue", "sales", ""), {}
        )
        deferred = ensureDeferred(self.invitations.invite(request, channel or SimpleNamespace()))
        deferred.addErrback(lambda failure: failure.trap(AGIHangup))
        self.clock.pump([0.05] * 20)

    def whole_call(self, **changes):
        self.start(**changes)
        self.joins()
        self.is_answered()
        self.agent_hangs_up()

    @property
    def found(self):
        """The records, after the time for late survey requests."""
        self.clock.advance(1.0)
        return self.recorded

    @property
    def queues(self):
        return [call.queue for call in self.found]


@pytest.fixture
def centre():
    return Centre()


def test_a_caller_whom_queue_hangs_up_with_the_agent_was_not_routed(centre):
    centre.whole_call()
    assert centre.found == []
    centre.caller_ends()
    assert centre.found == [
        NotRoutedCall("pbx", CALLER, CALLER, "sales", "Alice", "PJSIP/alice", 990.2, "csat", "")
    ]


def test_so_was_a_caller_whose_dialplan_continues_elsewhere(centre):
    centre.whole_call()
    centre.caller_ends(at=1_100.0)
    assert centre.queues == ["sales"]


def test_a_caller_who_came_to_the_survey_was_routed_whatever_was_decided(centre):
    centre.whole_call()
    centre.comes_to_the_survey()
    centre.caller_ends()
    assert centre.found == []


def test_so_was_a_caller_who_hung_up_before_the_decision(centre):
    async def full_variable(_expression):
        raise AGIHangup("gone")

    centre.start()
    centre.comes_to_the_survey(SimpleNamespace(get_full_variable=full_variable))
    centre.joins()
    centre.is_answered()
    centre.agent_hangs_up()
    centre.caller_ends()
    assert centre.found == []


def test_a_caller_who_left_first_is_no_case(centre):
    centre.start()
    centre.joins()
    centre.is_answered()
    centre.hear(
        HangupRequested(990.0, CALLER, by_pbx=False),
        BridgeLeft(990.0, f"b-{AGENT}", CALLER),
        BridgeLeft(990.0, f"b-{AGENT}", AGENT),
        ChannelEnded(990.1, AGENT, 16, CALLER),
        ChannelEnded(990.1, CALLER, 16, CALLER),
    )
    assert centre.found == []


def test_a_caller_whom_nobody_answered_is_no_case(centre):
    centre.start()
    centre.joins()
    centre.hear(HangupRequested(910.0, CALLER, by_pbx=False))
    centre.hear(GaveUp(910.0, CALLER, CALLER, "sales", 10, 1, "0912", "", "fa"), Left(910.0, CALLER, "sales"))
    centre.hear(ChannelEnded(910.0, CALLER, 16, CALLER))
    assert centre.found == []


def test_a_call_without_a_queue_is_no_case():
    centre = Centre(direct=True)
    centre.start(context="phones")
    centre.hear(
        ChannelStarted(901.0, OTHER, CALLER, "agents", "s", "", "", "", "PJSIP/erin-1"),
        DialStarted(901.0, CALLER, CALLER, "PJSIP/bob-1", "phones", "700", OTHER, "PJSIP/erin-1", "", "", ""),
        DialEnded(905.0, OTHER, "ANSWER", CALLER, dialed_channel="PJSIP/erin-1"),
        BridgeEntered(905.0, f"b-{OTHER}", OTHER, "", holding=False, channel="PJSIP/erin-1"),
        BridgeEntered(905.0, f"b-{OTHER}", CALLER, "", holding=False),
    )
    assert len(centre.tracker.talks.memory.heard(CALLER)) == 1
    centre.agent_hangs_up(agent=OTHER)
    centre.caller_ends()
    assert centre.found == []


@pytest.mark.parametrize("settings", [{"survey": ""}, {"enabled": False}, {"survey": "unknown"}])
def test_without_a_survey_there_is_no_case(settings):
    centre = Centre(**settings)
    centre.whole_call()
    centre.caller_ends()
    assert centre.found == []


def test_a_call_in_a_gap_is_no_case(centre):
    centre.observing = False
    centre.whole_call()
    centre.caller_ends()
    assert centre.found == []


@pytest.mark.parametrize(("started_at", "found"), [(900.0, []), (930.0, ["sales"])])
def test_a_call_that_started_before_the_end_of_a_gap_is_no_case(centre, started_at, found):
    hand_over(centre.check, Gap("pbx", 880.0, 920.0, GapReason.LINK_LOST, 1))
    centre.start(started_at)
    centre.joins(started_at)
    centre.is_answered(started_at + 5)
    centre.agent_hangs_up()
    centre.caller_ends()
    assert centre.queues == found


def test_a_call_whose_start_was_not_observed_is_no_case(centre):
    centre.joins()
    centre.is_answered()
    centre.agent_hangs_up()
    centre.caller_ends()
    assert centre.found == []


def test_an_extension_that_dials_the_queue_is_a_case(centre):
    centre.whole_call(context="phones")
    centre.caller_ends()
    assert centre.queues == ["sales"]


def test_of_two_queues_the_one_of_the_last_talk_has_the_case(centre):
    centre.start()
    centre.joins()
    centre.times_out()
    centre.joins(911.0, "support")
    centre.is_answered(915.0, "support")
    centre.agent_hangs_up()
    centre.caller_ends()
    assert centre.queues == ["support"]


def test_a_transfer_to_a_queue_counts_once_and_for_that_queue(centre):
    centre.start()
    centre.joins()
    centre.is_answered()
    centre.transferred("8002")
    centre.joins(950.0, "support")
    centre.is_answered(960.0, "support", OTHER, "Bob", "PJSIP/bob")
    centre.agent_hangs_up(agent=OTHER)
    centre.caller_ends()
    assert [(call.queue, call.agent) for call in centre.found] == [("support", "Bob")]


@pytest.mark.parametrize("direct", [False, True])
def test_a_transfer_to_a_colleague_counts_for_the_queue_before(direct):
    centre = Centre(direct=direct)
    centre.start()
    centre.joins()
    centre.is_answered()
    centre.transferred("700")
    centre.hear(
        ChannelStarted(951.0, OTHER, CALLER, "agents", "s", "", "", "", "PJSIP/erin-1"),
        DialStarted(
            951.0, CALLER, CALLER, "PJSIP/trunk-1", "agents", "700", OTHER, "PJSIP/erin-1", "", "", ""
        ),
        DialEnded(955.0, OTHER, "ANSWER", CALLER, dialed_channel="PJSIP/erin-1"),
        BridgeEntered(955.0, f"b-{OTHER}", OTHER, "", holding=False, channel="PJSIP/erin-1"),
        BridgeEntered(955.0, f"b-{OTHER}", CALLER, "", holding=False),
    )
    centre.agent_hangs_up(agent=OTHER)
    centre.caller_ends()
    assert [(call.queue, call.interface) for call in centre.found] == [("sales", "PJSIP/erin")]


def test_a_caller_who_gives_up_in_the_next_queue_is_no_case(centre):
    centre.whole_call()
    centre.joins(991.0, "support")
    centre.hear(HangupRequested(999.0, CALLER, by_pbx=False))
    centre.hear(
        GaveUp(999.0, CALLER, CALLER, "support", 8, 1, "0912", "", "fa"), Left(999.0, CALLER, "support")
    )
    centre.hear(ChannelEnded(999.0, CALLER, 16, CALLER))
    assert centre.found == []


def test_a_consultation_is_no_case_and_its_request_is_not_the_customers(centre):
    """An agent calls a queue on a second line. The second agent hangs up first; the line gets a survey."""
    line, colleague = "200.1", "200.2"
    centre.start()
    centre.joins()
    centre.is_answered()
    centre.hear(
        ChannelStarted(920.0, line, line, "phones", "8002", "", "", "", "PJSIP/alice-2"),
        Joined(920.0, line, line, "support", 1, "", "", ""),
        ChannelStarted(921.0, colleague, line, "agents", "s", "", "", "", "PJSIP/bob-1"),
        Left(922.0, line, "support"),
        Connected(922.0, line, line, "support", "PJSIP/bob", "Bob", colleague, "PJSIP/bob-1", 2, "", "", ""),
        BridgeEntered(922.0, "b-consult", colleague, "", holding=False),
        BridgeEntered(922.0, "b-consult", line, "", holding=False),
        HangupRequested(930.0, colleague, by_pbx=False),
        BridgeLeft(930.0, "b-consult", colleague),
        BridgeLeft(930.0, "b-consult", line),
        ChannelEnded(930.0, colleague, 16, line),
    )
    centre.comes_to_the_survey(uniqueid=line)
    centre.hear(ChannelEnded(931.0, line, 16, line))
    assert centre.found == []
    centre.agent_hangs_up()
    centre.caller_ends()
    assert [(call.queue, call.agent) for call in centre.found] == [("sales", "Alice")]


@pytest.mark.parametrize(("at", "queues"), [(990.1, []), (990.9, []), (995.0, ["sales"])])
def test_a_caller_who_hangs_up_right_after_the_agent_left_no_time_for_a_request(centre, at, queues):
    centre.whole_call()
    centre.caller_hangs_up(at)
    assert centre.queues == queues


def test_a_request_that_is_read_after_the_end_of_the_call_is_a_request(centre):
    centre.whole_call()
    centre.caller_ends()
    centre.comes_to_the_survey()
    assert centre.found == []


def test_what_is_not_recorded_yet_is_recorded_at_the_stop(centre):
    centre.whole_call()
    centre.caller_ends()
    assert centre.recorded == []
    centre.check.stop()
    assert [call.queue for call in centre.recorded] == ["sales"]
    assert centre.queues == ["sales"]


def test_what_is_remembered_of_a_call_is_forgotten_at_its_end(centre):
    centre.whole_call()
    centre.comes_to_the_survey()
    centre.caller_ends()
    assert (centre.check._requests, centre.check._unserved) == ({}, {})


def cases_of(path):
    """Return queue and agent of each case in a recording, with its survey requests."""
    found = []
    tracker = Tracker("pbx", queue_names(read_stream(path)))
    surveys = SimpleNamespace(surveys={"csat": object()}, sounds={})
    check = SurveyRoutingCheck(context(), surveys, tracker, found.extend, lambda: True)
    for record in replay(read_stream(path), tracker, MessageCounts()):
        if isinstance(record, SurveyRequest):
            check.survey_requested(record.call_id)
        else:
            hand_over(check, record)
    check.stop()
    return [(call.queue, call.agent) for call in found]


FREEPBX = sorted((RECORDINGS / "freepbx").glob("*.ami.gz"))
# The first queue's destination led to a survey. FreePBX drops it when the caller overflows to the next queue.
PAST_THE_SURVEY = {"overflow_to_second_queue_dynamic_agent": [("602", "Dave Diaz")]}


@pytest.mark.parametrize("path", FREEPBX, ids=lambda path: path.name.removesuffix(".ami.gz"))
def test_of_the_calls_of_a_real_freepbx_only_the_overflow_past_the_survey_is_a_case(path):
    assert cases_of(path) == PAST_THE_SURVEY.get(path.name.removesuffix(".ami.gz"), [])
