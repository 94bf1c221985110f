"""Survey definitions: `parse_survey` turns a file of `config/surveys/` into a checked `Survey`. Pure.

If a fault appeared only during a call, a customer would hear it. So the parser checks the whole file before
any call. It also checks that each prompt has a sound file in each language. It reports all faults together.

A branch leads only forward, to a later question or to the end. So a survey has no loops, and every interview
ends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.surveys.file_schema import (
    END,
    ChoiceTable,
    CommentTable,
    LanguageTable,
    QuestionTable,
    ScoreTable,
    SurveyFile,
)
from cc_bridge.surveys.questions import CommentSettings, Question, QuestionBranch, condition
from cc_bridge.surveys.toml_reader import KeyPath, SurveyTable, TomlFault, faulty, read_toml

__all__ = ["LanguageTable", "Question", "Sounds", "Survey", "parse_survey"]

Sounds = Mapping[str, Mapping[str, str]]
"""Prompt -> language -> name of the sound file that Asterisk plays; see `PromptCatalogue.sounds`."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey whose definition was checked: every prompt has a sound file in every language."""

    id: str
    version: int
    languages: Sequence[str]  # the first is for callers with a language that the survey lacks
    questions: Sequence[Question]
    ask_language: LanguageTable | None
    max_seconds: float  # from the first prompt to the end of the last
    skip_key: str | None
    opt_out_key: str | None
    retries: int  # of each question, after a wrong or missing key
    wait_seconds: float  # for a key, after the end of the question's prompt
    welcome: str | None  # prompts
    skipped: str | None  # before the question that follows a skipped one
    opted_out: str | None
    thanks: str
    goodbye: str
    sounds: Sounds = field(repr=False)

    def speaks(self, language: str) -> str | None:
        """Return the language of this survey that matches a channel's language; None if no language matches.

        A language of the survey without a region matches a channel's language with a region: `fa` matches
        `fa_IR`.
        """
        base = language.replace("-", "_").partition("_")[0]
        return next((known for known in (language, base) if known in self.languages), None)

    def language_for(self, language: str) -> str:
        """Return the language of this survey that matches a channel's language.

        If no language matches, the result is the survey's first language.
        """
        return self.speaks(language) or self.languages[0]

    def sound(self, prompt: str, language: str) -> str:
        """Return the name of the sound file of a prompt in a language."""
        return self.sounds[prompt][language]

    def following(self, number: int, value: int | None) -> int:
        """Return the number of the question that follows an answer to question `number`.

        `value` is the answer's value; None means that the question was skipped. A result that equals the
        number of questions means the end of the survey.
        """
        branches = self.questions[number].branches
        return next((branch.go for branch in branches if branch.takes(value)), number + 1)


def parse_survey(text: str, file: str, sounds: Sounds) -> Survey:
    """Parse the text of a survey file.

    `file` is the file's name for error messages. `sounds` has the sound files of all prompts; a prompt
    without a sound file is a fault. Raise SurveyError with one line for each fault; each line names the file
    and the line of the fault.
    """
    written = read_toml(SurveyFile, text, file)
    faults = [*_missing_prompts(written, sounds), *_wrong_names(written), *_wrong_keys(written)]
    questions = [
        _question(asked, written, tuple(_branches(written, number, faults)))
        for number, asked in enumerate(written.questions)
    ]
    survey = Survey(
        languages=tuple(written.languages),
        questions=tuple(questions),
        sounds=sounds,
        **{name: getattr(written, name) for name in _AS_WRITTEN},
    )
    if faults := faults or list(_never_asked(survey)):
        raise faulty(file, text, faults)
    return survey


_AS_WRITTEN = {each.name for each in fields(Survey)} - {"languages", "questions", "sounds"}


def _question(asked: QuestionTable, written: SurveyFile, branches: tuple[QuestionBranch, ...]) -> Question:
    keys: Mapping[str, int]
    labels: Mapping[int, str] = {}
    comment = None
    match asked:
        case ScoreTable():
            keys, labels = KINDS[asked.kind].keys, KINDS[asked.kind].labels
        case ChoiceTable():
            keys = {key: int(key) for key in asked.keys}
            labels = {int(key): label for key, label in asked.keys.items()}
        case CommentTable():
            keys = {asked.yes_key: 1}
            comment = CommentSettings(asked.ask, asked.thanks, asked.max_seconds, asked.silence_seconds)
    return Question(
        id=asked.id,
        kind=asked.kind,
        ask=asked.consent if isinstance(asked, CommentTable) else asked.ask,
        invalid="" if isinstance(asked, CommentTable) else asked.invalid,
        keys=keys,
        retries=written.retries if asked.retries is None else asked.retries,
        wait_seconds=asked.wait_seconds or written.wait_seconds,
        rates=asked.rates,
        skippable=asked.skippable,
        branches=branches,
        labels=labels,
        titles=asked.title,
        choice_titles=asked.choice_titles if isinstance(asked, ChoiceTable) else {},
        comment=comment,
    )


def _branches(written: SurveyFile, number: int, faults: list[TomlFault]) -> Iterator[QuestionBranch]:
    asked = written.questions[number]
    ids = [question.id for question in written.questions]
    values = _question(asked, written, ()).values
    # The value None is a skipped question or a declined comment.
    left: set[int | None] = set(values)
    if isinstance(asked, CommentTable):
        left = {0, None}
    elif written.skip_key and asked.skippable:
        left.add(None)
    for place, branch in enumerate(asked.next):
        path: KeyPath = ("questions", number, "next", place)
        try:
            taken = condition(branch.when, values)
        except ValueError as error:
            faults.append(((*path, "when"), str(error)))
            continue
        if not left & (left if taken is None else taken):
            faults.append(((*path, "when"), "never holds: none of the remaining answers fits"))
        left -= left if taken is None else taken
        if branch.go == END:
            yield QuestionBranch(taken, len(ids))
        elif branch.go not in ids:
            similar = get_close_matches(branch.go, ids, n=1)
            meant = f", did you mean {similar[0]!r}?" if similar else ""
            faults.append(((*path, "go"), f"no question {branch.go!r}{meant}"))
        elif ids.index(branch.go) <= number:
            faults.append(
                ((*path, "go"), f"{branch.go!r} is not a later question; branches lead only forward")
            )
        else:
            yield QuestionBranch(taken, ids.index(branch.go))


def _never_asked(survey: Survey) -> Iterator[TomlFault]:
    asked = {0}
    for number, question in enumerate(survey.questions):
        if number not in asked:
            yield ("questions", number), f"{question.id!r} is never asked: every branch skips it"
            continue
        skipped = {None} if question.comment or (survey.skip_key and question.skippable) else set()
        outcomes: set[int | None] = {*(question.values or [0]), *skipped}
        asked |= {survey.following(number, value) for value in outcomes}


def _missing_prompts(written: SurveyFile, sounds: Sounds) -> Iterator[TomlFault]:
    for path, prompt in _prompts(written):
        spoken = sounds.get(prompt, {})
        missing = [language for language in written.languages if language not in spoken]
        if missing:
            yield path, f"the catalogue has no prompt {prompt!r} in {', '.join(missing)}"
    if written.opt_out_key and not written.opted_out:
        yield ("opt_out_key",), "needs the prompt opted_out, which confirms the opt-out to the caller"


def _prompts(written: SurveyFile) -> Iterator[tuple[KeyPath, str]]:
    places: list[tuple[KeyPath, SurveyTable]] = [((), written)]
    places += [(("questions", number), asked) for number, asked in enumerate(written.questions)]
    if written.ask_language:
        places.append((("ask_language",), written.ask_language))
    for path, table in places:
        for key in _PROMPTS:
            if prompt := getattr(table, key, None):
                yield (*path, key), prompt


_PROMPTS = ("welcome", "skipped", "opted_out", "thanks", "goodbye", "prompt", "consent", "ask", "invalid")


def _wrong_names(written: SurveyFile) -> Iterator[TomlFault]:
    seen = {END}
    for number, asked in enumerate(written.questions):
        if asked.id in seen:
            why = "is reserved for the end" if asked.id == END else "is the id of an earlier question"
            yield ("questions", number, "id"), f"{asked.id!r} {why}"
        seen.add(asked.id)
        if isinstance(asked, ChoiceTable):
            for label in sorted({*asked.choice_titles} - {*asked.keys.values()}):
                path: KeyPath = ("questions", number, "choice_titles", label)
                yield path, f"no key of the question has the label {label!r}"
        if isinstance(asked, CommentTable) and asked.max_seconds >= written.max_seconds:
            yield (
                ("questions", number, "max_seconds"),
                f"must be less than the survey's max_seconds, {written.max_seconds:g} s",
            )
    if written.ask_language:
        offered = set(written.ask_language.keys.values())
        if wrong := sorted(offered ^ set(written.languages)):
            yield ("ask_language", "keys"), f"must be the survey's languages, each once: {', '.join(wrong)}"


def _wrong_keys(written: SurveyFile) -> Iterator[TomlFault]:
    special = {"skip_key": written.skip_key, "opt_out_key": written.opt_out_key}
    for number, asked in enumerate(written.questions):
        keys = _question(asked, written, ()).keys
        for name, key in special.items():
            if key in keys:
                yield (name,), f"{key!r} is an answer to questions.{number} ({asked.id!r})"
    if written.skip_key and written.skip_key == written.opt_out_key:
        yield ("opt_out_key",), "must differ from skip_key"
