"""Score totals: callers' answers added up to scores. Pure.

Answers to two questions of one kind are counted separately, and together if a report shows the kind as a
whole.
"""

from collections import Counter
from collections.abc import Iterable

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.reports.figures import Cell, of_score
from cc_bridge.reports.query import Group, ReportQuery
from cc_bridge.reports.source import AnswerCount

__all__ = ["ScoreTotals", "all_scores", "by_key", "scores"]

ScoreTotals = dict[tuple[str, str], Counter[int]]
"""(question, kind) -> value -> number of answers."""


def by_key(ask: ReportQuery, rows: Iterable[AnswerCount]) -> tuple[dict[Group, ScoreTotals], ScoreTotals]:
    """Return the answers of each row of the report, and of all rows; kinds without a score are left out."""
    found: dict[Group, ScoreTotals] = {}
    everyone: ScoreTotals = {}
    for row in rows:
        if row.kind in KINDS and KINDS[row.kind].scores:
            for totals in (found.setdefault(ask.row(row.key), {}), everyone):
                totals.setdefault((row.question, row.kind), Counter())[row.value] += row.n
    return found, everyone


def scores(totals: ScoreTotals | None, kind: str, minimum: int) -> dict[str, Cell]:
    """Return the scores of all questions of one kind together, by the scores' names."""
    answers: Counter[int] = Counter()
    for (_question, its_kind), values in (totals or {}).items():
        if its_kind == kind:
            answers.update(values)
    return {name: of_score(score) for name, score in KINDS[kind].compute(answers, minimum).items()}


def all_scores(totals: ScoreTotals | None, minimum: int) -> dict[str, Cell]:
    """Return the scores of every kind, by the scores' names."""
    return {name: cell for kind in KINDS for name, cell in scores(totals, kind, minimum).items()}
