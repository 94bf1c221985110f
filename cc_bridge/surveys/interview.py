"""How an interview goes: a state machine that says the next step and is told what came of it. Pure.

`agi/survey.py` carries the steps out. Asking goes like this for each question, a wrong or missing key may
come `retries` times:

    ASKING --valid key--> SAVING --saved--> ASKING the next one, or THANKING --> PARTING --> OVER
    ASKING --wrong key--> CORRECTING ("not a valid key") --> ASKING the same one
    ASKING --silence----> ASKING the same one

Retries used up, a question without a sound file, a record that could not be stored: PARTING, so that the
caller always hears a goodbye. The trap: the caller may hang up in any state, and the time may be over; the
table leaves both out, for they end it from everywhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.definition import Question, Survey

__all__ = ["Ask", "Begin", "Ending", "Event", "Finish", "Interview", "Key", "Play", "Save", "State", "Step"]


class State(Enum):
    BEGINNING = auto()
    ASKING = auto()
    CORRECTING = auto()
    SAVING = auto()
    THANKING = auto()
    PARTING = auto()
    OVER = auto()


class Event(Enum):
    """What came of a step, other than a key."""

    DONE = auto()  # played, or stored
    SILENCE = auto()
    PROMPT_MISSING = auto()
    NOT_STORED = auto()


class Ending(Enum):
    """What ends an interview at once; the value is the attempt's reason."""

    HUNG_UP = "hung_up"
    TIME_IS_UP = "time_limit"
    SHUTDOWN = "shutdown"
    FAILED = "error"


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key: 0 to 9, * or #."""

    key: str


@dataclass(frozen=True, slots=True)
class Begin:
    """Store that the caller is asked."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Play a question and wait for one key; answered by Key, SILENCE or PROMPT_MISSING."""

    prompt: str
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class Play:
    """Play a prompt; answered by DONE, PROMPT_MISSING, or, if it listens, by the Key that stopped it."""

    prompt: str
    listens: bool = False


@dataclass(frozen=True, slots=True)
class Save:
    """Store a valid answer; answered by DONE or NOT_STORED."""

    question: Question
    value: int
    tries: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more to do; how far it came, and why not further."""

    result: SurveyResult
    reason: str


Step = Begin | Ask | Play | Save | Finish


class _Key(Enum):
    """A key, judged by the question that it answers."""

    VALID = auto()
    WRONG = auto()


class Interview:
    """One caller's way through a survey."""

    def __init__(self, survey: Survey) -> None:
        self.state = State.BEGINNING
        self.answered = 0
        self._survey = survey
        self._asked = 0  # index of the current question
        self._tries = 0  # keys and silences on the current question
        self._value = 0
        self._reason = ""

    @property
    def result(self) -> SurveyResult:
        """How far the interview came until now."""
        if self.answered == len(self._survey.questions):
            return SurveyResult.COMPLETE
        return SurveyResult.PARTIAL if self.answered else SurveyResult.DECLINED

    def begin(self) -> Step:
        return Begin()

    def next(self, event: Event | Ending | Key) -> Step:
        """Return the step that follows; an event that does not fit the state ends with reason error."""
        if isinstance(event, Ending):
            return self._finish(event.value)
        found = self._TABLE[self.state].get(self._judge(event) if isinstance(event, Key) else event)
        return found(self) if found is not None else self._part("error")

    # -- the table's actions

    def _judge(self, key: Key) -> _Key:
        value = self._question.value_of(key.key)
        if value is None:
            return _Key.WRONG
        self._value = value
        return _Key.VALID

    def _ask(self) -> Step:
        self.state = State.ASKING
        return Ask(self._question.ask, self._survey.wait_seconds)

    def _ask_again(self) -> Step:
        return self._ask() if self._may_retry() else self._part("no_input")

    def _correct(self) -> Step:
        if not self._may_retry():
            return self._part("invalid")
        self.state = State.CORRECTING
        return Play(self._question.invalid, listens=True)

    def _save(self) -> Step:
        self.state = State.SAVING
        return Save(self._question, self._value, self._tries + 1)

    def _saved(self) -> Step:
        self.answered += 1
        if self.answered == len(self._survey.questions):
            self.state = State.THANKING
            return Play(self._survey.thanks)
        self._asked, self._tries = self._asked + 1, 0
        return self._ask()

    def _give_up(self) -> Step:
        return self._part("error")

    def _say_goodbye(self) -> Step:
        return self._part("")

    def _over(self) -> Step:
        return self._finish("")

    # -- inside

    @property
    def _question(self) -> Question:
        return self._survey.questions[self._asked]

    def _may_retry(self) -> bool:
        self._tries += 1
        return self._tries <= self._survey.retries

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

    _TABLE: ClassVar[Mapping[State, Mapping[Event | _Key, Callable[["Interview"], Step]]]] = {
        State.BEGINNING: {
            Event.DONE: _ask,
            Event.NOT_STORED: _give_up,
        },
        State.ASKING: {
            _Key.VALID: _save,
            _Key.WRONG: _correct,
            Event.SILENCE: _ask_again,
            Event.PROMPT_MISSING: _give_up,
        },
        State.CORRECTING: {
            _Key.VALID: _save,
            _Key.WRONG: _correct,
            Event.DONE: _ask,
            Event.PROMPT_MISSING: _ask,
        },
        State.SAVING: {
            Event.DONE: _saved,
            Event.NOT_STORED: _give_up,
        },
        State.THANKING: {
            Event.DONE: _say_goodbye,
            Event.PROMPT_MISSING: _say_goodbye,
        },
        State.PARTING: {
            Event.DONE: _over,
            Event.PROMPT_MISSING: _over,
        },
        State.OVER: {},
    }
