"""Score totals: the number of survey answers by value, and the scores that are computed from it. Pure.

The answers to each question are counted separately. If a report shows one score for all questions of one
kind, the answers to these questions are added.
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
    """Return the answer counts of each report row, by the row's key, and the counts of all rows together.

    Answers to questions of a kind without a score are left out.
    """
    found: dict[Group, ScoreTotals] = {}
    everyone: ScoreTotals = {}
    for row in rows:
        if row.kind in KINDS and KINDS[row.kind].scores:
            for totals in (found.setdefault(ask.row(row.key), {}), everyone):
                totals.setdefault((row.question, row.kind), Counter())[row.value] += row.n
    return found, everyone


def scores(totals: ScoreTotals | None, kind: str, minimum: int) -> dict[str, Cell]:
    """Return the scores of one kind of question: name of the score -> figure.

    `totals` has the numbers of answers; the answers to all questions of this kind are added. A figure is None
    if there are no answers. A figure of fewer than `minimum` answers is shown as "too few".
    """
    answers: Counter[int] = Counter()
    for (_question, its_kind), values in (totals or {}).items():
        if its_kind == kind:
            answers.update(values)
    return {name: of_score(score) for name, score in KINDS[kind].compute(answers, minimum).items()}


def all_scores(totals: ScoreTotals | None, minimum: int) -> dict[str, Cell]:
    """Return the scores of all kinds of questions, by the name of the score. Without answers a score is None.

    `totals` has the numbers of answers. A score of fewer than `minimum` answers is shown as "too few".
    """
    return {name: cell for kind in KINDS for name, cell in scores(totals, kind, minimum).items()}
