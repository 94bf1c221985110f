"""Decides about each caller who comes to the survey, and about those who hung up before it.

`surveys/eligibility.py` has the rules and `surveys/history.py` the callers' past. Each caller who could have
been asked becomes one SurveyDecision.

The dialplan may be here before the event that ends the talk, because events can lie unsent in Asterisk (up to
22.10) until something else is sent. So the link is flushed and waited for, and a caller who would hear
silence meanwhile hears a prompt. If nothing comes, the dialplan's own argument counts, marked.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from twisted.internet.task import deferLater
from twisted.logger import Logger

from cc_bridge.agi.channel import AgiChannel, PromptMissing
from cc_bridge.agi.request import Request
from cc_bridge.agi.script_arguments import ScriptArguments, parse_arguments
from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.tracker import Tracker
from cc_bridge.daemon.service import Context, DaemonService, per_queue
from cc_bridge.daemon.services.configured_surveys import ConfiguredSurveys
from cc_bridge.daemon.services.fast_agi import FastAgi
from cc_bridge.daemon.services.survey_callback_dialer import SurveyCallbackDialer
from cc_bridge.records import (
    AttributedBy,
    Direction,
    EndedBy,
    OptOut,
    Record,
    SurveyAttempt,
    SurveyDecision,
    Talk,
    Trigger,
)
from cc_bridge.surveys.attribution import Attribution, Invitation, Segment
from cc_bridge.surveys.business_hours import start_of_day
from cc_bridge.surveys.callback import CallbackCandidate
from cc_bridge.surveys.definition import Sounds
from cc_bridge.surveys.eligibility import (
    EligibilityRules,
    NotAskedReason,
    SurveyCandidate,
    SurveyHistorySnapshot,
    SurveyStage,
    decide,
    decide_after_hangup,
)
from cc_bridge.surveys.history import SurveyHistory

__all__ = ["GREETING", "MOMENT", "Link", "SurveyInvitations"]

_log = Logger()

MOMENT = "moment"  # the prompt for who has to wait
GREETING = "callback_greeting"  # for whom we called
_SILENT_SECONDS = 0.6  # nobody may hear silence for a second
_LOOK_SECONDS = 0.05
_MOST_CALLS = 10_000  # that go on; the oldest is forgotten first


_Value = TypeVar("_Value")


class Link(Protocol):
    """What is asked of the AMI link."""

    up: bool

    def pbx_now(self) -> float: ...
    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who is considered, as far as the channel tells."""

    uniqueid: str
    queue: str
    language: str
    number: str
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class _Talked:
    """What is known of the caller's talks."""

    attribution: Attribution
    talk_seconds: float
    ended_by: EndedBy
    uniqueid: str  # of the caller's channel, which may be another one than the survey's


class SurveyInvitations(DaemonService):
    """The decisions of one PBX.

    The surveys may be loaded again at any time; a caller who is being asked keeps the survey of before.
    `record` takes the decisions. `fast_agi` counts the callers who are served, the new one among them.
    `callbacks` gets the callers with consent or chosen by chance who hung up on the agent.
    """

    taken_over = (
        "survey.enabled",
        "survey.max_load_ratio",
        "general.time_zone",
        "agi.max_callers",
        *per_queue(
            "survey",
            "survey_*",
            "language",
            "sampling_percent",
            "min_talk_seconds",
            "require_agent_hangup",
            "min_days_between_surveys",
            "max_surveys_per_*",
            "consent",
        ),
    )

    def __init__(
        self,
        context: Context,
        surveys: ConfiguredSurveys,
        tracker: Tracker,
        link: Link,
        record: Callable[[SurveyDecision], None],
        fast_agi: FastAgi,
        callbacks: SurveyCallbackDialer | None = None,
    ) -> None:
        super().__init__(context)
        self.history = SurveyHistory(context.config.pbx.name)
        self._surveys = surveys
        self._consents: dict[str, bool] = {}  # of callers who were asked before the queue, by Uniqueid
        self._invited: dict[str, None] = {}  # calls
        self._keys = context.config.callers.caller_keys()
        self._tracker = tracker
        self._link = link
        self._record = record
        self._fast_agi = fast_agi
        self._callbacks = callbacks
        self._clock = context.reactor

    @property
    def sounds(self) -> Sounds:
        return self._surveys.sounds

    def record_consent(self, uniqueid: str, given: bool) -> None:
        """Note what a caller said who was asked before the queue."""
        _keep(self._consents, uniqueid, given)

    def handle_record(self, record: Record) -> None:
        """Note who was asked and who opted out; consider callers who ended the talk."""
        match record:
            case Talk():
                self._talk_ended(record)
            case OptOut():
                self.history.record_opt_out(record)
            case SurveyAttempt(ended_at=None):
                self.history.add_attempt(record, record.started_at)

    async def invite(self, request: Request, channel: AgiChannel) -> Invitation | NotAskedReason:
        """Return what to ask a caller who came to the survey, or why not to.

        Raises AGIHangup for one who has gone meanwhile.
        """
        said = parse_arguments(request.args)
        if said.trigger is Trigger.CALLBACK:
            return await self._greet(self._called_back(said), request, channel)
        talked = await self._talked(request, channel, said)
        queue = talked.attribution.last.queue if talked else said.queue
        uniqueid, number, language = request.uniqueid, request.caller_id, request.language
        if talked and talked.uniqueid != uniqueid:
            # A transfer brought another channel here, with the number and the language of the agent's.
            uniqueid = talked.uniqueid
            call = self._tracker.calls.of(uniqueid)
            number, language = (call.number, call.language) if call else ("", language)
        caller = _Caller(uniqueid, queue, language, number, said.trigger)
        return self._consider(caller, talked, self._fast_agi.in_progress - 1, decide)

    def _talk_ended(self, talk: Talk) -> None:
        """Consider a caller who ended the talk, and so never comes to the survey."""
        if talk.ended_by is not EndedBy.CALLER:
            return
        ended = self._tracker.talks.last(talk.uniqueid)
        if not talk.queue and (ended is None or ended.direction is not Direction.IN):
            return  # a colleague, or somebody whom we called
        number, language = (ended.number, ended.language) if ended else ("", "")
        trigger = Trigger.QUEUE if talk.queue else Trigger.DIAL
        caller = _Caller(talk.uniqueid, talk.queue, language, number, trigger)
        segments = self._segments(self._tracker.talks.of_call(talk.call_id)) or [
            Segment(talk.queue, talk.agent, talk.interface)
        ]
        attribution = Attribution(talk.call_id, segments)
        talked = _Talked(attribution, talk.talk_seconds, talk.ended_by, talk.uniqueid)
        invitation = self._consider(caller, talked, self._fast_agi.in_progress, decide_after_hangup)
        if isinstance(invitation, Invitation):
            self._left_first(invitation, caller.uniqueid, number)

    def _left_first(self, invitation: Invitation, uniqueid: str, number: str) -> None:
        if self._callbacks:
            consented = self._consents.get(uniqueid)
            self._callbacks.caller_left_first(CallbackCandidate(uniqueid, number, consented, invitation))

    def _called_back(self, said: ScriptArguments) -> Invitation | None:
        return self._callbacks.invitation(said) if self._callbacks else None

    # -- the decision

    def _consider(
        self,
        caller: _Caller,
        talked: _Talked | None,
        running: int,
        judge: Callable[
            [SurveyCandidate, EligibilityRules, SurveyHistorySnapshot, str],
            NotAskedReason | SurveyStage | None,
        ],
    ) -> Invitation | NotAskedReason:
        queue = self.config.queue(caller.queue)
        rules = queue.rules(self.config.survey, self.config.agi, self.config.general.zone)
        survey = self._surveys.surveys.get(rules.survey)
        if survey is None:
            return NotAskedReason.DISABLED
        attribution = talked.attribution if talked else Attribution("", [Segment(caller.queue, "", "")])
        call_id = attribution.call_id or caller.uniqueid
        if call_id in self._invited:
            # On another channel: a caller behind a Local channel may still be inside Queue() meanwhile, and
            # its dialplan comes here again.
            return NotAskedReason.ASKED_RECENTLY
        language = queue.language or caller.language
        now = self._link.pbx_now()
        candidate = SurveyCandidate(
            queue=caller.queue,
            agent=attribution.last.agent,
            interface=attribution.last.interface,
            answered=True,  # an agent talked with the caller, and no queue came after
            talk_seconds=talked.talk_seconds if talked else 0.0,
            transferred=len(attribution.segments) > 1,
            ended_by=talked.ended_by if talked else EndedBy.UNOBSERVED,
            caller_key=self._keys.key(caller.number),
            # A channel without a language is in Asterisk's default one, and so the survey's first.
            language_known=not language or bool(survey.ask_language or survey.speaks(language)),
            at=now,
            trigger=caller.trigger,
            consented=self._consents.get(caller.uniqueid),
        )
        standing = self.history.snapshot(candidate, start_of_day(now, self.config.general.zone), running)
        if self.history.opted_out(self._keys.hashed(caller.number)):  # all that an erasure has left
            standing = replace(standing, opted_out=True)
        found = judge(candidate, rules, standing, call_id)
        self._record(
            SurveyDecision(
                pbx=self.config.pbx.name,
                call_id=call_id,
                uniqueid=caller.uniqueid,
                queue=caller.queue,
                agent=candidate.agent,
                interface=candidate.interface,
                decided_at=now,
                survey=survey.id,
                trigger=caller.trigger,
                stage=found or SurveyStage.INVITED,
                caller_key=candidate.caller_key,
            )
        )
        if isinstance(found, NotAskedReason):
            return found
        _keep(self._invited, call_id, None)
        return Invitation(survey, attribution, language, candidate.caller_key, caller.trigger)

    # -- who talked with the caller

    async def _talked(self, request: Request, channel: AgiChannel, said: ScriptArguments) -> _Talked | None:
        """Return what was observed, waiting for it if need be, else what the dialplan says."""
        if (talked := self._observed(request.uniqueid)) is not None:
            return talked
        if self._link.up:
            self._link.flush()
            for _ in range(round(_SILENT_SECONDS / _LOOK_SECONDS)):
                await deferLater(self._clock, _LOOK_SECONDS)
                if (talked := self._observed(request.uniqueid)) is not None:
                    return talked
            await self._play(MOMENT, request.language, request, channel)
        call_id = await channel.get_full_variable("${CHANNEL(linkedid)}")
        talked = self._observed(request.uniqueid) or self._observed_in_call(call_id, said)
        if talked is not None or not said.interface:
            return talked
        names = {member.interface: member.name for member in self._tracker.members.values()}
        segment = Segment(said.queue, names.get(said.interface, said.interface), said.interface)
        # The dialplan comes here when the agent has hung up; how long the talk was it does not know.
        attribution = Attribution(call_id, [segment], AttributedBy.CHANNEL)
        return _Talked(attribution, math.inf, EndedBy.AGENT, request.uniqueid)

    async def _greet(
        self, invitation: Invitation | None, request: Request, channel: AgiChannel
    ) -> Invitation | NotAskedReason:
        """Say who calls and why; None: nobody was called about this."""
        if invitation is None:
            return NotAskedReason.NO_AGENT
        language = invitation.survey.language_for(invitation.language)
        await channel.set_variable("CHANNEL(language)", language)
        await self._play(GREETING, language, request, channel)
        return invitation

    async def _play(self, prompt: str, language: str, request: Request, channel: AgiChannel) -> None:
        spoken = self.sounds.get(prompt, {})
        if language in spoken:
            try:
                await channel.stream_file(spoken[language])
            except PromptMissing as error:
                _log.error("{error}", error=error, uniqueid=request.uniqueid)

    def _observed(self, uniqueid: str) -> _Talked | None:
        last = self._tracker.talks.last(uniqueid)
        return self._talked_in(last.call_id) if last is not None else None

    def _observed_in_call(self, call_id: str, said: ScriptArguments) -> _Talked | None:
        """Look by the call for a caller who was transferred to the survey on another channel."""
        return self._talked_in(call_id) if said.trigger is Trigger.EXTENSION else None

    def _talked_in(self, call_id: str) -> _Talked | None:
        talks = self._tracker.talks.of_call(call_id)
        if not talks:
            return None
        last = talks[-1]
        ended_at = last.parted_at or self._link.pbx_now()
        attribution = Attribution(call_id, self._segments(talks))
        return _Talked(attribution, ended_at - last.answered_at, last.ending(), last.uniqueid)

    def _segments(self, talks: list[OpenTalk]) -> list[Segment]:
        return [Segment(talk.queue, talk.member, talk.interface) for talk in talks]


def _keep(memory: dict[str, _Value], key: str, value: _Value) -> None:
    memory[key] = value
    if len(memory) > _MOST_CALLS:
        del memory[next(iter(memory))]
