"""The command `report`: tables of figures for team leads."""

import sys
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_bridge.commands.common import DATE, config_option, load_config, progress
from cc_bridge.safe_text.printable import printable_lines

if TYPE_CHECKING:
    from cc_bridge.config import Config
    from cc_bridge.reports.figures import Report
    from cc_bridge.reports.query import ReportQuery
    from cc_bridge.reports.registry import ReportType
    from cc_bridge.reports.render.localization import Localization

__all__ = ["report"]

# Copies of the names in reports/registry.py and reports/query.py, since --help must not import these modules.
# A test compares them.
_NAMES = ("service", "agents", "voice", "journey", "lost", "delivery-gap", "causes", "change", "hours")
_BY = (
    "queue", "agent", "hour", "half-hour", "quarter-hour", "weekday", "day", "stage", "language", "wait-band",
)  # fmt: skip


def _zone(name: str) -> tzinfo:
    """Return the time zone with this name. Raises BadParameter for an unknown name."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise click.BadParameter(f"{name!r} is not a time zone: give one such as Asia/Tehran") from error


@click.command()
@click.argument("name", type=click.Choice(_NAMES))
@config_option
@click.option("--from", "first", type=DATE, help="First day. Default: the first day of the month of --to.")
@click.option("--to", "last", type=DATE, help="Last day, inclusive. Default: today.")
@click.option(
    "--by", type=click.Choice(_BY), help="Grouping of the rows. Each report supports only some groupings."
)
@click.option("--at", "changed", type=DATE, help="For the report `change`: first day after the change.")
@click.option(
    "--queue", "queues", multiple=True, help="Only this queue; repeat the option for several queues."
)
@click.option("--pbx", default="", help="Only this PBX. Default: all PBXs in the database.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "html"]),
    default="table",
    show_default=True,
    help="Form of the report: a table for a terminal, one table as CSV, JSON, or an HTML page.",
)
@click.option(
    "--table", "which", default="", help="Table of the report for --format csv. Default: the first table."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write to this file."
)
@click.option(
    "--language", type=click.Choice(["en", "fa"]), help="Language of the texts. Default: reports.language."
)
@click.option(
    "--calendar",
    type=click.Choice(["gregorian", "persian"]),
    help="Calendar of the dates. Default: reports.calendar.",
)
@click.option(
    "--digits",
    type=click.Choice(["latin", "persian"]),
    help="Digits of the numbers. Default: reports.digits.",
)
@click.option(
    "--timezone", "zone", type=_zone, metavar="ZONE", help="Time zone of days. Default: general.time_zone."
)
@click.option(
    "--min-sample-size",
    type=click.IntRange(2),
    help="Smallest number of calls or answers for a score. Default: reports.min_sample_size.",
)
def report(name: str, path: Path | None, **options: Any) -> None:
    """Print a report: NAME is service, agents, voice, journey, lost, delivery-gap, causes, change or hours.

    Dates are given in the Gregorian or the Persian calendar: 2026-11-01 or 1405-08-10. Each figure is printed
    with its sample size n, and scores with a confidence interval. The HTML and JSON output and
    config/docs/kpis.md explain each figure.

    \b
    Examples:  cc-bridge report service --from 2026-11-01 --to 2026-11-30
               cc-bridge report voice --by agent --format html --out voice.html
               cc-bridge report change --from 2026-10-01 --at 2026-11-01 --queue sales
               cc-bridge report lost --by hour --format csv

    \b
    In Persian: cc-bridge report service --language fa --calendar persian --digits persian --from 1405-08-01
    """
    from time import time

    from cc_bridge.config.report_parameters import localization
    from cc_bridge.reports.registry import REPORTS

    config = load_config(path)
    now = time()
    kind = REPORTS[name]
    query = _query(config, name, kind, now, options)
    computed = _compute(config, name, kind, query, now)
    wording = localization(config, query, options["language"], options["digits"])
    text = _text(computed, wording, now, options)
    if options["out"] is None:
        click.echo(text, nl=False)
        return
    try:
        options["out"].write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{options['out']}: {error.strerror}") from error


def _query(
    config: "Config", name: str, kind: "ReportType", now: float, options: dict[str, Any]
) -> "ReportQuery":
    """Return the query for the report `name`, made from the command-line options.

    `kind` is the type of this report. Raises UsageError for options that do not fit the report.
    """
    from dataclasses import replace

    from cc_bridge.config.report_parameters import report_days, report_query
    from cc_bridge.reports.query import Dimension

    defaults = report_days(config)
    days = replace(defaults, zone=options["zone"] or defaults.zone, kind=options["calendar"] or defaults.kind)
    last = options["last"] or days.today(now)
    first = options["first"] or days.first_of_month(last)
    if first > last:
        raise click.UsageError(f"--from {first} is after --to {last}")
    changed = options["changed"]
    if (name == "change") != (changed is not None):
        raise click.UsageError(
            "--at, the first day after the change, is required for the report change and for no other"
        )
    if changed and not first < changed <= last:
        raise click.UsageError(f"--at {changed} must be after --from {first} and not after --to {last}")
    by = Dimension(options["by"]) if options["by"] else kind.by[0]
    if by not in kind.by:
        raise click.UsageError(f"the report {name} has no grouping by {by}: use --by {'|'.join(kind.by)}")
    return replace(
        report_query(config, first, last, options["queues"]),
        by=by,
        days=days,
        pbx=options["pbx"],
        minimum=options["min_sample_size"] or config.reports.min_sample_size,
        changed=changed,
    )


def _compute(config: "Config", name: str, kind: "ReportType", query: "ReportQuery", now: float) -> "Report":
    """Return the report, computed from the database; `now` is in UTC seconds since the epoch."""
    from cc_bridge.config.customers import make_numbers
    from cc_bridge.storage.migrate import database
    from cc_bridge.storage.queries.computed_report import compute_report
    from cc_bridge.storage.reports import reading

    with (
        database(config.storage.url) as engine,
        reading(engine) as connection,
        progress(kind.questions + 1, "report") as bar,
    ):
        shared = make_numbers(config).shared
        return compute_report(connection, name, query, now, shared, lambda: bar.update(1))


def _text(computed: "Report", wording: "Localization", now: float, options: dict[str, Any]) -> str:
    """Return the report as text in the output format that the options select.

    `wording` has the language, the digits and the calendar of the text. A CSV table in a file has its values
    unchanged; on a terminal, unprintable characters are escaped.
    """
    terminal = options["out"] is None and sys.stdout.isatty()
    match options["form"]:
        case "csv":
            from cc_bridge.reports.render.data import as_csv

            tables = {table.name: table for table in computed.tables}
            which = options["which"] or computed.tables[0].name
            if which not in tables:
                raise click.UsageError(f"this report has no table {which!r}: use --table {'|'.join(tables)}")
            text = as_csv(tables[which], wording)
            return printable_lines(text) if terminal else text
        case "json":
            from cc_bridge.reports.render.data import as_json

            return as_json(computed, wording, now)
        case "html":
            from cc_bridge.reports.render.html import as_html

            return as_html(computed, wording, now)
        case _:
            from shutil import get_terminal_size

            from cc_bridge.reports.render.terminal import as_table

            return as_table(computed, wording, width=get_terminal_size().columns, colour=terminal)
