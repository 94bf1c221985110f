"""The agent page: talks, times, survey decisions, scores and comments of one agent in a span of days. Pure.

The page is the content of /api/agent. Talks and times come from the report `agents`, scores and the funnel
from the report `voice`. Both reports are made from the rows of this agent only.

Note: the page must not name another agent, a caller or a call. So this module lists the figures of the page
one by one, and a new column of a report does not appear automatically.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cc_bridge.kpis.units import Unit, half_up, stored
from cc_bridge.reports.agents import agents
from cc_bridge.reports.figures import Cell, KeyKind, Report, ReportRow, ReportTable
from cc_bridge.reports.query import ReportQuery
from cc_bridge.reports.render.localization import Localization
from cc_bridge.reports.source import Source
from cc_bridge.reports.voice import voice

__all__ = ["VERSION", "AgentPage", "SpokenComment", "agent_page", "as_json"]

VERSION = 1

_WORK = (
    "talks", "talk_time", "hold_time", "wrap_up_time", "available_time", "paused_time", "occupancy", "rings",
    "rings_missed",
)  # fmt: skip
_FUNNEL = (
    "eligible", "invited", "complete", "partial", "declined", "caller_left_first", "response_rate",
    "not_routed",
)  # fmt: skip
_INVITED = "invited"  # a stage among the reasons of the funnel, but not a reason
_DONE = "complete"


@dataclass(frozen=True, slots=True)
class SpokenComment:
    """A spoken comment of a caller: its time, queue and length, and whether the recording still exists."""

    at: float  # UTC seconds since the epoch
    queue: str
    seconds: int
    kept: bool  # the recording has not been deleted


@dataclass(frozen=True, slots=True)
class AgentPage:
    """The figures and comments of one agent, as shown on the agent page.

    `work` is the report `agents`, `voice` is the report `voice`. `ask` is the query of both reports;
    `ask.agent` is the agent's name.
    """

    ask: ReportQuery
    work: Report
    voice: Report
    team: Mapping[str, float]  # score name -> team average, if it may be shown; see team_average.py
    comments: tuple[SpokenComment, ...]  # newest first
    more: bool  # the same days have older comments that are not in `comments`


def agent_page(
    ask: ReportQuery,
    source: Source,
    team: Mapping[str, float],
    comments: tuple[SpokenComment, ...],
    most: int,
) -> AgentPage:
    """Return an agent's page with at most `most` comments.

    `ask` is the query for the figures; `ask.agent` is the agent's name. `source` reads the counts from the
    database and must read only this agent's rows. `team` has the team average of each score by the name of
    the score.
    """
    return AgentPage(
        ask, agents(ask, source), voice(ask, source), team, comments[:most], len(comments) > most
    )


def as_json(found: AgentPage, wording: Localization, now: float) -> dict[str, Any]:
    """Return the agent page `found` as the JSON object of /api/agent.

    `wording` has the language of the labels. `now`, the time of the request, is in UTC seconds since the
    epoch.
    """
    ask = found.ask
    tables = {table.name: table for table in found.voice.tables}
    return {
        "version": VERSION,
        "agent": ask.agent,
        "at": _instant(now, ask),
        "from": ask.first.isoformat(),
        "to": ask.last.isoformat(),
        "days": (ask.last - ask.first).days + 1,
        "minimum": ask.minimum,
        "work": list(_totals(found.work.tables[0], wording, _WORK)),
        "funnel": list(_totals(tables["funnel"], wording, _FUNNEL)),
        "reasons": list(_reasons(tables["reasons"], wording)),
        "scores": [
            {**each, "team": found.team.get(each["name"])}
            for each in _totals(tables["scores"], wording, tuple(c.name for c in tables["scores"].columns))
            if each["n"]
        ],
        "questions": list(_questions(tables["questions"], wording)),
        "comments": [
            {
                "at": _instant(each.at, ask),
                "queue": each.queue,
                "seconds": each.seconds,
                "kept": each.kept,
            }
            for each in found.comments
        ],
        "more_comments": found.more,
    }


def _totals(table: ReportTable, wording: Localization, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    columns = {column.name: column for column in table.columns}
    for name in names:
        cell = table.cell(table.total, name) if table.total else None
        yield {"name": name, "label": wording.label(columns[name]), **_figure(columns[name].unit, cell)}


def _reasons(table: ReportTable, wording: Localization) -> Iterator[dict[str, Any]]:
    """Yield each reason for missing survey answers as JSON fields, with its number of callers.

    `table` is the table `reasons` of the report `voice`. There are two types of reasons: why a caller was not
    invited, and why a survey ended before its last question.
    """
    for row in table.rows:
        step, reason = (str(key) for key in row.keys)
        if reason not in {_INVITED, _DONE}:
            callers = table.cell(row, "callers")
            yield {
                "step": step,
                "step_label": wording.text("words", step),
                "reason": reason,
                "label": wording.text("words", reason),
                "callers": callers.value if callers else 0,
            }


def _questions(table: ReportTable, wording: Localization) -> Iterator[dict[str, Any]]:
    for row in table.rows:
        question, score, _ = (str(key) for key in row.keys)
        yield {
            "question": question,
            "title": wording.key(KeyKind.QUESTION, question),
            "score": score,
            "label": wording.text("words", score),
            **_figure(_unit(row), table.cell(row, "score")),
        }


def _unit(row: ReportRow) -> Unit:
    return row.unit or Unit.COUNT


def _figure(unit: Unit, cell: Cell) -> dict[str, Any]:
    """Return a figure as JSON fields: its value, its unit, its 95 % confidence interval and n.

    n is the number of calls or answers from which the figure is computed. If n is too small for the figure to
    be shown, the value and the interval are null.
    """
    shown = cell if cell and cell.enough else None
    is_whole = unit in {Unit.COUNT, Unit.TIME}

    def number(value: float | None) -> float | None:
        if value is None:
            return None
        return int(half_up(value)) if is_whole else stored(value)

    return {
        "unit": unit.value,
        "value": number(shown.value) if shown else None,
        "n": cell.n if cell else None,
        "low": number(shown.low) if shown else None,
        "high": number(shown.high) if shown else None,
        "enough": shown is not None,
    }


def _instant(at: float, ask: ReportQuery) -> str:
    """Return an instant as ISO 8601 text in the contact centre's time zone, with the offset from UTC.

    `at` is in UTC seconds since the epoch. The time zone is in `ask.days`.
    """
    return datetime.fromtimestamp(at, ask.days.zone).astimezone(ask.days.zone).isoformat(timespec="seconds")
