"""Score totals: callers' answers added up to scores. Pure.

The answers to each question are counted separately. If a report shows one score for a kind of question, the
answers to all questions of this kind are added.
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
    """Return the answers of each row of the report by the row's key, and the answers of all rows.

    Answers to a kind of question that has no score are left out.
    """
    found: dict[Group, ScoreTotals] = {}
    everyone: ScoreTotals = {}
    for row in rows:
        if row.kind in KINDS and KINDS[row.kind].scores:
            for totals in (found.setdefault(ask.row(row.key), {}), everyone):
                totals.setdefault((row.question, row.kind), Counter())[row.value] += row.n
    return found, everyone


def scores(totals: ScoreTotals | None, kind: str, minimum: int) -> dict[str, Cell]:
    """Return the scores of one kind of question, by the scores' names.

    The answers to all questions of this kind are added.
    """
    answers: Counter[int] = Counter()
    for (_question, its_kind), values in (totals or {}).items():
        if its_kind == kind:
            answers.update(values)
    return {name: of_score(score) for name, score in KINDS[kind].compute(answers, minimum).items()}


def all_scores(totals: ScoreTotals | None, minimum: int) -> dict[str, Cell]:
    """Return the scores of every kind of question, by the scores' names."""
    return {name: cell for kind in KINDS for name, cell in scores(totals, kind, minimum).items()}
