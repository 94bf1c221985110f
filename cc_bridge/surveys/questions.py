"""Survey questions: the keys of each question, their stored values, and the question that follows. Pure.

A key may be the start of a longer answer, such as the `1` of `10`; see `longer`. The properties that all
questions of one kind share are in `cc_bridge/kpis/question_kinds.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["CommentSettings", "Question", "QuestionBranch", "condition"]

_CONDITION = re.compile(r"(<=|>=)?\s*(\d{1,2})(?:\s*,\s*(\d{1,2}(?:\s*,\s*\d{1,2})*))?")


@dataclass(frozen=True, slots=True)
class CommentSettings:
    """The recording settings of a spoken comment, which is recorded only with the caller's consent."""

    after_beep: str  # the prompt before the beep
    thanks: str | None  # after it, if another question follows
    max_seconds: float
    silence_seconds: float  # of the caller, after which the recording ends


@dataclass(frozen=True, slots=True)
class QuestionBranch:
    """A branch after a question: some of its answers, and the number of the question that follows them."""

    values: frozenset[int | None] | None  # None: any answer; None as a member: the question was skipped
    go: int  # the number of a later question; the number after the last question is the end

    def takes(self, value: int | None) -> bool:
        """Return whether the branch applies to an answer's value; None is a skipped question."""
        return self.values is None or value in self.values


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a survey. A comment's question asks for the consent to a recording."""

    id: str
    kind: str
    ask: str  # prompts
    invalid: str
    keys: Mapping[str, int]  # keys -> stored value; of a comment: the key that consents
    retries: int
    wait_seconds: float
    rates: str  # last_agent, first_agent, queue:NAME or company
    skippable: bool
    branches: tuple[QuestionBranch, ...] = ()
    labels: Mapping[int, str] = field(default_factory=dict)
    comment: CommentSettings | None = None

    @property
    def values(self) -> Sequence[int]:
        """All values that an answer can have, lowest first; empty for a comment, which has no score."""
        return () if self.comment else sorted(self.keys.values())

    def value_of(self, typed: str) -> int | None:
        """Return the value for the keys that a caller pressed, None for keys that are no answer."""
        return self.keys.get(typed)

    def label(self, value: int) -> str:
        """Return the meaning of a value in words; empty for a score."""
        return self.labels.get(value, "")


def longer(typed: str, answers: Sequence[str]) -> bool:
    """Return whether the pressed keys are the start of a longer answer."""
    return any(answer.startswith(typed) and answer != typed for answer in answers)


def condition(text: str, values: Sequence[int]) -> frozenset[int | None] | None:
    """Return the values that fit a condition: `<=2`, `>=9`, `3`, `1,2` or `skipped`.

    `values` are the values that an answer can have. The result None means any value: the text is empty. Raise
    ValueError for another text, and for a value that no answer has.
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
