"""Loudness, pauses and clipping of speech, measured and corrected in samples of 16 bits. Pure.

The level of speech is the root mean square of its loud frames: those within 30 dB of the loudest frame. So
pauses between words do not count. Levels are in dBFS; 0 dBFS is the largest sample.
"""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = [
    "LEAD_SECONDS",
    "LEVEL_DBFS",
    "SILENT_DBFS",
    "TAIL_SECONDS",
    "Speech",
    "amplified",
    "measure",
]

LEVEL_DBFS = -18.2  # of a prompt: the median of the 352 English recordings that come with Asterisk
LEAD_SECONDS = 0.3  # silence before the speech, since the first instant after the agent has left can be lost
TAIL_SECONDS = 0.2  # silence after the speech

SILENT_DBFS = -100.0  # the level of pure silence, by convention

_FULL_SCALE = 32768
_FRAME_SECONDS = 0.02
_SPEECH_DB = 30  # a frame this far below the loudest one is a pause
_KNEE = 0.5  # samples up to this part of full scale stay linear when they are amplified
_CEILING = 0.9  # of full scale, about -1 dBFS; larger samples are bent below it


@dataclass(frozen=True, slots=True)
class Speech:
    """The measured properties of one sound.

    In a sound without speech, `level_dbfs` and `peak_dbfs` are SILENT_DBFS, and `lead_seconds` is the length
    of the sound.
    """

    seconds: float
    level_dbfs: float
    peak_dbfs: float
    lead_seconds: float  # of silence before the speech
    tail_seconds: float  # of silence after the speech
    longest_pause_seconds: float  # inside the speech
    clipped: int  # samples at full scale that have a neighbour at full scale


def measure(samples: Sequence[int], rate: int) -> Speech:
    """Return the properties of a mono sound; `rate` is its sampling rate in Hz."""
    frame = max(1, round(rate * _FRAME_SECONDS))
    powers = [_power(samples[at : at + frame]) for at in range(0, len(samples), frame)]
    loudest = max(powers, default=0.0)
    seconds = len(samples) / rate
    if not loudest:
        return Speech(seconds, SILENT_DBFS, SILENT_DBFS, seconds, 0, 0, 0)
    least = loudest / 10 ** (_SPEECH_DB / 10)
    spoken = [number for number, power in enumerate(powers) if power >= least]
    gaps = [later - earlier - 1 for earlier, later in pairwise(spoken)]
    level = sum(powers[number] for number in spoken) / len(spoken)
    full = [at for at, sample in enumerate(samples) if not -_FULL_SCALE < sample < _FULL_SCALE - 1]
    beside = {at for one, two in pairwise(full) if two == one + 1 for at in (one, two)}
    return Speech(
        seconds=seconds,
        level_dbfs=_dbfs(math.sqrt(level)),
        peak_dbfs=_dbfs(max(map(abs, samples))),
        lead_seconds=spoken[0] * frame / rate,
        tail_seconds=max(0.0, seconds - (spoken[-1] + 1) * frame / rate),
        longest_pause_seconds=max(gaps, default=0) * frame / rate,
        clipped=len(beside),
    )


def amplified(samples: Sequence[int], rate: int, level_dbfs: float) -> "array[int]":
    """Return a sound with another level of its speech. Peaks are bent smoothly, so that nothing clips.

    Bent peaks lower the level. So the gain is corrected until the level is right within 0.1 dB, or five
    times. Pure silence is returned unchanged.
    """
    gain, result = 1.0, array("h", samples)
    for _ in range(5):
        difference = level_dbfs - measure(result, rate).level_dbfs
        if abs(difference) < 0.1 or not any(samples):  # noqa: PLR2004 (dB)
            break
        gain *= 10 ** (difference / 20)
        result = array("h", (round(_bent(sample / _FULL_SCALE * gain) * _FULL_SCALE) for sample in samples))
    return result


def _bent(value: float) -> float:
    """Return an amplitude that stays below _CEILING; 1 is full scale.

    An amplitude up to _KNEE is returned unchanged. A larger one is lowered smoothly.
    """
    size = abs(value)
    if size <= _KNEE:
        return value
    room = _CEILING - _KNEE
    return math.copysign(_KNEE + room * math.tanh((size - _KNEE) / room), value)


def _power(samples: Sequence[int]) -> float:
    return sum(sample * sample for sample in samples) / len(samples)


def _dbfs(amplitude: float) -> float:
    return 20 * math.log10(amplitude / _FULL_SCALE) if amplitude else SILENT_DBFS
