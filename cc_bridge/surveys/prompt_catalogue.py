"""What callers hear: each prompt in each language, as `dialplans/prompts.toml` says it. Pure.

Surveys are checked against it at start, and `cc_bridge.prompts` makes sound files of its texts.
"""

from typing import Annotated

from pydantic import Field

from cc_bridge.surveys.toml_reader import Language, Name, Table, faulty, read_toml

__all__ = ["FOLDER", "Catalogue", "Recording", "Voice", "parse_catalogue"]

FOLDER = "cc_bridge"  # inside a language's folder of sounds; keeps ours apart from Asterisk's own


class Recording(Table):
    """A human recording of Asterisk's own sound packages."""

    asterisk: str = Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")


class Voice(Table):
    """How espeak-ng speaks a language."""

    name: str = Field(pattern=r"^[A-Za-z0-9+-]+$")
    words_per_minute: int = Field(default=150, ge=80, le=300)


class Catalogue(Table):
    """Every prompt in every language, and the voices of the languages."""

    prompts: dict[Name, dict[Language, Annotated[str, Field(min_length=1)] | Recording]]
    voices: dict[Language, Voice]

    @property
    def sounds(self) -> dict[str, dict[str, str]]:
        """Prompt -> language -> the file that Asterisk plays; it finds the language's folder by itself."""
        return {
            prompt: {
                language: spoken.asterisk if isinstance(spoken, Recording) else f"{FOLDER}/{prompt}"
                for language, spoken in languages.items()
            }
            for prompt, languages in self.prompts.items()
        }


def parse_catalogue(text: str, file: str) -> Catalogue:
    """Read a catalogue; raises SurveyError with one line for each fault, each with file and line."""
    catalogue = read_toml(Catalogue, text, file)
    voiceless = [
        (("prompts", prompt, language), f"no voice for {language}")
        for prompt, languages in catalogue.prompts.items()
        for language, spoken in languages.items()
        if isinstance(spoken, str) and language not in catalogue.voices
    ]
    if voiceless:
        raise faulty(file, text, voiceless)
    return catalogue
