"""The team average next to an agent's own score, such that it reveals no other agent's score. Pure.

An agent can subtract their own answers from an average. So an average is shown only under three conditions.
At least `minimum` answers rate other agents. These answers rate at least four agents. No agent has more than
half of them.

The average includes the agent's own answers, so all agents see the same average. It is shown without the
number of answers. It is rounded, because that hides a single answer: a mean to tenths, any other score to a
whole number.

Note: an agent who reads today's average twice could compute the new answers from the difference. So the
average covers only days that have ended (`ended_days`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from cc_bridge.kpis.question_kinds import KINDS, SCORES
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.score_totals import ScoreTotals, by_key, scores
from cc_bridge.reports.source import AnswerCount

__all__ = ["COLLEAGUES", "averages", "ended_days"]

COLLEAGUES = 4  # with the agent five people: statistical offices publish no figure of fewer

_DECIMALS = {Unit.PERCENT: 0, Unit.POINTS: 0, Unit.MEAN: 1}


def ended_days(ask: ReportQuery) -> ReportQuery | None:
    """Return the query for the team average: all agents, on the days of `ask` that have ended.

    The last day of `ask` must be today; it is left out. The result is None if `ask` has no other day.
    """
    last = ask.last - timedelta(1)
    return replace(ask, last=last, agent="", by=Dimension.AGENT) if last >= ask.first else None


def averages(agent: str, ask: ReportQuery, rows: Iterable[AnswerCount]) -> dict[str, float]:
    """Return the team average of each score: name of the score -> average.

    An average that would reveal another agent's score is left out. `agent` is the agent who sees the
    averages. `rows` are the answers that rate the whole team; the key of a row is the rated agent.
    """
    of_each, everyone = by_key(ask, rows)
    others = [totals for name, totals in of_each.items() if name != agent]
    found: dict[str, float] = {}
    for kind in KINDS:
        counts = [n for n in (_answers(totals, kind) for totals in others) if n]
        if len(counts) < COLLEAGUES or sum(counts) < ask.minimum or 2 * max(counts) > sum(counts):
            continue
        for name, cell in scores(everyone, kind, ask.minimum).items():
            if cell is not None:
                found[name] = round(cell.value, _DECIMALS[SCORES[name].unit])
    return found


def _answers(totals: ScoreTotals, kind: str) -> int:
    return sum(values.total() for (_, its_kind), values in totals.items() if its_kind == kind)
