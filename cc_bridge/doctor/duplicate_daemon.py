"""A daemon elsewhere that observes the same PBX: ours, not started yet, would be the second. Blocks.

The trap: while one runs here its marks hide those of another, and only its log tells
(storage/pipeline/duplicate_writer.py). So this looks only while none does. And one that was stopped a moment
ago has left a fresh mark: where there is one, this waits for the next.
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

__all__ = ["findings"]

_FRESH_SECONDS = 15.0  # clocks differ
_NEXT_SECONDS = 7.0  # a daemon leaves a mark every 5 s, and writes it within one


def findings(config: Config, wait: Callable[[float], None] = time.sleep) -> Iterator[CheckResult]:
    storage, pbx = config.storage, config.pbx.name
    if runs(config.http):
        return
    try:
        engine = make_engine(storage.url)
        if not storage.on_server and not Path(str(engine.url.database)).exists():
            return  # to ask would make the file
        try:
            until = _mark(engine, pbx)
            if until is None or abs(time.time() - until) > _FRESH_SECONDS:
                return
            wait(_NEXT_SECONDS)
            later = _mark(engine, pbx)
        finally:
            engine.dispose()
    except (StorageError, SQLAlchemyError):
        return  # told with the database
    if later is not None and later > until and not runs(config.http):
        yield warn(
            "database.daemons",
            f"a daemon that does not run here observes the PBX {pbx!r}",
            "give each PBX a pbx.name of its own, or run one daemon",
        )


def _mark(engine: Engine, pbx: str) -> float | None:
    with engine.connect() as connection:
        return observed_until(connection, pbx)
