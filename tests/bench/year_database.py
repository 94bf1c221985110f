"""A PostgreSQL with the year of `year.py`, for the benches of reports and pages."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from year import DAYS, Year

from cc_bridge.storage.migrate import open_database

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.databases import PostgreSql

__all__ = ["year_database"]


@contextmanager
def year_database(url: str, calls: int) -> Iterator[str]:
    """Yield `url`; if it is empty, the URL of a new server with that many calls, stopped at the end."""
    if url:
        yield url
        return
    server = PostgreSql()
    try:
        server.make()
        server.start()
        url = server.fresh().render_as_string(hide_password=False)
        engine = open_database(url)
        with click.progressbar(length=DAYS, label=f"{calls} calls", file=sys.stderr) as bar:
            Year(engine, calls // DAYS).fill(DAYS, bar.update)
        engine.dispose()
        yield url
    finally:
        server.close()
