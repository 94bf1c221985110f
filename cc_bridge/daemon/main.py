"""The daemon as a process: reactor, signals, systemd, exit.

Importing Twisted's reactor installs it, so this module is imported only by commands that run one.
"""

import faulthandler
import gc
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.daemon.sd_notify import SdNotify
from cc_bridge.errors import CcBridgeError, ConfigError
from cc_bridge.logs import set_level, start_logging
from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.journal_import import pending_in
from cc_bridge.storage.queries.open_state import observed_until, open_records

__all__ = ["run", "start"]

_log = Logger()
reactor: Any = _reactor  # the interfaces that it has depend on the platform


def start(config: Config) -> Bridge:
    """Start a bridge in the reactor, which stops with it. Raises ConfigError, SurveyError or StorageError."""
    bridge = Bridge(config, reactor, *_left(config))
    try:
        bridge.startService()
    except CannotListenError as error:
        raise ConfigError(f"{error}: is another cc-bridge running?") from error
    reactor.addSystemEventTrigger("before", "shutdown", bridge.stopService)
    return bridge


def _left(config: Config) -> tuple[float | None, list[OpenStateRecord]]:
    """Return until when an earlier daemon observed this PBX, and what went on then.

    It is in the file that a start depends on: the database with its tables made or upgraded, or the journal.
    A server is not asked.
    """
    make_engine(config.storage.url).dispose()  # raises for what can never work
    if config.storage.on_server:
        journal = Journal(config.storage.journal_file, config.storage.journal_max_mb * 1024**2)
        journal.open()
        left = journal.observed_until(config.pbx.name), journal.open_records(config.pbx.name)
        journal.close()
        return left
    if waiting := pending_in(config.storage.journal_file):
        _log.warn(
            "{waiting} records in {file} wait for a server that is not asked any more:"
            " `cc-bridge db import-journal` writes them into this database",
            waiting=waiting,
            file=config.storage.journal_file,
        )
    engine = open_database(config.storage.url)
    with engine.connect() as connection:
        left = observed_until(connection, config.pbx.name), open_records(connection, config.pbx.name)
    engine.dispose()
    return left


def run(config: Config, load: Callable[[], Config]) -> None:
    """Run until SIGTERM or SIGINT. SIGHUP loads the configuration again; a bad one is refused."""
    levels = start_logging(config.log.level, form=config.log.format)
    faulthandler.enable()  # systemd ends a hung daemon by SIGABRT; where it hung is then in the log
    bridge = start(config)
    notify = SdNotify(os.environ)
    status = f"pages on {bridge.http_address}, surveys on {bridge.agi_address}"
    _notify_systemd(notify, status, bridge.health.alive)

    def reload() -> None:
        notify.reloading()
        try:
            later = bridge.reconfigure(load())
        except CcBridgeError as error:
            for fault in str(error).splitlines():
                _log.error("the configuration is not reloaded, the old one stays: {fault}", fault=fault)
            return
        finally:
            notify.ready(status)
        set_level(levels, bridge.config.log.level)
        restart = f"; only a restart changes: {', '.join(later)}" if later else ""
        _log.info("the configuration is reloaded{restart}", restart=restart)

    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(reload))
    # What is loaded now stays. Looking through its 108,000 objects again and again held up calls for 65 ms.
    gc.collect()
    gc.freeze()
    reactor.run()


def _notify_systemd(notify: SdNotify, status: str, alive: Callable[[], Mapping[str, str]]) -> None:
    """Keep systemd informed. A sign of life comes from the reactor, and only while no part has ended."""
    reactor.callWhenRunning(notify.ready, status)
    reactor.addSystemEventTrigger("before", "shutdown", notify.stopping)
    if notify.watchdog_seconds:
        watching = LoopingCall(lambda: None if any(alive().values()) else notify.alive())
        watching.clock = reactor
        watching.start(notify.watchdog_seconds / 2)
