"""A daemon as a process, and callers that it interviews, for tests that disturb it.

The callers run in the test's reactor. An answer is "promised", and must be in the database, if the caller
heard the next prompt. Note: a daemon that could not store an answer in time says goodbye after STORE_SECONDS,
so a prompt that comes as late promises nothing.
"""

import os
import random
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.protocols.basic import LineOnlyReceiver

from cc_bridge.agi.survey_store import STORE_SECONDS
from cc_bridge.daemon.jobs.survey_history import SurveyHistoryJob
from support.forks import Fork
from support.reactor_loop import until

__all__ = ["DEADLINE", "Crowd", "Daemon", "percentile", "query"]

DEADLINE = 90.0  # seconds for any wait, on a busy machine

_SURVEY = """
id = "csat"
version = 1
languages = ["en"]
thanks = "thanks"
goodbye = "goodbye"
questions = [
    { id = "satisfaction", kind = "csat", ask = "csat_ask", invalid = "key_invalid" },
    { id = "solved", kind = "yes_no", ask = "solved_ask", invalid = "key_invalid" },
    { id = "effort", kind = "ces", ask = "ces_ask", invalid = "key_invalid" },
]
"""
# A part of the prompt's file name -> the question and its valid keys.
_QUESTIONS = {
    "csat_ask": ("satisfaction", "12345"),
    "solved_ask": ("solved", "12"),
    "ces_ask": ("effort", "1234567"),
}


def _read_history_often() -> None:
    """Let a daemon read the survey history of other daemons every half second, and not every minute."""
    SurveyHistoryJob.interval = SurveyHistoryJob.retry = SurveyHistoryJob.read_again = 0.5


class Daemon:
    """A `cc-bridge run` for one PBX, which can be started and ended repeatedly."""

    def __init__(
        self,
        folder: Path,
        url: str,
        pbx: str = "pbx",
        ami_port: int = 0,
        journal: Path | None = None,
        more="",
    ):
        folder.mkdir(exist_ok=True)
        self.url, self.pbx = url, pbx
        self.log = folder / "log"
        self.journal = journal or folder / "journal.sqlite"
        self.agi_port, self._http_port = _free_ports()
        self._config = folder / "cc-bridge.toml"
        surveys = folder / "surveys"
        surveys.mkdir()
        (surveys / "csat.toml").write_text(_SURVEY)
        self._config.write_text(
            f"""
            pbx = {{ name = "{pbx}" }}
            ami = {{ port = {ami_port or 1}, username = "bridge", secret = "word" }}
            agi = {{ port = {self.agi_port}, max_callers = 1000 }}
            http = {{ port = {self._http_port} }}
            run = {{ shutdown_timeout_seconds = 2 }}
            survey = {{ directory = "{surveys}" }}
            storage = {{ url = "{url}", journal_file = "{self.journal}", answer_timeout_seconds = 5 }}
            {more}
            """
        )
        self._fork: Fork | None = None

    def start(self) -> None:
        # Variables of the tests' environment must not configure the daemon.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CC_BRIDGE_")}
        words = ["run", "--config", str(self._config)]
        self._fork = Fork(words, self.log, environment, prepare=_read_history_often)

    @property
    def runs(self) -> bool:
        return self._fork is not None and self._fork.poll() is None

    def end(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """End the daemon by a signal and return its exit code; a signal's is negative."""
        fork = self._fork
        fork.send_signal(sign)
        until(lambda: fork.poll() is not None, DEADLINE)
        self._fork = None
        return fork.poll()

    def close(self) -> None:
        if self.runs:
            self.end(signal.SIGKILL)

    def get(self, path: str) -> str:
        """Return the body of a page with any status. Without an answer it is empty."""
        bodies: list[str] = []

        def ask() -> None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._http_port}{path}", timeout=20) as page:
                    bodies.append(page.read().decode())
            except urllib.error.HTTPError as refused:
                bodies.append(refused.read().decode())
            except OSError:
                bodies.append("")

        Thread(target=ask, daemon=True).start()
        until(lambda: bodies, DEADLINE)
        return bodies[0]

    def metric(self, name: str) -> float:
        """Return the sum of all samples of a metric."""
        lines = (line.rpartition(" ") for line in self.get("/metrics").splitlines() if line.startswith(name))
        return sum(float(value) for sample, _, value in lines if sample.partition("{")[0] == name)

    def query(self, sql: str) -> list[tuple]:
        return query(self.url, sql)


def query(url: str, sql: str) -> list[tuple]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


class Crowd:
    """A constant number of callers, each in a survey. A caller who has finished is replaced by a new one.

    promised: the answers that must be in the database, value by uniqueid and question
    asked: uniqueids that got a question
    finished: uniqueids whose last answer was promised
    over_by_goodbye: the number of sessions that the daemon ended in good order
    turned_away: the number of sessions among `over_by_goodbye` without any question
    latencies: seconds from a reply to the next command
    """

    def __init__(self, port: int, callers: int, name: str = "", first: int = 1, seed: int = 1):
        self.promised: dict[tuple[str, str], int] = {}
        self.asked: set[str] = set()
        self.finished: set[str] = set()
        self.latencies: list[float] = []
        self.over_by_goodbye = self.turned_away = 0
        self.chance = random.Random(seed)
        self.is_calling = True
        self._daemon = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
        self._name = name
        self._number = first - 1
        self._lines: set[_Line] = set()
        for _ in range(callers):
            reactor.callLater(self.chance.random() * 0.5, self._next)

    def _next(self) -> None:
        if not self.is_calling:
            return
        self._number += 1
        line = _Line(self, f"{self._name}1795309800.{self._number}", f"0912{self._number:07}")
        self._lines.add(line)
        # The port is closed while the daemon is down. This caller then ends, and another one calls.
        connectProtocol(self._daemon, line).addErrback(lambda _: self.over(line))

    def over(self, line: "_Line") -> None:
        self._lines.discard(line)
        reactor.callLater(0.05 * self.chance.random(), self._next)

    def leave(self) -> None:
        """Start no more callers, and wait for the end of the sessions in progress."""
        self.is_calling = False
        until(lambda: not self._lines, DEADLINE)

    def missing(self, url: str, pbx: str = "pbx") -> set[tuple]:
        """Return the promised answers that are not in the database: uniqueid, question and value."""
        promised = {(*key, value) for key, value in self.promised.items()}
        try:
            rows = query(
                url,
                "SELECT attempts.uniqueid, question, value FROM answers JOIN survey_attempts AS attempts"
                " ON attempts.pbx = answers.pbx AND attempts.attempt_id = answers.attempt_id"
                f" WHERE answers.pbx = '{pbx}'",
            )
        except DBAPIError:  # the server is down, or its tables do not exist yet
            return promised
        return promised - set(rows)


class _Line(LineOnlyReceiver):
    """One AGI session: Asterisk's side of it, and its caller."""

    delimiter = b"\n"

    def __init__(self, crowd: Crowd, uniqueid: str, number: str) -> None:
        self._crowd, self._uniqueid, self._number = crowd, uniqueid, number
        self._said: tuple[str, int] | None = None
        self._replied_at = 0.0
        self._timer = None

    def connectionMade(self) -> None:
        fields = {
            "network": "yes", "network_script": "survey", "request": "agi://127.0.0.1/survey",
            "channel": "PJSIP/trunk-00000001", "language": "en", "type": "PJSIP", "uniqueid": self._uniqueid,
            "version": "22.10.1", "callerid": self._number, "calleridname": "unknown", "context": "survey",
            "extension": "s", "priority": "1", "enhanced": "0.0", "accountcode": "", "threadid": "1",
            "arg_1": "queue", "arg_2": "sales", "arg_3": "PJSIP/alice",
        }  # fmt: skip
        head = "".join(f"agi_{name}: {value}\n" for name, value in fields.items())
        self.transport.write(f"{head}\n".encode())

    def connectionLost(self, reason) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if reason.check(ConnectionDone):
            if self._replied_at:
                self._crowd.latencies.append(time.monotonic() - self._replied_at)
            self._crowd.over_by_goodbye += 1
            self._crowd.turned_away += self._uniqueid not in self._crowd.asked
        self._crowd.over(self)

    def lineReceived(self, line: bytes) -> None:
        text, crowd = line.decode(), self._crowd
        took = time.monotonic() - self._replied_at
        if self._replied_at:
            crowd.latencies.append(took)
        if self._said is not None and took < STORE_SECONDS - 1:
            question, value = self._said
            crowd.promised[self._uniqueid, question] = value
            if question == "effort":
                crowd.finished.add(self._uniqueid)
        self._said = None
        if text.startswith("GET DATA"):
            crowd.asked.add(self._uniqueid)
            question, keys = next(each for name, each in _QUESTIONS.items() if name in text)
            key = crowd.chance.choice(keys)
            value = {"1": 1, "2": 0}[key] if question == "solved" else int(key)
            self._later(0.02 * crowd.chance.random(), f"200 result={key}", (question, value))
        elif text.startswith("STREAM FILE"):
            self._later(0.01 * crowd.chance.random(), "200 result=0 endpos=8000")
        elif text.startswith("GET FULL VARIABLE"):
            end = text.rpartition("}")[2].rstrip('"')  # the text by which the daemon finds the value's end
            self._reply(f"200 result=1 ({self._uniqueid}{end})")
        else:
            self._reply("200 result=1")

    def _later(self, seconds: float, reply: str, said: tuple[str, int] | None = None) -> None:
        self._timer = reactor.callLater(seconds, self._reply, reply, said)

    def _reply(self, reply: str, said: tuple[str, int] | None = None) -> None:
        self._said, self._replied_at = said, time.monotonic()
        self.transport.write(f"{reply}\n".encode())


def percentile(latencies: list[float], share: float) -> float:
    return sorted(latencies)[int(len(latencies) * share)]


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
