"""Check of one sound file: would Asterisk play it.

Asterisk plays `.wav` files of 8000 Hz and `.wav16` files of 16000 Hz, both mono and 16 bit, and refuses
others. A `.gsm` file consists of frames of 33 bytes. A file of another format must only not be empty.
"""

import struct
from pathlib import Path

from cc_bridge.doctor.asterisk_user import AsteriskUser

__all__ = ["sound_fault"]

_RIFF_HEAD, _CHUNK_HEAD = 12, 8  # bytes
_GSM_FRAME = 33  # bytes
_UNKNOWN_SIZE = 0x7FFFF000  # programs that write to a pipe state such a size or a larger one
_RATES = {".wav": 8000, ".wav16": 16000}
_PCM = 1
_BITS = 16


def sound_fault(file: Path, user: AsteriskUser | None) -> str:
    """Return why Asterisk cannot play an existing file, such as "empty"; empty text if no fault is found.

    `user` is the user as which Asterisk runs, None if it is unknown. No fault is found in a file that
    the user of this command cannot read.
    """
    try:
        if not file.exists():  # a link, whose target may exist on the PBX only
            return "" if user is None else "a link to a missing file"
        if user is not None and not user.can_read(file):
            return f"not readable for Asterisk's user {user.name}"
        return _content_fault(file)
    except PermissionError:
        return ""


def _content_fault(file: Path) -> str:
    """Return the fault in the content of a sound file, empty if there is none. Raises OSError."""
    size = file.stat().st_size
    if not size:
        return "empty"
    if file.suffix == ".gsm":
        return "truncated" if size % _GSM_FRAME else ""
    if file.suffix in _RATES:
        with file.open("rb") as opened:
            return _wav_fault(opened.read(4096), size, _RATES[file.suffix])
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
