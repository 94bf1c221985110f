"""The daemon as a process: reactor, signals, exit. `cc-bridge run` and the demo call it.

The trap: importing Twisted's reactor installs it, so this module is imported only by commands that run one.
"""

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from cc_bridge.app import Bridge
from cc_bridge.config import Config
from cc_bridge.errors import CcBridgeError, ConfigError, StorageError
from cc_bridge.logs import set_level, start_logging
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.migrate import upgrade

__all__ = ["run", "start"]

_log = Logger()
reactor: Any = _reactor  # the interfaces that it has depend on the platform


def start(config: Config) -> Bridge:
    """Start a bridge in the reactor, which stops with it. Raises ConfigError, SurveyError or StorageError."""
    _check_database(config.storage.url)
    bridge = Bridge(config, reactor)
    try:
        bridge.start()
    except CannotListenError as error:
        raise ConfigError(f"{error}: is another cc-bridge running?") from error
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(bridge.stop()))
    return bridge


def _check_database(url: str) -> None:
    """Make or upgrade the tables. A server that is only away is no reason not to start."""
    make_engine(url).dispose()  # raises for what can never work
    try:
        upgrade(url)
    except StorageError as error:
        if url.startswith("sqlite"):
            raise
        _log.warn("records wait until the database is there: {error}", error=error)


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
    reactor.run()
