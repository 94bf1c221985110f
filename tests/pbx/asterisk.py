"""One Asterisk for tests: a process of ours in a chroot, with a configuration and ports of its own.

`rig.py` starts two of them. Nothing of the machine's own PBX is touched: every folder is in a new one
under the chroot's /tmp. The kernel ends the process if the test run dies without a word.
"""

import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pbx.driver import Driver, event
from pbx.rootfs import Unavailable
from pbx.settable_clock import SettableClock

__all__ = ["Asterisk", "free_port"]

BOOT_SECONDS = 60.0
STOP_SECONDS = 10.0  # for each of the three ways to stop it
PRECEDENCE = ("nice", "-n", "-15")  # sound is real time, also if there are more workers than cores
PLACEHOLDER = re.compile(r"@([A-Z_]+)@")


def free_port(kind: socket.SocketKind) -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Asterisk:
    """Its configuration is written when it is made; `start` and `stop` run it."""

    def __init__(
        self,
        root: Path,
        name: str,
        texts: Mapping[str, str],
        values: Mapping[str, object],
        ami_port: int = 0,
    ) -> None:
        """Lay out the folders; `texts` are by their place under etc, `values` fill @PLACES@ in them.

        Without `ami_port` the manager interface gets a free port.
        """
        self.name = name
        self.ami_port = ami_port or free_port(socket.SOCK_STREAM)
        self.boot_seconds = 0.0
        self.root = root
        self._home = Path(tempfile.mkdtemp(dir=root / "tmp", prefix=f"{name}-"))
        self._inside = Path("/") / self._home.relative_to(root)
        self._process: subprocess.Popen[bytes] | None = None
        self._driver: Driver | None = None
        for folder in ("lib", "share", "spool", "run", "log", "moh"):
            (self._home / folder).mkdir()
        filling = {**values, "HOME": self._inside, "AMI_PORT": self.ami_port, "MODULES": self._modules()}
        for place, text in texts.items():
            target = self._home / "etc" / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(PLACEHOLDER.sub(lambda match: str(filling[match[1]]), text))
        self._lay_out_sounds()
        self.clock: SettableClock | None = None

    def make_clock_settable(self, version: str) -> None:
        """Let a test set its clock; this must come before the start. `version` is that of the Asterisk."""
        self.clock = SettableClock(version, self._home, self._inside)

    def _modules(self) -> Path:
        for folder in sorted((self.root / "usr" / "lib").glob("**/asterisk/modules")):
            return Path("/") / folder.relative_to(self.root)
        raise Unavailable(f"no modules of Asterisk in {self.root}")

    def _lay_out_sounds(self) -> None:
        """Link what Debian ships, so that a test's own sounds lie beside it and not in it."""
        shipped = Path("/usr/share/asterisk")
        english = shipped / "sounds" / "en_US_f_Allison"
        share = self._home / "share"
        (share / "sounds" / "en").mkdir(parents=True)
        for entry in (self.root / shipped.relative_to("/")).iterdir():
            if entry.name != "sounds":
                (share / entry.name).symlink_to(shipped / entry.name)
        for entry in (self.root / english.relative_to("/")).iterdir():
            (share / "sounds" / "en" / entry.name).symlink_to(english / entry.name)
        (self._home / "moh" / "music.wav").symlink_to(english / "demo-congrats.wav")

    @property
    def sounds(self) -> Path:
        """Its folder of sounds, as this machine sees it."""
        return self._home / "share" / "sounds"

    def add_sounds(self, folder: Path) -> None:
        """Copy a folder of languages: `folder`/fa/cc_bridge/x.wav is played as cc_bridge/x in fa."""
        shutil.copytree(folder, self.sounds, dirs_exist_ok=True)

    def start(self, secret: str) -> Driver:
        """Start it and return a driver, as soon as it is fully booted."""
        began = time.monotonic()
        inside = ["asterisk", "-f", "-C", str(self._inside / "etc" / "asterisk.conf")]
        if self.clock:
            inside = ["env", *self.clock.environment, *inside]
        with (self._home / "console").open("wb") as console:
            self._process = subprocess.Popen(
                [*PRECEDENCE, "setpriv", "--pdeathsig", "KILL", "chroot", str(self.root), *inside],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C goes to the tests; they stop it in good order
            )
        self._driver = self._connected(secret, began + BOOT_SECONDS)
        self._driver.wait_for(event("FullyBooted"), BOOT_SECONDS)
        self.boot_seconds = time.monotonic() - began
        return self._driver

    def _connected(self, secret: str, deadline: float) -> Driver:
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            try:  # pyst2 itself leaves a socket behind when it is refused
                socket.create_connection(("127.0.0.1", self.ami_port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return Driver(self.ami_port, "driver", secret)
        raise AssertionError(f"{self.name} did not start:\n{self.log()[-4000:]}")

    def crash(self) -> None:
        """End it as a crash does; `start` brings it back with the same configuration and ports."""
        if self._driver:
            self._driver.close()
        if self._process:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def shut_down_gracefully(self) -> None:
        """Let it end with its last call; it refuses all actions until then."""
        console = self._console("core stop gracefully")  # it returns when Asterisk has ended
        threading.Thread(target=subprocess.run, args=(console,), kwargs={"capture_output": True}).start()

    def _console(self, line: str) -> list[str]:
        conf = str(self._inside / "etc" / "asterisk.conf")
        return ["chroot", str(self.root), "asterisk", "-C", conf, "-rx", line]

    def stop(self) -> None:
        """Stop it, politely first, and leave nothing behind."""
        if self._driver:
            self._driver.close()
        if self._process:
            self._end(self._process)
        shutil.rmtree(self._home, ignore_errors=True)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        def ask() -> None:
            subprocess.run(
                self._console("core stop now"), capture_output=True, timeout=STOP_SECONDS, check=False
            )

        for way in (ask, process.terminate, process.kill):
            try:
                way()
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return

    def queue_log(self, start: int = 0) -> bytes:
        """Return what its queue_log holds, from this byte on."""
        file = self._home / "log" / "queue_log"
        return file.read_bytes()[start:] if file.is_file() else b""

    def log(self, start: int = 0) -> str:
        """Return what it logged, from this character on."""
        texts = [self._home / "console", self._home / "log" / "messages.log"]
        return "".join(text.read_text(errors="replace") for text in texts if text.is_file())[start:]
