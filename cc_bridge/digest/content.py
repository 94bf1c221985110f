"""The content of a digest: totals of reports for a period, next to the totals of an earlier period. Pure.

Each figure is a cell of a report. So a digest and `cc-bridge report` never differ for the same days.

A difference that chance explains is not highlighted. Each figure is compared with the same figure of the
earlier period. The two are highlighted only if both have enough calls or answers and their confidence
intervals do not overlap. These intervals are wider, the more pairs of figures are compared (Bonferroni
correction).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from cc_bridge.customers.lost_calls import LostCall
from cc_bridge.kpis.question_kinds import SCORES
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.causes import LOW
from cc_bridge.reports.delivery_gap import delivery_gap
from cc_bridge.reports.figures import (
    Cell,
    Column,
    Figure,
    Highlight,
    KeyKind,
    Report,
    ReportRow,
    ReportTable,
    apart,
    comparable,
    count,
    share,
)
from cc_bridge.reports.lost_call_callbacks import callback_table
from cc_bridge.reports.lost_visits import lost
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.queue_performance import service
from cc_bridge.reports.source import Source
from cc_bridge.reports.voice import voice

__all__ = ["Digest", "DigestName", "FollowUpSummary", "digest"]

_COLUMNS = (
    Column("this_period", Unit.MEAN, formula="the measure in the period", has_n=True, has_interval=True),
    Column(
        "period_before", Unit.MEAN, formula="the measure in the period before", has_n=True, has_interval=True
    ),
)
# The figures of each part of a digest: name of a report's table -> columns of its total row.
_SERVICE = {
    "service": ("offered", "answered", "service_level_no_short", "abandonment"),
    "waits": ("wait_mean", "answer_mean", "handle_mean"),
}
_VOICE = {
    "scores": tuple(SCORES),
    "low_ratings": ("low_ratings", "low"),
    "funnel": ("response_rate", "not_routed"),
}
_LOST = {
    "lost": ("lost", "lost_share"),
    "recalls": (
        "recalled",
        "self_served",
        "not_managed",
        "not_managed_share",
        "recall_median",
        "recall_open",
    ),
}
_LOW = (
    Column("low_ratings", Unit.COUNT, formula="answers[1] + answers[2] of csat"),
    Column("low", Unit.PERCENT, formula="low_ratings / n", has_n=True, has_interval=True),
)


class DigestName(StrEnum):
    """The name of a digest's title in texts.toml; it depends on the length of the digest's period."""

    DAY = "digest_day"
    WEEK = "digest_week"
    MONTH = "digest_month"
    SPAN = "digest_span"


@dataclass(frozen=True, slots=True)
class FollowUpSummary:
    """The numbers of follow-ups that a digest shows: waiting (not closed), overdue and closed.

    `waiting` and `overdue` are counted now. `closed` and `close_median` are for the period of the digest;
    `close_median` is the median time from opening to closing in seconds. `closed_before` and
    `close_median_before` are the same for the earlier period with which the digest is compared.
    """

    waiting: int  # open and taken follow-ups now, including overdue ones
    overdue: int
    closed: int
    close_median: float | None  # seconds from the cause to the end
    closed_before: int
    close_median_before: float | None


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest: `brief` is the report in the text of the mail, `whole` the complete attached report.

    `before_first` and `before_last` are the first and last day of the period for comparison. `before_begins`
    is the day of the first record, if it is after `before_first`.
    """

    brief: Report
    whole: Report
    before_first: date
    before_last: date
    before_begins: date | None = None


def digest(
    name: DigestName,
    ask: ReportQuery,
    before: ReportQuery,
    here: Source,
    there: Source,
    lost_calls: Iterable[LostCall],
    follow_ups: FollowUpSummary | None = None,
) -> Digest:
    """Return the digest of the period of `ask`, compared with the period of `before`.

    `here` is the source of the rows for `ask`, `there` is the source for `before`. `lost_calls` are the lost
    calls of both periods. If all days of the earlier period are before the first record of the database, the
    digest has no figures of that period.
    """
    calls = list(lost_calls)
    reports = _reports(ask, here)
    tables = _tables(ask, here, reports, calls)
    begins, before_begins = (of.later_begin(here.first_record()) for of in (ask, before))
    is_compared = before_begins is None or before_begins <= before.last
    tables_before = {}
    if is_compared:
        tables_before = _tables(before, there, _reports(before, there), calls)
    parts: list[ReportTable] = []
    for part, of_tables in {"digest_service": _SERVICE, "digest_voice": _VOICE, "digest_lost": _LOST}.items():
        rows = tuple(_compared(of_tables, tables, tables_before))
        if rows:
            parts.append(_part(part, rows))
    if follow_ups is not None:
        parts.append(_part("digest_follow_ups", tuple(_followed_up(follow_ups, is_compared=is_compared))))
    gap = reports["delivery-gap"]
    findings = (*_changes(parts), *(gap.findings or ()))
    unobserved = here.unobserved()
    notes = ("no_cause", "measures")
    brief = Report(
        name, ask, (*parts, *gap.tables), findings, notes=notes, unobserved=unobserved, begins=begins
    )
    whole = replace(
        brief,
        tables=(*parts, *gap.tables, *(table for name, table in tables.items() if name not in _NOT_TWICE)),
        tiles=reports["service"].tiles,
    )
    return Digest(brief, whole, before.first, before.last, before_begins)


_NOT_TWICE = {"delivery_gap", "low_ratings"}


def _reports(ask: ReportQuery, source: Source) -> dict[str, Report]:
    made = (service(ask, source), voice(ask, source), delivery_gap(ask, source), lost(ask, source))
    return {report.name: report for report in made}


def _tables(
    ask: ReportQuery, source: Source, reports: Mapping[str, Report], calls: Iterable[LostCall]
) -> dict[str, ReportTable]:
    """Return the tables of one period: the name of a table -> table.

    They are the tables of `reports`, a table that counts the lost calls in `calls` by result, and a table of
    low ratings.
    """
    made = [table for report in reports.values() for table in report.tables]
    made += [callback_table(ask, calls), _low_ratings(ask, source)]
    return {table.name: table for table in made}


def _low_ratings(ask: ReportQuery, source: Source) -> ReportTable:
    """Return a table with the number and share of low ratings, counted as in the report `causes`."""
    n = low = 0
    for row in source.answers(Dimension.QUEUE):
        if row.kind == "csat":
            n += row.n
            low += row.n if row.value <= LOW else 0
    total = ReportRow(("",), (count(low) if n else None, share(low, n, ask.minimum)))
    return ReportTable("low_ratings", (("queue", Dimension.QUEUE),), _LOW, (), total)


def _part(name: str, rows: tuple[ReportRow, ...]) -> ReportTable:
    return ReportTable(name, (("measure", KeyKind.WORD),), _COLUMNS, rows)


def _compared(
    names: Mapping[str, Iterable[str]], tables: Mapping[str, ReportTable], before: Mapping[str, ReportTable]
) -> Iterator[ReportRow]:
    for table, columns in names.items():
        units = {column.name: column.unit for column in tables[table].columns}
        for name in columns:
            cells = tuple(_total(one.get(table), name) for one in (tables, before))
            if any(cells):
                yield ReportRow((name,), cells, units[name])


def _total(table: ReportTable | None, name: str) -> Cell:
    return table.cell(table.total, name) if table and table.total else None


def _followed_up(found: FollowUpSummary, *, is_compared: bool) -> Iterator[ReportRow]:
    yield ReportRow(("follow_ups_open",), (count(found.waiting), None), Unit.COUNT)
    yield ReportRow(("follow_ups_overdue",), (count(found.overdue), None), Unit.COUNT)
    closed = (count(found.closed), count(found.closed_before) if is_compared else None)
    yield ReportRow(("follow_ups_closed",), closed, Unit.COUNT)
    medians = (found.close_median, found.closed), (found.close_median_before, found.closed_before)
    cells = tuple(None if median is None else Figure(median, n) for median, n in medians)
    if any(cells):
        yield ReportRow(("follow_ups_close_median",), cells, Unit.TIME)


def _changes(parts: Iterable[ReportTable]) -> Iterator[Highlight]:
    """Yield a highlight for each figure that differs from the earlier period by more than chance explains.

    The figures are in the rows of `parts`. The highlight says whether the figure rose or fell.
    """
    rows = [row for part in parts for row in part.rows]
    compared = sum(comparable(*row.cells) for row in rows)
    for row in rows:
        now, before = row.cells
        if now is None or before is None or row.unit is None or not apart(before, now, compared):
            continue
        sentence = "rose" if now.value > before.value else "fell"
        figures = {"before": (row.unit, before), "after": (row.unit, now)}
        yield Highlight(sentence, {"measure": (KeyKind.WORD, str(row.keys[0]))}, figures)
