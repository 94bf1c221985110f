"""A daemon elsewhere that observes the same PBX: ours, not started yet, would be the second. Blocks.

The trap: while one runs here its marks hide those of another, and only its log tells (storage/lone.py). So
this looks only while none does; and one that was stopped a moment ago has left the same mark.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from cc_bridge.config import Config
from cc_bridge.doctor.daemon import runs
from cc_bridge.doctor.finding import Finding, warn
from cc_bridge.errors import StorageError
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.queries import observed_until

__all__ = ["findings"]

_FRESH_SECONDS = 15.0  # a daemon leaves a mark every 5 s; clocks differ


def findings(config: Config) -> Iterator[Finding]:
    storage, pbx = config.storage, config.pbx.name
    if runs(config.http):
        return
    try:
        engine = make_engine(storage.url)
        if not storage.on_server and not Path(str(engine.url.database)).exists():
            return  # to ask would make the file
        try:
            with engine.connect() as connection:
                until = observed_until(connection, pbx)
        finally:
            engine.dispose()
    except (StorageError, SQLAlchemyError):
        return  # told with the database
    if until is not None and abs(time.time() - until) < _FRESH_SECONDS:
        yield warn(
            "database.daemons",
            f"a daemon that does not run here observes the PBX {pbx!r}, or did a moment ago",
            "ask again in a minute; if it stays, give each PBX a pbx.name of its own, or run one daemon",
        )
