"""The interview: a state machine that returns the next step of a survey after each step's outcome. Pure.

A key that the caller presses during the prompt before a question already counts as an answer to this
question, but never as consent to a recording.

The last prompt is the thanks if the caller has answered a question, else the goodbye. The last prompt is also
played if the retries or the time of the survey are used up, if the sound file of a question is missing, or if
an answer could not be stored.

A hang-up and the end of the survey's time can occur in every state, so the state table has no entries for
them. A hang-up ends the interview without a last prompt.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import ClassVar

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.keypad import KeypadInput, KeypadMeaning
from cc_bridge.surveys.language_question import LanguageQuestion
from cc_bridge.surveys.questions import CommentSettings, Question
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
)  # fmt: skip

__all__ = ["NEXT_KEY_SECONDS", "Interview", "InterviewState"]

NEXT_KEY_SECONDS = 2.0  # between the 1 and the 0 of a 10


class InterviewState(Enum):
    BEGINNING = auto()
    CHOOSING = auto()  # the caller chooses the language
    SWITCHING = auto()
    INTRODUCING = auto()  # the company
    LEADING_IN = auto()
    ASKING = auto()
    COMPLETING = auto()
    INSTRUCTING = auto()
    RECORDING = auto()
    SAVING = auto()
    OPTING_OUT = auto()
    CONFIRMING = auto()  # that the opt-out is stored
    THANKING = auto()
    PARTING = auto()
    OVER = auto()


_Meaning = StepResult | KeypadMeaning | type[CommentRecorded]


_KEYPAD_STATES = {
    InterviewState.INTRODUCING,
    InterviewState.LEADING_IN,
    InterviewState.ASKING,
    InterviewState.COMPLETING,
}


class Interview:
    """The interview of one caller with one survey.

    These are the states for one question. After a wrong or missing key, the question is asked again, at most
    `retries` times.

        LEADING_IN (the welcome, or a prompt about the previous answer) --played--> ASKING.

        ASKING --answer--> SAVING --stored--> LEADING_IN or ASKING the next question.

        ASKING --the last answer--> SAVING --stored--> THANKING (the last prompt) --> OVER.

        Without an answer, the last prompt is the goodbye: PARTING --> OVER.

        INTRODUCING (the company's name) --played--> LEADING_IN (the welcome).

        ASKING --a key that may start a longer answer, such as the 1 of 10--> COMPLETING.

        COMPLETING --next key, # or silence--> SAVING if all keys are an answer, LEADING_IN if they are wrong.

        ASKING --wrong key--> LEADING_IN ("not a valid key") --> ASKING the same question.

        ASKING --silence--> ASKING the same question.

        ASKING --the caller consents to a comment--> INSTRUCTING --> RECORDING --> SAVING.
    """

    def __init__(self, survey: Survey, channel_language: str = "", company: str = "") -> None:
        """Prepare the interview; `begin` returns its first step.

        `channel_language` is the caller's language on the PBX, empty if it is not known. `company` is the
        prompt with the company's name, which is played before the survey's welcome; empty for none.
        """
        self.state = InterviewState.BEGINNING
        self.language = survey.language_for(channel_language)
        self.answered = 0
        self.stage = ""  # the funnel stage that the last event reached, empty if none
        self._survey = survey
        self._company = company
        self._choice = LanguageQuestion.of(survey, channel_language)
        self._reason = ""
        self._unconfirmed = False  # True: the caller answered, but the answer could not be stored in time
        self._turn_to(0)

    @property
    def result(self) -> SurveyResult:
        """The result of the survey so far.

        The result is `declined` if the caller has not answered any question, `complete` if no question is
        left, else `partial`. An answer that could not be stored in time makes the result `partial`.
        """
        if self._unconfirmed:
            return SurveyResult.PARTIAL
        if not self.answered:
            return SurveyResult.DECLINED
        return SurveyResult.COMPLETE if self._walked else SurveyResult.PARTIAL

    @property
    def parting(self) -> bool:
        """Whether the current step is the last prompt, the thanks or the goodbye."""
        return self.state in {InterviewState.THANKING, InterviewState.PARTING}

    def begin(self) -> Step:
        """Return the first step, which stores the start of the survey."""
        return Begin()

    def next(self, event: StepOutcome) -> Step:
        """Return the next step, given `event`, the outcome of the previous step.

        An outcome that cannot occur in the current state ends the interview with the reason `error`.
        """
        self.stage = ""
        if isinstance(event, InterviewEnd):
            self.stage = "hung_up" if event is InterviewEnd.HUNG_UP else ""
            return self._finish(event.value)
        if event is StepResult.TIME_IS_UP:
            return self._part("time_limit")
        if self.state is InterviewState.CHOOSING:
            return self._choose(event)
        found = self._TABLE[self.state].get(self._meaning(event))
        return found(self) if found is not None else self._part("error")

    def _meaning(self, event: StepResult | KeyPressed | CommentRecorded) -> _Meaning:
        """Return the entry of the state table's row that fits a step's outcome.

        For pressed keys and silence, the entry depends on the current question: an answer, a refusal or an
        invalid key, for example. For a recorded comment, the entry is its class, CommentRecorded. For any
        other outcome, the entry is the outcome itself.
        """
        if isinstance(event, CommentRecorded):
            self._value = event.seconds
            return CommentRecorded
        if isinstance(event, StepResult) and event is not StepResult.SILENCE:
            return event
        if self.state not in _KEYPAD_STATES:
            return KeypadMeaning.NOTHING
        typed = self._typing.pressed(event.key if isinstance(event, KeyPressed) else "")
        self._value = self._typing.value
        return typed

    # -- the table's actions: the start

    def _start(self) -> Step:
        self.stage = "started"
        if self._choice is None:
            return self._introduce()
        self.state = InterviewState.CHOOSING
        return self._choice.begin()

    def _choose(self, event: StepResult | KeyPressed | CommentRecorded) -> Step:
        step = self._choice.next(event) if self._choice else None
        if isinstance(step, Speak):
            self.state, self.language = InterviewState.SWITCHING, step.language
        return step or self._introduce()

    def _introduce(self) -> Step:
        if not self._company or not self._survey.welcome:
            return self._welcome()
        self.state = InterviewState.INTRODUCING
        return Play(self._company, listens=True)

    def _welcome(self) -> Step:
        return self._lead_in(self._survey.welcome)

    # -- a question

    def _lead_in(self, prompt: str | None) -> Step:
        """Return the step that plays `prompt` before the current question.

        Without a prompt, return the step that asks the question. If no question is left, return the step that
        plays the last prompt.
        """
        if self._walked:
            return self._walked_through()
        if not prompt:
            return self._ask()
        self.state = InterviewState.LEADING_IN
        return Play(prompt, listens=True)

    def _ask(self) -> Step:
        self.state = InterviewState.ASKING
        self._typing.heard = True
        return AskKey(self._question.ask, self._question.wait_seconds)

    def _listen(self) -> Step:
        self.state = InterviewState.COMPLETING
        return Listen(NEXT_KEY_SECONDS)

    def _ask_again(self) -> Step:
        self.stage = "no_input"
        return self._ask() if self._may_retry() else self._part("no_input")

    def _correct(self) -> Step:
        self.stage = "invalid"
        return self._lead_in(self._question.invalid) if self._may_retry() else self._part("invalid")

    def _skip(self) -> Step:
        self.stage = "skipped"
        return self._go_on(None, self._survey.skipped)

    def _save(self) -> Step:
        self.state = InterviewState.SAVING
        return Save(self._question, self._value, self._tries + 1)

    def _saved(self) -> Step:
        self.stage = "answered"
        self.answered += 1
        comment = self._question.comment
        return self._go_on(self._value, comment.thanks if comment else None)

    # -- a comment

    def _decline(self) -> Step:
        self.stage = "skipped"
        return self._go_on(None, None)

    def _instruct(self) -> Step:
        self.state = InterviewState.INSTRUCTING
        return Play(self._comment.after_beep, listens=True)

    def _record(self) -> Step:
        self.state = InterviewState.RECORDING
        return RecordComment(self._question, self._comment.max_seconds, self._comment.silence_seconds)

    def _not_recorded(self) -> Step:
        self.stage = "not_recorded"
        return self._go_on(None, self._comment.thanks)

    # -- the end

    def _opt_out(self) -> Step:
        self.state = InterviewState.OPTING_OUT
        return StopAsking()

    def _confirm(self) -> Step:
        self.stage = self._reason = "opted_out"
        self.state = InterviewState.CONFIRMING
        return Play(self._survey.opted_out or "")

    def _walked_through(self) -> Step:
        return self._part("" if self.answered else "skipped")

    def _say_goodbye(self) -> Step:
        self.state = InterviewState.PARTING
        return Play(self._survey.goodbye)

    def _end(self) -> Step:
        return self._part("")

    def _give_up(self) -> Step:
        return self._part("error")

    def _not_stored(self) -> Step:
        self.stage = "not_stored"
        return self._part("not_stored")

    def _answer_not_stored(self) -> Step:
        self._unconfirmed = True
        return self._not_stored()

    def _over(self) -> Step:
        return self._finish("")

    # -- inside

    @property
    def _question(self) -> Question:
        return self._survey.questions[self._number]

    @property
    def _comment(self) -> CommentSettings:
        comment = self._question.comment
        if comment is None:
            raise AssertionError("only a comment is recorded")
        return comment

    @property
    def _walked(self) -> bool:
        return self._number == len(self._survey.questions)

    def _go_on(self, value: int | None, prompt: str | None) -> Step:
        self._turn_to(self._survey.following(self._number, value))
        return self._lead_in(prompt)

    def _turn_to(self, number: int) -> None:
        """Make the question with the number `number` the current question.

        If `number` equals the number of questions, the survey has no more questions.
        """
        self._number = number
        self._tries = 0  # wrong keys and silences
        self._value = 0
        if not self._walked:
            self._typing = KeypadInput(self._question, self._survey.skip_key, self._survey.opt_out_key)

    def _may_retry(self) -> bool:
        self._tries += 1
        return self._tries <= self._question.retries

    def _part(self, reason: str) -> Step:
        """Return the step that plays the last prompt: the thanks after an answer, else the goodbye.

        `reason` says why the survey ends before its last question; it is empty if no question is left. If the
        last prompt was already played, return the step that ends the interview.
        """
        if self.parting or self.state is InterviewState.OVER:
            return self._finish(reason)
        self._reason = self._reason or reason
        if not self.answered:
            return self._say_goodbye()
        self.state = InterviewState.THANKING
        return Play(self._survey.thanks)

    def _finish(self, reason: str) -> Finish:
        self.state = InterviewState.OVER
        self._reason = self._reason or reason
        complete = self.result is SurveyResult.COMPLETE
        return Finish(self.result, "" if complete else self._reason)

    # -- the table: state -> outcome of the step -> action that returns the next step

    _TYPED: ClassVar[Mapping[_Meaning, Callable[["Interview"], Step]]] = {
        KeypadMeaning.ANSWER: _save,
        KeypadMeaning.CONSENT: _instruct,
        KeypadMeaning.DECLINE: _decline,
        KeypadMeaning.SKIP: _skip,
        KeypadMeaning.OPT_OUT: _opt_out,
        KeypadMeaning.MORE: _listen,
        KeypadMeaning.WRONG: _correct,
    }
    _TABLE: ClassVar[Mapping[InterviewState, Mapping[_Meaning, Callable[["Interview"], Step]]]] = {
        InterviewState.BEGINNING: {StepResult.DONE: _start, StepResult.NOT_STORED: _not_stored},
        InterviewState.SWITCHING: {StepResult.DONE: _introduce, StepResult.NOT_STORED: _not_stored},
        InterviewState.INTRODUCING: {
            **_TYPED,
            KeypadMeaning.NOTHING: _ask,
            StepResult.DONE: _welcome,
            StepResult.PROMPT_MISSING: _welcome,
        },
        InterviewState.LEADING_IN: {
            **_TYPED,
            KeypadMeaning.NOTHING: _ask,
            StepResult.DONE: _ask,
            StepResult.PROMPT_MISSING: _ask,
        },
        InterviewState.ASKING: {
            **_TYPED,
            KeypadMeaning.NOTHING: _ask_again,
            StepResult.PROMPT_MISSING: _give_up,
        },
        InterviewState.COMPLETING: {**_TYPED, KeypadMeaning.NOTHING: _ask},
        InterviewState.INSTRUCTING: {
            KeypadMeaning.NOTHING: _record,  # any key: the caller knows what to do
            StepResult.DONE: _record,
            StepResult.PROMPT_MISSING: _decline,
        },
        InterviewState.RECORDING: {
            CommentRecorded: _save,
            KeypadMeaning.NOTHING: _decline,
            StepResult.NOT_RECORDED: _not_recorded,
        },
        InterviewState.SAVING: {StepResult.DONE: _saved, StepResult.NOT_STORED: _answer_not_stored},
        InterviewState.OPTING_OUT: {StepResult.DONE: _confirm, StepResult.NOT_STORED: _not_stored},
        InterviewState.CONFIRMING: {StepResult.DONE: _end, StepResult.PROMPT_MISSING: _end},
        InterviewState.THANKING: {StepResult.DONE: _over, StepResult.PROMPT_MISSING: _say_goodbye},
        InterviewState.PARTING: {StepResult.DONE: _over, StepResult.PROMPT_MISSING: _over},
        InterviewState.OVER: {},
    }
