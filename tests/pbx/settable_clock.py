"""A clock of an Asterisk that a test can set: Debian's libfaketime, loaded into that process alone.

The library is fetched once for each Asterisk, from the mirror that the host's own apt uses, and kept beside
the root file systems of `rootfs.py`.
"""

import shutil
import tempfile
from pathlib import Path

from pbx.rootfs import VERSIONS, cache, debian_mirror, locked, run_tool

__all__ = ["SettableClock"]

_NAME = "libfaketimeMT.so.1"


class SettableClock:
    """The clock of one process in a chroot. `set_ahead` sets it forward or back while the process runs."""

    def __init__(self, version: str, home: Path, inside: Path) -> None:
        """Put the library into the folder `home`, which the process sees as `inside`.

        `version` is that of the Asterisk. Raises Unavailable if the library cannot be fetched.
        """
        shutil.copy(_library(version), home / _NAME)
        self._offset = home / "clock"
        self.set_ahead(0)
        self.environment = (
            f"LD_PRELOAD={inside / _NAME}",
            f"FAKETIME_TIMESTAMP_FILE={inside / 'clock'}",
            "FAKETIME_NO_CACHE=1",  # it is read at each question for the time
            "DONT_FAKE_MONOTONIC=1",
        )

    def set_ahead(self, seconds: int) -> None:
        """Set the clock to the machine's time and this many seconds; negative: to an earlier time."""
        written = self._offset.with_suffix(".new")
        written.write_text(f"{seconds:+d}\n")
        written.replace(self._offset)


def _library(version: str) -> Path:
    """Return libfaketime for the Debian of an Asterisk, fetched now if need be."""
    kept = cache() / f"asterisk-{version}.{_NAME}"
    with locked(kept.with_name(f"{kept.name}.lock")):
        if not kept.is_file():
            _fetch(VERSIONS[version], kept)
    return kept


def _fetch(suite: str, kept: Path) -> None:
    """Fetch the library of a Debian release; an older C library than the host's cannot load the host's."""
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        sources = Path(folder) / "sources.list"
        sources.write_text(f"deb {debian_mirror()} {suite} main\n")
        (Path(folder) / "lists" / "partial").mkdir(parents=True)
        apt = (
            "env", "-C", folder, "apt-get", "-q", "-o", f"Dir::Etc::SourceList={sources}",
            "-o", "Dir::Etc::SourceParts=/dev/null", "-o", f"Dir::State::Lists={folder}/lists",
            "-o", f"Dir::Cache={folder}", "-o", "Acquire::Check-Valid-Until=false",
        )  # fmt: skip
        run_tool(*apt, "update")
        run_tool(*apt, "download", "libfaketime")
        (package,) = Path(folder).glob("*.deb")
        run_tool("dpkg-deb", "-x", str(package), folder)
        (found,) = Path(folder).glob(f"usr/lib/*/faketime/{_NAME}")
        found.replace(kept)
