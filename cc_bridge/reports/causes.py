"""Report `causes`: factors that go together with low ratings. Pure.

The factors are the caller's wait time, the number of agents who talked with the caller, the hour, the queue
and the agent. The callers with the same value of a factor, such as the same queue, are compared with all
other callers. The compared figure is the share of low ratings. A difference is highlighted only if the
confidence intervals of the two shares do not overlap. With many comparisons, chance alone makes some shares
differ. So more comparisons make the intervals wider (Bonferroni correction).

Note: a factor that goes together with low ratings is not yet their cause. For example, a queue with long
waits may have low ratings for another reason.
"""

from collections.abc import Iterable
from statistics import NormalDist

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import (
    Column,
    Figure,
    Highlight,
    KeyKind,
    Report,
    ReportRow,
    ReportTable,
    apart,
    share,
)
from cc_bridge.reports.query import Dimension, Group, ReportQuery
from cc_bridge.reports.source import Source

__all__ = ["BY", "LOW", "causes"]

BY = (Dimension.QUEUE,)  # without effect: the report always has a table for each factor
LOW = KINDS["csat"].low_max or 0

_COLUMNS = (
    Column("low", Unit.PERCENT, formula="(answers[1] + answers[2]) / n", has_n=True, has_interval=True),
    Column(
        "low_of_others", Unit.PERCENT, formula="the same of all other callers", has_n=True, has_interval=True
    ),
    Column("difference", Unit.POINTS, formula="low - low_of_others", signed=True),
)
_FACTORS: tuple[Dimension | str, ...] = (
    Dimension.WAIT_BAND,
    "agents_spoken",
    Dimension.HOUR,
    Dimension.QUEUE,
)


class _Ratings:
    """The numbers of ratings and of low ratings by the callers with one value of a factor.

    For example, if the factor is the queue, they are the ratings by the callers of one queue.
    """

    def __init__(self) -> None:
        self.n, self.low = 0, 0

    def add(self, value: int, n: int) -> None:
        self.n += n
        self.low += n if value <= LOW else 0


def causes(ask: ReportQuery, source: Source) -> Report:
    """Return the report `causes`: the share of low ratings for each value of each factor, such as each queue.

    A value is highlighted if its share differs from the share of all other callers by more than chance
    explains.
    """
    factors: dict[Dimension | str, dict[Group, _Ratings]] = {
        factor: {} for factor in (*_FACTORS, Dimension.AGENT)
    }
    everyone = _Ratings()
    for row in source.rated():
        factors[row.factor].setdefault(row.key, _Ratings()).add(row.value, row.n)
        if row.factor is Dimension.HOUR:
            everyone.add(row.value, row.n)
    rated_agents = _Ratings()
    for answers in source.answers(Dimension.AGENT):
        if answers.kind == "csat":
            rated_agents.add(answers.value, answers.n)
            factors[Dimension.AGENT].setdefault(answers.key, _Ratings()).add(answers.value, answers.n)
    compared = sum(
        1
        for groups in factors.values()
        for each in groups.values()
        if each.n >= ask.minimum and len(groups) > 1
    )
    z = NormalDist().inv_cdf(1 - 0.025 / max(compared, 1))
    tables: list[ReportTable] = []
    findings: list[Highlight] = []
    for factor, groups in factors.items():
        whole = rated_agents if factor is Dimension.AGENT else everyone
        rows = list(_rows(ask, groups, whole, z))
        kind = factor if isinstance(factor, Dimension) else KeyKind.WORD
        named = [_named(factor, row) for row in rows]
        charts = ("low",) if factor is not Dimension.AGENT else ()
        tables.append(
            ReportTable(f"by_{factor}", ((str(factor), kind),), _COLUMNS, tuple(named), None, charts)
        )
        findings += _highlights(kind, str(factor), named)
    return Report("causes", ask, tuple(tables), findings=tuple(findings), notes=("no_cause", "bonferroni"))


def _named(factor: Dimension | str, row: ReportRow) -> ReportRow:
    """Return a report row whose key can be translated.

    In a row of the factor `agents_spoken`, the key is a number. The number 2, for example, becomes
    `agents_2`, the name of a word in texts.toml. A row of another factor is returned unchanged.
    """
    return ReportRow((f"agents_{row.keys[0]}",), row.cells) if factor == "agents_spoken" else row


def _rows(ask: ReportQuery, groups: dict[Group, _Ratings], whole: _Ratings, z: float) -> Iterable[ReportRow]:
    for key in sorted(groups, key=lambda key: (isinstance(key, str), key)):
        own = groups[key]
        low = share(own.low, own.n, ask.minimum, z)
        others = share(whole.low - own.low, whole.n - own.n, ask.minimum, z)
        difference = None
        if low and others and low.enough and others.enough:
            difference = Figure(low.value - others.value)
        yield ReportRow((key,), (low, others, difference))


def _highlights(kind: Dimension | KeyKind, factor: str, rows: Iterable[ReportRow]) -> Iterable[Highlight]:
    for row in rows:
        low, others, difference = row.cells
        if low is None or others is None or difference is None or not apart(low, others):
            continue
        yield Highlight(
            "more_low" if difference.value > 0 else "fewer_low",
            {"factor": (KeyKind.WORD, factor), "key": (kind, row.keys[0])},
            {"own": (Unit.PERCENT, low), "others": (Unit.PERCENT, others)},
        )
