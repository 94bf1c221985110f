"""The daemon of an installation on a `Machine`, with the settings and the default ports that it has there."""

import json
import subprocess
from pathlib import Path

from cc_bridge.config import Config
from pbx.daemon import Daemon
from pbx.machine import Machine
from pbx.rig import REPOSITORY

__all__ = ["DATA", "INSTALLATION", "PROGRAM", "InstalledDaemon", "unwell"]

INSTALLATION = REPOSITORY / "config" / "README.md"
PROGRAM = "/opt/cc-bridge/bin/cc-bridge"
DATA = "/var/lib/cc-bridge"


class InstalledDaemon(Daemon):
    """Runs in the foreground instead of as a service; `folder`/data is its directory of data."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.http_port, self.agi_port = Config().http.port, Config().agi.port
        self.url = f"sqlite:///{folder}/data/cc-bridge.sqlite"
        self._log = (folder / "log").open("ab+")
        self._process = None
        self._forgotten = {}

    def launch(self) -> None:
        self._process = subprocess.Popen(
            self.machine.words(PROGRAM, "run"),
            # Otherwise each test would have to talk for five seconds.
            env=self.machine.environment | {"CC_BRIDGE_QUEUE_DEFAULTS__MIN_TALK_SECONDS": "0"},
            stdout=self._log,
            stderr=self._log,
        )

    def doctor(self) -> dict[str, dict[str, str]]:
        """Return the doctor's findings by name."""
        printed = self.machine.run(f"{PROGRAM} doctor --json")
        return {each["name"]: each for each in json.loads(printed.stdout)["findings"]}


def unwell(findings: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return the findings that are warnings or failures."""
    return {name: each for name, each in findings.items() if each["level"] not in {"ok", "skip"}}
