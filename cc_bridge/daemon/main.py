"""The daemon process: Twisted reactor, signals, systemd notifications and exit.

Importing Twisted's reactor installs it in the process. So only commands that run a reactor may import this
module.
"""

import errno
import faulthandler
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.daemon.process.open_files import raise_limit
from cc_bridge.daemon.process.periodic_task import PeriodicTask
from cc_bridge.daemon.process.port_holder import port_holder
from cc_bridge.daemon.process.sd_notify import SdNotify
from cc_bridge.daemon.process.shutdown_deadline import SHUTDOWN_MARGIN_SECONDS, ShutdownDeadline
from cc_bridge.errors import CcBridgeError, ConfigError
from cc_bridge.logs import set_level, start_logging
from cc_bridge.records import OpenStateRecord
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.files.unreadable_file import open_or_set_aside
from cc_bridge.storage.files.write_access import require_write_access
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.journal import Journal
from cc_bridge.storage.pipeline.journal_import import pending_in
from cc_bridge.storage.queries.open_state import observed_until, open_records

__all__ = ["run", "start"]

_log = Logger()
reactor: Any = _reactor  # typed as Any: the reactor's interfaces depend on the platform


def start(config: Config, deadline: ShutdownDeadline | None = None) -> Bridge:
    """Return a started bridge that stops when the reactor stops.

    `deadline` ends the process if the shutdown takes 4 s longer than `run.shutdown_timeout_seconds`. If it is
    None, the shutdown has no time limit.

    Raises ConfigError for an invalid configuration or a port in use, SurveyError for a faulty survey file,
    and StorageError for a database or journal that cannot be opened.
    """
    raise_limit(config)
    bridge = Bridge(config, reactor, *_state_of_earlier_daemon(config))
    try:
        bridge.startService()
    except CannotListenError as error:
        raise ConfigError(_cannot_listen(config, error)) from error
    reactor.addSystemEventTrigger("before", "shutdown", _stop, bridge, deadline)
    return bridge


def _stop(bridge: Bridge, deadline: ShutdownDeadline | None) -> Deferred[None]:
    """Stop a bridge within a deadline; return a Deferred that fires when all services have stopped."""
    if deadline is None:
        return bridge.stopService()
    deadline.start(bridge.config.run.shutdown_timeout_seconds + SHUTDOWN_MARGIN_SECONDS)
    return bridge.stopService().addBoth(lambda _: deadline.services_stopped())


def _cannot_listen(config: Config, error: CannotListenError) -> str:
    """Return a text that names the address and the program that already listens there, if it is visible."""
    section = "agi" if error.port == config.agi.port else "http"
    holder = port_holder(error.port) if error.socketError.errno == errno.EADDRINUSE else None
    if holder is None:
        return f"{error} (set {section}.host and {section}.port)"
    remedy = "is another cc-bridge running?" if holder.is_cc_bridge else f"set another {section}.port"
    return f"cannot listen on {error.interface}:{error.port}, where {holder} listens: {remedy}"


def _state_of_earlier_daemon(config: Config) -> tuple[float | None, list[OpenStateRecord]]:
    """Return the time at which an earlier daemon last observed this PBX, and the state that was open then.

    The time is in UTC seconds, or None if no earlier daemon has observed this PBX. The state consists of
    calls and agent states.

    Time and state are read from a local file. It is the SQLite database, whose tables this function creates
    or upgrades. If the database is on a server, it is the journal. The server is not queried, so that the
    daemon can start while the server is unreachable. A local file that cannot be read is set aside: it is
    renamed, and a new file is used.
    """
    make_engine(config.storage.url).dispose()  # raises for a URL that can never work
    if config.storage.on_server:
        limit = config.storage.journal_max_mb * 1024**2
        journal = Journal(config.storage.journal_file, limit, sets_aside=True)
        journal.open()
        left = journal.observed_until(config.pbx.name), journal.open_records(config.pbx.name)
        journal.close()
        return left
    if waiting := pending_in(config.storage.journal_file, sets_aside=True):
        _log.warn(
            "{waiting} records in the journal {file} are not in the database, because storage.url no longer"
            " names a database server; import them with `cc-bridge db import-journal`",
            waiting=waiting,
            file=config.storage.journal_file,
        )
    engine = open_or_set_aside(config.storage.url, open_database)
    try:
        require_write_access(engine)
        with engine.connect() as connection:
            left = observed_until(connection, config.pbx.name), open_records(connection, config.pbx.name)
    finally:
        engine.dispose()
    return left


def run(config: Config, load: Callable[[], Config]) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    On SIGHUP, `load` reads the configuration again. If the new configuration is invalid, its faults are
    logged and the current configuration stays in force.
    """
    levels = start_logging(config.log.level, form=config.log.format)
    # systemd ends a hung daemon with SIGABRT. The fault handler then prints the stack of each thread.
    faulthandler.enable()
    # All timers follow the monotonic clock. With Twisted's default, a clock that is set back by an hour would
    # stop them for an hour.
    reactor.seconds = time.monotonic
    bridge = start(config, ShutdownDeadline())
    notify = SdNotify(os.environ)
    status = f"pages on {bridge.http_address}, surveys on {bridge.agi_address}"
    _notify_systemd(notify, status, bridge.health.alive)

    def reload() -> None:
        notify.reloading()
        try:
            changed = load()
            raise_limit(changed)
            later = bridge.reconfigure(changed)
        except CcBridgeError as error:
            for fault in str(error).splitlines():
                _log.error(
                    "configuration reload failed: {fault}; the current configuration stays in force",
                    fault=fault,
                )
            return
        finally:
            notify.ready(status)
        set_level(levels, bridge.config.log.level)
        if later:
            _log.info(
                "configuration reloaded; changes of {options} take effect only after a restart",
                options=", ".join(later),
            )
        else:
            _log.info("configuration reloaded")

    signal.signal(signal.SIGHUP, lambda *_: reactor.callFromThread(reload))
    # The 108,000 objects that exist now stay for the life of the process. Each full garbage collection of
    # them delayed calls by 65 ms. `freeze` excludes them from later collections.
    gc.collect()
    gc.freeze()
    # Reports are made in threads. While the reactor waits for Python's lock, a thread keeps it for this many
    # seconds. The reactor waits often: once for each wallboard that gets a change. Beside 20 readers and 200
    # wallboards, the 99th percentile of replies to callers was 39 to 51 ms with 0.5 ms, 28 ms with 0.1 ms.
    sys.setswitchinterval(0.0001)
    reactor.run()


def _notify_systemd(notify: SdNotify, status: str, alive: Callable[[], Mapping[str, str]]) -> None:
    """Notify systemd of the start and the stop, and send it a periodic message that the daemon is alive.

    `status` is the text that systemd shows. The periodic message (watchdog) is sent from the reactor, so a
    hung reactor sends none. The message is also omitted while `alive` reports a fault, such as an ended
    writer thread or a periodic task that no longer runs. systemd restarts the daemon if the message does not
    arrive.
    """
    reactor.callWhenRunning(notify.ready, status)
    reactor.addSystemEventTrigger("before", "shutdown", notify.stopping)
    if notify.watchdog_seconds:
        PeriodicTask(
            "systemd watchdog",
            notify.watchdog_seconds / 2,
            lambda: None if any(alive().values()) else notify.alive(),
            reactor,
        ).start()
