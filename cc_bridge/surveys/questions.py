"""The questions of a survey: their keys, what is stored for a key, and which question follows. Pure.

`1` may be the first key of `10`, so a key alone does not always answer; `longer` tells. What the kinds of
questions have in common stands in `cc_bridge/kpis/question_kinds.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["CommentSettings", "Question", "QuestionBranch", "condition"]

_CONDITION = re.compile(r"(<=|>=)?\s*(\d{1,2})(?:\s*,\s*(\d{1,2}(?:\s*,\s*\d{1,2})*))?")


@dataclass(frozen=True, slots=True)
class CommentSettings:
    """How a spoken comment is recorded, once the caller has consented."""

    after_beep: str  # the prompt before the beep
    thanks: str | None  # after it, if another question follows
    max_seconds: float
    silence_seconds: float  # of the caller, that end it


@dataclass(frozen=True, slots=True)
class QuestionBranch:
    """Where the way goes on after some answers."""

    values: frozenset[int | None] | None  # None among them is a question that was skipped; None is any
    go: int  # the number of a later question; the one behind the last is the end

    def takes(self, value: int | None) -> bool:
        return self.values is None or value in self.values


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a survey. A comment's question is whether it may be recorded."""

    id: str
    kind: str
    ask: str  # prompts
    invalid: str
    keys: Mapping[str, int]  # what a caller types -> what is stored; of a comment the key that consents
    retries: int
    wait_seconds: float
    rates: str  # last_agent, first_agent, queue:NAME or company
    skippable: bool
    branches: tuple[QuestionBranch, ...] = ()
    labels: Mapping[int, str] = field(default_factory=dict)
    comment: CommentSettings | None = None

    @property
    def values(self) -> Sequence[int]:
        """Return all values that an answer can have, lowest first; none for a comment, which has no score."""
        return () if self.comment else sorted(self.keys.values())

    def value_of(self, typed: str) -> int | None:
        """Return what is stored for the keys that the caller typed, None for wrong ones."""
        return self.keys.get(typed)

    def label(self, value: int) -> str:
        """Return what an answer means in words; empty for a score."""
        return self.labels.get(value, "")


def longer(typed: str, answers: Sequence[str]) -> bool:
    """Tell whether one of the answers begins with what was typed and goes on."""
    return any(answer.startswith(typed) and answer != typed for answer in answers)


def condition(text: str, values: Sequence[int]) -> frozenset[int | None] | None:
    """Return the values that fit `<=2`, `>=9`, `3`, `1,2` or `skipped`.

    None is any value, for an empty text. Raises ValueError.
    """
    if not text:
        return None
    if text == "skipped":
        return frozenset({None})
    found = _CONDITION.fullmatch(text.strip())
    if found is None or (found[1] and found[3]):
        raise ValueError(f"{text!r} is no condition; write <=2, >=9, 3, a list such as 1,2, or skipped")
    first = int(found[2])
    if found[1] == "<=":
        return frozenset(value for value in values if value <= first)
    if found[1] == ">=":
        return frozenset(value for value in values if value >= first)
    wanted = {first, *map(int, re.findall(r"\d+", found[3] or ""))}
    if unknown := wanted.difference(values):
        raise ValueError(f"no answer has the value {', '.join(map(str, sorted(unknown)))}")
    return frozenset(wanted)
