"""Makes sound files of the catalogue's texts, with espeak-ng and sox.

`build` blocks while those run. People replace the synthetic voice by a human one under the same file name, so
a file counts as generated only if `generated.json` has the hash of its content; any other file is never
changed.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from cc_bridge.errors import SurveyError
from cc_bridge.surveys.prompt_catalogue import FOLDER, PromptCatalogue, PromptVoice

__all__ = ["MANIFEST", "Prompt", "PromptStatus", "build"]

MANIFEST = "generated.json"
PEAK_DBFS = -3  # loud enough on a telephone, and no clipping when a PBX transcodes


class PromptStatus(StrEnum):
    """What `build` did about a prompt."""

    BUILT = "built"
    UNCHANGED = "unchanged"
    HUMAN = "human"  # a human recording; left unchanged
    ASTERISK = "asterisk"  # comes with Asterisk
    MISSING = "missing"  # the catalogue has no text in this language


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt in one language, and what became of it."""

    name: str
    language: str
    status: PromptStatus


def build(
    catalogue: PromptCatalogue, out_dir: Path, progress: Callable[[Prompt], None] = lambda _: None
) -> list[Prompt]:
    """Speak the texts into `out_dir/<language>/cc_bridge/<prompt>.wav`: 8 kHz, mono, 16 bits.

    Files that are up to date or not ours stay as they are. Raises SurveyError when a tool is not installed
    or fails; what was built until then stays.
    """
    built = []
    for prompt in _build(catalogue, out_dir):
        progress(prompt)
        built.append(prompt)
    return built


def _build(catalogue: PromptCatalogue, out_dir: Path) -> Iterator[Prompt]:
    manifest_file = out_dir / MANIFEST
    manifest = json.loads(manifest_file.read_text()) if manifest_file.exists() else {}
    for name, languages in catalogue.prompts.items():
        for language, voice in catalogue.voices.items():
            spoken = languages.get(language)
            if not isinstance(spoken, str):
                yield Prompt(
                    name, language, PromptStatus.MISSING if spoken is None else PromptStatus.ASTERISK
                )
                continue
            key = f"{language}/{FOLDER}/{name}.wav"
            text_hash = _text_hash(voice, spoken)
            status = _status(out_dir / key, text_hash, manifest.get(key, {}))
            if status is PromptStatus.BUILT:
                _speak(voice, spoken, out_dir / key)
                manifest[key] = {"text": text_hash, "audio": _file_hash(out_dir / key)}
                # At once: after an interruption the file would else pass for a human recording.
                manifest_file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
            yield Prompt(name, language, status)


def _status(file: Path, text_hash: str, generated: Mapping[str, str]) -> PromptStatus:
    if not any(file.parent.glob(f"{file.stem}.*")):  # a recording may also be in another format
        return PromptStatus.BUILT
    if not file.exists() or _file_hash(file) != generated.get("audio"):
        return PromptStatus.HUMAN
    return PromptStatus.UNCHANGED if generated.get("text") == text_hash else PromptStatus.BUILT


def _text_hash(voice: PromptVoice, text: str) -> str:
    return sha256(f"{voice.name} {voice.words_per_minute} {text}".encode()).hexdigest()


def _file_hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _speak(voice: PromptVoice, text: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=file.parent) as folder:
        raw, finished = f"{folder}/raw.wav", f"{folder}/finished.wav"
        speed = str(voice.words_per_minute)
        _run(["espeak-ng", "-v", voice.name, "-s", speed, "-b", "1", "--stdin", "-w", raw], text)
        # -D and -R: no dither and a fixed seed, so that the same text gives the same bytes.
        trim = ["silence", "1", "0.02", "0.5%", "reverse"]  # twice: the silence before and after the speech
        effects = ["rate", "8000", *trim, *trim, "gain", "-n", str(PEAK_DBFS)]
        _run(["sox", "-D", "-R", raw, "-c", "1", "-b", "16", finished, *effects])
        Path(finished).replace(file)


def _run(command: list[str], stdin: str = "") -> None:
    program = shutil.which(command[0])
    if program is None:
        raise SurveyError(f"{command[0]} is not installed; generating prompts needs espeak-ng and sox")
    done = subprocess.run(  # noqa: S603 (no shell; names and numbers are checked by the catalogue)
        [program, *command[1:]], input=stdin.encode(), capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        raise SurveyError(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()}")
