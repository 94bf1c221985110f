"""Speech synthesis of prompts: sound files from the texts of the catalogue, by a speech engine and sox.

`build` blocks while these programs run. All files have the same level of speech, and silence around it. A
human recording can replace a synthetic one under the same file name. So a file counts as generated only if
`generated.json` has the hash of its content. Any other file is never changed.
"""

import json
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from cc_bridge.prompts.engines import run_program, speak
from cc_bridge.prompts.loudness import LEAD_SECONDS, LEVEL_DBFS, TAIL_SECONDS, amplified
from cc_bridge.prompts.wav_file import read_wav, write_wav
from cc_bridge.surveys.prompt_catalogue import FOLDER, PromptCatalogue, PromptVoice

__all__ = ["MANIFEST", "Prompt", "PromptStatus", "build"]

MANIFEST = "generated.json"
_RATE = 8000  # Hz, the sampling rate of Asterisk's format wav


class PromptStatus(StrEnum):
    """The result of `build` for one prompt in one language."""

    BUILT = "built"  # the file was generated
    UNCHANGED = "unchanged"  # the generated file was up to date
    HUMAN = "human"  # a human recording, left unchanged
    ASTERISK = "asterisk"  # the sound file comes with Asterisk
    MISSING = "missing"  # the catalogue has no text in this language


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in one language, with the result of its build."""

    name: str
    language: str
    status: PromptStatus


def build(
    catalogue: PromptCatalogue, out_dir: Path, progress: Callable[[Prompt], None] = lambda _: None
) -> list[Prompt]:
    """Generate `out_dir/<language>/cc_bridge/<prompt>.wav` for each catalogue text: 8 kHz, mono, 16 bits.

    A generated file is kept if its text, its voice and the settings of the sound are still the same. A human
    recording is never changed. `progress` receives each prompt when it is done. Raises SurveyError if the
    speech engine or sox is missing or fails; files that were already generated are kept.
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
                _synthesise(voice, language, spoken, out_dir / key)
                manifest[key] = {"text": text_hash, "audio": _file_hash(out_dir / key)}
                # Written after each file. Otherwise, after an interruption, the file would count as a human
                # recording.
                manifest_file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
            yield Prompt(name, language, status)


def _status(file: Path, text_hash: str, generated: Mapping[str, str]) -> PromptStatus:
    """Return the status of a prompt's file. BUILT means that the file must be built now.

    A file must be built if it is missing or out of date. `text_hash` is the hash of the prompt's present
    text. `generated` has the hashes of text and audio when the file was last generated; it is empty for a
    file that was never generated.
    """
    if not any(file.parent.glob(f"{file.stem}.*")):  # a human recording may have another format
        return PromptStatus.BUILT
    if not file.exists() or _file_hash(file) != generated.get("audio"):
        return PromptStatus.HUMAN
    return PromptStatus.UNCHANGED if generated.get("text") == text_hash else PromptStatus.BUILT


def _text_hash(voice: PromptVoice, text: str) -> str:
    """Return the hash of all that determines the sound of a text."""
    sound = f"{LEVEL_DBFS} {LEAD_SECONDS} {TAIL_SECONDS}"
    spoken_by = f"{voice.engine} {voice.name} {voice.words_per_minute} {voice.command}"
    return sha256(f"{sound} {spoken_by} {text}".encode()).hexdigest()


def _file_hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def _synthesise(voice: PromptVoice, language: str, text: str, file: Path) -> None:
    """Write a sound file with the speech of a text, between silences, at the level LEVEL_DBFS."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=file.parent) as folder:
        raw, trimmed, finished = (Path(folder) / f"{name}.wav" for name in ("raw", "trimmed", "finished"))
        speak(voice, language, text, raw)
        # -D and -R: no dither and a fixed seed, so that the same text gives the same bytes. The gain of -6 dB
        # keeps the change of the sampling rate from clipping.
        trim = ["silence", "1", "0.02", "0.3%", "reverse"]  # applied twice: trims both ends of the speech
        effects = ["gain", "-n", "-6", "rate", str(_RATE), *trim, *trim]
        run_program(["sox", "-D", "-R", str(raw), "-c", "1", "-b", "16", str(trimmed), *effects])
        sound = amplified(read_wav(trimmed).samples, _RATE, LEVEL_DBFS)
        before, after = (array("h", bytes(2 * round(_RATE * each))) for each in (LEAD_SECONDS, TAIL_SECONDS))
        write_wav(finished, before + sound + after, _RATE)
        finished.replace(file)
