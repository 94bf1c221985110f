"""The run of the demo: it connects the simulated PBX, its callers, the daemon and the table on the screen.

Twisted's signal handlers print a traceback at a second Ctrl-C, so the demo uses `_Shutdown` instead.
"""

import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from time import time
from typing import Any

import click
from sqlalchemy import Engine
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.config.report_parameters import report_days
from cc_bridge.daemon import main as daemon
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.demo.history.database import store_history
from cc_bridge.demo.pbx import RecordedPbx
from cc_bridge.demo.recording import AmiRecording
from cc_bridge.demo.screen import Screen
from cc_bridge.demo.settings import HOST, PASSWORD, TOKEN, demo_config
from cc_bridge.demo.stop_signals import STOP_SIGNALS
from cc_bridge.demo.survey_callers import SurveyCallers
from cc_bridge.demo.table import QueueRow, table
from cc_bridge.logs import set_level, start_logging
from cc_bridge.offline.replay import read_stream
from cc_bridge.records import Outcome
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.demo_table import ratings_by_queue, visits_by_outcome
from cc_bridge.web.access.agent_links import AgentLinks

__all__ = ["RECORDING", "run"]

_log = Logger()

RECORDING = Path(__file__).with_name("mix.ami.gz")

# Seconds between two updates of the table: on a terminal, and in a file or pipe.
_IN_PLACE, _IN_LINES = 1.0, 5.0

_SEED = 1
_LINK_DAYS = 30
_AGENTS = ("Agent 304", "Agent 311")  # whose links are printed

_BANNER = """\
A recorded contact centre and the daemon observing it. All calls are made up.
  pages      http://{http}/
  users      admin; sara and reza (own the queues); viewer (sees no persons)
  password   {password}, the same for all users
  wallboard  http://{http}/wallboard?token={token}
  token      {token}, for programs
  metrics    http://{http}/metrics
  readiness  http://{http}/readyz
  database   {database}
{links}
In another terminal:
  {program} report service -c {config}
The demo uses only this machine{deletes}. Ctrl-C ends it.
"""
_KEPT = """\
The database is kept. Try:
  {program} report causes -c {config}
  {program} digest render --week {today} --out {folder} -c {config}
"""


def run(seconds: float | None, keep: Path | None, days: int, seed: int | None = None) -> None:
    """Run the demo until a signal arrives, or for `seconds`.

    `keep` is a directory that keeps the database; None uses a temporary directory. `days` is the number of
    days before today of which calls are made up. With the same `seed`, callers press the same keys in each
    run.
    """
    with _folder(keep) as folder:
        config_file, config, pbx = _prepare(folder, days)
        end = _Shutdown(daemon.reactor)
        for number in STOP_SIGNALS:
            signal.signal(number, end)
        with Screen() as screen:
            levels = start_logging("warn", screen.log)
            # During the shutdown, only errors are logged: the warnings then come from the shutdown itself.
            daemon.reactor.addSystemEventTrigger("before", "shutdown", set_level, levels, "error")
            if seconds is not None:
                daemon.reactor.callLater(seconds, end)
            chance = random.Random(seed)  # noqa: S311  # no secret
            _run(config, pbx, screen, end, chance, lambda http: _banner(http, config_file, config, keep))
    for number in STOP_SIGNALS:  # the exit of Python takes a moment, in which a signal must do nothing
        signal.signal(number, signal.SIG_IGN)
    if keep is not None:
        today = report_days(config).today(time())
        say = _KEPT.format(program=_program(), config=config_file, folder=folder, today=today)
        click.echo(say, nl=False)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Provide the directory of the demo: `keep`, or a temporary one that is deleted afterwards."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="cc-bridge-demo-") as folder:
            yield Path(folder)
    else:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()


def _prepare(folder: Path, days: int) -> tuple[Path, Config, RecordedPbx]:
    """Open the port of the simulated PBX, and make the configuration and the database with its past month.

    A signal ends the process during this time, and the directory of the demo is removed if it is temporary.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _leave)
    credentials = "demo", token_hex(16)
    pbx = RecordedPbx(AmiRecording(b"".join(read_stream(RECORDING))), credentials, daemon.reactor)
    ami_port = daemon.reactor.listenTCP(0, pbx, interface=HOST).getHost().port
    config_file, config = demo_config(folder, ami_port, credentials)
    engine = open_database(config.storage.url)
    if days:
        click.echo(f"Making up the calls of {days} days: some seconds ...")
        calls = store_history(engine, config, time(), days, _SEED)
        click.echo(f"{calls:,} calls are made up." if calls else "The database has calls already.")
    engine.dispose()
    return config_file, config, pbx


def _leave(*_: object) -> None:
    raise SystemExit(0)


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


def _run(
    config: Config,
    pbx: RecordedPbx,
    screen: Screen,
    end: Callable[[], None],
    chance: random.Random,
    banner: Callable[[str], str],
) -> None:
    """Run the daemon, the PBX and its callers; `banner` gets the address of the HTTP server."""
    reactor, since = daemon.reactor, time()
    engine = make_engine(config.storage.url)
    bridge = daemon.start(config)
    agi_port = int(bridge.agi_address.rpartition(":")[2])
    callers = SurveyCallers(TCP4ClientEndpoint(reactor, HOST, agi_port), reactor, chance)
    pbx.listeners.append(callers.on_event)
    reactor.callWhenRunning(pbx.start)
    for last in (pbx.stop, callers.hang_up):
        reactor.addSystemEventTrigger("before", "shutdown", last)

    def show() -> None:
        try:
            screen.draw(table(_rows(bridge, engine, since)))
        except OSError:
            # The output is closed, for example by `| head`. It is redirected to /dev/null, because Python
            # would report the same error again at its exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            end()

    click.echo(banner(bridge.http_address))
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


def _banner(http: str, config_file: Path, config: Config, keep: Path | None) -> str:
    """Return what the demo prints at its start; `http` is the address of the HTTP server."""
    links, until = AgentLinks(TOKEN, config.pbx.name), int(time()) + _LINK_DAYS * 86_400
    agents = (f"  {agent:<9}  http://{http}/agent#{links.sign(agent, until)}" for agent in _AGENTS)
    return _BANNER.format(
        http=http,
        token=TOKEN,
        password=PASSWORD,
        database=config_file.with_name("cc-bridge.sqlite"),
        links="\n".join(agents),
        program=_program(),
        config=config_file,
        deletes="" if keep else " and deletes its files at the end",
    )


def _program() -> str:
    """Return the command as a person would type it."""
    return sys.argv[0] if Path(sys.argv[0]).name == "cc-bridge" else f"{sys.executable} -m cc_bridge"


def _rows(bridge: Bridge, engine: Engine, since: float) -> list[QueueRow]:
    """Return the rows of the table: live figures from the tracker, totals from the database.

    The totals are those of calls and ratings since the instant `since`, in UTC seconds since the epoch.
    """
    tracker, now = bridge.tracker, bridge.link.pbx_now()
    waits: dict[str, list[float]] = {queue: [] for queue in tracker.queues}
    for visit in tracker.waiting():
        waits[visit.queue].append(now - visit.entered_at)
    talking = Counter(talk.queue for talk in tracker.talks.in_progress())
    with engine.connect() as connection:
        ended = {(row.queue, row.outcome): row.n for row in visits_by_outcome(connection, since=since)}
        ratings = {rating.queue: rating for rating in ratings_by_queue(connection, since=since)}
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
