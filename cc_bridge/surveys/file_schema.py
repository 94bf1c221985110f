"""The schema of a survey file: its tables, their keys and the limits of the values. Pure.

`definition.py` parses a file into a `SurveyFile`, checks the rules that concern several tables, and makes a
`Survey` of it. The example files in config/surveys explain each key.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from cc_bridge.kpis.question_kinds import ScaleKind, check_not_retired
from cc_bridge.surveys.text_patterns import text_like
from cc_bridge.surveys.toml_reader import Identifier, LanguageCode, SurveyTable

__all__ = [
    "END",
    "BranchTable",
    "ChoiceTable",
    "CommentTable",
    "LanguageTable",
    "QuestionTable",
    "ScoreTable",
    "SurveyFile",
]

Digit = Annotated[str, text_like(r"[0-9]", "one key from 0 to 9")]
# `#` ends an answer of several keys, so it cannot be a special key.
Special = Annotated[str, text_like(r"[0-9*]{1,2}", "one or two of the keys 0 to 9 and *")]
Label = Annotated[str, text_like(r"[^\x00-\x1f\x7f]{1,64}", "1 to 64 characters without a line break")]
Rates = Annotated[
    str,
    text_like(
        r"last_agent|first_agent|company|queue:.{1,128}", "last_agent, first_agent, company, or queue:NAME"
    ),
]
Retries = Annotated[int, Field(ge=0, le=5)]
Wait = Annotated[float, Field(ge=1, le=30)]

END = "end"  # the `go` of a branch that ends the survey


class BranchTable(SurveyTable):
    """A branch from one question to a later one.

    `when` says for which answers the branch is taken, such as `<=2`; empty means any answer. `go` is the id
    of the question that follows, or `end`.
    """

    when: str = ""
    go: Identifier


class _QuestionTable(SurveyTable):
    """Base class of the TOML tables of questions; its fields are the TOML keys of every kind of question."""

    id: Identifier
    title: dict[LanguageCode, Label] = Field(default_factory=dict)
    ask: Identifier
    retries: Retries | None = None
    wait_seconds: Wait | None = None
    rates: Rates = "last_agent"
    skippable: bool = True
    next: list[BranchTable] = Field(default_factory=list)


class ScoreTable(_QuestionTable):
    """The TOML table of a question whose answer is a score on a scale."""

    kind: ScaleKind
    invalid: Identifier


class ChoiceTable(_QuestionTable):
    """The TOML table of a question with several choices; each choice has a key of the keypad and a label."""

    kind: Literal["choice"]
    invalid: Identifier
    keys: dict[Digit, Label] = Field(min_length=2)
    choice_titles: dict[Label, dict[LanguageCode, Label]] = Field(default_factory=dict)


class CommentTable(_QuestionTable):
    """The TOML table of a question that asks for the caller's consent and then records a spoken comment."""

    kind: Literal["comment"]
    consent: Identifier
    yes_key: Digit = "1"
    thanks: Identifier | None = None
    max_seconds: float = Field(ge=5, le=300)
    silence_seconds: float = Field(default=3, ge=1, le=30)


QuestionTable = ScoreTable | ChoiceTable | CommentTable


def _without_retired_kinds(question: Any) -> Any:
    """Return a question's table unchanged; raise ValueError if the question's kind is no longer supported."""
    if isinstance(question, dict):
        check_not_retired(question.get("kind"))
    return question


class LanguageTable(SurveyTable):
    """The TOML table of the question that asks in which language the caller wants the survey."""

    prompt: Identifier  # played in each language, one after the other
    keys: dict[Digit, LanguageCode] = Field(min_length=2)
    when: Literal["always", "unknown"] = "unknown"  # unknown: if the survey lacks the channel's language


class SurveyFile(SurveyTable):
    """The whole content of a survey file: the survey's settings, prompts and questions."""

    id: Identifier
    version: int = Field(ge=1)
    languages: list[LanguageCode] = Field(min_length=1)
    ask_language: LanguageTable | None = None
    retries: Retries = 1
    wait_seconds: Wait = 5
    max_seconds: float = Field(default=75, ge=15, le=600)
    skip_key: Special | None = None
    opt_out_key: Special | None = None
    welcome: Identifier | None = None
    skipped: Identifier | None = None
    opted_out: Identifier | None = None
    thanks: Identifier
    goodbye: Identifier
    questions: list[
        Annotated[QuestionTable, Field(discriminator="kind"), BeforeValidator(_without_retired_kinds)]
    ] = Field(min_length=1)
