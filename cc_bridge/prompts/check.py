"""Check of the prompts on disk: can Asterisk play each file, and can a caller understand it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cc_bridge.prompts.loudness import LEAD_SECONDS, LEVEL_DBFS, SILENT_DBFS, measure
from cc_bridge.prompts.wav_file import RATES, playback_fault, read_wav
from cc_bridge.surveys.prompt_catalogue import FOLDER, PromptCatalogue

__all__ = ["CheckedPrompt", "check", "speech_faults"]

_LEVEL_DB = 6  # a difference from LEVEL_DBFS up to this is not disturbing
_CLIPPED = 8  # samples; a single loud peak can have as many
_LEAST_LEAD_SECONDS = 0.1
_LONGEST_SILENCE_SECONDS = 1.0
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.3, 20.0


@dataclass(frozen=True, slots=True)
class CheckedPrompt:
    """A prompt in one language, with the faults of its sound files; no faults if all is well."""

    name: str
    language: str
    faults: tuple[str, ...]


def check(catalogue: PromptCatalogue, folder: Path) -> Iterator[CheckedPrompt]:
    """Yield each prompt of the catalogue that has a text, with the faults of its files below `folder`.

    A file that this user cannot read raises PermissionError.
    """
    for name, languages in catalogue.prompts.items():
        for language, spoken in languages.items():
            if isinstance(spoken, str):
                files = sorted((folder / language / FOLDER).glob(f"{name}.*"))
                faults = [fault for file in files for fault in _faults(file)] if files else ["missing"]
                yield CheckedPrompt(name, language, tuple(faults))


def _faults(file: Path) -> list[str]:
    fault = playback_fault(file) if file.exists() else "a link to a missing file"
    return [fault] if fault else list(speech_faults(file))


def speech_faults(file: Path) -> Iterator[str]:
    """Yield what keeps callers from understanding a file that Asterisk can play, such as "clipped".

    Only files of the formats wav and wav16 are examined. Raises OSError if the file cannot be read.
    """
    if file.suffix not in RATES:
        return
    sound = read_wav(file)
    speech = measure(sound.samples, sound.rate)
    if speech.level_dbfs == SILENT_DBFS:
        yield "silent"
        return
    if abs(speech.level_dbfs - LEVEL_DBFS) > _LEVEL_DB:
        word = "quiet" if speech.level_dbfs < LEVEL_DBFS else "loud"
        yield f"too {word}: {speech.level_dbfs:.0f} dBFS instead of {LEVEL_DBFS:.0f} dBFS"
    if speech.clipped > _CLIPPED:
        yield f"clipped: {speech.clipped} samples at full scale"
    if speech.lead_seconds < _LEAST_LEAD_SECONDS:
        yield f"{speech.lead_seconds:.2f} s of silence before the speech instead of {LEAD_SECONDS:g} s"
    silence = max(speech.lead_seconds, speech.longest_pause_seconds, speech.tail_seconds)
    if silence > _LONGEST_SILENCE_SECONDS:
        yield f"{silence:.1f} s of silence in one piece, at most {_LONGEST_SILENCE_SECONDS:g} s"
    if not _SHORTEST_SECONDS <= speech.seconds <= _LONGEST_SECONDS:
        yield f"{speech.seconds:.1f} s long instead of {_SHORTEST_SECONDS:g} to {_LONGEST_SECONDS:g} s"
