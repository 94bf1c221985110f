"""The agents dashboard: activity and ratings of each agent.

The data comes from the database, so that no metric contains names of persons. Days are UTC days, as in
v_agent_day. Note: the CSAT of few answers says nothing about an agent. Below the minimum sample size the
queries return null, shown as "too few", and n is always shown next to a score.
"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from cc_bridge.kpis.catalogue import help_text
from cc_bridge.kpis.scores import MINIMUM
from cc_bridge.records import AgentState, RingOutcome
from dashboards_src.dialects import POSTGRESQL, Dialect
from dashboards_src.layout import board as framed, row
from dashboards_src.panels import LIMITS, PERCENT, Column, less_is_worse, lines, table, tile
from dashboards_src.queries import Sql
from dashboards_src.variables import of_agents

_CSAT = less_is_worse(LIMITS.csat_warning / 100, LIMITS.csat_critical / 100)
_FEW = f'n: answers on that scale. A score of fewer than {MINIMUM} answers is shown as "too few".'
_OCCUPANCY = help_text("occupancy")

# Grafana replaces the variables with the selected values, as quoted text.
_CHOSEN = "pbx IN (${pbx:sqlstring}) AND agent IN (${agent:sqlstring})"
_DAYS = f"FROM v_agent_day WHERE $__timeFilter(day) AND {_CHOSEN}"
_WORKED = "SUM(talk_seconds + wrap_up_seconds)"
_READY = "NULLIF(SUM(talk_seconds + wrap_up_seconds + available_seconds), 0)"
_SATISFIED = (
    f"CASE WHEN SUM(csat_ratings) >= {MINIMUM} THEN 1e0 * SUM(csat_satisfied) / SUM(csat_ratings) END"
)
_MEAN = f"CASE WHEN SUM(csat_ratings) >= {MINIMUM} THEN SUM(csat_mean * csat_ratings) / SUM(csat_ratings) END"
_TALKS_SEEN = "NULLIF(SUM(talks - partial_talks), 0)"


def _select(dialect: Dialect, columns: str, rest: str = "") -> Sql:
    return Sql(f"SELECT {columns} {_DAYS} {rest}", dialect)


def _tiles(dialect: Dialect) -> tuple[object, ...]:
    tried = "SUM(rings - rings_answered_elsewhere - rings_caller_gone)"
    return (
        tile(
            "Agents",
            "short",
            "Agents with records on these days.",
            _select(dialect, f"{dialect.agents} AS agents"),
        ),
        tile(
            "Talks",
            "short",
            f"Talks that started on these days. {help_text('agent_talks')}",
            _select(dialect, "SUM(talks) AS talks"),
        ),
        tile(
            "Mean talk",
            "s",
            f"{help_text('talk')} Mean of the talks that were observed completely; n is their number.",
            _select(dialect, f"SUM(talk_seconds) / {_TALKS_SEEN} AS mean, {_TALKS_SEEN} AS n"),
            decimals=0,
        ),
        tile(
            "Occupancy",
            PERCENT,
            _OCCUPANCY,
            _select(dialect, f"{_WORKED} / {_READY} AS occupancy"),
            decimals=1,
        ),
        tile(
            "Rings answered",
            PERCENT,
            "Share of ring attempts that these agents answered. Attempts that another agent answered or the"
            " caller ended are excluded, those that the phone forwarded are included; n is the number of"
            f" attempts. {help_text('ring_outcomes')}",
            _select(dialect, f"1e0 * SUM(rings_answered) / NULLIF({tried}, 0) AS answered, {tried} AS n"),
            decimals=1,
        ),
        tile(
            "CSAT",
            PERCENT,
            f"{help_text('csat')} {_FEW}",
            _select(dialect, f"{_SATISFIED} AS csat, SUM(csat_ratings) AS n"),
            limits=_CSAT,
            decimals=1,
        ),
    )


def _each(dialect: Dialect) -> tuple[object, ...]:
    columns: dict[str, tuple[str, Column]] = {
        "talks": ("SUM(talks)", Column("Talks")),
        "mean_talk": (f"SUM(talk_seconds) / {_TALKS_SEEN}", Column("Mean talk", "s")),
        "hold": ("SUM(hold_seconds) / NULLIF(SUM(talk_seconds), 0)", Column("Hold in talk", PERCENT)),
        "wrap_up": ("SUM(wrap_up_seconds)", Column("Wrap-up", "s")),
        "available": ("SUM(available_seconds)", Column("Available", "s")),
        "paused": ("SUM(paused_seconds)", Column("Paused", "s")),
        "occupancy": (f"{_WORKED} / {_READY}", Column("Occupancy", PERCENT)),
        "rings": ("SUM(rings)", Column("Rings")),
        "missed": ("SUM(rings_no_answer + rings_declined)", Column("Missed rings")),
        "csat": (_SATISFIED, Column("CSAT", PERCENT, _CSAT)),
        "csat_mean": (_MEAN, Column("Mean rating", "none")),
        "n": ("SUM(csat_ratings)", Column("n")),
    }
    chosen = ", ".join(f"{sql} AS {name}" for name, (sql, _) in columns.items())
    return (
        table(
            "Each agent",
            f"Occupancy: {_OCCUPANCY} Missed rings: {help_text('rings_missed')} CSAT: {help_text('csat')}"
            f" {_FEW} Agents are sorted by name, not by score.",
            {name: column for name, (_, column) in columns.items()},
            _select(dialect, f"pbx, agent, {chosen}", "GROUP BY pbx, agent ORDER BY agent, pbx"),
            names={"pbx": "PBX", "agent": "Agent"},
        ),
    )


def _days(dialect: Dialect) -> tuple[object, ...]:
    by_day = "GROUP BY day ORDER BY day"
    states = [state for state in AgentState if state is not AgentState.LOGGED_OUT]
    seconds = ", ".join(f"SUM({state}_seconds) AS {state}" for state in states)
    rings = ", ".join(f"SUM(rings_{outcome}) AS {outcome}" for outcome in RingOutcome)
    return (
        lines(
            "Time in each state by day",
            "s",
            "Total time of these agents in each state, over all queues, without logged_out.",
            _select(dialect, f"{dialect.day} AS time, {seconds}", by_day),
            stacked=True,
        ),
        lines(
            "Ring attempts by day",
            "short",
            help_text("ring_outcomes"),
            _select(dialect, f"{dialect.day} AS time, {rings}", by_day),
            stacked=True,
        ),
        lines(
            "CSAT by day",
            PERCENT,
            f"{help_text('csat')} {_FEW} The next panel shows n.",
            _select(dialect, f"{dialect.day} AS time, {_SATISFIED} AS csat", by_day),
        ),
        lines(
            "Answers on satisfaction by day (n)",
            "short",
            "Answers from 1 to 5 that rate these agents, and the answers 4 and 5 among them.",
            _select(
                dialect,
                f"{dialect.day} AS time, SUM(csat_ratings) AS n, SUM(csat_satisfied) AS satisfied",
                by_day,
            ),
        ),
    )


def _ratings(dialect: Dialect) -> tuple[object, ...]:
    rated = f"FROM v_ratings WHERE $__timeFilter(rated_at) AND kind = 'csat' AND {_CHOSEN}"
    waited = (
        "CASE WHEN wait_seconds <= 20 THEN '1: up to 20 s' WHEN wait_seconds <= 60 THEN '2: up to 60 s'"
        " ELSE '3: longer' END"
    )
    return (
        table(
            "Low ratings, the latest 50",
            "Answers 1 and 2 on the scale from 1 to 5, with the wait time and talk time of the rated call."
            " Listen to the call before you discuss it with the agent: `call_id` identifies the recording.",
            {
                "value": Column("Rating"),
                "wait_seconds": Column("Wait", "s"),
                "talk_seconds": Column("Talk", "s"),
            },
            Sql(
                "SELECT rated_at, pbx, queue, agent, value, wait_seconds, talk_seconds, question, call_id "
                f"{rated} AND value <= 2 ORDER BY rated_at DESC LIMIT 50",
                dialect,
            ),
            names={"rated_at": "When", "pbx": "PBX", "queue": "Queue", "agent": "Agent"},
            span=16,
        ),
        table(
            "Do callers who waited longer rate worse?",
            f"{help_text('csat')} {_FEW}",
            {"csat": Column("CSAT", PERCENT, _CSAT), "n": Column("n")},
            Sql(
                f"SELECT {waited} AS waited, CASE WHEN COUNT(*) >= {MINIMUM} THEN"
                " 1e0 * SUM(CASE WHEN value >= 4 THEN 1 ELSE 0 END) / COUNT(*) END AS csat, COUNT(*) AS n"
                f" {rated} AND wait_seconds IS NOT NULL GROUP BY 1 ORDER BY 1",
                dialect,
            ),
            names={"waited": "Waited"},
            span=8,
        ),
    )


def board(dialect: Dialect = POSTGRESQL) -> Dashboard:
    """Return the dashboard for team leads."""
    of_database = f" ({dialect.label})" if dialect.suffix else ""
    return framed(
        f"agents{dialect.suffix}",
        f"cc_bridge: agents{of_database}",
        "Activity and ratings of agents, from the database. Days are UTC days.",
        "now-7d",
        of_agents(dialect),
        (
            *_tiles(dialect),
            row("Agents"),
            *_each(dialect),
            row("Days"),
            *_days(dialect),
            row("Ratings"),
            *_ratings(dialect),
        ),
        refresh="15m",
    )
