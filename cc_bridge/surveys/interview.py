"""How an interview goes: a state machine that says the next step and is told what came of it. Pure.

`agi/survey.py` carries the steps out. A question goes like this; a wrong or missing key may come `retries`
times:

    LEADING_IN (the welcome, or a word about what was before) --played--> ASKING
    ASKING --answer--> SAVING --stored--> LEADING_IN or ASKING the next one, or THANKING --> PARTING --> OVER
    ASKING --a key that may go on, as the 1 of 10--> COMPLETING --next key, # or silence--> as from ASKING
    ASKING --wrong key--> LEADING_IN ("not a valid key") --> ASKING the same one
    ASKING --silence----> ASKING the same one
    ASKING --the caller consents to a comment--> INSTRUCTING --> RECORDING --> SAVING

Keys count while a prompt leads in, too. Retries used up, the time over, a question without a sound file, a
record that could not be stored: PARTING, so that the caller always hears a goodbye. The trap: the caller
may hang up in any state, and the time may be over; the table leaves both out, for they end it from
everywhere.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import ClassVar

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.keypad import Typed, Typing
from cc_bridge.surveys.language_choice import LanguageChoice
from cc_bridge.surveys.questions import Comment, Question
from cc_bridge.surveys.steps import (
    Ask,
    Begin,
    Ending,
    Event,
    Finish,
    Happening,
    Key,
    Listen,
    Play,
    Record,
    Recorded,
    Save,
    Speak,
    Step,
    StopAsking,
)  # fmt: skip

__all__ = ["NEXT_KEY_SECONDS", "Interview", "State"]

NEXT_KEY_SECONDS = 2.0  # between the 1 and the 0 of a 10


class State(Enum):
    BEGINNING = auto()
    CHOOSING = auto()  # the language
    SWITCHING = auto()
    LEADING_IN = auto()
    ASKING = auto()
    COMPLETING = auto()
    INSTRUCTING = auto()
    RECORDING = auto()
    SAVING = auto()
    OPTING_OUT = auto()
    CONFIRMING = auto()  # that we do not ask again
    THANKING = auto()
    PARTING = auto()
    OVER = auto()


_Meaning = Event | Typed | type[Recorded]


class Interview:
    """One caller's way through a survey."""

    def __init__(self, survey: Survey, channel_language: str = "") -> None:
        """`channel_language` is the caller's, as far as the PBX knows it."""
        self.state = State.BEGINNING
        self.language = survey.language_for(channel_language)
        self.answered = 0
        self.stage = ""  # of the funnel, if the last event reached one
        self._survey = survey
        self._choice = LanguageChoice.of(survey, channel_language)
        self._reason = ""
        self._turn_to(0)

    @property
    def result(self) -> SurveyResult:
        """How far the interview came until now."""
        if not self.answered:
            return SurveyResult.DECLINED
        return SurveyResult.COMPLETE if self._walked else SurveyResult.PARTIAL

    def begin(self) -> Step:
        return Begin()

    def next(self, event: Happening) -> Step:
        """Return the step that follows; an event that does not fit the state ends with reason error."""
        self.stage = ""
        if isinstance(event, Ending):
            self.stage = "hung_up" if event is Ending.HUNG_UP else ""
            return self._finish(event.value)
        if event is Event.TIME_IS_UP:
            return self._part("time_limit")
        if self.state is State.CHOOSING:
            return self._choose(event)
        found = self._TABLE[self.state].get(self._meaning(event))
        return found(self) if found is not None else self._part("error")

    def _meaning(self, event: Event | Key | Recorded) -> _Meaning:
        """Return what the table knows: keys and silence are judged by the question."""
        if isinstance(event, Recorded):
            self._value = event.seconds
            return Recorded
        if isinstance(event, Event) and event is not Event.SILENCE:
            return event
        if self.state not in {State.LEADING_IN, State.ASKING, State.COMPLETING}:
            return Typed.NOTHING
        typed = self._typing.pressed(event.key if isinstance(event, Key) else "")
        self._value = self._typing.value
        return typed

    # -- the table's actions: the begin

    def _greet(self) -> Step:
        self.stage = "started"
        if self._choice is None:
            return self._welcome()
        self.state = State.CHOOSING
        return self._choice.begin()

    def _choose(self, event: Event | Key | Recorded) -> Step:
        step = self._choice.next(event) if self._choice else None
        if isinstance(step, Speak):
            self.state, self.language = State.SWITCHING, step.language
        return step or self._welcome()

    def _welcome(self) -> Step:
        return self._lead_in(self._survey.welcome)

    # -- a question

    def _lead_in(self, prompt: str | None) -> Step:
        """Play a prompt before the current question, if one is left."""
        if self._walked:
            return self._thank()
        if not prompt:
            return self._ask()
        self.state = State.LEADING_IN
        return Play(prompt, listens=True)

    def _ask(self) -> Step:
        self.state = State.ASKING
        self._typing.heard = True
        return Ask(self._question.ask, self._question.wait_seconds)

    def _listen(self) -> Step:
        self.state = State.COMPLETING
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
        self.state = State.SAVING
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
        self.state = State.INSTRUCTING
        return Play(self._comment.after_beep, listens=True)

    def _record(self) -> Step:
        self.state = State.RECORDING
        return Record(self._question, self._comment.max_seconds, self._comment.silence_seconds)

    def _not_recorded(self) -> Step:
        self.stage = "not_recorded"
        return self._go_on(None, self._comment.thanks)

    # -- the end

    def _opt_out(self) -> Step:
        self.state = State.OPTING_OUT
        return StopAsking()

    def _confirm(self) -> Step:
        self.stage = self._reason = "opted_out"
        self.state = State.CONFIRMING
        return Play(self._survey.opted_out or "")

    def _thank(self) -> Step:
        if not self.answered:
            return self._part("skipped")
        self.state = State.THANKING
        return Play(self._survey.thanks)

    def _say_goodbye(self) -> Step:
        return self._part("")

    def _give_up(self) -> Step:
        return self._part("error")

    def _over(self) -> Step:
        return self._finish("")

    # -- inside

    @property
    def _question(self) -> Question:
        return self._survey.questions[self._number]

    @property
    def _comment(self) -> Comment:
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
        """Make a question the current one; the one behind the last means that all were walked through."""
        self._number = number
        self._tries = 0  # wrong keys and silences
        self._value = 0
        if not self._walked:
            self._typing = Typing(self._question, self._survey.skip_key, self._survey.opt_out_key)

    def _may_retry(self) -> bool:
        self._tries += 1
        return self._tries <= self._question.retries

    def _part(self, reason: str) -> Step:
        if self.state in {State.PARTING, State.OVER}:
            return self._finish(reason)
        self._reason = self._reason or reason
        self.state = State.PARTING
        return Play(self._survey.goodbye)

    def _finish(self, reason: str) -> Finish:
        self.state = State.OVER
        self._reason = self._reason or reason
        complete = self.result is SurveyResult.COMPLETE
        return Finish(self.result, "" if complete else self._reason)

    # -- the table: state, what came of the step, and the action that gives the next one

    _TYPED: ClassVar[Mapping[_Meaning, Callable[["Interview"], Step]]] = {
        Typed.ANSWER: _save,
        Typed.CONSENT: _instruct,
        Typed.DECLINE: _decline,
        Typed.SKIP: _skip,
        Typed.OPT_OUT: _opt_out,
        Typed.MORE: _listen,
        Typed.WRONG: _correct,
    }
    _TABLE: ClassVar[Mapping[State, Mapping[_Meaning, Callable[["Interview"], Step]]]] = {
        State.BEGINNING: {Event.DONE: _greet, Event.NOT_STORED: _give_up},
        State.SWITCHING: {Event.DONE: _welcome},
        State.LEADING_IN: {**_TYPED, Typed.NOTHING: _ask, Event.DONE: _ask, Event.PROMPT_MISSING: _ask},
        State.ASKING: {**_TYPED, Typed.NOTHING: _ask_again, Event.PROMPT_MISSING: _give_up},
        State.COMPLETING: {**_TYPED, Typed.NOTHING: _ask},
        State.INSTRUCTING: {
            Typed.NOTHING: _record,  # any key: the caller knows what to do
            Event.DONE: _record,
            Event.PROMPT_MISSING: _decline,
        },
        State.RECORDING: {Recorded: _save, Typed.NOTHING: _decline, Event.NOT_RECORDED: _not_recorded},
        State.SAVING: {Event.DONE: _saved, Event.NOT_STORED: _give_up},
        State.OPTING_OUT: {Event.DONE: _confirm, Event.NOT_STORED: _give_up},
        State.CONFIRMING: {Event.DONE: _say_goodbye, Event.PROMPT_MISSING: _say_goodbye},
        State.THANKING: {Event.DONE: _say_goodbye, Event.PROMPT_MISSING: _say_goodbye},
        State.PARTING: {Event.DONE: _over, Event.PROMPT_MISSING: _over},
        State.OVER: {},
    }
