"""Check for a daemon on another machine that observes the same PBX. The check blocks for up to 7 s.

A running daemon stores the time up to which it has observed its PBX in the database every 5 s. If this time
advances although no daemon runs on this machine, another daemon must have stored it. The check reads the time
twice, because a daemon that was stopped a moment ago has left a recent time as well.

The check is skipped while a daemon runs on this machine, because that daemon advances the time itself. The
running daemon also detects a second daemon and logs it.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, warn
from cc_bridge.doctor.daemon import runs
from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.queries.open_state import observed_until

__all__ = ["check"]

_FRESH_SECONDS = 15.0  # allows for clocks that differ
_NEXT_SECONDS = 7.0  # a daemon makes a mark every 5 s and writes it within 1 s


def check(config: Config, wait: Callable[[float], None] = time.sleep) -> Iterator[CheckResult]:
    """Yield a warning if a daemon on another machine writes records of this PBX; otherwise yield nothing.

    `wait` sleeps for the number of seconds between the two readings of the database.
    """
    storage, pbx = config.storage, config.pbx.name
    if runs(config.http):
        return
    try:
        engine = make_engine(storage.url)
        if not storage.on_server and not Path(str(engine.url.database)).exists():
            return  # SQLite would create the file
        try:
            until = _mark(engine, pbx)
            if until is None or abs(time.time() - until) > _FRESH_SECONDS:
                return
            wait(_NEXT_SECONDS)
            later = _mark(engine, pbx)
        finally:
            engine.dispose()
    except (StorageError, SQLAlchemyError):
        return  # reported by the check of the database
    if later is not None and later > until and not runs(config.http):
        yield warn(
            "database.daemons",
            f"a daemon on another machine observes the PBX {pbx!r}",
            "set a different pbx.name for each PBX, or run one daemon only",
        )


def _mark(engine: Engine, pbx: str) -> float | None:
    """Return the time up to which a daemon has observed the PBX, in UTC seconds since the epoch.

    None means that no such time is stored.
    """
    with engine.connect() as connection:
        return observed_until(connection, pbx)
