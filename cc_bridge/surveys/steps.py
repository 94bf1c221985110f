"""The steps of an interview and their outcomes. Pure.

`interview.py` returns the next Step. `agi/survey_session.py` performs the step and returns its StepOutcome.
"""

from dataclasses import dataclass
from enum import Enum, auto

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.questions import Question

__all__ = [
    "AskKey",
    "Begin",
    "CommentRecorded",
    "Finish",
    "InterviewEnd",
    "KeyPressed",
    "Listen",
    "Play",
    "RecordComment",
    "Save",
    "Speak",
    "Step",
    "StepOutcome",
    "StepResult",
    "StopAsking",
]


@dataclass(frozen=True, slots=True)
class Begin:
    """The step that stores the start of the survey; its outcome is DONE or NOT_STORED."""


@dataclass(frozen=True, slots=True)
class Speak:
    """The step that stores the language that the caller chose, and switches the survey to this language.

    Its outcome is DONE or NOT_STORED.
    """

    language: str


@dataclass(frozen=True, slots=True)
class AskKey:
    """The step that plays a prompt and waits for one key.

    Its outcome is KeyPressed, SILENCE or PROMPT_MISSING.
    """

    prompt: str
    wait_seconds: float
    language: str = ""  # empty: the language of the interview


@dataclass(frozen=True, slots=True)
class Play:
    """The step that plays a prompt; its outcome is DONE or PROMPT_MISSING.

    With `listens`, a key stops the prompt, and then the outcome is KeyPressed.
    """

    prompt: str
    listens: bool = False
    language: str = ""  # empty: the language of the interview


@dataclass(frozen=True, slots=True)
class Listen:
    """The step that waits for the next key of an answer of several digits, such as the 0 of the answer 10.

    Its outcome is KeyPressed or SILENCE.
    """

    wait_seconds: float


@dataclass(frozen=True, slots=True)
class RecordComment:
    """The step that beeps and records the caller's comment.

    Its outcome is CommentRecorded, SILENCE or NOT_RECORDED.
    """

    question: Question
    max_seconds: float
    silence_seconds: float


@dataclass(frozen=True, slots=True)
class Save:
    """The step that stores a valid answer; its outcome is DONE or NOT_STORED."""

    question: Question
    value: int
    tries: int


@dataclass(frozen=True, slots=True)
class StopAsking:
    """The step that stores the caller's opt-out; its outcome is DONE or NOT_STORED."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The last step of an interview; it has the result of the survey.

    `reason` says why the survey is not complete; it is empty for a complete survey.
    """

    result: SurveyResult
    reason: str


Step = Begin | Speak | AskKey | Play | Listen | RecordComment | Save | StopAsking | Finish


class StepResult(Enum):
    """The outcome of a step that needs no further data, such as DONE or SILENCE.

    A KeyPressed, a CommentRecorded or an InterviewEnd is the outcome in all other cases.
    """

    DONE = auto()  # played, or stored
    SILENCE = auto()  # no key was pressed, or no word was said
    PROMPT_MISSING = auto()
    NOT_STORED = auto()
    NOT_RECORDED = auto()  # the recording failed on the PBX
    TIME_IS_UP = auto()  # the survey's max_seconds are over; the last prompt is still played


class InterviewEnd(Enum):
    """The outcome of a step after which the interview ends without a goodbye.

    Its value is stored in the survey attempt as the reason why the survey is not complete.
    """

    HUNG_UP = "hung_up"
    TIME_IS_UP = "time_limit"
    SHUTDOWN = "shutdown"
    FAILED = "error"


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The outcome of a step in which the caller pressed a key: 0 to 9, * or #."""

    key: str


@dataclass(frozen=True, slots=True)
class CommentRecorded:
    """The outcome of a step that recorded the caller's comment."""

    seconds: int


StepOutcome = StepResult | InterviewEnd | KeyPressed | CommentRecorded
