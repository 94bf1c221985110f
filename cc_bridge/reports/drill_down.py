"""The drill-down of a report: for each figure, the filter of the list with the calls behind it. Pure.

A count opens a list with as many rows as the count says. A share or a mean opens the n rows from which it is
computed; in the list of a share, the rows of the numerator are marked. A sum of talk times opens the talks.
Other figures have no list: agents' times in a state, differences of two figures, and settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from cc_bridge.customers.lost_calls import LostCallStatus
from cc_bridge.kpis.question_kinds import KINDS, SCORES
from cc_bridge.kpis.service_level import ServiceLevelDefinition
from cc_bridge.records import Outcome, RingOutcome, SurveyResult, Transfer
from cc_bridge.reports.call_filter import AGENTS_SPOKEN, CallFilter, ListCondition, ListKind, RowKey
from cc_bridge.reports.causes import LOW
from cc_bridge.reports.figures import Column, Report, ReportRow, ReportTable
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.visit_totals import LOST
from cc_bridge.surveys.eligibility import SurveyStage

__all__ = ["calls_behind"]


@dataclass(frozen=True, slots=True)
class _Listed:
    """The list of a column: the kind of its rows, their conditions, and the conditions of marked rows."""

    kind: ListKind
    conditions: tuple[ListCondition, ...] = ()
    marks: tuple[ListCondition, ...] = ()


def _is(name: str, *values: object) -> tuple[ListCondition, ...]:
    return (ListCondition(name, tuple(map(str, values))),)


_OUTCOMES = {outcome: _is("outcome", outcome) for outcome in Outcome}
_ANSWERED, _ABANDONED = _OUTCOMES[Outcome.ANSWERED], _OUTCOMES[Outcome.ABANDONED]
_OFFERED = _is("outcome", Outcome.ANSWERED, Outcome.ABANDONED, Outcome.TIMED_OUT, Outcome.LEFT_BY_KEY)
_NO_SHORT = _OFFERED + _is("short-abandon", "no")
_BOTH = _is("outcome", Outcome.ANSWERED, Outcome.ABANDONED)
_IN_TIME = _ANSWERED + _is("in-time", "yes")
_LOST = _is("outcome", *LOST)

_LEVELS: Mapping[ServiceLevelDefinition, tuple[tuple[ListCondition, ...], tuple[ListCondition, ...]]] = {
    ServiceLevelDefinition.ANSWERED: (_ANSWERED, _is("in-time", "yes")),
    ServiceLevelDefinition.REMOVED: (_BOTH, _is("in-time", "yes")),
    ServiceLevelDefinition.OFFERED: (_BOTH, _IN_TIME),
    ServiceLevelDefinition.NO_SHORT: (_NO_SHORT, _IN_TIME),
    ServiceLevelDefinition.STRICT: ((), _IN_TIME),
}
_VISITS: Mapping[str, tuple[tuple[ListCondition, ...], tuple[ListCondition, ...]]] = {
    "visits": ((), ()),
    "offered": (_OFFERED, ()),
    "answered": (_ANSWERED, ()),
    "abandoned": (_ABANDONED, ()),
    "short_abandons": (_ABANDONED + _is("short-abandon", "yes"), ()),
    "abandonment": (_NO_SHORT, _ABANDONED),
    "abandoned_ringing": (_ABANDONED + _is("ringing", "yes"), ()),
    "lost": (_LOST, ()),
    "lost_share": ((), _LOST),
    "answered_share": ((), _ANSWERED),
    "visits_open": (_is("open", "yes"), ()),
    "answered_open": (_is("open", "yes"), _ANSWERED),
    "visits_closed_share": ((), _is("open", "no")),
    "answer_mean": (_ANSWERED, ()),
    "partial_visits": (_is("partial", "yes"), ()),
    **dict.fromkeys(("wait_mean", "wait_median", "wait_p90", "wait_max"), ((), ())),
    **{f"outcome_{outcome}": (conditions, ()) for outcome, conditions in _OUTCOMES.items()},
    **{f"service_level_{definition}": pair for definition, pair in _LEVELS.items()},
}
_WHOLE = _is("whole", "yes")
_DECIDED = _is("decided", "yes")
_LEFT_OR_ASKED = _is("stage", SurveyStage.CALLER_LEFT_FIRST, SurveyStage.INVITED)
# The values of an answer that are in the numerator of a score, if the score is a share.
_COUNTED = {"csat": (4, 5), "yes_no": (1,)}


def _score(name: str) -> _Listed:
    kind = next(kind.name for kind in KINDS.values() if SCORES[name] in kind.scores)
    marked = _is("value", *_COUNTED[name]) if name in _COUNTED else ()
    return _Listed(ListKind.ANSWERS, _is("kind", kind), marked)


_COLUMNS: Mapping[str, _Listed] = {
    **{name: _Listed(ListKind.VISITS, *pair) for name, pair in _VISITS.items()},
    **{name: _score(name) for name in SCORES},
    **{name: _Listed(ListKind.TALKS, _WHOLE) for name in ("handle_mean", "talks", "talk_time", "hold_time")},
    "transfers_blind": _Listed(ListKind.TALKS, _is("transfer", Transfer.BLIND)),
    "transfers_attended": _Listed(ListKind.TALKS, _is("transfer", Transfer.ATTENDED)),
    "rings": _Listed(ListKind.RINGS),
    "rings_missed": _Listed(ListKind.RINGS, _is("outcome", RingOutcome.NO_ANSWER, RingOutcome.DECLINED)),
    "left_first": _Listed(ListKind.DECISIONS, _LEFT_OR_ASKED, _is("stage", SurveyStage.CALLER_LEFT_FIRST)),
    "eligible": _Listed(ListKind.DECISIONS, _is("eligible", "yes")),
    "response_rate": _Listed(ListKind.DECISIONS, _is("eligible", "yes")),
    "invited": _Listed(ListKind.DECISIONS, _is("stage", SurveyStage.INVITED)),
    "caller_left_first": _Listed(ListKind.DECISIONS, _is("stage", SurveyStage.CALLER_LEFT_FIRST)),
    "started": _Listed(ListKind.ATTEMPTS),
    "complete": _Listed(ListKind.ATTEMPTS, _is("result", SurveyResult.COMPLETE)),
    "partial": _Listed(ListKind.ATTEMPTS, _is("result", SurveyResult.PARTIAL)),
    "declined": _Listed(ListKind.ATTEMPTS, _is("result", SurveyResult.DECLINED)),
    "not_routed": _Listed(ListKind.NOT_ROUTED),
    "calls": _Listed(ListKind.CALLS),
    "calls_answered": _Listed(ListKind.CALLS, (), _is("answered", "yes")),
    "several_queues": _Listed(ListKind.CALLS, _is("several", "queues")),
    "several_queues_share": _Listed(ListKind.CALLS, (), _is("several", "queues")),
    "several_agents": _Listed(ListKind.CALLS, _is("several", "agents")),
    "several_agents_share": _Listed(ListKind.CALLS, (), _is("several", "agents")),
    "lost_calls": _Listed(ListKind.LOST_CALLS, _DECIDED),
    "not_managed_share": _Listed(ListKind.LOST_CALLS, _DECIDED, _is("result", LostCallStatus.NOT_MANAGED)),
    "recall_median": _Listed(ListKind.LOST_CALLS, _DECIDED + _is("result", LostCallStatus.RECALLED)),
    "recall_open": _Listed(ListKind.LOST_CALLS, _is("decided", "no")),
    **{
        status.value: _Listed(ListKind.LOST_CALLS, _DECIDED + _is("result", status))
        for status in (LostCallStatus.RECALLED, LostCallStatus.SELF_SERVED, LostCallStatus.NOT_MANAGED)
    },
}
_LOW = _Listed(ListKind.ANSWERS, _is("kind", "csat"), _is("value", *range(1, LOW + 1)))


def calls_behind(report: Report, table: ReportTable, row: ReportRow, column: Column) -> CallFilter | None:
    """Return the filter of the list behind one figure of a report; None if the figure has no list.

    `table` is a table of the report, `row` one of its rows or its row of totals, `column` one of its columns.
    An empty cell has no list.
    """
    if table.cell(row, column.name) is None:
        return None
    listed = _listed(row, column)
    if listed is None:
        return None
    ask = report.ask
    keys = () if row is table.total else tuple(_row_keys(table, row, column))
    conditions = listed.conditions
    if listed.kind is ListKind.ANSWERS and Dimension.AGENT in {kind for _, kind in table.keys}:
        conditions += _is("person", "known")  # as in the report, also in its row of totals
    found = CallFilter(
        ask.first, ask.last, listed.kind, ask.pbx, ask.queues, ask.agent, keys, conditions, listed.marks
    )
    return _part(found, ask, column)


def _listed(row: ReportRow, column: Column) -> _Listed | None:
    """Return the list behind a figure of a column; None if it has none.

    In some tables, the list depends on the keys of the row.
    """
    match column.name:
        case "score":
            question, score = map(str, row.keys[:2])
            listed = _score(score)
            return replace(listed, conditions=listed.conditions + _is("question", question))
        case "callers" | "of_all":
            return _reason(str(row.keys[0]), str(row.keys[1]), share=column.name == "of_all")
        case "before" | "after":
            return _COLUMNS[str(row.keys[0])]
        case "low" | "low_of_others":
            return _LOW
        case _:
            return _COLUMNS.get(column.name)


def _reason(step: str, reason: str, *, share: bool) -> _Listed:
    """Return the list behind a figure of the table `reasons`, which has the keys `step` and `reason`.

    `share` is True for a share: then all rows of the step are listed, and those with the reason are marked.
    """
    if step == "step_funnel":
        kind, found = ListKind.DECISIONS, _is("stage", reason)
    else:
        kind, found = ListKind.ATTEMPTS, _is("reason", reason)
    return _Listed(kind, (), found) if share else _Listed(kind, found)


def _row_keys(table: ReportTable, row: ReportRow, column: Column) -> list[RowKey]:
    others = column.name == "low_of_others"
    found = []
    for (name, kind), key in zip(table.keys, row.keys, strict=True):
        if isinstance(kind, Dimension):
            found.append(RowKey(kind, key, others))
        elif name == AGENTS_SPOKEN:
            found.append(RowKey(AGENTS_SPOKEN, int(str(key).removeprefix("agents_")), others))
    return found


def _part(found: CallFilter, ask: ReportQuery, column: Column) -> CallFilter | None:
    """Limit a filter to the days of a column.

    The columns `before` and `after` have the days before and after the change of the report. Other columns
    have all days. Returns None for the column `before` of a report without a change.
    """
    if column.name == "before":
        return replace(found, last=ask.changed - timedelta(1)) if ask.changed else None
    if column.name == "after" and ask.changed:
        return replace(found, first=ask.changed)
    return found
