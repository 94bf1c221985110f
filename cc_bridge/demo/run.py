"""The run of the demo: it connects the simulated PBX, its callers, the daemon and the table on the screen.

Twisted's signal handlers print a traceback at a second Ctrl-C, so the demo uses `_Shutdown` instead.
"""

import os
import random
import signal
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import click
from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from sqlalchemy import Engine
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cc_bridge.config import (
    AgiConfig,
    AmiConfig,
    Config,
    HttpConfig,
    PbxConfig,
    QueueConfig,
    RunConfig,
    StorageConfig,
)
from cc_bridge.daemon import main as daemon
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.screen import Screen
from cc_bridge.demo.stop_signals import STOP_SIGNALS
from cc_bridge.demo.survey_callers import SurveyCallers
from cc_bridge.demo.table import QueueRow, table
from cc_bridge.logs import set_level, start_logging
from cc_bridge.offline.replay import read_stream
from cc_bridge.records import Outcome
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.demo_table import ratings_by_queue, visits_by_outcome

__all__ = ["RECORDING", "run"]

_log = Logger()

RECORDING = Path(__file__).with_name("mix.ami.gz")

_HOST = "127.0.0.1"
# Seconds between two updates of the table: on a terminal, and in a file or pipe.
_IN_PLACE, _IN_LINES = 1.0, 5.0

_BANNER = """\
A recorded contact centre and the daemon that observes it:
  wallboard  http://{http}/wallboard
  metrics    http://{http}/metrics
  readiness  http://{http}/readyz
  database   {file}
The demo uses only this machine and deletes its files at the end. Ctrl-C ends it.
"""


class _Config(Config):
    """A configuration that ignores environment variables.

    They may name a real database, into which the demo must not write its simulated calls.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic-settings' signature, likewise the next ones
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def run(seconds: float | None, seed: int | None = None) -> None:
    """Run the demo until a signal arrives, or for `seconds`.

    With the same `seed`, callers press the same keys in each run.
    """
    end = _Shutdown(daemon.reactor)
    for number in STOP_SIGNALS:
        signal.signal(number, end)
    with tempfile.TemporaryDirectory(prefix="cc-bridge-demo-") as folder, Screen() as screen:
        levels = start_logging("warn", screen.log)
        # During the shutdown, only errors are logged: the warnings then come from the shutdown itself.
        daemon.reactor.addSystemEventTrigger("before", "shutdown", set_level, levels, "error")
        if seconds is not None:
            daemon.reactor.callLater(seconds, end)
        _run(Path(folder) / "cc-bridge.sqlite", screen, end, random.Random(seed))  # noqa: S311  # no secret
    for number in STOP_SIGNALS:  # the exit of Python takes a moment, in which a signal must do nothing
        signal.signal(number, signal.SIG_IGN)


class _Shutdown:
    """A signal handler that stops the reactor once, even if it is called several times."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._stopping = False

    def __call__(self, *_: object) -> None:
        # A second signal can interrupt the handler of the first. In the reactor, calls run one after the
        # other.
        self._reactor.callFromThread(self._stop)

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._reactor.stop()


def _run(file: Path, screen: Screen, end: Callable[[], None], rng: random.Random) -> None:
    reactor = daemon.reactor
    credentials = "demo", token_hex(16)
    pbx = RecordedPbx(AmiRecording(b"".join(read_stream(RECORDING))), credentials, reactor)
    ami_port = reactor.listenTCP(0, pbx, interface=_HOST).getHost().port
    url = f"sqlite:///{file}"
    engine = open_database(url)  # creates the tables, which the demo reads before the daemon writes
    bridge = daemon.start(_config(url, ami_port, credentials))
    agi_port = int(bridge.agi_address.rpartition(":")[2])
    callers = SurveyCallers(TCP4ClientEndpoint(reactor, _HOST, agi_port), reactor, rng)
    pbx.listeners.append(callers.on_event)
    reactor.callWhenRunning(pbx.start)
    for last in (pbx.stop, callers.hang_up):
        reactor.addSystemEventTrigger("before", "shutdown", last)

    def show() -> None:
        try:
            screen.draw(table(_rows(bridge, engine)))
        except OSError:
            # The output is closed, for example by `| head`. It is redirected to /dev/null, because Python
            # would report the same error again at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            end()

    click.echo(_BANNER.format(http=bridge.http_address, file=file))
    updates = LoopingCall(show)
    updates.start(_IN_PLACE if screen.in_place else _IN_LINES, now=False).addErrback(
        lambda failure: _log.failure(
            "cannot redraw the table of queues: unexpected error; the demo continues without the table",
            failure,
        )
    )
    reactor.run(installSignalHandlers=False)
    show()
    engine.dispose()


def _config(url: str, ami_port: int, credentials: tuple[str, str]) -> Config:
    username, secret = credentials
    return _Config(
        pbx=PbxConfig(name="demo"),
        ami=AmiConfig(host=_HOST, port=ami_port, username=username, secret=SecretStr(secret)),
        agi=AgiConfig(host=_HOST, port=0),
        http=HttpConfig(host=_HOST, port=_http_port()),
        storage=StorageConfig(url=url),
        queue_defaults=QueueConfig(min_talk_seconds=0),  # some recorded talks last only two seconds
        run=RunConfig(shutdown_timeout_seconds=2),  # enough: all simulated callers hang up at the shutdown
    )


def _http_port() -> int:
    """Return the default HTTP port if it is free, otherwise 0. With 0, the system chooses a free port."""
    usual = HttpConfig().port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, usual))
        except OSError:
            return 0
    return usual


def _rows(bridge: Bridge, engine: Engine) -> list[QueueRow]:
    """Return the rows of the table: live figures from the tracker, totals from the database."""
    tracker, now = bridge.tracker, bridge.link.pbx_now()
    waits: dict[str, list[float]] = {queue: [] for queue in tracker.queues}
    for visit in tracker.waiting():
        waits[visit.queue].append(now - visit.entered_at)
    talking = Counter(talk.queue for talk in tracker.talks.in_progress())
    with engine.connect() as connection:
        ended = {(row.queue, row.outcome): row.n for row in visits_by_outcome(connection, since=0)}
        ratings = {rating.queue: rating for rating in ratings_by_queue(connection, since=0)}
    return [
        QueueRow(
            queue=queue,
            waiting=len(waits[queue]),
            longest_wait=max(waits[queue], default=0.0),
            talking=talking[queue],
            answered=ended.get((queue, Outcome.ANSWERED), 0),
            abandoned=ended.get((queue, Outcome.ABANDONED), 0),
            timed_out=ended.get((queue, Outcome.TIMED_OUT), 0),
            ratings=ratings[queue].n if queue in ratings else 0,
            mean_rating=ratings[queue].mean if queue in ratings else 0.0,
        )
        for queue in sorted(waits)
    ]
