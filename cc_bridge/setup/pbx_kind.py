"""The kind of PBX on this machine: a plain Asterisk, or one whose configuration a distribution writes."""

from enum import StrEnum
from pathlib import Path

__all__ = ["PbxKind", "pbx_kind"]

# FreePBX has the first file, Issabel and older FreePBX the second.
_MARKS = ("etc/freepbx.conf", "etc/amportal.conf")


class PbxKind(StrEnum):
    """A plain Asterisk, or FreePBX or Issabel, which write most files in /etc/asterisk themselves."""

    ASTERISK = "asterisk"
    FREEPBX = "freepbx"


def pbx_kind(root: Path = Path("/")) -> PbxKind:
    """Return the kind of PBX on the machine whose file system starts at `root`."""
    return PbxKind.FREEPBX if any((root / mark).exists() for mark in _MARKS) else PbxKind.ASTERISK
