"""WAV files of 16 bits and one channel, as Asterisk plays them: reading, writing, and why one is unplayable.

Asterisk plays `.wav` files of 8000 Hz and `.wav16` files of 16000 Hz, both mono and 16 bit, and refuses
others. A `.gsm` file consists of frames of 33 bytes. A file of any other format is taken as playable unless
it is empty.
"""

import struct
import sys
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RATES", "WavSound", "playback_fault", "read_wav", "write_wav"]

RATES = {".wav": 8000, ".wav16": 16000}
"""The sampling rate in Hz that Asterisk requires of each format of WAV file."""

_RIFF_HEAD, _CHUNK_HEAD = 12, 8  # bytes
_GSM_FRAME = 33  # bytes
_UNKNOWN_SIZE = 0x7FFFF000  # programs that write to a pipe state such a size or a larger one
_PCM = 1
_BITS = 16


@dataclass(frozen=True, slots=True)
class WavSound:
    """The content of a WAV file: its samples, and its sampling rate in Hz."""

    samples: "array[int]"
    rate: int


def read_wav(file: Path) -> WavSound:
    """Return the content of a WAV file in which `playback_fault` finds no fault."""
    with wave.open(str(file)) as opened:
        samples = array("h", opened.readframes(opened.getnframes()))
        if sys.byteorder == "big":
            samples.byteswap()
        return WavSound(samples, opened.getframerate())


def write_wav(file: Path, samples: "array[int]", rate: int) -> None:
    """Write samples of one channel to a new WAV file with this sampling rate in Hz."""
    little_endian = array("h", samples)
    if sys.byteorder == "big":
        little_endian.byteswap()
    with wave.open(str(file), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(_BITS // 8)
        opened.setframerate(rate)
        opened.writeframes(little_endian.tobytes())


def playback_fault(file: Path) -> str:
    """Return why Asterisk cannot play an existing file, such as "empty"; empty text if no fault is found.

    Raises OSError if the file cannot be read.
    """
    size = file.stat().st_size
    if not size:
        return "empty"
    if file.suffix == ".gsm":
        return "truncated" if size % _GSM_FRAME else ""
    if file.suffix in RATES:
        with file.open("rb") as opened:
            return _wav_fault(opened.read(4096), size, RATES[file.suffix])
    return ""


def _wav_fault(head: bytes, size: int, rate: int) -> str:
    """Return the fault of a WAV file; empty if there is none.

    `head` has the file's first bytes, and `size` is its length in bytes. `rate` is the sampling rate in Hz
    that the file must have.
    """
    if len(head) < _RIFF_HEAD + _CHUNK_HEAD:
        return "truncated"
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return "no WAV file"
    at = _RIFF_HEAD
    while at + _CHUNK_HEAD <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        at += _CHUNK_HEAD
        if name == b"data":
            if not length:
                return "empty"
            return "truncated" if length < _UNKNOWN_SIZE and at + length > size else ""
        if name == b"fmt " and at + 16 <= len(head):
            kind, channels, hertz, _, _, bits = struct.unpack_from("<HHIIHH", head, at)
            if (kind, channels, hertz, bits) != (_PCM, 1, rate, _BITS):
                return f"{hertz} Hz, {channels} channels, {bits} bit instead of {rate} Hz, mono, {_BITS} bit"
        at += length + length % 2
    return "truncated"
