"""The prompt catalogue: the text or recording of each prompt in each language, from `dialplans/prompts.toml`.

Surveys are checked against the catalogue at start, and `prompts/synthesis.py` turns its texts into sound
files. Pure.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from cc_bridge.surveys.text_patterns import text_like
from cc_bridge.surveys.toml_reader import Identifier, LanguageCode, SurveyTable, faulty, read_toml

__all__ = [
    "FOLDER",
    "WAV",
    "AsteriskSound",
    "Engine",
    "PromptCatalogue",
    "PromptVoice",
    "parse_catalogue",
]

FOLDER = "cc_bridge"  # inside a language's sound folder; separates these files from Asterisk's own
WAV = "{wav}"  # in a speech command: the file that the command must write


class Engine(StrEnum):
    """The program that reads a text aloud."""

    HIBARI = "hibari"  # the Python package hibari-tts: English only
    ESPEAK_NG = "espeak-ng"
    COMMAND = "command"  # any program, started by the `command` of the voice


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
    """The voice that reads the prompts of one language: the engine, its voice, and the speed.

    An empty `name` means the engine's own voice for the language. The engine COMMAND runs the command line
    `command`, in which `{wav}` means the file to be written. The program gets the text at its standard input.
    """

    engine: Engine = Field(default=Engine.ESPEAK_NG, strict=False)
    name: Annotated[
        str, text_like(r"[A-Za-z0-9+-]*", "a voice of the engine: letters, digits, + and -, or empty")
    ] = ""
    words_per_minute: int = Field(default=150, ge=80, le=300)
    command: str = ""

    @model_validator(mode="after")
    def _has_its_command(self) -> Self:
        """Raise ValueError if `command` does not fit the engine.

        A voice with the engine COMMAND needs a command that contains `{wav}`. Any other voice must have none.
        """
        if (self.engine is Engine.COMMAND) is not bool(self.command):
            raise ValueError('a voice with engine = "command" needs a command, and no other voice has one')
        if self.command and WAV not in self.command:
            raise ValueError(f"command needs {WAV}, the file that it must write")
        return self


class PromptCatalogue(SurveyTable):
    """The text or recording of every prompt in every language, and the voice of each language.

    `own` has prompts that each site records with its own words, such as the company's name; its texts are
    examples. `hints` has advice for the person who speaks a prompt, in English.
    """

    prompts: dict[Identifier, dict[LanguageCode, Annotated[str, Field(min_length=1)] | AsteriskSound]]
    voices: dict[LanguageCode, PromptVoice]
    own: dict[Identifier, dict[LanguageCode, str]] = Field(default_factory=dict)
    hints: dict[Identifier, str] = Field(default_factory=dict)

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
