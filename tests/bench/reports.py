"""Time of each report for a month and for a year of 2 million calls on PostgreSQL, and its correctness.

`python tests/bench/reports.py [--calls 2000000] [--verify]`. README.md in this directory explains each
figure.
"""

import json
import math
import os
import statistics
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import click
from counted import Counted
from machine import machine
from sqlalchemy import func, select
from year import CHANGED, DAYS, FIRST_DAY, LINGERING, RUDE
from year_database import year_database

from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import BANDS, QueueSettings, ReportQuery
from cc_bridge.reports.registry import REPORTS
from cc_bridge.reports.render.data import as_json
from cc_bridge.reports.render.localization import Localization
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.computed_report import compute_report
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.storage.schema import tables

_MOST_USUAL, _MOST = 1.0, 2.0  # seconds: for a month by a report's first dimension, for a year by any
_REPEATS = 3
_MONTH = date(2026, 10, 1)
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


def taken(engine, name, ask):
    """Compute a report as its page does; return the seconds that it took, and those of this process's CPU."""
    now = ask.days.began(FIRST_DAY + timedelta(DAYS + 2))
    began, cpu = time.perf_counter(), time.thread_time()
    with reading(engine) as connection:
        compute_report(connection, name, ask, now)
    return time.perf_counter() - began, time.thread_time() - cpu


def measured(engine):
    """Time each report with each of its dimensions, each as a median.

    Return the seconds of the slowest report of a month by its first dimension, and of a year by any.
    """
    usual = slowest = 0.0
    click.echo(f"  {'':27}{'month':>7}{'year':>7}{'CPU':>7}")
    for name, kind in REPORTS.items():
        for by in kind.by:
            year = asking(by)
            month = replace(year, first=_MONTH, last=_MONTH + timedelta(29), changed=_MONTH + timedelta(15))
            spans = [[taken(engine, name, ask) for _ in range(_REPEATS)] for ask in (month, year)]
            of_month, of_year = (statistics.median(seconds for seconds, _ in each) for each in spans)
            cpu = statistics.median(cpu for _, cpu in spans[1])
            click.echo(f"  {name:14}{by:13}{of_month:7.2f}{of_year:7.2f}{cpu:7.2f}")
            slowest = max(slowest, of_year)
            usual = max(usual, of_month if by is kind.by[0] else 0.0)
    return usual, slowest


def verified(engine):
    """Compare each report with a count in Python, row by row. Return the number of compared figures."""

    def made(kind, by):
        with reading(engine) as connection:
            return kind.make(asking(by), SqlSource(connection, asking(by)))

    figures = 0
    with engine.connect() as connection:
        counted = Counted(connection, asking(None))
        plain = connection.scalar(select(func.count()).select_from(tables.calls)) >= _PLAIN_TO_SEE
        wanted = [(name, by) for name, kind in REPORTS.items() for by in kind.by]
        with click.progressbar(wanted, label="verifying", file=sys.stderr) as bar:
            for name, by in bar:
                kind = REPORTS[name]
                expected = kind.make(asking(by), counted)
                figures += _same(_content(made(kind, by)), _content(expected), f"{name} by {by}")
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
    with year_database(url, calls) as filled:
        engine = open_database(filled)
        click.echo(f"{machine()}; load average before {os.getloadavg()[0]:.1f}; seconds:")
        usual, slowest = measured(engine)
        missed = [f"month_s <= {_MOST_USUAL:g}"] if usual > _MOST_USUAL else []
        missed += [f"year_s <= {_MOST:g}"] if slowest > _MOST else []
        click.echo(f"bars missed: {', '.join(missed) or 'none'}")
        if verify:
            click.echo(f"verified: {verified(engine)} figures are what was counted row by row")
        click.echo(f"RESULT month_s={usual:.3g} year_s={slowest:.3g}")
        engine.dispose()


if __name__ == "__main__":
    main()
