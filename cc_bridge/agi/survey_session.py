"""One survey of one caller: the steps of an `Interview`, executed on an `AgiChannel`.

The attempt is stored when the survey starts, and again when it ends. If an answer cannot be stored in time,
the caller hears the last prompt, and the survey ends with the reason `not_stored`.

A survey lasts at most `max_seconds`. The final FAREWELL_SECONDS of this time are kept for the last prompt,
which is the thanks or the goodbye. When only this time is left, the current prompt is stopped, and the last
prompt follows.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from asterisk.agi import AGIError, AGIHangup
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cc_bridge.agi.channel import AgiChannel, Interrupted, NotRecorded, PromptMissing
from cc_bridge.agi.request import Request
from cc_bridge.agi.survey_channel import SurveyChannel
from cc_bridge.agi.survey_store import StoreRecord, SurveyStore
from cc_bridge.records import Answer, OptOut
from cc_bridge.surveys.attempt_records import answer_record, recording_path, started_attempt
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

__all__ = ["FAREWELL_SECONDS", "SurveyContext", "SurveySession"]

_log = Logger()

FAREWELL_SECONDS = 5.0  # the shipped last prompts take 1 to 5 s

_ANY_KEY = "0123456789*#"
# A recording that ended by silence contains a second of silence. Up to this length it contains no word.
_SILENT_SECONDS = 1.2
# A recording that ended by a key or a hang-up contains no word up to this length. Asterisk 22.10 writes
# 0.02 s for a caller who hangs up at the beep.
_WORDLESS_SECONDS = 0.3
_BEEP_SECONDS = 1.0


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
        self._channel = channel
        self._survey_channel = SurveyChannel(channel, invitation.survey, request.language)
        self._interview = Interview(invitation.survey, invitation.language, invitation.company)
        self._attempt = started_attempt(
            context.pbx, request.uniqueid, invitation, self._interview.language, context.now()
        )
        self._ids = {name: getattr(self._attempt, name) for name in ("uniqueid", "call_id", "attempt_id")}
        self._store = SurveyStore(context.store, context.clock, self._ids)
        self._began_at = context.clock.seconds()

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
        await self._survey_channel.restore_language()
        self._attempt = replace(
            self._attempt, ended_at=self._context.now(), result=step.result, reason=step.reason
        )
        await self._store.ended(self._attempt)

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
                await self._survey_channel.set_language(language)
                return await self._store.attempt(self._attempt)
            case Save():
                return await self._store.step(self._answer(step), self._seconds_left())
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
                await self._survey_channel.report(self._interview.result)
                await self._channel.stream_file(self._sound(prompt))
                return StepResult.DONE
            case Listen(wait_seconds):
                key = await self._channel.wait_for_key(wait_seconds)
                return KeyPressed(key) if key else StepResult.SILENCE

    async def _begin(self) -> StepResult:
        """Store the attempt at its start, and set the channel's language to the language of the survey.

        Return DONE, or NOT_STORED if the attempt cannot be stored.
        """
        kept = await self._store.attempt(self._attempt)
        await self._survey_channel.report(self._attempt.result)
        await self._survey_channel.set_language(self._attempt.language)
        return kept

    async def _record(self, step: RecordComment, left: float) -> StepOutcome:
        """Record a spoken comment within `left`, the seconds left for the survey.

        Return TIME_IS_UP if too little time is left, and SILENCE if the recording is too short for a word.
        """
        seconds = min(step.max_seconds, left - _BEEP_SECONDS)
        if seconds < _BEEP_SECONDS:
            return StepResult.TIME_IS_UP
        path = recording_path(self._context.recordings, self._attempt.attempt_id, step.question.id)
        recording = await self._channel.record_file(path, seconds, step.silence_seconds)
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
        opt_out = OptOut(caller_key, self._context.now(), opted_out=True, source="key")
        kept = await self._store.step(opt_out, self._seconds_left())
        if kept is StepResult.DONE:
            self._context.opted_out(caller_key)
        return kept

    # -- inside

    def _seconds_left(self) -> float:
        """Return the seconds left for the next step. Only the last prompt may use FAREWELL_SECONDS."""
        limit = self._survey.max_seconds - (0 if self._interview.parting else FAREWELL_SECONDS)
        return self._began_at + limit - self._context.clock.seconds()

    def _sound(self, prompt: str, language: str = "") -> str:
        """Return the name of the sound file of a prompt in a language, by default the survey's language."""
        return self._survey_channel.sound(prompt, self._interview.language, language)

    def _answer(self, answered: Save) -> Answer:
        """Return the Answer record that the step `answered` stores."""
        now, recordings = self._context.now(), self._context.recordings
        return answer_record(self._attempt, self._invitation, answered, now, recordings)
