"""The files of a machine below a root directory: `/` for this machine, another one for an image or a test.

A symbolic link is followed within the root directory: its target is taken relative to this directory, not to
that of the machine on which the program runs.
"""

import grp
import os
import pwd
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cc_bridge.errors import SetupError
from cc_bridge.setup.plan import Command

__all__ = ["FileState", "Machine"]

_MOST_LINKS = 40
_OLDEST_SYSTEMD = 250
_COMMAND_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class FileState:
    """The content, permissions and owners of a file."""

    content: bytes
    mode: int
    uid: int
    gid: int


class Machine:
    """The machine whose file system starts at `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    @property
    def is_this(self) -> bool:
        """Whether the machine is the one that runs this program.

        On another machine, setup runs no commands, and the files belong to the user who runs this program.
        """
        return self.root == Path("/")

    @property
    def has_systemd(self) -> bool:
        """Whether systemd 250 or later runs this machine; the shipped unit needs this version.

        False if the machine is not the one that runs this program.
        """
        if not self.is_this or not Path("/run/systemd/system").is_dir():
            return False
        done = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
        release = re.match(r"systemd (\d+)", done.stdout)
        return release is not None and int(release[1]) >= _OLDEST_SYSTEMD

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, None if it is missing. Raises OSError."""
        try:
            return self.place(path).read_bytes()
        except FileNotFoundError:
            return None

    def find(self, folder: str, pattern: str) -> list[str]:
        """Return the paths of all files in a directory, and in those below it, whose names fit a pattern."""
        place = self.place(folder)
        found = (file for file in place.rglob(pattern) if file.is_file())
        return sorted(f"{folder}/{file.relative_to(place)}" for file in found)

    def state(self, path: str) -> FileState | None:
        """Return the state of a file, None if it is missing. Raises OSError."""
        place = self.place(path)
        try:
            found = place.stat()
            return FileState(place.read_bytes(), stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
        except FileNotFoundError:
            return None

    def write(self, path: str, state: FileState) -> None:
        """Create or replace a file in one step; its directory must exist. Raises OSError."""
        place = self.place(path)
        new = place.with_name(f".{place.name}.cc-bridge-setup")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(state.content)
            if os.geteuid() == 0:
                os.chown(new, state.uid, state.gid)
            new.chmod(state.mode)
            new.replace(place)
        finally:
            new.unlink(missing_ok=True)

    def make_folders(self, path: str) -> list[str]:
        """Create the missing directories above a file, and return their paths, the outermost first."""
        missing = []
        for folder in map(str, PurePosixPath(path).parents):
            if self.place(folder).is_dir():
                break
            missing.append(folder)
        for folder in reversed(missing):
            place = self.place(folder)
            place.mkdir()
            place.chmod(0o755)  # whatever the umask of the administrator
        return missing[::-1]

    def remove(self, path: str) -> None:
        """Remove a file if it exists. Raises OSError."""
        self.place(path).unlink(missing_ok=True)

    def remove_folder(self, path: str) -> None:
        """Remove a directory if it exists and is empty."""
        try:
            self.place(path).rmdir()
        except OSError:
            return

    def owners(self, owner: str, group: str) -> tuple[int, int]:
        """Return the user id of `owner` and the group id of `group`. Raises SetupError for an unknown name.

        If the machine is not the one that runs this program, return the ids of the user who runs it.
        """
        if not self.is_this:
            return os.geteuid(), os.getegid()
        try:
            return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
        except KeyError as error:
            raise SetupError(f"{error.args[0]}: is Asterisk installed on this machine?") from error

    def run(self, command: Command) -> str:
        """Run a command on this machine, and return why it failed; empty if it succeeded."""
        try:
            done = subprocess.run(  # noqa: S603 - the words are constants of the planner
                command, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return (
            "" if done.returncode == 0 else (done.stderr or done.stdout).strip() or f"exit {done.returncode}"
        )

    def place(self, path: str) -> Path:
        """Return the path of a machine's file below `root`; the symbolic links in the path are resolved.

        Raises SetupError if the links form a circle.
        """
        place, waiting, links = self.root, list(PurePosixPath(path).parts[1:]), 0
        while waiting:
            name = waiting.pop(0)
            if name == "..":
                place = place if place == self.root else place.parent
            elif (place / name).is_symlink():
                links += 1
                if links > _MOST_LINKS:
                    raise SetupError(f"{path}: too many levels of links")
                target = (place / name).readlink()
                if target.is_absolute():
                    place = self.root
                waiting = [*(part for part in target.parts if part != "/"), *waiting]
            else:
                place = place / name
        return place
