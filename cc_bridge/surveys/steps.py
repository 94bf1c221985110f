"""The words between an interview and whoever carries it out: steps go out, events come back. Pure.

`interview.py` says the next Step, `agi/survey_script.py` does it and tells the Event that came of it.
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
    """Store that the caller is asked; answered by DONE or NOT_STORED."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Go on in the language that the caller chose; answered by DONE."""

    language: str


@dataclass(frozen=True, slots=True)
class AskKey:
    """Play a prompt and wait for one key; answered by Key, SILENCE or PROMPT_MISSING."""

    prompt: str
    wait_seconds: float
    language: str = ""  # another one than the interview's


@dataclass(frozen=True, slots=True)
class Play:
    """Play a prompt; answered by DONE, PROMPT_MISSING, or, if it listens, by the Key that stopped it."""

    prompt: str
    listens: bool = False
    language: str = ""  # another one than the interview's


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for the next key of an answer that may have more of them; answered by Key or SILENCE."""

    wait_seconds: float


@dataclass(frozen=True, slots=True)
class RecordComment:
    """Beep and record what the caller says; answered by Recorded, SILENCE or NOT_RECORDED."""

    question: Question
    max_seconds: float
    silence_seconds: float


@dataclass(frozen=True, slots=True)
class Save:
    """Store a valid answer; answered by DONE or NOT_STORED."""

    question: Question
    value: int
    tries: int


@dataclass(frozen=True, slots=True)
class StopAsking:
    """Store that the caller does not want to be asked again; answered by DONE or NOT_STORED."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more to do; how far it came, and why not further."""

    result: SurveyResult
    reason: str


Step = Begin | Speak | AskKey | Play | Listen | RecordComment | Save | StopAsking | Finish


class StepResult(Enum):
    """What came of a step."""

    DONE = auto()  # played, or stored
    SILENCE = auto()  # no key, no word
    PROMPT_MISSING = auto()
    NOT_STORED = auto()
    NOT_RECORDED = auto()  # the PBX could not
    TIME_IS_UP = auto()  # the survey's own limit: there is still time for the goodbye


class InterviewEnd(Enum):
    """What ends an interview at once, without a goodbye; the value is the attempt's reason."""

    HUNG_UP = "hung_up"
    TIME_IS_UP = "time_limit"
    SHUTDOWN = "shutdown"
    FAILED = "error"


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The caller pressed a key: 0 to 9, * or #."""

    key: str


@dataclass(frozen=True, slots=True)
class CommentRecorded:
    """The caller said something."""

    seconds: int


StepOutcome = StepResult | InterviewEnd | KeyPressed | CommentRecorded
