"""What a team lead reads: `report`."""

import sys
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge.commands.common import DATE, config_option, load_config

if TYPE_CHECKING:
    from cc_bridge.config import Config
    from cc_bridge.reports.figures import Report
    from cc_bridge.reports.query import ReportQuery
    from cc_bridge.reports.registry import ReportType
    from cc_bridge.reports.render.localization import Localization

__all__ = ["report"]

# As in reports/registry.py and reports/query.py, which are not imported for --help; a test keeps them in
# step.
_NAMES = ("service", "agents", "voice", "journey", "lost", "delivery-gap", "causes", "change", "hours")
_BY = ("queue", "agent", "hour", "weekday", "day", "stage", "language", "wait-band")


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise click.BadParameter(f"{name!r} is no time zone: write one such as Asia/Tehran") from error


@click.command()
@click.argument("name", type=click.Choice(_NAMES))
@config_option
@click.option("--from", "first", type=DATE, help="The first day; else the first of this month.")
@click.option("--to", "last", type=DATE, help="The last day, with its end; else today.")
@click.option("--by", type=click.Choice(_BY), help="What a row is; not every report has all.")
@click.option("--at", "changed", type=DATE, help="The first day after a change, for the report change.")
@click.option("--queue", "queues", multiple=True, help="Only this queue; may be given several times.")
@click.option("--pbx", default="", help="Only this PBX; else all of the database.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json", "html"]), default="table")
@click.option("--table", "which", default="", help="The table for csv; else the first one of the report.")
@click.option("--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Into a file.")
@click.option("--language", type=click.Choice(["en", "fa"]), help="Else reports.language.")
@click.option("--calendar", type=click.Choice(["gregorian", "persian"]), help="Else reports.calendar.")
@click.option("--digits", type=click.Choice(["latin", "persian"]), help="Else reports.digits.")
@click.option("--timezone", "zone", type=_zone, metavar="ZONE", help="Of days; else general.time_zone.")
@click.option(
    "--min-sample-size",
    type=click.IntRange(2),
    help="Fewer is too few; else reports.min_sample_size.",
)
def report(name: str, path: Path | None, **options: Any) -> None:
    """Print a report: NAME is service, agents, voice, journey, lost, delivery-gap, causes, change or hours.

    Dates are of the Gregorian or the Persian calendar: 2026-11-01 or 1405-08-10. Every figure has its n, and
    an interval where chance plays a part; what each means is in the HTML and JSON, and in config/measures.md.

    \b
    Examples:  cc-bridge report service --from 2026-11-01 --to 2026-11-30
               cc-bridge report voice --by agent --format html --out voice.html
               cc-bridge report service --language fa --calendar persian --digits persian --from 1405-08-01
               cc-bridge report change --from 2026-10-01 --at 2026-11-01 --queue sales
               cc-bridge report lost --by hour --format csv
    """
    from time import time

    from cc_bridge.config.report_parameters import localization
    from cc_bridge.reports.registry import REPORTS

    config = load_config(path)
    now = time()
    kind = REPORTS[name]
    ask = _ask(config, name, kind, now, options)
    _written(ask, options)
    made = _made(config, name, kind, ask, now)
    wording = localization(config, ask, options["language"], options["digits"])
    text = _text(made, wording, now, options)
    if options["out"] is None:
        click.echo(text, nl=False)
        return
    try:
        options["out"].write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{options['out']}: {error.strerror}") from error


def _ask(
    config: "Config", name: str, kind: "ReportType", now: float, options: dict[str, Any]
) -> "ReportQuery":
    from dataclasses import replace

    from cc_bridge.config.report_parameters import report_days, report_query
    from cc_bridge.reports.query import Dimension

    wishes = config.reports
    usual = report_days(config)
    days = replace(usual, zone=options["zone"] or usual.zone, kind=options["calendar"] or usual.kind)
    last = options["last"] or days.today(now)
    first = options["first"] or days.first_of_month(last)
    if first > last:
        raise click.UsageError(f"--from {first} is after --to {last}")
    changed = options["changed"]
    if (name == "change") != (changed is not None):
        raise click.UsageError("the report change, and no other, needs --at: the first day after the change")
    if changed and not first < changed <= last:
        raise click.UsageError(f"--at {changed} must lie after --from {first} and not after --to {last}")
    by = Dimension(options["by"]) if options["by"] else kind.by[0]
    if by not in kind.by:
        raise click.UsageError(f"the report {name} has no rows by {by}: use --by {'|'.join(kind.by)}")
    return replace(
        report_query(config, first, last, options["queues"]),
        by=by,
        days=days,
        pbx=options["pbx"],
        minimum=options["min_sample_size"] or wishes.min_sample_size,
        changed=changed,
    )


def _written(ask: "ReportQuery", options: dict[str, Any]) -> None:
    """Find out before the long work whether it can be written."""
    try:
        if ask.days.kind == "persian":
            import persiantools  # noqa: F401
        if options["form"] == "table":
            import rich  # noqa: F401
        if options["form"] == "html":
            import jinja2  # noqa: F401
    except ImportError as error:
        raise click.ClickException(f"{error.name} is missing: install cc-bridge[report]") from error


def _made(config: "Config", name: str, kind: "ReportType", ask: "ReportQuery", now: float) -> "Report":
    from dataclasses import replace

    from cc_bridge.config.customers import make_numbers
    from cc_bridge.reports.lost_call_callbacks import BY, callback_table
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.lost_calls import lost_between
    from cc_bridge.storage.reports import SqlSource, reading

    with (
        database(config.storage.url) as engine,
        reading(engine) as connection,
        click.progressbar(length=kind.questions + 1, label="report", file=sys.stderr) as bar,
    ):
        source = SqlSource(connection, ask, lambda: bar.update(1))
        made = kind.make(ask, source)
        if name == "lost" and ask.by in BY:
            shared = make_numbers(config).shared
            calls = lost_between(connection, ask.since, ask.until, now, shared)
            made = replace(made, tables=(*made.tables, callback_table(ask, calls)))
        return replace(made, unobserved=source.unobserved())


def _text(made: "Report", wording: "Localization", now: float, options: dict[str, Any]) -> str:
    match options["form"]:
        case "csv":
            from cc_bridge.reports.render.data import as_csv

            tables = {table.name: table for table in made.tables}
            which = options["which"] or made.tables[0].name
            if which not in tables:
                raise click.UsageError(f"no table {which!r} in this report: use --table {'|'.join(tables)}")
            return as_csv(tables[which], wording)
        case "json":
            from cc_bridge.reports.render.data import as_json

            return as_json(made, wording, now)
        case "html":
            from cc_bridge.reports.render.html import as_html

            return as_html(made, wording, now)
        case _:
            from cc_bridge.reports.render.terminal import as_table

            terminal = options["out"] is None and sys.stdout.isatty()
            return as_table(made, wording, width=None if terminal else 200, colour=terminal)
