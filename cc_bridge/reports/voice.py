"""Report `voice`: survey scores, the funnel, the reasons for missing answers, the response rate. Pure."""

from collections import Counter
from collections.abc import Iterable

from cc_bridge.kpis.question_kinds import SCORES
from cc_bridge.kpis.units import Unit
from cc_bridge.records import SurveyResult
from cc_bridge.reports.figures import (
    Cell,
    Column,
    KeyKind,
    Report,
    ReportRow,
    ReportTable,
    count,
    share,
)
from cc_bridge.reports.query import Dimension, Group, ReportQuery
from cc_bridge.reports.score_totals import ScoreTotals, all_scores, by_key, scores
from cc_bridge.reports.source import AttemptCount, InvitationCount, NotRoutedCount, Source
from cc_bridge.surveys.eligibility import NotAskedReason, SurveyStage

__all__ = ["BY", "NO_CALLERS", "voice"]

BY = (
    Dimension.QUEUE,
    Dimension.AGENT,
    Dimension.HOUR,
    Dimension.HALF_HOUR,
    Dimension.QUARTER_HOUR,
    Dimension.WEEKDAY,
    Dimension.DAY,
    Dimension.STAGE,
    Dimension.LANGUAGE,
    Dimension.WAIT_BAND,
)

_SCORES = tuple(
    Column(score.name, score.unit, kpi=score.name, has_n=True, has_interval=True) for score in SCORES.values()
)
_EACH = (Column("score", Unit.MEAN, formula="by the score's name", has_n=True, has_interval=True),)
_FUNNEL = (
    Column("eligible", Unit.COUNT, kpi="survey_eligible"),
    Column("invited", Unit.COUNT, formula="funnel[invited]"),
    Column("caller_left_first", Unit.COUNT, formula="funnel[caller_left_first]"),
    Column("started", Unit.COUNT, formula="survey_attempts, including unfinished ones"),
    Column("complete", Unit.COUNT, formula="survey_attempts[complete]"),
    Column("partial", Unit.COUNT, formula="survey_attempts[partial]"),
    Column("declined", Unit.COUNT, formula="survey_attempts[declined]"),
    Column("response_rate", Unit.PERCENT, kpi="response_rate", has_n=True, has_interval=True),
    Column("not_routed", Unit.COUNT, kpi="not_routed"),
)
_REASONS = (
    Column("callers", Unit.COUNT, kpi="survey_stages"),
    Column("of_all", Unit.PERCENT, formula="callers / all of the same step", has_n=True, has_interval=True),
)
NO_CALLERS = {NotAskedReason.DISABLED, NotAskedReason.NOT_ELIGIBLE}
"""The survey decisions on callers who are not eligible: they are in the funnel, but in no rate."""
_NO_FUNNEL = {Dimension.LANGUAGE, Dimension.WAIT_BAND}  # not in the records of the funnel


class _InvitationTotals:
    """The survey decisions, survey attempts and calls not routed that one row of the report counts."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.answered = 0
        self.not_routed = 0  # beside the eligible callers, not among them

    @property
    def eligible(self) -> int:
        return sum(n for stage, n in self.stages.items() if stage not in NO_CALLERS)

    def cells(self, minimum: int) -> tuple[Cell, ...]:
        # A survey in the span may belong to a decision before the span; the rate must not exceed 100 %.
        rate = share(min(self.answered, self.eligible), self.eligible, minimum)
        return (
            count(self.eligible),
            count(self.stages[SurveyStage.INVITED]),
            count(self.stages[SurveyStage.CALLER_LEFT_FIRST]),
            count(self.results.total()),
            *(count(self.results[one]) for one in (SurveyResult.COMPLETE, SurveyResult.PARTIAL)),
            count(self.results[SurveyResult.DECLINED]),
            rate,
            count(self.not_routed),
        )


def voice(ask: ReportQuery, source: Source) -> Report:
    """Return the report `voice`: survey scores, the funnel with its reasons, and the response rate."""
    said, everyone = by_key(ask, source.answers(ask.counted_by))
    overall = ReportTable(
        "scores",
        ((ask.by.value, ask.by),),
        _SCORES,
        tuple(ReportRow((key,), _cells(said[key], ask.minimum)) for key in ask.ordered(set(said))),
        ReportRow(("",), _cells(everyone, ask.minimum)),
        charts=tuple(
            column.name for column, cell in zip(_SCORES, _cells(everyone, ask.minimum), strict=True) if cell
        ),
    )
    tables = [overall, _questions(ask, said)]
    if ask.by not in _NO_FUNNEL:
        by = ask.counted_by
        tables += _funnel(ask, source.invitations(by), source.attempts(by), source.not_routed(by))
    notes = ("no_funnel",) if ask.by in _NO_FUNNEL else ()
    tiles = tuple(name for name in overall.charts if name != "csat_mean")
    return Report("voice", ask, tuple(tables), tiles=tiles, notes=notes)


def _cells(totals: ScoreTotals, minimum: int) -> tuple[Cell, ...]:
    return tuple(all_scores(totals, minimum).values())


def _questions(ask: ReportQuery, said: dict[Group, ScoreTotals]) -> ReportTable:
    """Return the table with the scores of each question.

    `said` has the answer counts of each report row, by the row's key.
    """
    rows = []
    for question, kind in sorted({which for totals in said.values() for which in totals}):
        for key in ask.ordered(set(said)):
            if which := said[key].get((question, kind)):
                for name, cell in scores({(question, kind): which}, kind, ask.minimum).items():
                    rows.append(ReportRow((question, name, key), (cell,), SCORES[name].unit))
    keys = (("question", KeyKind.QUESTION), ("score_name", KeyKind.WORD), (ask.by.value, ask.by))
    return ReportTable("questions", keys, _EACH, tuple(rows))


def _funnel(
    ask: ReportQuery,
    callers: Iterable[InvitationCount],
    attempts: Iterable[AttemptCount],
    not_routed: Iterable[NotRoutedCount],
) -> list[ReportTable]:
    found: dict[Group, _InvitationTotals] = {}
    everyone = _InvitationTotals()
    for row in callers:
        for asked in (found.setdefault(ask.row(row.key), _InvitationTotals()), everyone):
            asked.stages[row.stage] += row.n
    for attempt in attempts:
        for asked in (found.setdefault(ask.row(attempt.key), _InvitationTotals()), everyone):
            asked.results[attempt.result] += attempt.n
            asked.reasons[attempt.reason] += attempt.n
            asked.answered += attempt.answered
    for calls in not_routed:
        for asked in (found.setdefault(ask.row(calls.key), _InvitationTotals()), everyone):
            asked.not_routed += calls.n
    rows = tuple(ReportRow((key,), found[key].cells(ask.minimum)) for key in ask.ordered(set(found)))
    total = ReportRow(("",), everyone.cells(ask.minimum))
    by = ((ask.by.value, ask.by),)
    reasons = [
        *_reasons("step_funnel", everyone.stages, ask.minimum),
        *_reasons("step_survey", everyone.reasons, ask.minimum),
    ]
    steps = (("step", KeyKind.WORD), ("reason", KeyKind.WORD))
    return [
        ReportTable("funnel", by, _FUNNEL, rows, total, ("response_rate",)),
        ReportTable("reasons", steps, _REASONS, tuple(reasons)),
    ]


def _reasons(step: str, found: Counter[str], minimum: int) -> Iterable[ReportRow]:
    everyone = found.total()
    for reason, n in sorted(found.items(), key=lambda one: (-one[1], one[0])):
        yield ReportRow((step, reason or "complete"), (count(n), share(n, everyone, minimum)))
