"""The daemon as a process of its own, beside the rig's PBX.

Tests start it with a configuration file, read what it answers over HTTP and at what it wrote, and stop
or kill it like an administrator would.
"""

import copy
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text

from cc_bridge.storage.schema.tables import TABLES
from pbx.asterisk import free_port
from pbx.rig import Rig
from support.forks import Fork

__all__ = ["Daemon"]

_DEADLINE = 60.0  # seconds, on a busy machine; everything here takes far less
_BUSY = (
    "callers_waiting",
    "talks_in_progress",
    "agi_sessions_in_progress",
)  # metrics that count who is on the line


class Daemon:
    """One daemon with its own directory, ports and database; it can be started again."""

    def __init__(self, rig: Rig, folder: Path, user: str = "cc_bridge", ami_port: int = 0) -> None:
        self.http_port, self.agi_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
        self.url = f"sqlite:///{folder}/calls.sqlite"
        secret = folder / "secret"
        secret.write_text(rig.secret + "\n")
        self._log = (folder / "log").open("ab+")
        self._file = folder / "cc-bridge.toml"
        self._process: Fork | subprocess.Popen[bytes] | None = None
        self._forgotten: dict[str, int] = {}  # the last row of each table that is not shown any more
        self._sections: dict[str, dict[str, Any]] = {}
        self.configure("pbx", name="test")
        self.configure("ami", port=ami_port or rig.pbx.ami_port, username=user, secret_file=str(secret))
        self.configure("ami", reconnect_max_seconds=1)
        self.configure("agi", port=self.agi_port)
        self.configure("http", port=self.http_port)
        self.configure("storage", url=self.url)
        self.configure("queue_defaults", min_talk_seconds=0)
        self.configure("queues.sales", service_level_seconds=15)

    def configure(self, section: str, **values: Any) -> None:
        """Change keys in its configuration file, which it reads at the start and on SIGHUP."""
        self._sections.setdefault(section, {}).update(values)
        self._write()

    @contextmanager
    def configuration_kept(self) -> Iterator[None]:
        """Put the configuration file back afterwards."""
        before = copy.deepcopy(self._sections)
        try:
            yield
        finally:
            self._sections = before
            self._write()

    def _write(self) -> None:
        tables = [
            f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
            for name, table in self._sections.items()
        ]
        self._file.write_text("\n".join(tables))

    # Life

    def start(self) -> "Daemon":
        """Start it and wait until it says that it is ready."""
        self.launch()
        try:
            self.until(lambda: self.get("/readyz")[0] == 200)
        except AssertionError:
            self.close()
            raise
        return self

    def launch(self) -> None:
        self._process = Fork(["run", "--config", str(self._file)], Path(self._log.name))

    def signal(self, sign: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sign)

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        assert self._process is not None
        return self._process.wait(_DEADLINE)

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.ended()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `cc-bridge` with this daemon's configuration."""
        command = [sys.executable, "-m", "cc_bridge", *words]
        environment = {**os.environ, "CC_BRIDGE_CONFIG": str(self._file)}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=environment
        )

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode()

    # Its pages and its rows

    def until(self, condition: Callable[[], Any], seconds: float = _DEADLINE) -> Any:
        """Wait until `condition()` is true and return what it gave."""
        deadline = time.monotonic() + seconds
        while not (got := condition()):
            assert self._process is None or self._process.poll() is None, f"it ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"not true within {seconds} s:\n{self._live()}\n{self.log()}"
            time.sleep(0.02)
        return got

    def until_idle(self, rig: Rig) -> None:
        """Wait until it sees no call and every agent free."""
        self.until(
            lambda: (
                self.metric("cc_bridge_queue_members", state="available") == len(rig.members())
                and not any(self.metric(f"cc_bridge_{busy}") for busy in _BUSY)
            )
        )

    def _live(self) -> str:
        """Return its own account of the calls in progress."""
        ready = self.get("/readyz")[1]
        lines = self.get("/metrics")[1].splitlines()
        names = tuple(f"cc_bridge_{name}{{" for name in ("queue_members", *_BUSY))
        going_on = [line for line in lines if line.startswith(names) and not line.endswith((" 0", " 0.0"))]
        return "\n".join([ready, *going_on])

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page; 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def readiness(self) -> dict[str, Any]:
        return json.loads(self.get("/readyz")[1])

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.get("/metrics")[1])
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return what a table holds now, in the order of writing, without what is forgotten."""
        rows = self._select(
            f"SELECT * FROM {table} WHERE rowid > {self._forgotten.get(table, 0)} ORDER BY rowid"
        )
        return [dict(row) for row in rows]

    def forget(self) -> None:
        """Let `rows` begin again, once all that there was has been written."""
        self.until(lambda: self.metric("cc_bridge_storage_queue_records") == 0)
        for table in TABLES.values():
            ((last,),) = (row.values() for row in self._select(f"SELECT max(rowid) FROM {table.name}"))
            self._forgotten[table.name] = last or 0

    def _select(self, sql: str) -> list[Any]:
        engine = create_engine(self.url)
        try:
            with engine.connect() as connection:
                return list(connection.execute(text(sql)).mappings())
        finally:
            engine.dispose()

    def wait_for_rows(self, table: str, n: int = 1) -> list[dict[str, Any]]:
        """Wait until a table holds `n` rows, and return them."""
        return self.until(lambda: rows if len(rows := self.rows(table)) >= n else None)
