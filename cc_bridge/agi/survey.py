"""Asks callers: carries out the steps of an `Interview` on a `Channel` and stores what comes of them.

The wiring gives `Interviewer.interview` to the FastAGI listener. The trap: a caller may hang up at any
moment, so an answer is on disk before the next prompt is sent, and the attempt is stored when it starts and
again when it ends, whatever ended it. A store that fails or is slow must not be heard: the caller gets the
goodbye. The channel variable CCB_SURVEY always tells the dialplan how far the survey came, or why the
caller was not asked.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from asterisk.agi import AGIError, AGIHangup
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.agi.channel import Channel, PromptMissing
from cc_bridge.agi.request import Request
from cc_bridge.records import Answer, SurveyAttempt, SurveyResult
from cc_bridge.surveys.attribution import Attribution
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.interview import (
    Ask,
    Begin,
    Ending,
    Event,
    Finish,
    Interview,
    Key,
    Play,
    Save,
    Step,
)
from cc_bridge.surveys.policy import NotAsked

__all__ = ["STORE_SECONDS", "VARIABLE", "Interviewer"]

_log = Logger()

VARIABLE = "CCB_SURVEY"
STORE_SECONDS = 5.0  # a commit takes milliseconds; a caller waits in silence meanwhile

_ANY_KEY = "0123456789*#"


@dataclass(slots=True)
class _Call:
    """What belongs to one interview."""

    request: Request
    channel: Channel
    interview: Interview
    attempt: SurveyAttempt
    told: str = ""  # what VARIABLE holds

    async def tell(self, outcome: str) -> None:
        if outcome != self.told:
            await self.channel.set_variable(VARIABLE, outcome)
            self.told = outcome


class Interviewer:
    """Asks one survey on one PBX.

    `attribute` tells from a Uniqueid whom to rate, or why the caller is not asked. The Deferred of `store`
    fires once the record is on disk. `now` gives UTC seconds since the epoch. `on_stage` hears each stage
    of the funnel, with the queue: invited, started, answered, invalid, no_input, hung_up, complete, partial,
    declined.
    """

    def __init__(
        self,
        pbx: str,
        definition: Survey,
        attribute: Callable[[str], Attribution | NotAsked],
        store: Callable[[SurveyAttempt | Answer], Deferred[Any]],
        now: Callable[[], float],
        *,
        clock: IReactorTime,
        on_stage: Callable[[str, str], None] = lambda _stage, _queue: None,
    ) -> None:
        self._pbx = pbx
        self._survey = definition
        self._attribute = attribute
        self._store = store
        self._now = now
        self._clock = clock
        self._on_stage = on_stage

    async def interview(self, request: Request, channel: Channel) -> None:
        """Ask the caller, if there is somebody to rate; returns when all is stored."""
        attribution = self._attribute(request.uniqueid)
        if isinstance(attribution, NotAsked):
            await channel.set_variable(VARIABLE, attribution)
            return
        self._on_stage("invited", attribution.queue)
        interview = Interview(self._survey)
        call = _Call(request, channel, interview, self._attempt(request, attribution))
        step = interview.begin()
        while not isinstance(step, Finish):
            event = await self._carry_out(step, call)
            following = interview.next(event)
            if stage := _stage(step, event, following):
                self._on_stage(stage, attribution.queue)
            step = following
        self._on_stage(step.result, attribution.queue)
        ended = replace(call.attempt, ended_at=self._now(), result=step.result, reason=step.reason)
        await self._stored(ended)

    def _attempt(self, request: Request, attribution: Attribution) -> SurveyAttempt:
        started_at = self._now()
        return SurveyAttempt(
            pbx=self._pbx,
            attempt_id=f"{request.uniqueid}-{round(started_at * 1000)}",
            call_id=attribution.call_id,
            uniqueid=request.uniqueid,
            queue=attribution.queue,
            agent=attribution.agent,
            interface=attribution.interface,
            survey=self._survey.id,
            version=self._survey.version,
            language=self._survey.language_for(request.language),
            started_at=started_at,
            ended_at=None,
            result=SurveyResult.STARTED,
            reason="",
        )

    async def _carry_out(self, step: Step, call: _Call) -> Event | Ending | Key:
        """Do what the interview wants next, and turn whatever goes wrong into an event."""
        try:
            return await self._do(step, call)
        except PromptMissing as error:
            _log.error("{error} for survey {survey}", error=error, survey=self._survey.id)
            return Event.PROMPT_MISSING
        except AGIHangup:
            return Ending(call.channel.closed_because or Ending.HUNG_UP)
        except CancelledError:
            return Ending(call.channel.closed_because or Ending.SHUTDOWN)
        except AGIError as error:
            _log.error(
                "survey on channel {uniqueid!r} broke off: {error!r}",
                uniqueid=call.request.uniqueid,
                error=error,
            )
            return Ending.FAILED

    async def _do(self, step: Step, call: _Call) -> Event | Key:
        match step:
            case Begin():
                return await self._begin(call)
            case Ask(prompt, wait_seconds):
                key = await call.channel.get_key(self._sound(prompt, call), wait_seconds)
                return Key(key) if key else Event.SILENCE
            case Play(prompt, listens=True):
                key = await call.channel.stream_file(self._sound(prompt, call), _ANY_KEY)
                return Key(key) if key else Event.DONE
            case Play(prompt):
                # Nothing can change the result any more, and many callers hang up while they are thanked.
                await call.tell(call.interview.result)
                await call.channel.stream_file(self._sound(prompt, call))
                return Event.DONE
            case Save():
                stored = await self._stored(self._answer(step, call.attempt))
                return Event.DONE if stored else Event.NOT_STORED
            case Finish():
                raise AssertionError("a finished interview has no further step")

    async def _begin(self, call: _Call) -> Event:
        stored = await self._stored(call.attempt)
        await call.tell(call.attempt.result)
        if call.attempt.language != call.request.language:
            await call.channel.set_variable("CHANNEL(language)", call.attempt.language)
        return Event.DONE if stored else Event.NOT_STORED

    def _sound(self, prompt: str, call: _Call) -> str:
        return self._survey.sound(prompt, call.attempt.language)

    def _answer(self, answered: Save, attempt: SurveyAttempt) -> Answer:
        return Answer(
            pbx=self._pbx,
            attempt_id=attempt.attempt_id,
            question=answered.question.id,
            kind=answered.question.kind,
            value=answered.value,
            tries=answered.tries,
            answered_at=self._now(),
        )

    async def _stored(self, record: SurveyAttempt | Answer) -> bool:
        """Tell whether the record is on disk in time. A slow store goes on and may still succeed."""
        settled: Deferred[bool] = Deferred()

        def settle(stored: bool) -> None:
            if not settled.called:
                settled.callback(stored)

        def failed(failure: Failure) -> None:
            _log.failure("{kind} of {attempt} is not stored", failure, kind=kind, attempt=record.attempt_id)
            settle(False)

        kind = type(record).__name__
        timer = self._clock.callLater(STORE_SECONDS, settle, False)
        maybeDeferred(self._store, record).addCallbacks(lambda _: settle(True), failed)
        try:
            return await settled
        finally:
            if timer.active():
                timer.cancel()


def _stage(step: Step, event: Event | Ending | Key, following: Step) -> str:
    """Return the stage of the funnel that was reached, if any."""
    match step, event:
        case Begin(), Event.DONE:
            return "started"
        case Save(), Event.DONE:
            return "answered"
        case _, Event.SILENCE:
            return "no_input"
        case _, Ending.HUNG_UP:
            return "hung_up"
        case _, Key() if not isinstance(following, Save):
            return "invalid"
    return ""
