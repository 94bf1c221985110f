"""Check of one sound file on the PBX: can Asterisk's user read and play it."""

from pathlib import Path

from cc_bridge.doctor.asterisk_user import AsteriskUser
from cc_bridge.prompts.wav_file import playback_fault

__all__ = ["sound_fault"]


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
        return playback_fault(file)
    except PermissionError:
        return ""
