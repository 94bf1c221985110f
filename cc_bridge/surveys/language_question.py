"""The question which language the caller wants to hear, before the survey's own questions. Pure.

`interview.py` asks it, if the definition has one. Each language offers itself, in its own words, one prompt
after the other; any key ends the offers. Who does not choose hears the language that would have been taken
without the question: it is never a reason to end the survey.
"""

from collections.abc import Mapping
from typing import Self

from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.steps import AskKey, KeyPressed, Play, Speak, Step, StepOutcome, StepResult

__all__ = ["LanguageQuestion"]


class LanguageQuestion:
    """One caller's choice of a language."""

    @classmethod
    def of(cls, survey: Survey, channel_language: str) -> Self | None:
        """Return the question, None when it is not asked of a caller on such a channel."""
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
        self._rounds = 0  # that ended without a choice

    def begin(self) -> Step:
        return self._offer(0)

    def next(self, event: StepOutcome) -> Step | None:
        """Return the step that follows, None when the question is over."""
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
