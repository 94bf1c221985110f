"""Speech engines: programs that read a text aloud into a WAV file.

Each engine is a command line with placeholders. The program receives the text as UTF-8 at its standard input.
It must write the WAV file `{wav}`, with any sampling rate and level.
"""

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cc_bridge.errors import SurveyError
from cc_bridge.surveys.prompt_catalogue import Engine, PromptCatalogue, PromptVoice

__all__ = ["run_program", "speak", "with_engine"]

_COMMANDS: Mapping[Engine, str] = {
    # The fixed seed makes the program write the same bytes for the same text.
    Engine.HIBARI: "hibari - --voice {name} --speed {speed} --seed 0 -o {wav}",
    Engine.ESPEAK_NG: "espeak-ng -v {name} -s {words_per_minute} -b 1 --stdin -w {wav}",
}
_INSTALL = {
    "hibari": "pip install hibari-tts",
    "espeak-ng": "apt install espeak-ng",
    "sox": "apt install sox",
}
_HIBARI_VOICE = "heart"  # the only voice inside the package; hibari downloads the others
_HIBARI_LANGUAGES = {"en"}
_HIBARI_WORDS_PER_MINUTE = 165  # at speed 1.0
_TIMEOUT_SECONDS = 120


def speak(voice: PromptVoice, language: str, text: str, wav: Path) -> None:
    """Let a voice read a text aloud into the new file `wav`.

    Raises SurveyError if the engine's program is not installed, fails, or does not write the file.
    """
    own_voice = _HIBARI_VOICE if voice.engine is Engine.HIBARI else language
    values = {
        "{wav}": str(wav),
        "{name}": voice.name or own_voice,
        "{words_per_minute}": str(voice.words_per_minute),
        "{speed}": f"{voice.words_per_minute / _HIBARI_WORDS_PER_MINUTE:.3f}",
    }
    template = voice.command or _COMMANDS[voice.engine]
    command = [_filled(part, values) for part in shlex.split(template)]
    run_program(command, text)
    if not wav.is_file():
        raise SurveyError(f"{command[0]} wrote no sound file")


def _filled(part: str, values: Mapping[str, str]) -> str:
    """Return a part of a command line with each placeholder replaced by its value."""
    for placeholder, value in values.items():
        part = part.replace(placeholder, value)
    return part


def with_engine(
    catalogue: PromptCatalogue, engine: Engine, command: str = "", languages: Sequence[str] = ()
) -> PromptCatalogue:
    """Return a catalogue whose voices use another engine, with this engine's own voice for each language.

    Only the voices of `languages` change; an empty sequence means all languages. A language that the engine
    does not speak keeps its voice, as does a language that uses the engine already. `command` is the command
    line of the engine COMMAND, empty for other engines; it also replaces an earlier command line. Raises
    ValueError if `command` lacks `{wav}`.
    """
    voices = {}
    for language, voice in catalogue.voices.items():
        chosen = not languages or language in languages
        speaks = engine is not Engine.HIBARI or language in _HIBARI_LANGUAGES
        same = engine is voice.engine and engine is not Engine.COMMAND
        voices[language] = (
            PromptVoice(engine=engine, words_per_minute=voice.words_per_minute, command=command)
            if chosen and speaks and not same
            else voice
        )
    return catalogue.model_copy(update={"voices": voices})


def run_program(command: Sequence[str], stdin: str = "") -> None:
    """Run a program and wait for its end. `stdin` is the text at its standard input.

    Raises SurveyError if the program is not installed, fails, or runs for more than two minutes.
    """
    name = command[0]
    program = shutil.which(name)
    if program is None:
        raise SurveyError(f"{name} is not installed; install it: {_INSTALL.get(name, 'it is your command')}")
    try:
        done = subprocess.run(  # noqa: S603 (no shell; the user chose the program)
            [program, *command[1:]],
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise SurveyError(f"{name} did not end within {_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        raise SurveyError(f"{name} failed: {done.stderr.decode(errors='replace').strip()}")
