"""Real databases for tests: PostgreSQL and MariaDB of Debian's packages, each with its own data directory.

A server listens on a free port of loopback and starts with the first test that needs it. If the tests run as
root, the server runs as the user of its package, since PostgreSQL refuses root. Every test gets a fresh
database.

Note: the servers do not sync to disk, and those of the fixtures have their data in memory if there is room.
The tests kill processes, so the loss of data in a power failure does not matter.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from support.parts import missing

__all__ = ["MariaDb", "PostgreSql", "Server", "database_url", "mariadb", "postgres", "server", "server_url"]

_DEADLINE = 60.0  # seconds; a start takes 1 s, on a busy machine more
_MEMORY = Path("/dev/shm")
_ROOM = 4 * 1024**3  # bytes; the servers of four workers have less than 1 GB
_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class Unavailable(Exception):
    """The programs of the database server are not installed."""


class Server:
    """One database server, which can be started and stopped repeatedly. `close` removes its data."""

    user: str  # the user of the server's process if the tests run as root
    admin: URL  # the URL for creating databases; the port is filled in
    setting: str  # the statements that switch writes off, with {} = on or off
    at_once: signal.Signals  # stops it in good order, without waiting for connections to end

    def __init__(self, place: Path | None = None) -> None:
        """Make a directory for the server in `place`, by default among the temporary files."""
        self.folder = Path(tempfile.mkdtemp(prefix="cc-bridge-", dir=place))
        self._data = self.folder / "data"
        self._as_user: dict[str, object] = {}
        if os.geteuid() == 0:
            group = pwd.getpwnam(self.user).pw_gid
            self._as_user = {"user": self.user, "group": group, "extra_groups": []}
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, group)
        self._port = _free_port()
        self.admin = self.admin.set(host="127.0.0.1", port=self._port)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)

    def _make(self) -> list[str]:
        """Return the command that creates the data directory."""
        raise NotImplementedError

    def _serve(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        raise NotImplementedError

    def _ended(self) -> list[str]:
        """Return the statements that end all connections except the one that runs them."""
        raise NotImplementedError

    def _drop(self, name: str) -> str:
        return f"DROP DATABASE {name}"

    def make(self) -> None:
        made = subprocess.run(
            self._make(), cwd=self.folder, capture_output=True, text=True, check=False, **self._as_user
        )
        assert made.returncode == 0, made.stdout + made.stderr

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            # The server is killed when the test process ends, even by a signal.
            command = ["setpriv", "--pdeathsig", "KILL", *self._serve()]
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, **self._as_user
            )
        end = time.monotonic() + _DEADLINE
        while True:
            try:
                self.run("SELECT 1")
            except OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < end, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals | None = None) -> None:
        """Stop the server by the signal `how`, by default quickly and in good order. SIGKILL is a crash."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how or self.at_once)
            process.wait(_DEADLINE)

    def freeze(self, on: bool) -> None:
        """Stop all processes of the server in the middle of their work (`on`), or let them continue."""
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for pid in (main, *map(int, children)):
            os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def close(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def fresh(self) -> URL:
        """Create a database and return its URL."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return self.admin.set(database=name)

    def drop(self, url: URL) -> None:
        self.run(self._drop(url.database))

    def run(self, *statements: str, url: URL | None = None) -> list[tuple]:
        """Run each statement in its own transaction. Return the rows of the last statement."""
        engine = create_engine(url or self.admin, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            for statement in statements:
                result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    def cut_connections(self) -> None:
        """End all connections except the one that does it, as an administrator or a failover does."""
        for statement in self._ended():
            self.run(statement)

    def read_only(self, on: bool) -> None:
        """Let the server refuse writes as a standby does (`on`), or accept them again."""
        self.run(*self.setting.format("on" if on else "off").split("; "))
        self.cut_connections()  # the setting applies to new sessions


class PostgreSql(Server):
    user = "postgres"
    admin = URL.create("postgresql", "bridge", database="postgres")
    at_once = signal.SIGINT
    setting = "ALTER SYSTEM SET default_transaction_read_only = {}; SELECT pg_reload_conf()"

    def _make(self) -> list[str]:
        program = _program("initdb")
        return [program, "-D", str(self._data), "-U", "bridge", "-A", "trust", "-E", "UTF8", "--no-locale",
                "--no-sync"]  # fmt: skip

    def _serve(self) -> list[str]:
        return [_program("postgres"), "-D", str(self._data), "-p", str(self._port), "-k", str(self.folder),
                "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]  # fmt: skip

    def _ended(self) -> list[str]:
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        return [f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"]

    def _drop(self, name: str) -> str:
        return f"DROP DATABASE {name} WITH (FORCE)"


class MariaDb(Server):
    user = "mysql"
    admin = URL.create("mysql+pymysql", "root", database="mysql")
    at_once = signal.SIGTERM
    setting = "SET GLOBAL read_only = {}"

    def _make(self) -> list[str]:
        program = _program("mariadb-install-db")
        return [program, "--no-defaults", f"--datadir={self._data}", "--skip-test-db", "--skip-name-resolve",
                "--auth-root-authentication-method=normal"]  # fmt: skip

    def _serve(self) -> list[str]:
        # latin1 was MariaDB's default for years; our tables must not depend on the default.
        return [_program("mariadbd"), "--no-defaults", f"--datadir={self._data}", f"--port={self._port}",
                f"--socket={self.folder}/socket", "--bind-address=127.0.0.1", "--skip-name-resolve",
                f"--pid-file={self.folder}/pid", "--innodb-flush-log-at-trx-commit=2",
                "--innodb-flush-method=nosync", "--innodb-doublewrite=0", "--innodb-log-file-size=16M",
                "--innodb-buffer-pool-size=64M", "--character-set-server=latin1",
                "--collation-server=latin1_swedish_ci"]  # fmt: skip

    def _ended(self) -> list[str]:
        others = "id <> connection_id() AND user <> 'system user'"
        found = self.run(f"SELECT id FROM information_schema.processlist WHERE {others}")
        return [f"KILL {number}" for (number,) in found]

    def fresh(self) -> URL:
        url = super().fresh()
        # root may write to a read-only server, an ordinary user may not.
        self.run("CREATE USER IF NOT EXISTS bridge", f"GRANT ALL ON {url.database}.* TO bridge")
        return url.set(username="bridge")


def _program(name: str) -> str:
    path = os.pathsep.join([*map(str, _DEBIAN), os.environ.get("PATH", ""), "/usr/sbin"])
    program = shutil.which(name, path=path)
    if program is None:
        raise Unavailable(f"{name} is not installed")
    return program


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _in_memory() -> Path | None:
    """Return a directory in memory, or None if it has too little room.

    MariaDB waits for the disk with each change of a schema, even if it does not sync its data.
    """
    there = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ROOM
    return _MEMORY if there else None


def _running(kind: type[Server], name: str) -> Iterator[Server]:
    try:
        for program in ("initdb", "postgres") if kind is PostgreSql else ("mariadb-install-db", "mariadbd"):
            _program(program)
    except Unavailable as reason:
        missing(name, reason)
    server = kind(_in_memory())
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSql]:
    yield from _running(PostgreSql, "postgres")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    yield from _running(MariaDb, "mariadb")


_SERVERS = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("postgres", "mariadb")]


@pytest.fixture(params=_SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


@pytest.fixture
def server_url(server: Server) -> Iterator[str]:
    """Yield the URL of an empty database of each server: PostgreSQL, then MariaDB."""
    url = server.fresh()
    yield url.render_as_string(hide_password=False)
    server.drop(url)


@pytest.fixture(params=["sqlite", *_SERVERS])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an empty database of each kind: SQLite, PostgreSQL, MariaDB."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'calls.sqlite3'}"
        return
    server = request.getfixturevalue(request.param)
    url = server.fresh()
    yield url.render_as_string(hide_password=False)
    server.drop(url)
