"""Survey decisions with a real tracker: invitations, and the funnel's stages of all other callers."""

from types import SimpleNamespace

import pytest
from asterisk.agi import AGIHangup
from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.agi.request import Request
from cc_bridge.calls.events import (
    BridgeEntered,
    BridgeLeft,
    ChannelEnded,
    ChannelStarted,
    Connected,
    HangupRequested,
    Joined,
    Left,
    LocalJoined,
    MemberSeen,
)
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config, QueueConfig
from cc_bridge.daemon.services.survey_invitations import GREETING, HELLO, MOMENT, SurveyInvitations
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.records import AttributedBy, Direction, EndedBy, OptOut, Talk, Trigger
from cc_bridge.surveys.attribution import Invitation, Segment
from cc_bridge.surveys.definition import parse_survey
from cc_bridge.surveys.eligibility import NotAskedReason
from support.service_context import context, hand_over

SOUNDS = {
    prompt: dict.fromkeys(("en", "fa"), f"cc_bridge/{prompt}")
    for prompt in ("ask", "bad", "bye", "company", MOMENT, HELLO, GREETING)
}
SURVEY = parse_survey(
    """
id = "csat"
version = 1
languages = ["en", "fa"]
thanks = "bye"
goodbye = "bye"
[[questions]]
id = "satisfaction"
kind = "csat"
ask = "ask"
invalid = "bad"
""",
    "csat.toml",
    SOUNDS,
)
CALLER, AGENT, BRIDGE = "100.1", "100.2", "b-1"
NUMBER = "09121234567"


class Link:
    def __init__(self):
        self.up = True
        self.now = 1000.0
        self.flushed = 0
        self.on_flush = lambda: None
        self.answers = True  # None: no answer at all

    def pbx_now(self):
        return self.now

    def flush(self):
        self.flushed += 1
        self.on_flush()
        return succeed(self.answers) if self.answers is not None else Deferred()


class Channel:
    """A channel that plays prompts without delay. `while_playing` runs during each prompt."""

    def __init__(self, linkedid=CALLER):
        self.played = []
        self.linkedid = linkedid
        self.while_playing = lambda: None
        self.variables = {}

    async def set_variable(self, name, value):
        self.variables[name] = value

    async def stream_file(self, sound, keys=""):
        self.played.append(sound)
        self.while_playing()
        return await succeed(keys[:0])

    async def channel_status(self):
        return 6

    async def get_full_variable(self, expression):
        assert expression == "${CHANNEL(linkedid)}"
        return self.linkedid


class Callbacks:
    """Fake callbacks: `left` keeps callers who hung up first, `about` maps calls to invitations."""

    def __init__(self):
        self.left, self.about = [], {}

    def caller_left_first(self, candidate):
        self.left.append(candidate)

    def invitation(self, said):
        return self.about.get(said.about)


class Centre:
    """A contact centre with one queue, one agent and a caller."""

    def __init__(self, **queue):
        config = Config(queue_defaults=QueueConfig(**{"min_talk_seconds": 0, **queue}))
        self.tracker, self.link, self.clock = Tracker("pbx"), Link(), Clock()
        self.funnel = []
        self.fast_agi = SimpleNamespace(in_progress=1)
        self.callbacks = Callbacks()
        self.asking = SurveyInvitations(
            context(config, clock=self.clock),
            SimpleNamespace(surveys={"csat": SURVEY}, sounds=SOUNDS),
            self.tracker,
            self.link,
            self.funnel.append,
            self.fast_agi,
            self.callbacks,
        )

    def hear(self, *events):
        for event in events:
            for record in self.tracker.apply(event):
                hand_over(self.asking, record)

    def talk(self, begin=900.0):
        self.hear(
            MemberSeen(begin, "sales", "PJSIP/alice", "Alice", 1, False, "", 0),
            Joined(begin, CALLER, CALLER, "sales", 1, NUMBER, "", "fa"),
            Left(begin + 5, CALLER, "sales"),
            Connected(
                begin + 5, CALLER, CALLER, "sales", "PJSIP/alice", "Alice", AGENT, "PJSIP/alice-1", 5, NUMBER,
                "", "fa",
            ),
            BridgeEntered(begin + 5, BRIDGE, AGENT, "", holding=False),
            BridgeEntered(begin + 5, BRIDGE, CALLER, "", holding=False),
        )  # fmt: skip

    def starts(self, uniqueid, linkedid, name="PJSIP/x-00000001"):
        """Let AMI announce a channel."""
        self.hear(ChannelStarted(980, uniqueid, linkedid, "c", "s", "", "", "fa", name))

    def talk_and_end(self):
        self.talk()
        self.agent_leaves()

    def agent_leaves(self, at=990.0):
        self.hear(HangupRequested(at, AGENT, by_pbx=False), BridgeLeft(at, BRIDGE, AGENT))

    def caller_leaves(self, at=990.0):
        self.hear(
            HangupRequested(at, CALLER, by_pbx=False),
            BridgeLeft(at, BRIDGE, CALLER),
            BridgeLeft(at, BRIDGE, AGENT),
            ChannelEnded(at, CALLER, 16),
        )

    def comes(self, channel=None, args=("queue", "sales", "PJSIP/alice"), number=NUMBER, language="fa"):
        """Let the caller reach the survey. Return the invitation, or the reason of the refusal."""
        request = Request("survey", CALLER, "PJSIP/x-1", language, number, "s", "cc-bridge-survey", args, {})
        result = []
        deferred = ensureDeferred(self.asking.invite(request, channel or Channel()))
        deferred.addBoth(result.append)
        for _ in range(100):
            if result:
                break
            self.clock.advance(0.05)
        return result[0]

    @property
    def stages(self):
        return [entry.stage for entry in self.funnel]


@pytest.fixture
def centre():
    return Centre()


def test_a_caller_whose_agent_hung_up_is_asked_about_that_agent(centre):
    centre.talk()
    centre.agent_leaves()
    invitation = centre.comes()
    assert isinstance(invitation, Invitation)
    assert invitation.attribution.last == Segment("sales", "Alice", "PJSIP/alice")
    assert invitation.attribution.by is AttributedBy.EVENTS
    assert (invitation.language, invitation.caller_key, invitation.trigger) == ("fa", NUMBER, Trigger.QUEUE)
    (entry,) = centre.funnel
    assert (entry.stage, entry.queue, entry.agent, entry.survey) == ("invited", "sales", "Alice", "csat")
    assert entry.call_id == entry.uniqueid == CALLER


def test_a_caller_may_come_before_the_event_does(centre):
    """Asterisk has buffered events. The flush delivers them, so the caller hears no waiting prompt."""
    centre.link.on_flush = centre.talk_and_end
    channel = Channel()
    assert isinstance(centre.comes(channel), Invitation)
    assert channel.played == []
    assert centre.link.flushed == 1


def test_who_has_to_wait_longer_hears_a_prompt_and_not_silence(centre):
    channel = Channel()
    channel.while_playing = centre.talk_and_end
    assert isinstance(centre.comes(channel), Invitation)
    assert channel.played == ["cc_bridge/moment"]
    assert centre.clock.seconds() < 1


def test_without_the_manager_interface_the_dialplans_word_counts_and_is_marked(centre):
    centre.link.up = False
    channel = Channel(linkedid="99.1")
    invitation = centre.comes(channel)
    assert invitation.attribution.by is AttributedBy.CHANNEL
    assert invitation.attribution.call_id == "99.1"
    assert invitation.attribution.last == Segment("sales", "PJSIP/alice", "PJSIP/alice")
    assert channel.played == []


def test_nobody_to_rate_is_told_as_such(centre):
    assert centre.comes(args=("queue", "sales", "")) is NotAskedReason.NO_AGENT
    assert centre.stages == ["no_agent"]


def test_the_queue_that_the_dialplan_names_has_the_spelling_of_the_pbx(centre):
    centre.link.up = False
    centre.hear(MemberSeen(900.0, "sales", "PJSIP/alice", "Alice", 1, False, "", 0))
    invitation = centre.comes(Channel(linkedid="99.1"), args=("queue", "SALES", "PJSIP/alice"))
    assert invitation.attribution.last == Segment("sales", "Alice", "PJSIP/alice")
    assert [decision.queue for decision in centre.funnel] == ["sales"]


def test_a_caller_who_went_away_while_waiting(centre):
    class Gone(Channel):
        async def stream_file(self, *_):
            raise AGIHangup("gone")

    assert centre.comes(Gone()).check(AGIHangup)
    assert centre.funnel == []


def test_a_queue_without_a_survey_asks_nobody_and_has_no_funnel():
    centre = Centre(survey="")
    centre.talk()
    centre.agent_leaves()
    assert centre.comes() is NotAskedReason.DISABLED
    assert centre.funnel == []


def test_too_short_a_talk():
    centre = Centre(min_talk_seconds=120)
    centre.talk()
    centre.agent_leaves()
    assert centre.comes() is NotAskedReason.TOO_SHORT
    assert centre.stages == ["too_short"]


def test_who_opted_out_is_not_asked_again(centre):
    centre.talk()
    centre.agent_leaves()
    hand_over(centre.asking, OptOut(NUMBER, 950.0, opted_out=True, source="key"))
    assert centre.comes() is NotAskedReason.OPTED_OUT


def test_who_opted_out_and_was_erased_is_not_asked_again(centre):
    keys = centre.asking._keys = CallerKeys("plain", b"a secret of the house", "98")
    centre.talk()
    centre.agent_leaves()
    hand_over(centre.asking, OptOut(keys.hashed(NUMBER), 950.0, opted_out=True, source="key"))
    assert centre.comes() is NotAskedReason.OPTED_OUT
    assert centre.funnel[-1].caller_key == "989121234567"


def test_consent_that_is_needed():
    centre = Centre(consent="required")
    centre.talk()
    centre.agent_leaves()
    assert centre.comes() is NotAskedReason.NO_CONSENT
    centre.asking.record_consent(CALLER, True)
    assert isinstance(centre.comes(), Invitation)


def test_the_queues_language_goes_before_the_channels():
    centre = Centre(language="en")
    centre.talk()
    centre.agent_leaves()
    assert centre.comes(language="fa").language == "en"


@pytest.mark.parametrize(("language", "asked"), [("de", False), ("fa_IR", True), ("", True)])
def test_a_language_that_the_survey_may_not_speak(centre, language, asked):
    centre.talk()
    centre.agent_leaves()
    assert (centre.comes(language=language) is not NotAskedReason.LANGUAGE_MISSING) is asked


def test_a_call_is_asked_once_even_if_its_dialplan_comes_again(centre):
    centre.talk()
    centre.agent_leaves()
    assert isinstance(centre.comes(), Invitation)
    assert centre.comes() is NotAskedReason.ASKED_RECENTLY
    centre.caller_leaves()
    assert centre.stages == ["invited"]


def test_who_answers_our_call_is_greeted_in_the_language_of_the_call_it_is_about(centre):
    centre.talk()
    centre.agent_leaves()
    about = centre.comes()
    centre.callbacks.about[CALLER] = about
    channel = Channel()
    assert centre.comes(channel, args=("callback", "", "", CALLER)) == about
    assert channel.variables == {"CHANNEL(language)": "fa"}
    assert channel.played == ["cc_bridge/hello", "cc_bridge/callback_greeting"]
    assert centre.comes(args=("callback", "", "", "7.7")) is NotAskedReason.NO_AGENT


def test_a_channel_that_asterisk_never_announced_rates_no_agent(centre, logged):
    channel = Channel(linkedid="99.1")
    invitation = centre.comes(channel)
    assert channel.played == ["cc_bridge/moment"]
    assert invitation.attribution.last == Segment("", "", "")
    assert (invitation.attribution.by, invitation.attribution.call_id) == (AttributedBy.UNKNOWN_CHANNEL, "")
    assert invitation.caller_key == ""  # its number may be invented
    (entry,) = centre.funnel
    assert (entry.stage, entry.call_id, entry.queue, entry.agent, entry.interface) == (
        "invited",
        "",
        "",
        "",
        "",
    )
    assert sum("agi.secret" in formatEvent(line) for line in logged) == 1
    # A caller who comes on a real channel of this name is still asked.
    centre.talk_and_end()
    assert centre.comes().attribution.last.agent == "Alice"


def test_a_stranger_cannot_name_the_call_of_another(centre):
    centre.talk_and_end()
    stranger = Request(
        "survey", "666.1", "PJSIP/x-1", "fa", NUMBER, "s", "c", ("queue", "sales", "PJSIP/alice"), {}
    )
    result = []
    ensureDeferred(centre.asking.invite(stranger, Channel(linkedid=CALLER))).addBoth(result.append)
    centre.clock.pump([0.05] * 40)
    assert result[0].attribution.by is AttributedBy.UNKNOWN_CHANNEL
    assert result[0].attribution.last == Segment("", "", "")
    assert centre.comes().attribution.last.agent == "Alice"


def test_a_channel_that_is_announced_late_is_known(centre):
    channel = Channel()
    channel.while_playing = lambda: centre.starts(CALLER, CALLER)
    invitation = centre.comes(channel)
    assert invitation.attribution.by is AttributedBy.CHANNEL
    assert invitation.attribution.last == Segment("sales", "PJSIP/alice", "PJSIP/alice")


def test_a_talk_that_still_goes_on_is_not_rated(centre):
    centre.talk()
    assert centre.comes() is NotAskedReason.NOT_ELIGIBLE
    assert centre.funnel == []
    centre.agent_leaves()
    assert centre.comes().attribution.last == Segment("sales", "Alice", "PJSIP/alice")


def test_a_talk_whose_end_is_told_late_is_rated(centre):
    centre.talk()
    channel = Channel()
    channel.while_playing = centre.agent_leaves
    assert centre.comes(channel).attribution.by is AttributedBy.EVENTS


def test_an_unknown_channel_is_no_callback(centre):
    centre.callbacks.about[CALLER] = "the invitation"
    assert centre.comes(args=("callback", "", "", CALLER)) is NotAskedReason.NO_AGENT


def test_an_unknown_channel_consents_to_nothing():
    centre = Centre(consent="required")
    centre.asking.record_consent(CALLER, True)
    centre.talk_and_end()
    assert centre.comes() is NotAskedReason.NO_CONSENT


def test_a_callback_says_who_calls():
    centre = Centre(company_prompt="company")
    centre.talk()
    centre.agent_leaves()
    about = centre.comes()
    assert about.company == "company"  # played before the survey's welcome
    centre.callbacks.about[CALLER] = about
    channel = Channel()
    assert centre.comes(channel, args=("callback", "", "", CALLER)).company == ""
    assert channel.played == ["cc_bridge/hello", "cc_bridge/company", "cc_bridge/callback_greeting"]


def test_a_call_that_went_out_is_not_one_that_a_caller_left(centre):
    centre.talk()
    centre.caller_leaves()
    talk = centre.tracker.talks.memory.last(CALLER)
    talk.direction = Direction.OUT
    record = Talk(
        "pbx", CALLER, CALLER, AGENT, "", "Alice", "PJSIP/alice", 905, 990, 0, 0, EndedBy.CALLER, None, None
    )  # fmt: skip
    hand_over(centre.asking, record)
    assert centre.stages == ["caller_left_first"]  # the stage of the queue's talk only


def test_too_many_surveys_at_once(centre):
    centre.talk()
    centre.agent_leaves()
    centre.fast_agi.in_progress = 81  # with this caller; more than the limit of 0.8 * 100
    assert centre.comes() is NotAskedReason.OVERLOAD
    centre.fast_agi.in_progress = 80
    assert isinstance(centre.comes(), Invitation)


def test_a_caller_who_hung_up_first_would_have_been_asked(centre):
    centre.talk()
    centre.caller_leaves()
    (entry,) = centre.funnel
    assert (entry.stage, entry.agent, entry.caller_key) == ("caller_left_first", "Alice", NUMBER)
    (left,) = centre.callbacks.left
    assert (left.uniqueid, left.number, left.consented) == (CALLER, NUMBER, None)
    assert left.invitation.attribution.last.agent == "Alice"


def test_a_caller_who_hung_up_first_and_would_not_have_been_asked():
    centre = Centre(sampling_percent=0)
    centre.talk()
    centre.caller_leaves()
    assert centre.stages == ["sampled_out"]


def test_an_agent_who_hung_up_first_leaves_the_decision_to_the_dialplan(centre):
    centre.talk()
    centre.agent_leaves()
    centre.hear(ChannelEnded(991.0, AGENT, 16))
    assert centre.funnel == []


def test_all_agents_of_a_transferred_call_are_known(centre):
    centre.talk()
    centre.hear(
        BridgeLeft(950, BRIDGE, CALLER),
        Joined(950, CALLER, CALLER, "support", 1, NUMBER, "", "fa"),
        Connected(
            955, CALLER, CALLER, "support", "PJSIP/bob", "Bob", "100.3", "PJSIP/bob-1", 5, NUMBER, "", ""
        ),
        BridgeEntered(955, "b-2", "100.3", "", holding=False),
        BridgeEntered(955, "b-2", CALLER, "", holding=False),
        HangupRequested(980, "100.3", by_pbx=False),
        BridgeLeft(980, "b-2", "100.3"),
    )
    invitation = centre.comes()
    assert [segment.agent for segment in invitation.attribution.segments] == ["Alice", "Bob"]
    assert invitation.attribution.rated("first_agent").agent == "Alice"
    assert invitation.attribution.rated("queue:sales").agent == "Alice"
    assert invitation.attribution.rated("company") is None
    assert centre.funnel[-1].queue == "support"


def test_a_caller_on_another_channel_is_found_by_the_call(centre):
    centre.talk()
    request_channel = Channel(linkedid=CALLER)
    centre.agent_leaves()
    centre.starts("200.9", CALLER, "Local/8099@agents-1;2")
    asking_about = Request("survey", "200.9", "Local/x", "fa", "", "s", "c", ("extension", "", ""), {})
    result = []
    ensureDeferred(centre.asking.invite(asking_about, request_channel)).addBoth(result.append)
    centre.clock.pump([0.05] * 20)
    assert result[0].attribution.last.agent == "Alice"
    assert result[0].trigger is Trigger.EXTENSION


def test_a_channel_that_asterisk_ends_at_once_does_not_use_up_the_callers_survey(centre):
    """At the end of an attended transfer, Asterisk 16 runs the survey on a Local channel and hangs it up."""

    class HungUp(Channel):
        async def channel_status(self):
            raise AGIHangup("hung up")

    centre.talk()
    centre.agent_leaves()
    centre.starts("200.9", CALLER, "Local/602@c-1;2")
    half = Request("survey", "200.9", "Local/602@c;2", "fa", "", "s", "c", ("dial", "", "PJSIP/alice"), {})
    result = []
    ensureDeferred(centre.asking.invite(half, HungUp())).addBoth(result.append)
    centre.clock.pump([0.05] * 20)
    assert result[0].check(AGIHangup)
    assert centre.stages == []
    assert centre.comes().attribution.last.agent == "Alice"


def test_an_observation_from_before_a_stalled_link_does_not_count(centre):
    """Without an answer from Asterisk, the agent that the dialplan names may be a later one."""
    centre.talk()
    centre.link.answers = None
    channel = Channel()
    invitation = centre.comes(channel, args=("queue", "support", "PJSIP/bob"))
    assert channel.played == ["cc_bridge/moment"]
    assert invitation.attribution.by is AttributedBy.CHANNEL
    assert invitation.attribution.last == Segment("support", "PJSIP/bob", "PJSIP/bob")


def test_a_consultation_that_reaches_the_survey_is_not_asked_and_the_customer_still_is(centre):
    near, far = "100.7", "100.8"
    centre.talk()
    centre.hear(
        ChannelStarted(950, far, CALLER, "agents", "602", "", "", "fa", "Local/602@agents-1;2"),
        LocalJoined(950, near, far),
        BridgeEntered(950, "b-2", near, "", holding=False),
        BridgeLeft(950, BRIDGE, AGENT),
        BridgeEntered(950, "b-2", AGENT, "", holding=False),
    )
    consults = Request(
        "survey", far, "Local/602@agents-1;2", "fa", "", "s", "c", ("queue", "support", ""), {}
    )
    result = []
    ensureDeferred(centre.asking.invite(consults, Channel())).addBoth(result.append)
    assert result == [NotAskedReason.NOT_ELIGIBLE]
    assert centre.funnel == []
    centre.hear(BridgeLeft(960, "b-2", AGENT), BridgeEntered(960, BRIDGE, AGENT, "", holding=False))
    centre.agent_leaves()
    assert centre.comes().attribution.last.agent == "Alice"
