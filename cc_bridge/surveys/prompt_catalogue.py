"""The prompt catalogue: the text or recording of each prompt in each language, from `dialplans/prompts.toml`.

Surveys are checked against the catalogue at start, and `prompt_synthesis.py` turns its texts into sound
files. Pure.
"""

from typing import Annotated

from pydantic import Field

from cc_bridge.surveys.text_patterns import text_like
from cc_bridge.surveys.toml_reader import Identifier, LanguageCode, SurveyTable, faulty, read_toml

__all__ = ["FOLDER", "AsteriskSound", "PromptCatalogue", "PromptVoice", "parse_catalogue"]

FOLDER = "cc_bridge"  # inside a language's sound folder; separates these files from Asterisk's own


class AsteriskSound(SurveyTable):
    """A prompt whose recording comes from Asterisk's own sound packages; `asterisk` is the file's name."""

    asterisk: Annotated[
        str,
        text_like(
            r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*",
            "the name of a sound file without its format: letters, digits, _ - and /",
        ),
    ]


class PromptVoice(SurveyTable):
    """The espeak-ng voice that reads the prompts of one language, and its speed."""

    name: Annotated[str, text_like(r"[A-Za-z0-9+-]+", "a voice of espeak-ng: letters, digits, + and -")]
    words_per_minute: int = Field(default=150, ge=80, le=300)


class PromptCatalogue(SurveyTable):
    """The text or recording of every prompt in every language, and the espeak-ng voice of each language."""

    prompts: dict[Identifier, dict[LanguageCode, Annotated[str, Field(min_length=1)] | AsteriskSound]]
    voices: dict[LanguageCode, PromptVoice]

    @property
    def sounds(self) -> dict[str, dict[str, str]]:
        """The name of the sound file of each prompt in each language: prompt -> language -> file name.

        The file name excludes the folder of the language, which Asterisk adds.
        """
        return {
            prompt: {
                language: spoken.asterisk if isinstance(spoken, AsteriskSound) else f"{FOLDER}/{prompt}"
                for language, spoken in languages.items()
            }
            for prompt, languages in self.prompts.items()
        }


def parse_catalogue(text: str, file: str) -> PromptCatalogue:
    """Parse the text of a prompt catalogue.

    `file` is the file's name for error messages. Raise SurveyError with one line for each fault; each line
    names the file and the line of the fault.
    """
    catalogue = read_toml(PromptCatalogue, text, file)
    voiceless = [
        (("prompts", prompt, language), f"no voice for {language}: add it under voices")
        for prompt, languages in catalogue.prompts.items()
        for language, spoken in languages.items()
        if isinstance(spoken, str) and language not in catalogue.voices
    ]
    if voiceless:
        raise faulty(file, text, voiceless)
    return catalogue
