"""Report `agents`: the talks, times and missed rings of each agent, and their callers' ratings. Pure.

A ranking by score would mislead: few ratings say nothing about an agent, and many agents are compared. So the
rows are sorted by the agents' names.
"""

from collections import Counter, defaultdict

from cc_bridge.kpis.units import Unit
from cc_bridge.records import AgentState, RingOutcome
from cc_bridge.reports.figures import (
    Cell,
    Column,
    Figure,
    Highlight,
    Report,
    ReportRow,
    ReportTable,
    count,
    ratio,
    share,
)
from cc_bridge.reports.query import Dimension, Group, ReportQuery
from cc_bridge.reports.score_totals import by_key, scores
from cc_bridge.reports.source import AgentActivity, Source
from cc_bridge.surveys.eligibility import SurveyStage
from cc_bridge.surveys.hangup_outliers import HangupOutliers

__all__ = ["BY", "agents"]

BY = (Dimension.AGENT,)

_COLUMNS = (
    Column("talks", Unit.COUNT, kpi="agent_talks"),
    Column("talk_time", Unit.TIME, formula="sum of talk"),
    Column("hold_time", Unit.TIME, formula="sum of hold"),
    Column("wrap_up_time", Unit.TIME, formula="agent_intervals[wrap_up]"),
    Column("available_time", Unit.TIME, formula="agent_intervals[available]"),
    Column("paused_time", Unit.TIME, formula="agent_intervals[paused]"),
    Column("occupancy", Unit.PERCENT, kpi="occupancy"),
    Column("rings", Unit.COUNT, formula="number of rings"),
    Column("rings_missed", Unit.COUNT, kpi="rings_missed"),
    Column("csat", Unit.PERCENT, kpi="csat", has_n=True, has_interval=True),
    Column("csat_mean", Unit.MEAN, kpi="csat_mean", has_n=True, has_interval=True),
    Column("left_first", Unit.PERCENT, kpi="left_first", has_n=True, has_interval=True),
)
_SHOWN = (AgentState.WRAP_UP, AgentState.AVAILABLE, AgentState.PAUSED)
_MISSED = (RingOutcome.NO_ANSWER, RingOutcome.DECLINED)


class _Agent:
    """The totals of one agent: talks and their times, time by state, rings by outcome, survey decisions."""

    def __init__(self) -> None:
        self.talks, self.talk, self.hold, self.all_talk = 0, 0.0, 0.0, 0.0
        self.states: defaultdict[str, float] = defaultdict(float)
        self.rings: Counter[str] = Counter()
        self.stages: Counter[str] = Counter()

    def add(self, activity: AgentActivity) -> None:
        self.talks += activity.talks
        self.talk += activity.talk_seconds
        self.hold += activity.hold_seconds
        self.all_talk += activity.all_talk_seconds
        self.rings[activity.ring_outcome] += activity.rings
        self.states[activity.state] += activity.state_seconds

    def add_all(self, other: "_Agent") -> None:
        """Add the totals of another agent."""
        self.talks += other.talks
        self.talk += other.talk
        self.hold += other.hold
        self.all_talk += other.all_talk
        self.rings.update(other.rings)
        self.stages.update(other.stages)
        for state, seconds in other.states.items():
            self.states[state] += seconds

    @property
    def has_calls(self) -> bool:
        """Whether the agent has a talk, a ring or a survey decision in the queues of the query."""
        return bool(self.talks or self.rings.total() or self.stages.total())

    def cells(self, ask: ReportQuery, ratings: dict[str, Cell]) -> tuple[Cell, ...]:
        states = self.states
        worked = (self.all_talk if ask.queues else self.talk) + states[AgentState.WRAP_UP]
        left, asked = self.stages[SurveyStage.CALLER_LEFT_FIRST], self.stages[SurveyStage.INVITED]
        return (
            count(self.talks),
            count(self.talk),
            count(self.hold),
            *(count(states[state]) for state in _SHOWN),
            ratio(worked, worked + states[AgentState.AVAILABLE]),
            count(self.rings.total()),
            count(sum(self.rings[outcome] for outcome in _MISSED)),
            ratings["csat"],
            ratings["csat_mean"],
            share(left, left + asked, ask.minimum),
        )


def agents(ask: ReportQuery, source: Source) -> Report:
    """Return the report `agents`: the times, rings and ratings of each agent.

    If the query names queues, only agents with a talk, a ring or a rating in these queues are in the report.
    The times by state and the occupancy are then those of these agents in all queues.
    An agent is highlighted if too many of the agent's callers hang up before the agent does: more than chance
    explains. `surveys/hangup_outliers.py` decides this.
    """
    found: defaultdict[Group, _Agent] = defaultdict(_Agent)
    for activity in source.agent_activities(_SHOWN):
        found[activity.agent].add(activity)
    said, all_said = by_key(ask, source.answers(Dimension.AGENT))
    outliers = HangupOutliers(ask.minimum, fades=False)
    for row in source.hangups():
        outliers.count(row, row.n)
        if row.trigger != "callback":
            found[row.agent].stages[row.stage] += row.n
    if ask.queues:
        found = defaultdict(_Agent, {key: one for key, one in found.items() if one.has_calls or key in said})
    everyone = _Agent()
    for one in found.values():
        everyone.add_all(one)
    keys = ask.ordered({key for key in {*found, *said} if key})
    rows = (
        ReportRow((key,), found[key].cells(ask, scores(said.get(key), "csat", ask.minimum))) for key in keys
    )
    total = ReportRow(("",), everyone.cells(ask, scores(all_said, "csat", ask.minimum)))
    table = ReportTable(
        "agents", (("agent", Dimension.AGENT),), _COLUMNS, tuple(rows), total, ("csat", "occupancy")
    )
    return Report(
        "agents",
        ask,
        (table,),
        findings=tuple(_outliers(outliers)),
        tiles=("talks", "occupancy", "rings_missed", "csat", "left_first"),
        notes=("agents_are_people",),
    )


def _outliers(outliers: HangupOutliers) -> list[Highlight]:
    suspicious = [each for each in outliers.agents() if each.is_outlier and each.norm is not None]
    return [
        Highlight(
            "hangup_outlier",
            {"agent": (Dimension.AGENT, one.agent), "queue": (Dimension.QUEUE, one.queue)},
            {
                "own": (Unit.PERCENT, Figure(100 * one.share, one.n, 100 * one.low, 100 * one.high)),
                "others": (Unit.PERCENT, Figure(100 * (one.norm or 0.0))),
            },
        )
        for one in sorted(suspicious, key=lambda one: (one.agent, one.queue))
    ]
