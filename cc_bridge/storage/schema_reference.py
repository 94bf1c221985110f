"""The page config/docs/schema.md, which describes the tables and views to users who query the database.

`cc-bridge db schema` prints the page, and a test compares it with the committed file. All text comes from
schema/tables.py and views/, except the introduction and the examples. The tests run each example on every
kind of database.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Boolean, Column, Date, Integer, Table

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.storage.schema.column_types import CleanText, Instant, Seconds
from cc_bridge.storage.schema.tables import metadata
from cc_bridge.storage.views import VIEWS

__all__ = ["EXAMPLES", "page"]

_INTRO = """\
# Database schema

Generated from the code by `python tests/support/generate.py`. [kpis.md](kpis.md) has the formulas.

All rows of one call share its `pbx` and `call_id`. There are no foreign keys: a row may exist before the row
that it refers to, or without it. A row is replaced when more is known, so copy rows by key. A later version
may add columns and tables, so name the columns that you select.

| type | SQLite | PostgreSQL | MariaDB 10.2 and later |
| --- | --- | --- | --- |
| instant | text, `2026-11-22 01:10:19.123456` | `timestamptz` | `datetime(6)` |
| number | `double` | `double precision` | `double` |
| boolean | 0 or 1 | `boolean` | 0 or 1 |
| text (n) | text | `varchar(n)` | `varchar(n)`; case and trailing spaces are significant |

Instants, hours and days are UTC, whatever the session's time zone. PostgreSQL shows instants and reads
literals in the session's time zone, so run `SET TIME ZONE 'UTC'` first. In SQLite, compare instants with text
of the same form. `DATE(hour)` is the day of an hour in all three databases.

Three things make a query differ from `cc-bridge report`. Reports use the days and hours of
`general.time_zone`; `--timezone UTC` selects UTC. The report `agents` counts a talk only if its `queue` is
not empty and it is not `partial`. Service level has the thresholds of each queue in the configuration, the
views those in the names of their columns.

A caller can be transferred to a phone without a queue. That talk is a row of `talks` only with
`direct_calls.enabled`, which is off by default. The row has the same `call_id`, an empty `queue`, and as
`agent` the interface if the phone is no member of a queue.

What counts as a low rating is no column: it is the option `follow_ups.low_ratings`
([options.md](options.md#follow_ups)), by default csat up to 2, nps up to 6, ces up to 3.

Use a database user with the SELECT privilege alone. The views contain no personal data. In the tables, the
meaning of a column names personal data. For a short time in a large database, query the tables, which have
indexes: a view may read more rows. For a year with millions of calls, use `cc-bridge report`: a view would
count each hour and day.

PostgreSQL has additional tables with the figures of past days: `agent_facts`, `agent_presence`, `lost_calls`,
`queue_talks`, `queue_waits` and `rated_calls`. The daemon counts a day two to three hours after its end, and
the lost calls of the day two days after that. If a row of a counted day comes late, both are counted again.
The table `rollup_watermark` has the first day that is not counted. Do not query these tables; `v_agent_day`
and the reports read them. If you delete rows by hand, these tables still count them until you run
`UPDATE rollup_watermark SET refreshed_until = '...'` with the day of the oldest deleted row."""

EXAMPLES = {
    "Service level of a day: visits answered within 20 s, without visits abandoned within 5 s": """\
SELECT queue, SUM(visits) AS visits, SUM(answered) AS answered,
    100.0 * SUM(answered_in_20) / NULLIF(SUM(offered) - SUM(abandoned_under_5), 0) AS percent
FROM v_calls_by_hour
WHERE hour >= '2026-11-22 00:00:00' AND hour < '2026-11-23 00:00:00'
GROUP BY queue
ORDER BY queue""",
    "Occupancy of each agent on a day": """\
SELECT agent, SUM(talks) AS talks,
    100.0 * SUM(talk_seconds + wrap_up_seconds)
        / NULLIF(SUM(talk_seconds + wrap_up_seconds + available_seconds), 0) AS percent
FROM v_agent_day
WHERE day = '2026-11-22'
GROUP BY agent
ORDER BY agent""",
    "Do callers who waited longer rate worse?": """\
SELECT CASE WHEN wait_seconds <= 20 THEN '1: up to 20 s' WHEN wait_seconds <= 60 THEN '2: up to 60 s'
        ELSE '3: longer' END AS waited,
    COUNT(*) AS n, 100.0 * COUNT(CASE WHEN value >= 4 THEN 1 END) / COUNT(*) AS csat_percent
FROM v_ratings
WHERE kind = 'csat' AND wait_seconds IS NOT NULL
    AND rated_at >= '2026-11-22 00:00:00' AND rated_at < '2026-11-23 00:00:00'
GROUP BY waited
ORDER BY waited""",
    "Lost callers who were not called back and did not get through later": """\
SELECT lost.entered_at, lost.queue, lost.outcome, lost.caller_number
FROM queue_visits AS lost
WHERE lost.entered_at >= '2026-11-22 00:00:00' AND lost.entered_at < '2026-11-23 00:00:00'
    AND lost.outcome NOT IN ('answered', 'transferred_away', 'unobserved') AND lost.caller_number <> ''
    AND NOT EXISTS (
        SELECT 1 FROM queue_visits AS later
        WHERE later.caller_number = lost.caller_number AND later.entered_at >= lost.left_at
            AND later.outcome = 'answered'
    )
    AND NOT EXISTS (
        SELECT 1 FROM calls
        WHERE calls.dialed = lost.caller_number AND calls.started_at >= lost.left_at AND calls.answered
    )
ORDER BY lost.entered_at""",
    "The visits, rings, talks and ratings of one call": """\
SELECT entered_at AS began_at, 'visit' AS what, queue AS who, outcome AS how, wait_seconds AS amount
FROM queue_visits WHERE pbx = 'pbx' AND call_id = '1795309800.1'
UNION ALL
SELECT started_at, 'ring', agent, outcome, ring_seconds
FROM rings WHERE pbx = 'pbx' AND call_id = '1795309800.1'
UNION ALL
SELECT answered_at, 'talk', agent, ended_by, talk_seconds
FROM talks WHERE pbx = 'pbx' AND call_id = '1795309800.1'
UNION ALL
SELECT rated_at, 'rating', agent, question, value
FROM v_ratings WHERE pbx = 'pbx' AND call_id = '1795309800.1'
ORDER BY began_at, what""",
}
"""Examples: title -> a query that runs unchanged on every kind of database."""


def page() -> str:
    """Return the page config/docs/schema.md as Markdown."""
    parts = [_INTRO, "## Tables", *(part for table in metadata.tables.values() for part in _table(table))]
    parts.append("## Views")
    for view in VIEWS:
        parts += _relation(view.table, view.key)
    parts += ["## Question kinds", _question_kinds(), "## Examples"]
    for title, query in EXAMPLES.items():
        parts.append(f"{title}:\n\n```sql\n{query};\n```")
    return "\n\n".join(parts) + "\n"


def _question_kinds() -> str:
    rows = [("kind", "value"), ("---",) * 2]
    rows += [
        (f"`{kind.name}`", kind.meaning + ("; retired, in old answers only" if kind.retired else ""))
        for kind in KINDS.values()
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _table(table: Table[Any]) -> Iterator[str]:
    yield from _relation(table, [column.name for column in table.primary_key])
    if table.indexes:
        indexes = sorted(", ".join(index.columns.keys()) for index in table.indexes)
        yield f"Indexes: {'; '.join(f'({columns})' for columns in indexes)}."


def _relation(table: Table[Any], key: Iterable[str]) -> Iterator[str]:
    yield f"### {table.name}"
    yield f"{table.comment}. Key: {', '.join(key)}."
    rows = [("column", "type", "unit", "meaning"), ("---",) * 4, *map(_row, table.columns)]
    yield "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _row(column: Column[Any]) -> tuple[str, ...]:
    meaning, unit = column.comment or "", ""
    for known in ("UTC", "seconds"):
        if meaning.endswith(f", {known}"):
            meaning, unit = meaning.removesuffix(f", {known}"), known
    return f"`{column.name}`", _type(column), unit, meaning


def _type(column: Column[Any]) -> str:
    match column.type:
        case Instant():
            return "instant"
        case CleanText() as text:
            return f"text ({text.length})"
        case Boolean():
            return "boolean"
        case Integer():
            return "integer"
        case Date():
            return "date"
        case Seconds():
            return "number"
        case other:
            return {"DOUBLE": "number"}.get(str(other), str(other).lower())
