"""Survey invitations: the decision whether a caller is invited to a survey.

`surveys/eligibility.py` has the rules and `surveys/history.py` the past surveys of each caller. A decision is
made when a caller reaches the survey, or hangs up before the agent. If the queue has a survey, the decision
becomes a SurveyDecision. `daemon/services/rated_talks.py` finds the talks that the survey rates.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from twisted.internet.task import deferLater
from twisted.logger import Logger

from cc_bridge.agi.channel import AgiChannel, PromptMissing
from cc_bridge.agi.request import Request
from cc_bridge.agi.script_arguments import ScriptArguments, parse_arguments
from cc_bridge.calls.tracker import Tracker
from cc_bridge.daemon.service import Context, DaemonService, per_queue
from cc_bridge.daemon.services.configured_surveys import ConfiguredSurveys
from cc_bridge.daemon.services.fast_agi import FastAgi
from cc_bridge.daemon.services.rated_talks import (
    CONSULTATION,
    STILL_TALKING,
    Link,
    RatedTalks,
    RatedTalksFinder,
    segments_of,
)
from cc_bridge.daemon.services.survey_callback_dialer import SurveyCallbackDialer
from cc_bridge.records import (
    AttributedBy,
    Direction,
    EndedBy,
    OptOut,
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

__all__ = ["GREETING", "HELLO", "MOMENT", "SurveyInvitations"]

_log = Logger()

# At the end of an attended transfer, Asterisk 16 can run the survey on a Local channel that it hangs up some
# milliseconds later. The caller hears nothing of this survey and reaches another one on the own channel.
_OTHER_CHANNEL_SECONDS = 0.2
MOMENT = "moment"  # the prompt for a caller who has to wait for the decision
# The prompts at the start of a callback. The company's name is played between them.
HELLO = "hello"
GREETING = "callback_greeting"
_MAX_REMEMBERED = 10_000  # calls; the oldest is forgotten first


_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _Caller:
    """The caller of one survey decision, with the caller's queue, language, number and trigger."""

    uniqueid: str
    queue: str
    language: str
    number: str
    trigger: Trigger


class SurveyInvitations(DaemonService):
    """The service that decides which callers of one PBX are invited to a survey.

    A configuration reload may replace the surveys in `surveys` at any time; a survey in progress keeps its
    old definition. `record` stores the decisions. `fast_agi` has the number of callers with a running FastAGI
    script; if too many scripts run, no caller is invited. `callbacks` receives each caller who would have
    been invited but hung up before the agent did; it is None if callbacks are disabled.

    record_handlers: the functions that process the records of talks, survey attempts and opt-outs
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
            "company_prompt",
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
        requested: Callable[[str], None] = lambda _call_id: None,
    ) -> None:
        super().__init__(context)
        self.history = SurveyHistory(context.config.pbx.name)
        self._surveys = surveys
        self._consents: dict[str, bool] = {}  # answers to the consent question before the queue, by Uniqueid
        self._invited: dict[str, None] = {}  # ids of the calls that were invited, oldest first
        self._keys = context.config.callers.caller_keys()
        self._tracker = tracker
        self._link = link
        self._record = record
        self._fast_agi = fast_agi
        self._callbacks = callbacks
        self._requested = requested
        self._clock = context.reactor
        self._finder = RatedTalksFinder(tracker, link, context.reactor)
        self.record_handlers = {
            Talk: self._talk_ended,
            OptOut: self.history.record_opt_out,
            SurveyAttempt: self._attempt_made,
        }

    @property
    def sounds(self) -> Sounds:
        """The sound files of the loaded prompts."""
        return self._surveys.sounds

    def record_consent(self, uniqueid: str, given: bool) -> None:
        """Remember whether the caller on this channel consented to a survey.

        Callers are asked for their consent before they enter the queue. While calls are observed, a consent
        or refusal on a channel that Asterisk never announced is ignored.
        """
        if self._link.up and not self._tracker.knows_channel(uniqueid):
            return
        _remember(self._consents, uniqueid, given)

    async def invite(self, request: Request, channel: AgiChannel) -> Invitation | NotAskedReason:
        """Return the survey invitation for a caller who reached the survey, or the reason for not asking.

        Raises AGIHangup if the caller hangs up, or if Asterisk ends the channel, before the decision.
        """
        arguments = parse_arguments(request.args)
        arguments = replace(arguments, queue=self._tracker.spelled(arguments.queue))
        if arguments.trigger is Trigger.CALLBACK:
            if not await self._finder.is_announced(request.uniqueid):
                return NotAskedReason.NO_AGENT
            return await self._greet(self._called_back(arguments), request, channel)
        # Also before the decision: the caller may hang up meanwhile.
        call_id = self._tracker.call_rated_on(request.uniqueid)
        if call_id is not None and self._tracker.knows_channel(request.uniqueid):
            self._requested(call_id)
        talked = await self._finder.find(
            request, channel, arguments, lambda: self._play(MOMENT, request.language, request, channel)
        )
        if talked is CONSULTATION or talked is STILL_TALKING:
            # An agent asks a colleague, or the caller is still talking.
            return NotAskedReason.NOT_ELIGIBLE
        if talked is not None and talked.attribution.call_id:
            self._requested(talked.attribution.call_id)
        unknown = talked is not None and talked.attribution.by is AttributedBy.UNKNOWN_CHANNEL
        queue = talked.attribution.last.queue if talked and not unknown else arguments.queue
        uniqueid, number, language = request.uniqueid, request.caller_id, request.language
        if unknown:
            number = ""  # the program that requested the survey may have invented it
        if talked and talked.uniqueid != uniqueid:
            # The survey was reached by a transfer on another channel, with the agent's number and language.
            await deferLater(self._clock, _OTHER_CHANNEL_SECONDS)
            await channel.channel_status()
            uniqueid = talked.uniqueid
            call = self._tracker.calls.by_id(talked.attribution.call_id)
            number, language = (call.number, call.language) if call else ("", language)
        caller = _Caller(uniqueid, queue, language, number, arguments.trigger)
        return self._consider(caller, talked, self._fast_agi.in_progress - 1, decide)

    def _attempt_made(self, attempt: SurveyAttempt) -> None:
        """Add a survey attempt to the history when it starts."""
        if attempt.ended_at is None:
            self.history.add_attempt(attempt, attempt.started_at)

    def _talk_ended(self, talk: Talk) -> None:
        """Make the survey decision on a caller who ended the talk by hanging up.

        Such a caller never reaches the survey. Do nothing for a talk that ended in another way.
        """
        if talk.ended_by is not EndedBy.CALLER:
            return
        ended = self._tracker.talks.memory.last(talk.uniqueid)
        if not talk.queue and (ended is None or ended.direction is not Direction.IN):
            return  # an internal or outgoing call
        number, language = (ended.number, ended.language) if ended else ("", "")
        segments = segments_of(self._tracker.talks.memory.heard(talk.call_id)) or [
            Segment(talk.queue, talk.agent, talk.interface)
        ]
        queue = segments[-1].queue
        trigger = Trigger.QUEUE if queue else Trigger.DIAL
        caller = _Caller(talk.uniqueid, queue, language, number, trigger)
        attribution = Attribution(talk.call_id, segments)
        talked = RatedTalks(attribution, talk.talk_seconds, talk.ended_by, talk.uniqueid)
        invitation = self._consider(caller, talked, self._fast_agi.in_progress, decide_after_hangup)
        if isinstance(invitation, Invitation):
            self._left_first(invitation, caller.uniqueid, number)

    def _left_first(self, invitation: Invitation, uniqueid: str, number: str) -> None:
        if self._callbacks:
            consented = self._consents.get(uniqueid)
            self._callbacks.caller_left_first(CallbackCandidate(uniqueid, number, consented, invitation))

    def _called_back(self, arguments: ScriptArguments) -> Invitation | None:
        return self._callbacks.invitation(arguments) if self._callbacks else None

    # -- the decision

    def _consider(
        self,
        caller: _Caller,
        talked: RatedTalks | None,
        running: int,
        judge: Callable[
            [SurveyCandidate, EligibilityRules, SurveyHistorySnapshot, str],
            NotAskedReason | SurveyStage | None,
        ],
    ) -> Invitation | NotAskedReason:
        """Make and record the survey decision on a caller; return the invitation or the reason against it.

        `talked` has the caller's talks, None if no agent is known. `running` is the number of other callers
        with a running FastAGI script. `judge` applies the eligibility rules. No decision is recorded if the
        queue has no survey, or if the same call was already invited.
        """
        queue = self.config.queue(caller.queue)
        rules = queue.rules(self.config.survey, self.config.agi, self.config.general.zone)
        survey = self._surveys.surveys.get(rules.survey)
        if survey is None:
            return NotAskedReason.DISABLED
        attribution = talked.attribution if talked else Attribution("", [Segment(caller.queue, "", "")])
        call_id = attribution.call_id or caller.uniqueid
        if call_id in self._invited:
            # Invited on another channel of the same call. A caller behind a Local channel may still be inside
            # Queue(), and the dialplan of that channel requests the survey a second time.
            return NotAskedReason.ASKED_RECENTLY
        language = queue.language or caller.language
        now = self._link.pbx_now()
        candidate = SurveyCandidate(
            queue=caller.queue,
            agent=attribution.last.agent,
            interface=attribution.last.interface,
            answered=True,  # an agent talked with the caller, who entered no other queue afterwards
            talk_seconds=talked.talk_seconds if talked else 0.0,
            transferred=len(attribution.segments) > 1,
            ended_by=talked.ended_by if talked else EndedBy.UNOBSERVED,
            caller_key=self._keys.key(caller.number),
            # A channel without a language has Asterisk's default, for which the survey's first language is
            # used.
            language_known=not language or bool(survey.ask_language or survey.speaks(language)),
            at=now,
            trigger=caller.trigger,
            consented=self._consents.get(caller.uniqueid),
            attributed=attribution.by is not AttributedBy.UNKNOWN_CHANNEL,
        )
        past = self.history.snapshot(candidate, start_of_day(now, self.config.general.zone), running)
        # An erasure leaves only the hash of the number of a caller who opted out.
        if self.history.opted_out(self._keys.hashed(caller.number)):
            past = replace(past, opted_out=True)
        found = judge(candidate, rules, past, call_id)
        self._record(
            SurveyDecision(
                pbx=self.config.pbx.name,
                call_id=call_id if candidate.attributed else "",
                uniqueid=caller.uniqueid,
                queue=attribution.last.queue,
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
        if candidate.attributed:
            _remember(self._invited, call_id, None)
        return Invitation(
            survey, attribution, language, candidate.caller_key, caller.trigger, queue.company_prompt
        )

    # -- prompts

    async def _greet(
        self, invitation: Invitation | None, request: Request, channel: AgiChannel
    ) -> Invitation | NotAskedReason:
        """Play the introduction of a callback in the caller's language, and return the invitation.

        The introduction says who calls, and why. The returned invitation has no company prompt, since the
        caller has just heard the company's name.

        If cc_bridge planned no callback for this call, `invitation` is None. Then play nothing and return the
        reason NO_AGENT.
        """
        if invitation is None:
            return NotAskedReason.NO_AGENT
        language = invitation.survey.language_for(invitation.language)
        await channel.set_variable("CHANNEL(language)", language)
        for prompt in filter(None, (HELLO, invitation.company, GREETING)):
            await self._play(prompt, language, request, channel)
        return replace(invitation, company="")

    async def _play(self, prompt: str, language: str, request: Request, channel: AgiChannel) -> None:
        spoken = self.sounds.get(prompt, {})
        if language in spoken:
            try:
                await channel.stream_file(spoken[language])
            except PromptMissing as error:
                _log.error(
                    "cannot play prompt {prompt}: {error}; the survey continues without it",
                    prompt=prompt,
                    error=error,
                    uniqueid=request.uniqueid,
                )


def _remember(memory: dict[str, _Value], key: str, value: _Value) -> None:
    """Store a value under a key; delete the oldest key if more than 10,000 are stored."""
    memory[key] = value
    if len(memory) > _MAX_REMEMBERED:
        del memory[next(iter(memory))]
