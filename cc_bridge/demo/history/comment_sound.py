"""A made-up spoken comment as a WAV file: the sound of a voice without words, in syllables. Pure."""

import math
import random
import struct
import wave
from io import BytesIO

__all__ = ["comment_sound"]

_RATE = 8000  # samples a second, as Asterisk records
_SYLLABLE_SECONDS = 0.22
_HARMONICS = 6
_LEVEL = 9000


def comment_sound(chance: random.Random, seconds: int) -> bytes:
    """Return the content of a WAV file (16 bits, 8 kHz, mono) of this length, which must be positive."""
    samples = [0] * (_RATE * seconds)
    pitch, start = chance.uniform(95, 210), 0.1
    while start < seconds - 2 * _SYLLABLE_SECONDS:
        length = _SYLLABLE_SECONDS * chance.uniform(0.7, 1.4)
        _add_syllable(samples, chance, pitch * chance.uniform(0.9, 1.15), start, length)
        start += length + (0.4 if chance.random() < 0.15 else 0.03)
    content = BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return content.getvalue()


def _add_syllable(
    samples: list[int], chance: random.Random, pitch: float, start: float, length: float
) -> None:
    """Add a vowel to `samples`: harmonics of the pitch, loudest around a resonance of the mouth.

    `pitch` is in hertz. `start` and `length` are in seconds.
    """
    resonance = chance.choice((350.0, 500.0, 700.0))
    loudness = [
        (number, 1 / (1 + ((number * pitch - resonance) / 200) ** 2)) for number in range(1, _HARMONICS + 1)
    ]
    total, first = sum(each for _, each in loudness), int(start * _RATE)
    for place in range(min(int(length * _RATE), len(samples) - first)):
        at = place / _RATE
        envelope = math.sin(math.pi * at / length)
        wanted = sum(each * math.sin(2 * math.pi * number * pitch * at) for number, each in loudness)
        samples[first + place] += int(_LEVEL * envelope * wanted / total)
