"""The channel of a caller in a survey: the language of the prompts, and the variable with the result."""

from contextlib import suppress

from asterisk.agi import AGIError
from twisted.internet.defer import CancelledError

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.surveys.definition import Survey

__all__ = ["VARIABLE", "SurveyChannel"]

VARIABLE = "CCB_SURVEY"


class SurveyChannel:
    """The language and the result variable of one caller's channel.

    `language` is the language of the channel before the survey; empty if it is not known.
    """

    def __init__(self, channel: AgiChannel, survey: Survey, language: str) -> None:
        self._channel = channel
        self._survey = survey
        self._original = language
        self._language = language  # the current language of the channel
        self._reported = ""  # the current value of the channel variable VARIABLE

    def sound(self, prompt: str, survey_language: str, language: str = "") -> str:
        """Return the name of the sound file of a prompt in a language.

        Without `language`, the prompt is in `survey_language`, the survey's language, and the name has no
        folder. With `language`, the name starts with the folder of this language, unless the channel already
        has the language.
        """
        if not language or language == self._language:
            return self._survey.sound(prompt, survey_language)
        return f"{language}/{self._survey.sound(prompt, language)}"

    async def report(self, outcome: str) -> None:
        """Set the channel variable CCB_SURVEY to the survey's result so far, if the result has changed."""
        if outcome != self._reported:
            await self._channel.set_variable(VARIABLE, outcome)
            self._reported = outcome

    async def set_language(self, language: str) -> None:
        """Set the language of the channel, unless the channel has this language already."""
        if language != self._language:
            await self._channel.set_variable("CHANNEL(language)", language)
            self._language = language

    async def restore_language(self) -> None:
        """Restore the channel's original language. Do nothing if the channel has ended."""
        with suppress(AGIError, CancelledError):
            await self.set_language(self._original or self._language)
