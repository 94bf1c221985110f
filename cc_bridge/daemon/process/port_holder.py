"""The program that listens on a TCP port of this machine, read from /proc.

Every user of this machine can see that a port is in use, and which user's program uses it. Only root and that
user can see which process it is. In the sandbox of the systemd unit (PrivateUsers=), the names of other users
are not visible.
"""

import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cc_bridge.safe_text.printable import printable

__all__ = ["FREEPBX_PORT", "UNKNOWN_USER", "PortHolder", "is_listening", "port_holder"]

# Asterisk's default port for agi://host/. FreePBX 15 to 17 runs its own FastAGI server there.
FREEPBX_PORT = 4573
_FREEPBX_SERVER = "FreePBX's FastAGI server core-fastagi"
_FREEPBX_PROGRAMS = {"node", "nodejs", "php"}
_FREEPBX_USER = "asterisk"

UNKNOWN_USER = "unknown"
_OVERFLOW_USER = 65534  # the kernel shows it for users that do not exist in a sandbox
_LISTENS = "0A"  # TCP_LISTEN in /proc/net/tcp
_MOST_SHOWN = 100  # characters of a command line


@dataclass(frozen=True, slots=True)
class PortHolder:
    """The program that listens on a port."""

    port: int
    user: str  # login name, or the number of a user without a name; UNKNOWN_USER in a sandbox
    pid: int | None  # None if this user cannot see the process
    command: str  # command line, empty if this user cannot see it

    @property
    def is_freepbx(self) -> bool:
        """Whether the program is FreePBX's own FastAGI server."""
        program = Path(self.command.partition(" ")[0]).name.rstrip("0123456789.")
        of_freepbx = program in _FREEPBX_PROGRAMS or not self.command
        its_user = self.user in (_FREEPBX_USER, UNKNOWN_USER)
        at_its_port = self.port == FREEPBX_PORT and its_user and of_freepbx
        return at_its_port or "core/node/fastagi" in self.command

    @property
    def is_cc_bridge(self) -> bool:
        """Whether the program is a cc-bridge command, such as another daemon."""
        return "cc-bridge" in self.command or "cc_bridge" in self.command

    def __str__(self) -> str:
        process = "" if self.pid is None else f"process {self.pid}, "
        name = "" if self.command else "a program"
        if self.is_freepbx:
            name = _FREEPBX_SERVER if self.user != UNKNOWN_USER else f"probably {_FREEPBX_SERVER}"
        shown = self.command if len(self.command) <= _MOST_SHOWN else f"{self.command[:_MOST_SHOWN]}..."
        command = f"`{shown}`" if shown else ""
        return f"{' '.join(filter(None, (name, command)))} ({process}user {self.user})"


def is_listening(port: int, proc: Path = Path("/proc")) -> bool | None:
    """Return whether a program on this machine listens on a port; None if /proc has no list of sockets."""
    if not _tables(proc):
        return None
    return next(_sockets(port, proc), None) is not None


def port_holder(port: int, proc: Path = Path("/proc")) -> PortHolder | None:
    """Return the program that listens on a port of this machine; None if no program is found."""
    for user, inode in _sockets(port, proc):
        pid = _process(inode, proc)
        return PortHolder(port, _name(user), pid, _command(pid, proc))
    return None


def _tables(proc: Path) -> list[Path]:
    return [path for path in (proc / "net" / "tcp", proc / "net" / "tcp6") if path.exists()]


def _sockets(port: int, proc: Path) -> Iterator[tuple[int, str]]:
    """Yield the user id and the inode of each socket that listens on a port."""
    for table in _tables(proc):
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            row = line.split()
            if row[3] == _LISTENS and int(row[1].rpartition(":")[2], 16) == port:
                yield int(row[7]), row[9]


def _process(inode: str, proc: Path) -> int | None:
    """Return the lowest id of the processes that have a socket open; None if no such process is visible."""
    wanted = f"socket:[{inode}]"
    for pid in sorted(int(each.name) for each in proc.iterdir() if each.name.isdecimal()):
        try:
            with os.scandir(proc / str(pid) / "fd") as files:
                if any(_target(file.path) == wanted for file in files):
                    return pid
        except OSError:  # another user's process, or one that has just ended
            continue
    return None


def _target(link: str) -> str:
    """Return the target of a symbolic link; empty if the file was closed in the meantime."""
    try:
        return os.readlink(link)  # noqa: PTH115 - Path would normalise the target, which is no path
    except OSError:
        return ""


def _command(pid: int | None, proc: Path) -> str:
    """Return the command line of a process; empty if it is not visible."""
    if pid is None:
        return ""
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return printable(b" ".join(words).decode("utf-8", "replace").strip())


def _name(user: int) -> str:
    if user == _OVERFLOW_USER:
        return UNKNOWN_USER
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
