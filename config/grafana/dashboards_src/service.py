"""The service dashboard: service levels, wait times and handling times in the displayed time."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from cc_bridge.kpis.catalogue import help_text
from cc_bridge.kpis.service_level import ServiceLevelDefinition
from dashboards_src.annotations import ANNOTATIONS
from dashboards_src.layout import board as framed, row
from dashboards_src.panels import (
    LIMITS,
    PERCENT,
    Column,
    bars,
    field,
    grid,
    less_is_worse,
    lines,
    more_is_worse,
    table,
    tile,
)
from dashboards_src.promql import RECORDED, increase
from dashboards_src.queries import Sql, prom
from dashboards_src.variables import DATABASE, DATASOURCE, JOB, PBX_OF_METRICS, QUEUE as QUEUES

_LEVEL = less_is_worse(LIMITS.service_level_warning / 100, LIMITS.service_level_critical / 100)
_ABANDONED = more_is_worse(LIMITS.abandoned_warning / 100, LIMITS.abandoned_critical / 100)

_SHORT = increase("short_abandons_total")
_IN_TIME = increase("answered_within_total")
_OUTCOMES = 'outcome=~"answered|abandoned|timed_out|left_by_key"'
_OFFERED = f"({increase('visits_total', _OUTCOMES)} - {_SHORT})"
_ABOUT_N = "n: offered visits, short abandons excluded."
_OF_DAY = "Over the 24 hours before the end of the displayed time."


def _mean(metric: str, labels: str = "", by: str = "") -> str:
    n = increase(f"{metric}_count", labels, by)
    return f"{increase(f'{metric}_sum', labels, by)} / ({n} > 0.5)"


def _of_queue(record: str, more: str = "") -> str:
    return f"sum by (pbx, queue) (queue:cc_bridge_{record}{{{RECORDED}{more}}})"


def _tiles() -> tuple[object, ...]:
    answered, abandoned = 'outcome="answered"', 'outcome="abandoned"'
    return (
        tile(
            "Visits",
            "short",
            help_text("visit_outcomes"),
            prom(increase("visits_total"), now=True),
            decimals=0,
        ),
        tile(
            "Answered in time",
            PERCENT,
            f"{help_text('service_level_no_short')} T is the threshold of each queue. {_ABOUT_N}",
            prom(f"{_IN_TIME} / ({_OFFERED} > 0.5)", "no_short", now=True),
            prom(_OFFERED, "n", now=True),
            limits=_LEVEL,
            decimals=1,
        ),
        tile(
            "Abandoned",
            PERCENT,
            f"{help_text('abandonment')} {_ABOUT_N}",
            prom(
                f"({increase('visits_total', abandoned)} - {_SHORT}) / ({_OFFERED} > 0.5)",
                "abandonment",
                now=True,
            ),
            prom(_OFFERED, "n", now=True),
            limits=_ABANDONED,
            decimals=1,
        ),
        tile(
            "Speed of answer",
            "s",
            f"{help_text('average_speed_of_answer')} n: answered visits.",
            prom(_mean("queue_wait_seconds", answered), "mean", now=True),
            prom(increase("queue_wait_seconds_count", answered), "n", now=True),
            decimals=1,
        ),
        tile(
            "Handle time (AHT)",
            "s",
            f"Mean of: {help_text('handle')} n: talks.",
            prom(_mean("handle_seconds"), "mean", now=True),
            prom(increase("handle_seconds_count"), "n", now=True),
            decimals=0,
        ),
        tile(
            "Hold in a talk",
            PERCENT,
            f"Share of the talk time that callers spent on hold. {help_text('hold')} n: talks.",
            prom(
                f"{increase('hold_seconds_total')} / ({increase('talk_seconds_sum')} > 0)", "hold", now=True
            ),
            prom(increase("talk_seconds_count"), "n", now=True),
            decimals=1,
        ),
    )


def _levels() -> tuple[object, ...]:
    """Return the table of all five service level definitions, for comparison with other systems."""
    letters = dict(zip("ABCDE", ServiceLevelDefinition, strict=True))
    words = " ".join(f"{name}: {help_text(f'service_level_{name}')}" for name in ServiceLevelDefinition)
    columns = {f"Value #{letter}": Column(str(name), PERCENT, _LEVEL) for letter, name in letters.items()}
    levels = [
        prom(_of_queue("service_level:ratio1d", f', definition="{name}"'), now=True, form="table")
        for name in ServiceLevelDefinition
    ]
    rest = {
        "Value #F": Column("Visits"),
        "Value #G": Column("n of no_short"),
        "Value #H": Column("Abandonment", PERCENT, _ABANDONED),
        "Value #I": Column("Speed of answer", "s"),
        "Value #J": Column("AHT", "s"),
        "Value #K": Column("Occupancy", PERCENT),
    }
    others = ("visits:increase1d", "offered:increase1d", "abandonment:ratio1d",
              "speed_of_answer_seconds:mean1d", "handle_seconds:mean1d", "occupancy:ratio1d")  # fmt: skip
    return (
        table(
            "Service level by five definitions, last day",
            f"{_OF_DAY} T is the threshold of each queue. {words}",
            {**columns, **rest},
            *levels,
            *(prom(_of_queue(record), now=True, form="table") for record in others),
            names={"pbx": "PBX", "queue": "Queue"},
        ),
    )


def _history() -> tuple[object, ...]:
    half = "Over the 30 minutes before each point in time."
    queue = "{{pbx}} {{queue}}"
    return (
        lines(
            "Answered in time by queue",
            PERCENT,
            f"{help_text('service_level_no_short')} {half} Its n is in the panel beside it.",
            prom(_of_queue("service_level:ratio30m", ', definition="no_short"'), queue),
        ),
        lines(
            "Offered by queue (n)",
            "short",
            f"Visits answered, abandoned, timed_out or left_by_key, without short abandons. {half}",
            prom(_of_queue("offered:increase30m"), queue),
        ),
        lines(
            "Speed of answer by queue",
            "s",
            f"{help_text('average_speed_of_answer')} {half}",
            prom(_of_queue("speed_of_answer_seconds:mean30m"), queue),
        ),
        lines(
            "Handle time (AHT) by queue",
            "s",
            f"Mean of: {help_text('handle')} {half}",
            prom(_of_queue("handle_seconds:mean30m"), queue),
        ),
        lines(
            "How callers left the queue",
            "short",
            f"{help_text('visit_outcomes')} Of each hour.",
            prom(f"{increase('visits_total', by='outcome', window='1h')} > 0", "{{outcome}}"),
            stacked=True,
            step="1h",
        ),
        lines(
            "Occupancy by queue",
            PERCENT,
            f"{help_text('occupancy')} {half} From the states of the members as they were at each scrape.",
            prom(_of_queue("occupancy:ratio30m"), queue),
        ),
    )


def _by_hour() -> tuple[object, ...]:
    wait = help_text("wait")
    of_an_hour = increase("queue_wait_seconds_bucket", by="le", window="1h")
    return (
        grid(
            "Visits by hour",
            "short",
            f"{help_text('visit_outcomes')} Each cell shows the hour before it.",
            prom(increase("visits_total", by="pbx, queue", window="1h"), "{{pbx}} {{queue}}"),
            step="1h",
        ),
        field(
            "Waits by hour",
            "short",
            f"Number of callers by wait time in seconds. A row contains waits up to its number. {wait}",
            prom(of_an_hour, "{{le}}", form="heatmap"),
            span=16,
            step="1h",
        ),
        bars(
            "Waits by length",
            "short",
            f"Number of callers by wait time. A bar counts waits above the previous number. {wait}",
            prom(increase("queue_wait_seconds_bucket", by="le"), "{{le}} s", now=True, form="heatmap"),
        ),
        lines(
            "Wait time percentiles (50, 90 and 99 %)",
            "s",
            f"Percentiles over the hour before each point in time, estimated from histogram buckets. {wait}",
            *(
                prom(f"histogram_quantile({share}, {of_an_hour})", f"{round(share * 100)} %")
                for share in (0.5, 0.9, 0.99)
            ),
        ),
        lines(
            "Who ended the talks",
            "short",
            f"{help_text('talk_ends')} By hour.",
            prom(f"{increase('talks_ended_total', by='ended_by', window='1h')} > 0", "{{ended_by}}"),
            stacked=True,
            step="1h",
        ),
    )


def _of_database() -> tuple[object, ...]:
    # One column for each hour, since Grafana would sort the rows of a long result.
    hours = ", ".join(
        f"SUM(visits) FILTER (WHERE EXTRACT(HOUR FROM hour AT TIME ZONE '${{__timezone}}') = {hour}) "
        f'AS "{hour:02}"'
        for hour in range(24)
    )
    day = "date_trunc('day', hour AT TIME ZONE '${__timezone}') AT TIME ZONE '${__timezone}'"
    return (
        field(
            "Visits by hour of the day",
            "short",
            "Visits by the hour in which they started, one column per day, in the time zone of the dashboard."
            " The database groups by UTC hours, so time zones with half hours are shown shifted. Empty"
            " without PostgreSQL.",
            Sql(
                f"SELECT {day} AS time, {hours} FROM v_calls_by_hour WHERE $__timeFilter(hour)"  # noqa: S608  # from this file alone
                " AND pbx IN (${pbx:sqlstring}) AND queue IN (${queue:sqlstring}) GROUP BY 1 ORDER BY 1"
            ),
            span=24,
        ),
    )


def board() -> Dashboard:
    """Return the service dashboard of past performance."""
    return framed(
        "service",
        "cc_bridge: service",
        "Service levels, wait and handling times by queue and hour. config/docs/kpis.md has every formula.",
        "now-24h",
        (DATASOURCE, DATABASE, JOB, PBX_OF_METRICS, QUEUES),
        (
            *_tiles(),
            row("Queues"),
            *_levels(),
            row("History"),
            *_history(),
            row("By hour"),
            *_by_hour(),
            row("From the database"),
            *_of_database(),
        ),
        refresh="1m",
        annotations=ANNOTATIONS,
    )
