"""Report `change`: service measures and survey scores before and after the day of a change. Pure.

Each measure has a 95 % confidence interval for the days before and another for the days after. A difference
is highlighted only if these two intervals do not overlap. With many measures, chance alone makes some of them
differ. So both intervals are first widened: the more measures the report has, the wider they are (Bonferroni
correction).

Note: a difference may also have other causes, such as a second change on the same day or the season.
"""

from collections.abc import Iterable, Mapping, Sequence

from cc_bridge.kpis.question_kinds import SCORES
from cc_bridge.kpis.service_level import ServiceLevelDefinition
from cc_bridge.kpis.units import Unit
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
    mean,
    share,
)
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.score_totals import all_scores, by_key as said_by_key
from cc_bridge.reports.source import Source, TalkSums
from cc_bridge.reports.visit_totals import VisitTotals, by_key

__all__ = ["BY", "change"]

BY = (Dimension.QUEUE,)  # without effect: the report always has a row for each measure

_COLUMNS = (
    Column("before", Unit.MEAN, formula="the measure, before the day", has_n=True, has_interval=True),
    Column("after", Unit.MEAN, formula="the measure, from the day on", has_n=True, has_interval=True),
    Column("difference", Unit.MEAN, formula="after - before", signed=True),
)
_SERVICE: Mapping[str, Unit] = {
    "service_level_no_short": Unit.PERCENT,
    "abandonment": Unit.PERCENT,
    "lost_share": Unit.PERCENT,
    "wait_mean": Unit.SECONDS,
    "answer_mean": Unit.SECONDS,
    "handle_mean": Unit.SECONDS,
}


def change(ask: ReportQuery, source: Source) -> Report:
    """Return the report `change`: service measures and survey scores before and after `ask.change`.

    `ask.change` is the instant at which the day of the change starts.
    """
    waits, _ = by_key(ask, source.visits(Dimension.PART))
    talks = {row.key: row for row in source.talks(Dimension.PART)}
    said, _ = said_by_key(ask, source.answers(Dimension.PART))
    parts = [
        _service(ask, waits.get(part, VisitTotals()), talks.get(part))
        | all_scores(said.get(part), ask.minimum)
        for part in (0, 1)
    ]
    rows = []
    for name, unit in {**_SERVICE, **{score.name: score.unit for score in SCORES.values()}}.items():
        before, after = parts[0][name], parts[1][name]
        if before is None and after is None:
            continue
        difference = None
        if before and after and before.enough and after.enough:
            difference = Figure(after.value - before.value)
        rows.append(ReportRow((name,), (before, after, difference), unit))
    table = ReportTable("change", (("measure", KeyKind.WORD),), _COLUMNS, tuple(rows))
    return Report("change", ask, (table,), findings=tuple(_differences(rows)), notes=("no_cause", "measures"))


def _differences(rows: Sequence[ReportRow]) -> Iterable[Highlight]:
    compared = sum(1 for row in rows if row.cells[2])
    for row in rows:
        before, after, difference = row.cells
        if before and after and difference and row.unit and apart(before, after, compared):
            figures: dict[str, tuple[Unit, Figure]] = {
                "before": (row.unit, before),
                "after": (row.unit, after),
            }
            sentence = "rose" if difference.value > 0 else "fell"
            yield Highlight(sentence, {"measure": (KeyKind.WORD, row.keys[0])}, figures)


def _service(ask: ReportQuery, waits: VisitTotals, talks: TalkSums | None) -> dict[str, Cell]:
    handle = None
    if talks is not None:
        handle = mean(talks.talk + talks.wrap_up, talks.squares, talks.whole, ask.minimum)
    return {
        "service_level_no_short": waits.level(ServiceLevelDefinition.NO_SHORT, ask.minimum),
        "abandonment": waits.abandonment(ask.minimum),
        "lost_share": share(waits.lost, waits.visits, ask.minimum),
        "wait_mean": waits.mean(ask.minimum),
        "answer_mean": waits.answer_mean(ask.minimum),
        "handle_mean": handle,
    }
