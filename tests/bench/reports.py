"""Time of `cc-bridge report NAME` for a year of 2 million calls on PostgreSQL, and its correctness.

`python tests/bench/reports.py [--calls 2000000] [--verify]`. README.md in this directory explains each
figure.
"""

import json
import math
import os
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from counted import Counted
from machine import machine
from sqlalchemy import func, select
from year import CHANGED, DAYS, FIRST_DAY, LINGERING, RUDE, Year

from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import BANDS, QueueSettings, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.render.data import as_json
from cc_bridge.reports.render.localization import Localization
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.storage.schema import tables

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.databases import PostgreSql

_MOST = 2.0  # seconds for a report
_REPEATS = 3
_PLAIN_TO_SEE = 1_000_000  # calls; with fewer, chance may hide the planted effects
_BERLIN = ZoneInfo("Europe/Berlin")  # a zone with two clock changes a year
_SETTINGS = {
    "queue 3": QueueSettings(threshold=45.0, wrap_up=10.0, stage="first_contact"),
    "queue 4": QueueSettings(short_abandon=3.0, stage="support"),
}


def asking(by):
    # One more day at both ends, so that the span contains the whole year.
    first, last = FIRST_DAY - timedelta(1), FIRST_DAY + timedelta(DAYS)
    return ReportQuery(first, last, by, Days(_BERLIN), settings=_SETTINGS, changed=CHANGED)


def made(engine, kind, by):
    """Make a report of `kind` for the dimension `by`. Return it and the seconds that it took."""
    ask = asking(by)
    began = time.perf_counter()
    with reading(engine) as connection:
        source = SqlSource(connection, ask)
        report = kind.make(ask, source)
        source.unobserved()
    return report, time.perf_counter() - began


def measured(engine):
    """Time each report with each of its dimensions; return the seconds of the slowest report.

    Only a report's first dimension counts, with its median.
    """
    worst = 0.0
    for name, kind in REPORTS.items():
        for by in kind.by:
            usual = by is kind.by[0]
            took = statistics.median(made(engine, kind, by)[1] for _ in range(_REPEATS if usual else 1))
            click.echo(f"  {name:14}{by:12}{took:8.2f}")
            if usual:
                worst = max(worst, took)
    return worst


def verified(engine):
    """Compare each report with a count in Python, row by row. Return the number of compared figures."""
    figures = 0
    with engine.connect() as connection:
        counted = Counted(connection, asking(None))
        plain = connection.scalar(select(func.count()).select_from(tables.calls)) >= _PLAIN_TO_SEE
        wanted = [(name, by) for name, kind in REPORTS.items() for by in kind.by]
        with click.progressbar(wanted, label="verifying", file=sys.stderr) as bar:
            for name, by in bar:
                kind = REPORTS[name]
                expected = kind.make(asking(by), counted)
                figures += _same(_content(made(engine, kind, by)[0]), _content(expected), f"{name} by {by}")
                if plain:
                    _called_out(name, expected.findings)
    return figures


def _content(report):
    return json.loads(as_json(report, Localization(days=report.ask.days, bands=BANDS), 0.0))


def _same(reported, expected, where):
    """Compare two trees of JSON and return their number of numbers. A difference raises ClickException."""
    if isinstance(reported, dict) and isinstance(expected, dict) and reported.keys() == expected.keys():
        return sum(_same(reported[key], expected[key], f"{where}, {key}") for key in reported)
    if isinstance(reported, list) and isinstance(expected, list) and len(reported) == len(expected):
        pairs = enumerate(zip(reported, expected, strict=True))
        return sum(_same(*pair, f"{where}, {place}") for place, pair in pairs)
    numbers = isinstance(reported, float | int) and isinstance(expected, float | int)
    if reported != expected and not (
        numbers and math.isclose(reported, expected, rel_tol=1e-6, abs_tol=1e-6)
    ):
        raise click.ClickException(f"{where}: the report has {reported!r}, the count {expected!r}")
    return int(numbers)


def _called_out(name, findings):
    """Check that the report's findings name the effects that year.py plants, and no others."""
    match name:
        case "causes":
            found = {(each.sentence, each.keys["factor"][1], each.keys["key"][1]) for each in findings}
            agents = {key for sentence, factor, key in found if (sentence, factor) == ("more_low", "agent")}
            right = agents == {f"Agent {number}" for number in RUDE}
            right &= {factor for _, factor, _ in found} == {"wait-band", "agent"}
        case "change":
            found = {(each.sentence, each.keys["measure"][1]) for each in findings}
            planted = {("rose", "service_level_no_short"), ("fell", "wait_mean"), ("fell", "answer_mean")}
            right = planted <= found <= planted | {
                ("rose", "csat"), ("rose", "csat_mean"), ("fell", "abandonment"),
            }  # fmt: skip
        case "agents":
            found = {each.keys["agent"][1] for each in findings}
            right = found == {f"Agent {LINGERING}"}
        case _:
            return
    if not right:
        raise click.ClickException(f"the report {name} calls out {sorted(map(str, found))}")


@click.command(help=__doc__.partition("\n")[0])
@click.option("--calls", default=2_000_000, help="The number of calls in the year.", show_default=True)
@click.option("--verify", is_flag=True, help="Compare with a count in Python: ten minutes.")
@click.option("--url", default="", help="A database that is already filled, in place of a new one.")
def main(*, calls: int, verify: bool, url: str) -> None:
    server = None
    try:
        if not url:
            server = PostgreSql()
            server.make()
            server.start()
            url = server.fresh().render_as_string(hide_password=False)
        engine = open_database(url)
        if server:
            with click.progressbar(length=DAYS, label=f"{calls} calls", file=sys.stderr) as bar:
                Year(engine, calls // DAYS).fill(DAYS, bar.update)
        click.echo(f"{machine()}; load average before {os.getloadavg()[0]:.1f}; seconds a report of a year:")
        worst = measured(engine)
        click.echo(f"bars missed: {'none' if worst <= _MOST else f'report_s <= {_MOST:g}'}")
        if verify:
            click.echo(f"verified: {verified(engine)} figures are what was counted row by row")
        click.echo(f"RESULT report_s={worst:.3g}")
        engine.dispose()
    finally:
        if server:
            server.close()


if __name__ == "__main__":
    main()
