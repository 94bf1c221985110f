"""Storage at 2,000 records a second, and reports on 2 million visits.

`python tests/bench/store.py [--seconds 60] [--visits 2000000]`. README.md in this directory explains each
figure.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import click
from contact_records import PBX
from machine import machine
from questions import ask
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import DBAPIError
from store_contestants import RATE
from year import DAYS, Year

from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.open_state import observed_until
from cc_bridge.storage.schema.tables import metadata

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE.parent))
from support.databases import PostgreSql  # noqa: E402 - tests are no package

_POLL = 0.05  # seconds
_LEAST = 0.02  # seconds
_FIRST_DAYS = 37  # a tenth of the year, with the month of the queries

# Figure -> its largest allowed value.
_MOST = {
    "sqlite_backlog_s": 2.0,
    "postgres_backlog_s": 2.0,
    "cpu_share": 0.5,
    "report_s": 1.0,
    "growth": 12.0,
}


@dataclass(frozen=True)
class Written:
    """The result of one contestant.

    A backlog is the age, in seconds, of the oldest record that the database does not have yet.
    """

    records: int
    cpu_seconds: float
    backlogs: list[float]

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_seconds / self.records


def write(name: str, url: str, seconds: float) -> Written:
    """Run a contestant that writes to the database, and poll the database for the backlog meanwhile."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as output:
        command = [sys.executable, str(_HERE / "store_contestants.py"), name, url, folder, str(seconds)]
        engine = create_engine(url)
        backlogs = []
        process = subprocess.Popen(command, stdout=output)
        began = None
        while process.poll() is None:
            time.sleep(_POLL)
            if name != "bridge":
                continue
            try:
                with engine.connect() as connection:
                    until = observed_until(connection, PBX)
            except DBAPIError:  # the tables do not exist yet
                continue
            now = time.time()
            if until is not None and began is None:
                began, first = now, until
            # From the second mark to the last one.
            if began is not None and until > first and now < began + seconds:
                backlogs.append(now - until)
        output.seek(0)
        said = output.read()
        if process.returncode:
            raise click.ClickException(f"{name} ended with {process.returncode}")
        told = json.loads(said)
        with engine.connect() as connection:
            rows = sum(
                connection.scalar(select(func.count()).select_from(table))
                for table in metadata.sorted_tables
                if table.name not in {"observation_watermarks", "open_state"}  # states, not records
            )
        engine.dispose()
    if rows != told["keys"]:
        raise click.ClickException(f"{name}: the database has {rows} rows of {told['keys']}")
    return Written(told["records"], told["cpu_seconds"], backlogs)


def writing(kind: str, urls: Iterator[str], seconds: float) -> tuple[float, float, float]:
    """Run both contestants. Return the largest backlog in s, our share of a core, our CPU time as a ratio."""
    ours, plain = (write(name, next(urls), seconds) for name in ("bridge", "executemany"))
    backlogs = sorted(ours.backlogs)
    worst, share = backlogs[-1], ours.cpu_seconds / seconds
    click.echo(
        f"  {kind:10}{ours.records:8}{backlogs[len(backlogs) // 2]:14.2f}{worst:9.2f}{share:9.2f}"
        f"{ours.cpu_ms:15.3f}{plain.cpu_ms:16.3f}"
    )
    return worst, share, ours.cpu_ms / plain.cpu_ms


def reporting(url: str, visits: int) -> tuple[float, float]:
    """Time all queries with a tenth of the visits and with all visits.

    Return the seconds of the slowest query with all visits, and the largest growth of a query's time as a
    factor.
    """
    engine = open_database(url)
    year = Year(engine, visits // DAYS)
    took = []
    with click.progressbar(length=DAYS, label=f"{visits} visits", file=sys.stderr) as bar:
        for days in (_FIRST_DAYS, DAYS):
            year.fill(days, bar.update)
            took.append(ask(engine))
    engine.dispose()
    before, after = took
    click.echo(f"  {'':72}{'rows':>6}{'a tenth, s':>12}{'all, s':>8}")
    for words, (seconds, rows) in after.items():
        click.echo(f"  {words[:70]:72}{rows:6}{before[words][0]:12.3f}{seconds:8.3f}")
    # A very short time varies by chance, so `_LEAST` is its lower limit here.
    growth = max(now / max(before[words][0], _LEAST) for words, (now, _) in after.items())
    return max(seconds for seconds, _ in after.values()), growth


@click.command(help=__doc__.partition("\n")[0])
@click.option("--seconds", default=60.0, help="The duration of writing, in seconds.", show_default=True)
@click.option("--visits", default=2_000_000, help="The number of visits in the reports.", show_default=True)
def main(*, seconds: float, visits: int) -> None:
    server = PostgreSql()
    with tempfile.TemporaryDirectory() as folder:
        try:
            server.make()
            server.start()
            (version,) = server.run("SHOW server_version")[0]
            load = os.getloadavg()[0]
            click.echo(f"{machine()}; PostgreSQL {version}; load average before {load:.1f}")
            click.echo(f"{RATE} records a second for {seconds:g} s:")
            click.echo(f"  {'':10} records  backlog p50  worst s   share  CPU ms/record  executemany's")
            files = (f"sqlite:///{Path(folder) / f'{n}.sqlite'}" for n in count())
            databases = (server.fresh().render_as_string(hide_password=False) for _ in count())
            sqlite = writing("SQLite", files, seconds)
            postgres = writing("PostgreSQL", databases, seconds)
            report, growth = reporting(next(databases), visits)
        finally:
            server.close()
    result = {
        "sqlite_backlog_s": sqlite[0],
        "postgres_backlog_s": postgres[0],
        "cpu_share": max(sqlite[1], postgres[1]),
        "report_s": report,
        "growth": growth,
    }
    missed = [f"{name} <= {bar:g}" for name, bar in _MOST.items() if not result[name] <= bar]
    click.echo(f"bars missed: {', '.join(missed) or 'none'}")
    result["cpu_ratio_executemany"] = max(sqlite[2], postgres[2])
    click.echo("RESULT " + " ".join(f"{name}={value:.3g}" for name, value in result.items()))


if __name__ == "__main__":
    main()
