"""What callers hear: each prompt in each language, as `dialplans/prompts.toml` says it. Pure.

Surveys are checked against it at start, and `prompt_synthesis.py` makes sound files of its texts.
"""

from typing import Annotated

from pydantic import Field

from cc_bridge.surveys.toml_reader import Identifier, LanguageCode, SurveyTable, faulty, read_toml

__all__ = ["FOLDER", "AsteriskSound", "PromptCatalogue", "PromptVoice", "parse_catalogue"]

FOLDER = "cc_bridge"  # inside a language's folder of sounds; keeps ours apart from Asterisk's own


class AsteriskSound(SurveyTable):
    """A human recording of Asterisk's own sound packages."""

    asterisk: str = Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")


class PromptVoice(SurveyTable):
    """How espeak-ng speaks a language."""

    name: str = Field(pattern=r"^[A-Za-z0-9+-]+$")
    words_per_minute: int = Field(default=150, ge=80, le=300)


class PromptCatalogue(SurveyTable):
    """Every prompt in every language, and the voices of the languages."""

    prompts: dict[Identifier, dict[LanguageCode, Annotated[str, Field(min_length=1)] | AsteriskSound]]
    voices: dict[LanguageCode, PromptVoice]

    @property
    def sounds(self) -> dict[str, dict[str, str]]:
        """Prompt -> language -> the file that Asterisk plays; it finds the language's folder by itself."""
        return {
            prompt: {
                language: spoken.asterisk if isinstance(spoken, AsteriskSound) else f"{FOLDER}/{prompt}"
                for language, spoken in languages.items()
            }
            for prompt, languages in self.prompts.items()
        }


def parse_catalogue(text: str, file: str) -> PromptCatalogue:
    """Read a catalogue; raises SurveyError with one line for each fault, each with file and line."""
    catalogue = read_toml(PromptCatalogue, text, file)
    voiceless = [
        (("prompts", prompt, language), f"no voice for {language}")
        for prompt, languages in catalogue.prompts.items()
        for language, spoken in languages.items()
        if isinstance(spoken, str) and language not in catalogue.voices
    ]
    if voiceless:
        raise faulty(file, text, voiceless)
    return catalogue
