"""What a survey asks: `config/surveys/*.toml` in, a checked Survey out. Pure.

The wiring loads it at start, `interview.py` follows it. The trap: a fault found during a call is heard by a
customer, so everything is checked here, the prompts in each language too, and all faults are told at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from cc_bridge.surveys.tables import Language, Name, Table, faulty, read_toml

__all__ = ["Question", "Sounds", "Survey", "parse_survey"]

Sounds = Mapping[str, Mapping[str, str]]
"""Prompt -> language -> the sound file that Asterisk plays; `Catalogue.sounds` makes it."""

_KEYS: Mapping[str, Mapping[str, int]] = {"csat": {str(value): value for value in range(1, 6)}}
"""Kind of question -> key -> what is stored for it."""


class Question(Table):
    """One question, in the order of the file."""

    id: Name
    kind: Literal["csat"]
    ask: Name  # prompts
    invalid: Name

    def value_of(self, key: str) -> int | None:
        """Return the value that a key stands for, None for a wrong key."""
        return _KEYS[self.kind].get(key)

    @property
    def values(self) -> list[int]:
        """Return all values that an answer can have."""
        return list(_KEYS[self.kind].values())


class _Definition(Table):
    id: Name
    version: int = Field(ge=1)
    languages: list[Language] = Field(min_length=1)
    retries: int = Field(default=1, ge=0, le=5)
    wait_seconds: float = Field(default=5, ge=1, le=30)
    thanks: Name
    goodbye: Name
    questions: list[Question] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey that can be asked: every prompt has a sound file in every language."""

    id: str
    version: int
    languages: tuple[str, ...]  # the first is for callers whose language it does not speak
    questions: tuple[Question, ...]
    retries: int  # after a wrong or missing key, for each question
    wait_seconds: float  # for a key, after the question was heard
    thanks: str
    goodbye: str
    sounds: Sounds = field(repr=False)

    def language_for(self, language: str) -> str:
        """Return the channel's language if we speak it, else its base (`fa` of `fa_IR`), else our first."""
        base = language.replace("-", "_").partition("_")[0]
        return next((known for known in (language, base) if known in self.languages), self.languages[0])

    def sound(self, prompt: str, language: str) -> str:
        """Return what Asterisk plays for a prompt."""
        return self.sounds[prompt][language]


def parse_survey(text: str, file: str, sounds: Sounds) -> Survey:
    """Read a definition; raises SurveyError with one line for each fault, each beginning with the file."""
    definition = read_toml(_Definition, text, file)
    if found := list(_faults(definition, sounds)):
        raise faulty(file, found)
    return Survey(
        id=definition.id,
        version=definition.version,
        languages=tuple(definition.languages),
        questions=tuple(definition.questions),
        retries=definition.retries,
        wait_seconds=definition.wait_seconds,
        thanks=definition.thanks,
        goodbye=definition.goodbye,
        sounds=sounds,
    )


def _faults(definition: _Definition, sounds: Sounds) -> Iterator[str]:
    places = [("thanks", definition.thanks), ("goodbye", definition.goodbye)]
    seen: set[str] = set()
    for number, question in enumerate(definition.questions):
        if question.id in seen:
            yield f"questions.{number}.id: {question.id!r} is taken by an earlier question"
        seen.add(question.id)
        places.append((f"questions.{number}.ask", question.ask))
        places.append((f"questions.{number}.invalid", question.invalid))
    for place, prompt in places:
        spoken = sounds.get(prompt, {})
        missing = [language for language in definition.languages if language not in spoken]
        if missing:
            yield f"{place}: the catalogue has no prompt {prompt!r} in {', '.join(missing)}"
