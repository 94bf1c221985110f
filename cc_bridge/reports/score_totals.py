"""Answers of callers added up to scores. Pure.

voice.py, agents.py, delivery_gap.py and change.py use it. The trap: two questions on one scale are two
scores, unless a report asks for the scale as a whole.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from cc_bridge.kpis.scores import OF_KIND
from cc_bridge.reports.figures import Cell, Unit, of_score
from cc_bridge.reports.query import Group, ReportQuery
from cc_bridge.reports.source import AnswerCount

__all__ = ["UNITS", "ScoreTotals", "by_key", "scores"]

UNITS: Mapping[str, Unit] = {
    "csat": Unit.PERCENT,
    "csat_mean": Unit.MEAN,
    "nps": Unit.POINTS,
    "nps_0_9": Unit.POINTS,
    "ces": Unit.MEAN,
    "yes_no": Unit.PERCENT,
}

ScoreTotals = dict[tuple[str, str], Counter[int]]
"""Question and kind -> value -> how many callers gave it."""


def by_key(ask: ReportQuery, rows: Iterable[AnswerCount]) -> tuple[dict[Group, ScoreTotals], ScoreTotals]:
    """Return the answers of each row of the report, and all of them; what has no score is left out."""
    found: dict[Group, ScoreTotals] = {}
    everyone: ScoreTotals = {}
    for row in rows:
        if row.kind in OF_KIND:
            for opinions in (found.setdefault(ask.row(row.key), {}), everyone):
                opinions.setdefault((row.question, row.kind), Counter())[row.value] += row.n
    return found, everyone


def scores(opinions: ScoreTotals | None, kind: str, minimum: int) -> dict[str, Cell]:
    """Return the scores of all questions of a kind together, by their names."""
    answers: Counter[int] = Counter()
    for (_question, its_kind), values in (opinions or {}).items():
        if its_kind == kind:
            answers.update(values)
    return {score.__name__: of_score(score(answers, minimum)) for score in OF_KIND[kind]}
