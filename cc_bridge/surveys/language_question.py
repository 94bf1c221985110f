"""The language question: the caller chooses the language of the survey before its first question. Pure.

The question is part of a survey only if its definition has `ask_language`. Each language is offered in its
own words, one prompt after the other; any key ends the offers. A caller who does not choose hears the survey
in the language that would be used without the question. A missing choice never ends the survey.
"""

from collections.abc import Mapping
from typing import Self

from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.steps import AskKey, KeyPressed, Play, Speak, Step, StepOutcome, StepResult

__all__ = ["LanguageQuestion"]


class LanguageQuestion:
    """The language question of one caller."""

    @classmethod
    def of(cls, survey: Survey, channel_language: str) -> Self | None:
        """Return the language question for a caller; None if the channel's language makes it unnecessary."""
        asked = survey.ask_language
        if asked is None or (asked.when == "unknown" and survey.speaks(channel_language)):
            return None
        return cls(survey, asked.prompt, asked.keys)

    def __init__(self, survey: Survey, prompt: str, keys: Mapping[str, str]) -> None:
        self._survey = survey
        self._prompt = prompt
        self._keys = keys
        self._languages = list(keys.values())
        self._offered = 0
        self._rounds = 0  # completed rounds of offers without a choice

    def begin(self) -> Step:
        """Return the first step of the question."""
        return self._offer(0)

    def next(self, event: StepOutcome) -> Step | None:
        """Return the step that follows an outcome, None at the end of a question without a choice."""
        if isinstance(event, KeyPressed):
            return Speak(self._keys[event.key]) if event.key in self._keys else self._again()
        if event in {StepResult.DONE, StepResult.PROMPT_MISSING} and self._offered + 1 < len(self._languages):
            return self._offer(self._offered + 1)
        return self._again()

    def _offer(self, number: int) -> Step:
        self._offered = number
        language = self._languages[number]
        if number + 1 < len(self._languages):
            return Play(self._prompt, listens=True, language=language)
        return AskKey(self._prompt, self._survey.wait_seconds, language)

    def _again(self) -> Step | None:
        self._rounds += 1
        return self._offer(0) if self._rounds <= self._survey.retries else None
