"""The words between an interview and whoever carries it out: steps go out, events come back. Pure.

`interview.py` says the next Step, `agi/survey.py` does it and tells the Event that came of it.
"""

from dataclasses import dataclass
from enum import Enum, auto

from cc_bridge.records import SurveyResult
from cc_bridge.surveys.questions import Question

__all__ = [
    "Ask",
    "Begin",
    "Ending",
    "Event",
    "Finish",
    "Happening",
    "Key",
    "Listen",
    "Play",
    "Record",
    "Recorded",
    "Save",
    "Speak",
    "Step",
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
class Ask:
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
class Record:
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


Step = Begin | Speak | Ask | Play | Listen | Record | Save | StopAsking | Finish


class Event(Enum):
    """What came of a step."""

    DONE = auto()  # played, or stored
    SILENCE = auto()  # no key, no word
    PROMPT_MISSING = auto()
    NOT_STORED = auto()
    NOT_RECORDED = auto()  # the PBX could not
    TIME_IS_UP = auto()  # the survey's own limit: there is still time for the goodbye


class Ending(Enum):
    """What ends an interview at once, without a goodbye; the value is the attempt's reason."""

    HUNG_UP = "hung_up"
    TIME_IS_UP = "time_limit"
    SHUTDOWN = "shutdown"
    FAILED = "error"


@dataclass(frozen=True, slots=True)
class Key:
    """The caller pressed a key: 0 to 9, * or #."""

    key: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The caller said something."""

    seconds: int


Happening = Event | Ending | Key | Recorded
