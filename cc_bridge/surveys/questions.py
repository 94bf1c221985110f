"""Survey questions: the keypad keys of each question, their stored values, and the next question. Pure.

A key may be the start of an answer with several keys, such as the `1` of `10`; see `longer`. The scale, and
the other properties that all questions of one kind have, are in `cc_bridge/kpis/question_kinds.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["CommentSettings", "Question", "QuestionBranch", "condition"]

_CONDITION = re.compile(r"(<=|>=)?\s*(\d{1,2})(?:\s*,\s*(\d{1,2}(?:\s*,\s*\d{1,2})*))?")


@dataclass(frozen=True, slots=True)
class CommentSettings:
    """The settings for recording a spoken comment; it is recorded only with the caller's consent."""

    after_beep: str  # the prompt before the beep
    thanks: str | None  # after it, if another question follows
    max_seconds: float
    silence_seconds: float  # of the caller, after which the recording ends


@dataclass(frozen=True, slots=True)
class QuestionBranch:
    """A branch after a question: if the answer is one of `values`, question number `go` follows."""

    values: frozenset[int | None] | None  # None: any answer; None as a member: the question was skipped
    go: int  # the number of a later question; the number after the last question is the end

    def takes(self, value: int | None) -> bool:
        """Return whether the branch applies to an answer with this value; None means a skipped question."""
        return self.values is None or value in self.values


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a survey.

    A question of the kind `comment` asks whether the caller consents to the recording of a spoken comment.
    """

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
    titles: Mapping[str, str] = field(default_factory=dict)  # by language, for reports and pages
    choice_titles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by label, then language
    comment: CommentSettings | None = None

    @property
    def values(self) -> Sequence[int]:
        """All values that an answer can have, lowest first; empty for a comment, which has no score."""
        return () if self.comment else sorted(self.keys.values())

    def value_of(self, typed: str) -> int | None:
        """Return the stored value of the keys that a caller pressed; None for keys that are not an answer."""
        return self.keys.get(typed)

    def label(self, value: int) -> str:
        """Return the label of a choice, given its stored value; empty for a score, which has no label."""
        return self.labels.get(value, "")


def longer(typed: str, answers: Sequence[str]) -> bool:
    """Return whether one of `answers` is longer than the pressed keys and starts with them.

    For example, the keys `1` are the start of the answer `10`.
    """
    return any(answer.startswith(typed) and answer != typed for answer in answers)


def condition(text: str, values: Sequence[int]) -> frozenset[int | None] | None:
    """Return the answer values for which a branch is taken, given the text of its `when`.

    The text is `<=2`, `>=9`, `3`, a list such as `1,2`, or `skipped`. `values` are the values that an answer
    can have. An empty text gives None: the branch is taken for any answer. `skipped` gives a set whose only
    member is None. Raise ValueError for any other text, and for a listed value that is not in `values`.
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
