"""The team's average beside an agent's own score, such that no colleague's can be found out from it. Pure.

`storage/queries/agent_page.py` asks. An agent knows their own answers and may take them away from any
average. So there is one only for a kind of question for which all of this holds:

- others than the agent have given at least `minimum` answers, and at least `COLLEAGUES` of them have one;
- none of these colleagues has more than half of the others' answers, which would be nearly that one's score.

The average is of all, the agent too, so that everybody sees the same one and two who compare theirs learn
no more. It has no n and is rounded to whole per cents and points and to tenths of a mean, so that one answer
more or less cannot be seen in it. The trap: whoever looks twice sees what came between. So the rows must be
of days that have ended (`ended_days`), and today alone has no average at all.
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

COLLEAGUES = 4  # with the agent five people, the fewest of which statistical offices tell a figure

_DECIMALS = {Unit.PERCENT: 0, Unit.POINTS: 0, Unit.MEAN: 1}


def ended_days(ask: ReportQuery) -> ReportQuery | None:
    """Return what to ask of the whole team: the same days without the last, which is today."""
    last = ask.last - timedelta(1)
    return replace(ask, last=last, agent="", by=Dimension.AGENT) if last >= ask.first else None


def averages(agent: str, ask: ReportQuery, rows: Iterable[AnswerCount]) -> dict[str, float]:
    """Return the team's scores by name; those that would tell of a colleague are left out."""
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
