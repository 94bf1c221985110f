"""A machine of its own for the installation of cc_bridge: its ports and folders are no other's.

`own_network` moves the calling thread, and all that it starts, into a network of its own: 4573, 5038 and
14573 are free there on every machine. `Machine` has the folders: changes below /etc, /opt, /usr/share and
/var/lib stay in layers above those of this machine.
"""

import ctypes
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pbx.rig import REPOSITORY
from pbx.rootfs import Unavailable

__all__ = ["Machine", "commands_in", "own_network"]

CLONE_NEWNET = 0x40000000
LAYERS = ("/etc", "/opt", "/usr/share", "/var/lib")
ACCOUNTS = re.compile(r"/etc/(passwd|shadow|group|gshadow|subuid|subgid)-?|/etc/\.pwd\.lock")
COMMAND_SECONDS = 120.0


@contextmanager
def own_network() -> Iterator[None]:
    """Give this thread, and the processes and sockets that it makes, a network with nothing but loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(CLONE_NEWNET):
            raise Unavailable(f"no network of its own: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            libc.setns(before, CLONE_NEWNET)
    finally:
        os.close(before)


def commands_in(page: Path, heading: str, step: int | None = None) -> list[str]:
    """Return the blocks of commands of a page's section, or of one numbered step in it."""
    section = page.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    if step is not None:
        section = re.split(r"^\d+\. ", section, flags=re.MULTILINE)[step]
    blocks = re.findall(r"^( *)```sh\n(.*?)^\1```", section, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in blocks]


class Machine:
    """Commands run in it as an administrator's would; `asterisk` is the console of a test's PBX.

    It has the user of Asterisk, and the program of this checkout instead of steps 1 and 2 of the page.
    """

    def __init__(self, folder: Path, binds: Mapping[str, Path], console: str) -> None:
        """Make it in an empty `folder`; `binds` are folders of this machine by their place in that one.

        `console` is the command that replaces `asterisk`.
        """
        self._layers = {layer: folder / layer[1:].replace("/", "-") for layer in LAYERS}
        self._mount_points = [Path(place) for place in binds if not place.startswith(LAYERS)]
        lines = []
        for layer, upper in self._layers.items():
            work = upper.with_suffix(".work")
            upper.mkdir()
            work.mkdir()
            options = f"lowerdir={layer},upperdir={upper},workdir={work}"
            lines.append(f"mount -t overlay overlay -o {options} {layer}")
        for place, there in binds.items():
            lines.append(f"mkdir -p {place} && mount --bind {there} {place}")
        programs = folder / "bin"
        programs.mkdir()
        # No systemd runs here.
        for name, command in {"asterisk": f'exec {console} "$@"', "systemctl": "exit 0"}.items():
            (programs / name).write_text(f"#!/bin/sh\n{command}\n")
            (programs / name).chmod(0o755)
        variables = {name: value for name, value in os.environ.items() if not name.startswith("CC_BRIDGE_")}
        self.environment = variables | {"PATH": f"{programs}:{os.environ['PATH']}"}
        self._holder = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-ec",
                "\n".join([*lines, "echo", "cat"]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if not self._holder.stdout.readline():
            _, errors = self._holder.communicate()
            raise Unavailable(f"no layers above /etc: {errors.strip()}")
        self.paste(
            f"""
            id asterisk || useradd --system asterisk
            mkdir -p /opt/cc-bridge/bin /etc/cc-bridge
            ln -s {Path(sys.executable).with_name("cc-bridge")} /opt/cc-bridge/bin/
            """
        )

    def close(self) -> None:
        self._holder.communicate("")
        for place in self._mount_points:
            place.rmdir()

    def words(self, *command: str) -> list[str]:
        """Return the command that runs `command` in this machine, in the repository's directory."""
        inside = ["nsenter", "--mount", f"--target={self._holder.pid}", f"--wd={REPOSITORY}"]
        return [*inside, *command]

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Run lines of a shell, up to the first one that fails."""
        return subprocess.run(
            self.words("bash", "-eu", "-c", commands),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def paste(self, commands: str) -> str:
        """Run lines of a page, and return what they print; AssertionError if one fails."""
        done = self.run(commands)
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout

    def tree(self, *folders: Path) -> dict[str, tuple[object, ...]]:
        """Return owner, permissions and content of each file in the layers and in more folders.

        The files of accounts are left out.
        """
        found: dict[str, tuple[object, ...]] = {}
        places = [(layer, upper) for layer, upper in self._layers.items()]
        for place, folder in [*places, *((str(each), each) for each in folders)]:
            for path in sorted(folder.rglob("*")):
                name = f"{place}/{path.relative_to(folder)}"
                if not ACCOUNTS.fullmatch(name):
                    found[name] = _state(path)
        return found


def _state(path: Path) -> tuple[object, ...]:
    state = path.lstat()
    kind = state.st_mode
    content: object = None
    if stat.S_ISLNK(kind):
        content = str(path.readlink())
    elif stat.S_ISREG(kind):
        content = path.read_bytes()
    return oct(kind), state.st_uid, state.st_gid, content
