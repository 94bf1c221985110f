"""The language question: the caller chooses the language of the survey before its first question. Pure.

The question is part of a survey only if the survey's definition has `ask_language`. It consists of one prompt
for each language, spoken in this language; any key ends the prompts. If the caller does not choose, the
survey continues in the language that it would use without the language question.
"""

from collections.abc import Mapping
from typing import Self

from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.steps import AskKey, KeyPressed, Play, Speak, Step, StepOutcome, StepResult

__all__ = ["LanguageQuestion"]


class LanguageQuestion:
    """The state of the language question for one caller.

    The state is the language that is offered now, and the number of rounds without a choice. In one round,
    each language is offered once.
    """

    @classmethod
    def of(cls, survey: Survey, channel_language: str) -> Self | None:
        """Return the language question for a caller; None if the caller is not asked.

        The caller is not asked if the survey has no `ask_language`. With `when = "unknown"` in
        `ask_language`, the caller is also not asked if the survey has a language that matches
        `channel_language`, the language of the caller's channel.
        """
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
        """Return the first step of the question: the prompt that offers the first language."""
        return self._offer(0)

    def next(self, event: StepOutcome) -> Step | None:
        """Return the next step, given `event`, the outcome of the previous step.

        The result is None if the question ends without a choice.
        """
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
