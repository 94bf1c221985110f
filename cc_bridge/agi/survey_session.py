"""One survey of one caller: the steps of an `Interview`, executed on an `AgiChannel`.

A caller may hang up at any moment. An answer is therefore on disk before the next prompt is sent. If an
answer cannot be stored in time, the caller hears the last prompt, and the survey ends with the reason
`not_stored`. The answer still waits to be stored.

The attempt is stored when the survey starts, and again when it ends. No caller waits for an attempt that is
slow to be stored.

A survey lasts at most `max_seconds`. The final FAREWELL_SECONDS of this time are kept for the last prompt,
which is the thanks or the goodbye. When only this time is left, the current prompt is stopped, and the last
prompt follows.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, TypeVar

from asterisk.agi import AGIError, AGIHangup
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from cc_bridge.agi.channel import AgiChannel, Interrupted, NotRecorded, PromptMissing
from cc_bridge.agi.request import Request
from cc_bridge.records import Answer, OptOut, SurveyAttempt, SurveyResult
from cc_bridge.surveys.attribution import Invitation
from cc_bridge.surveys.interview import Interview
from cc_bridge.surveys.steps import (
    AskKey,
    Begin,
    CommentRecorded,
    Finish,
    InterviewEnd,
    KeyPressed,
    Listen,
    Play,
    RecordComment,
    Save,
    Speak,
    Step,
    StepOutcome,
    StepResult,
    StopAsking,
)

__all__ = ["FAREWELL_SECONDS", "STORE_SECONDS", "VARIABLE", "StoreRecord", "SurveyContext", "SurveySession"]

_log = Logger()
_Record = TypeVar("_Record")

VARIABLE = "CCB_SURVEY"
FAREWELL_SECONDS = 5.0  # the shipped last prompts take 1 to 5 s
STORE_SECONDS = 3.0  # timeout of a store, during which the caller hears silence; it takes milliseconds

_ANY_KEY = "0123456789*#"
# A recording that ended by silence contains a second of silence. Up to this length it contains no word.
_SILENT_SECONDS = 1.2
# A recording that ended by a key or a hang-up contains no word up to this length. Asterisk 22.10 writes
# 0.02 s for a caller who hangs up at the beep.
_WORDLESS_SECONDS = 0.3
_BEEP_SECONDS = 1.0
_ATTEMPT_SECONDS = 0.5  # timeout of the store of an attempt; the survey continues after it
_LEAST_STORE_SECONDS = 0.5  # timeout of a store near the end of the survey's time
_LONGEST_NAME = 100  # characters of a recording's name; a Uniqueid has about 15


class _Stored(Enum):
    """The outcome of an attempt to store a record within a timeout."""

    ON_DISK = auto()
    LATE = auto()  # the record still waits to be stored
    FAILED = auto()


StoreRecord = Callable[[SurveyAttempt | Answer | OptOut], Deferred[Any]]


@dataclass(frozen=True, slots=True)
class SurveyContext:
    """The functions and settings that all surveys of one PBX share; SurveyScript describes them."""

    pbx: str
    store: StoreRecord
    now: Callable[[], float]
    clock: IReactorTime
    on_stage: Callable[[str, str], None]
    opted_out: Callable[[str], None]
    recordings: str


class SurveySession:
    """One survey in progress: the caller's channel, the interview, and the stored attempt."""

    def __init__(
        self, context: SurveyContext, invitation: Invitation, request: Request, channel: AgiChannel
    ) -> None:
        self._context = context
        self._invitation = invitation
        self._survey = invitation.survey
        self._request = request
        self._channel = channel
        self._interview = Interview(invitation.survey, invitation.language, invitation.company)
        self._attempt = self._new_attempt()
        self._ids = {name: getattr(self._attempt, name) for name in ("uniqueid", "call_id", "attempt_id")}
        self._began_at = context.clock.seconds()
        self._reported = ""  # the current value of the channel variable VARIABLE
        self._channel_language = request.language  # the current language of the channel

    async def run(self) -> None:
        """Run the survey from the invitation to the stored result."""
        queue = self._attempt.queue
        self._context.on_stage("invited", queue)
        step = self._interview.begin()
        while not isinstance(step, Finish):
            step = self._interview.next(await self._execute(step))
            if self._interview.stage:
                self._context.on_stage(self._interview.stage, queue)
        self._context.on_stage(step.result, queue)
        await self._restore_language()
        self._attempt = replace(
            self._attempt, ended_at=self._context.now(), result=step.result, reason=step.reason
        )
        await self._store(self._attempt, 0)

    def _new_attempt(self) -> SurveyAttempt:
        """Return the SurveyAttempt record for the start of the survey; its result is `started`."""
        attribution, started_at = self._invitation.attribution, self._context.now()
        rated = attribution.last
        return SurveyAttempt(
            pbx=self._context.pbx,
            attempt_id=f"{self._request.uniqueid}-{round(started_at * 1000)}",
            call_id=attribution.call_id,
            uniqueid=self._request.uniqueid,
            queue=rated.queue,
            agent=rated.agent,
            interface=rated.interface,
            survey=self._survey.id,
            version=self._survey.version,
            language=self._interview.language,
            started_at=started_at,
            ended_at=None,
            result=SurveyResult.STARTED,
            reason="",
            trigger=self._invitation.trigger,
            attributed_by=attribution.by,
            caller_key=self._invitation.caller_key,
        )

    # -- one step

    async def _execute(self, step: Step) -> StepOutcome:
        """Execute a step of the interview and return its outcome. AGI errors become outcomes too."""
        try:
            return await self._do(step)
        except PromptMissing as error:
            _log.error(
                "cannot play a prompt of survey {survey}: {error}; if the prompt asks for an answer by"
                " keypad, the survey ends, otherwise it continues without the prompt",
                error=error,
                survey=self._survey.id,
                **self._ids,
            )
            return StepResult.PROMPT_MISSING
        except NotRecorded as error:
            _log.error(
                "cannot record a comment on channel {uniqueid!r}: {error}; the survey continues without it",
                error=error,
                **self._ids,
            )
            return StepResult.NOT_RECORDED
        except Interrupted:
            return StepResult.TIME_IS_UP
        except AGIHangup:
            return InterviewEnd(self._channel.closed_because or InterviewEnd.HUNG_UP)
        except CancelledError:
            return InterviewEnd(self._channel.closed_because or InterviewEnd.SHUTDOWN)
        except AGIError as error:
            _log.error(
                "survey on channel {uniqueid!r} failed: {error!r}; it ends now", error=error, **self._ids
            )
            return InterviewEnd.FAILED

    async def _do(self, step: Step) -> StepOutcome:
        """Execute a step of the interview and return its outcome. Raises AGI errors."""
        match step:
            case Begin():
                return await self._begin()
            case Speak(language):
                self._attempt = replace(self._attempt, language=language)
                await self._set_language(language)
                return await self._store_attempt()
            case Save():
                return await self._store_step(self._answer(step))
            case StopAsking():
                return await self._stop_asking()
            case Finish():
                raise AssertionError("a finished interview has no further step")
        left = self._seconds_left()
        if left <= 0:
            return StepResult.TIME_IS_UP
        if isinstance(step, RecordComment):
            return await self._record(step, left)
        timer = self._context.clock.callLater(left, self._channel.interrupt)
        try:
            return await self._listen(step)
        finally:
            if timer.active():
                timer.cancel()

    async def _listen(self, step: AskKey | Play | Listen) -> StepOutcome:
        """Play a prompt or wait for a key.

        Return KeyPressed for a pressed key. Without a key, return SILENCE after a wait for a key, or DONE
        after a prompt.
        """
        match step:
            case AskKey(prompt, wait_seconds, language):
                key = await self._channel.get_key(self._sound(prompt, language), wait_seconds)
                return KeyPressed(key) if key else StepResult.SILENCE
            case Play(prompt, listens=True, language=language):
                key = await self._channel.stream_file(self._sound(prompt, language), _ANY_KEY)
                return KeyPressed(key) if key else StepResult.DONE
            case Play(prompt):
                # The result is final before the last prompt, during which many callers hang up.
                await self._report(self._interview.result)
                await self._channel.stream_file(self._sound(prompt))
                return StepResult.DONE
            case Listen(wait_seconds):
                key = await self._channel.wait_for_key(wait_seconds)
                return KeyPressed(key) if key else StepResult.SILENCE

    async def _begin(self) -> StepResult:
        """Store the attempt at its start, and set the channel's language to the language of the survey.

        Return DONE, or NOT_STORED if the attempt cannot be stored.
        """
        kept = await self._store_attempt()
        await self._report(self._attempt.result)
        await self._set_language(self._attempt.language)
        return kept

    async def _record(self, step: RecordComment, left: float) -> StepOutcome:
        """Record a spoken comment within `left`, the seconds left for the survey.

        Return TIME_IS_UP if too little time is left, and SILENCE if the recording is too short for a word.
        """
        seconds = min(step.max_seconds, left - _BEEP_SECONDS)
        if seconds < _BEEP_SECONDS:
            return StepResult.TIME_IS_UP
        recording = await self._channel.record_file(
            self._file(step.question.id), seconds, step.silence_seconds
        )
        silent = _SILENT_SECONDS if recording.ended_by == "timeout" else _WORDLESS_SECONDS
        if recording.seconds <= silent:
            return StepResult.SILENCE
        return CommentRecorded(max(1, round(recording.seconds)))

    async def _stop_asking(self) -> StepResult:
        """Store the caller's opt-out. Return NOT_STORED if that failed, otherwise DONE.

        For a withheld number, store nothing and return DONE, because the caller cannot be recognised again.
        """
        caller_key = self._attempt.caller_key
        if not caller_key:
            return StepResult.DONE  # the number is withheld, so the caller cannot be recognised again
        kept = await self._store_step(OptOut(caller_key, self._context.now(), opted_out=True, source="key"))
        if kept is StepResult.DONE:
            self._context.opted_out(caller_key)
        return kept

    # -- inside

    def _seconds_left(self) -> float:
        """Return the seconds left for the next step. Only the last prompt may use FAREWELL_SECONDS."""
        limit = self._survey.max_seconds - (0 if self._interview.parting else FAREWELL_SECONDS)
        return self._began_at + limit - self._context.clock.seconds()

    def _sound(self, prompt: str, language: str = "") -> str:
        """Return the name of the sound file of a prompt in a language, by default the survey's language.

        The name includes the language's folder if `language` is given and the channel has another language.
        """
        if not language or language == self._channel_language:
            return self._survey.sound(prompt, self._interview.language)
        return f"{language}/{self._survey.sound(prompt, language)}"

    def _file(self, question: str) -> str:
        """Return the path of a question's recording, without the file name extension.

        Characters that are unsafe in a file name are replaced, because the Uniqueid is input from outside.
        """
        name = re.sub(r"[^A-Za-z0-9.-]", "_", f"{self._attempt.attempt_id}-{question}")
        return f"{self._context.recordings}/{name[-_LONGEST_NAME:]}"

    def _answer(self, answered: Save) -> Answer:
        """Return the Answer record that the step `answered` stores.

        The record names the queue and agent that the caller rated.
        """
        question = answered.question
        rated = self._invitation.attribution.rated(question.rates)
        return Answer(
            pbx=self._context.pbx,
            attempt_id=self._attempt.attempt_id,
            question=question.id,
            kind=question.kind,
            value=answered.value,
            tries=answered.tries,
            answered_at=self._context.now(),
            queue=rated.queue if rated else "",
            agent=rated.agent if rated else "",
            interface=rated.interface if rated else "",
            label=question.label(answered.value),
            recording=f"{self._file(question.id)}.wav" if question.comment else "",
        )

    async def _report(self, outcome: str) -> None:
        """Set the channel variable CCB_SURVEY to the survey's result so far, if the result has changed."""
        if outcome != self._reported:
            await self._channel.set_variable(VARIABLE, outcome)
            self._reported = outcome

    async def _set_language(self, language: str) -> None:
        """Set the language of the channel, unless the channel has this language already."""
        if language != self._channel_language:
            await self._channel.set_variable("CHANNEL(language)", language)
            self._channel_language = language

    async def _restore_language(self) -> None:
        """Restore the channel's original language. Do nothing if the channel has ended."""
        with suppress(AGIError, CancelledError):
            await self._set_language(self._request.language or self._channel_language)

    async def _store_attempt(self) -> StepResult:
        """Store the attempt, whose end is not known yet. Return NOT_STORED if that fails, otherwise DONE.

        The survey waits only _ATTEMPT_SECONDS for the attempt to be on disk. A slower store continues
        meanwhile, and the result is DONE.
        """
        stored = await self._store(self._attempt, _ATTEMPT_SECONDS)
        return StepResult.NOT_STORED if stored is _Stored.FAILED else StepResult.DONE

    async def _store_step(self, record: Answer | OptOut) -> StepResult:
        """Store a record. Return DONE, or NOT_STORED if storing failed or took too long."""
        seconds = min(STORE_SECONDS, max(self._seconds_left(), _LEAST_STORE_SECONDS))
        stored = await self._store(record, seconds)
        return StepResult.DONE if stored is _Stored.ON_DISK else StepResult.NOT_STORED

    async def _store(self, record: SurveyAttempt | Answer | OptOut, seconds: float) -> _Stored:
        """Store a record, wait up to `seconds` until it is on disk, and return the outcome."""
        return await _store_within(record, self._context.store, self._context.clock, seconds, self._ids)


async def _store_within(
    record: _Record,
    store: Callable[[_Record], Deferred[Any]],
    clock: IReactorTime,
    seconds: float,
    ids: Mapping[str, str],
) -> _Stored:
    """Store a record; return whether it is on disk within `seconds`, still waits to be stored, or failed.

    If `seconds` is 0, this function does not wait. A slow store continues and may still succeed. `ids`
    identify the caller in the log: uniqueid, call_id, attempt_id.
    """
    in_time: Deferred[_Stored] = Deferred()

    def resolve(outcome: _Stored) -> None:
        """Fire the Deferred `in_time` with the outcome, unless it has fired already."""
        if not in_time.called:
            in_time.callback(outcome)

    def failed(failure: Failure) -> None:
        """Log that the record was not stored, and fire the Deferred `in_time` with FAILED."""
        kind, level = type(record).__name__, LogLevel.critical
        consequence = "the survey ends" if seconds else "the survey has ended, and its result is not stored"
        _log.failure(
            "cannot store the {kind} of the survey on channel {uniqueid!r}; {consequence}",
            failure,
            level,
            kind=kind,
            consequence=consequence,
            **ids,
        )
        resolve(_Stored.FAILED)

    maybeDeferred(store, record).addCallbacks(lambda _: resolve(_Stored.ON_DISK), failed)
    if not seconds:
        resolve(_Stored.LATE)
    timer = clock.callLater(seconds, resolve, _Stored.LATE)
    try:
        return await in_time
    finally:
        if timer.active():
            timer.cancel()
