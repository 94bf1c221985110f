"""The daemon as a process: reactor, signals, exit. `cc-bridge run` and the demo call it.

The trap: importing Twisted's reactor installs it, so this module is imported only by commands that run one.
"""

import gc
import signal
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from cc_bridge.app import Bridge
from cc_bridge.config import Config
from cc_bridge.errors import CcBridgeError, ConfigError
from cc_bridge.logs import set_level, start_logging
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.journal import Journal
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries import observed_until

__all__ = ["run", "start"]

_log = Logger()
reactor: Any = _reactor  # the interfaces that it has depend on the platform


def start(config: Config) -> Bridge:
    """Start a bridge in the reactor, which stops with it. Raises ConfigError, SurveyError or StorageError."""
    bridge = Bridge(config, reactor, _observed_until(config))
    try:
        bridge.start()
    except CannotListenError as error:
        raise ConfigError(f"{error}: is another cc-bridge running?") from error
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(bridge.stop()))
    return bridge


def _observed_until(config: Config) -> float | None:
    """Return until when an earlier daemon observed this PBX, by the file that a start depends on.

    That is the database with its tables made or upgraded, or the journal: a server is not asked.
    """
    make_engine(config.storage.url).dispose()  # raises for what can never work
    if config.storage.on_server:
        journal = Journal(config.storage.journal, config.storage.journal_max_mb * 1024**2)
        journal.open()
        until = journal.observed_until(config.pbx.name)
        journal.close()
        return until
    engine = open_database(config.storage.url)
    with engine.connect() as connection:
        until = observed_until(connection, config.pbx.name)
    engine.dispose()
    return until


def run(load: Callable[[], Config]) -> None:
    """Run until SIGTERM or SIGINT. SIGHUP loads the configuration again; a bad one is refused."""
    config = load()
    levels = start_logging(config.log.level)
    bridge = start(config)

    def reload() -> None:
        try:
            fresh = load()
            waiting = bridge.reload(fresh)
        except CcBridgeError as error:
            _log.error("the configuration is not reloaded, the old one stays: {error}", error=error)
            return
        set_level(levels, fresh.log.level)
        later = f"; only a restart changes: {', '.join(waiting)}" if waiting else ""
        _log.info("the configuration is reloaded{later}", later=later)

    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(reload))
    # What is loaded now stays. Looking through its 108,000 objects again and again held up calls for 65 ms.
    gc.collect()
    gc.freeze()
    reactor.run()
