"""The operations dashboard: waiting callers, available agents and the last 30 minutes."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from cc_bridge.kpis.catalogue import help_text
from cc_bridge.metrics.families import BY_NAME
from dashboards_src.annotations import ANNOTATIONS
from dashboards_src.layout import board as framed, row
from dashboards_src.panels import (
    LIMITS,
    PERCENT,
    Column,
    less_is_worse,
    lines,
    more_is_worse,
    table,
    tile,
    values,
)
from dashboards_src.promql import PBX, QUEUE, RECORDED
from dashboards_src.queries import prom
from dashboards_src.variables import DATASOURCE, JOB, PBX_OF_METRICS, QUEUE as QUEUES

_WAITING = more_is_worse(LIMITS.waiting_warning, LIMITS.waiting_critical)
_LONGEST = more_is_worse(LIMITS.longest_wait_warning, LIMITS.longest_wait_critical)
_LEVEL = less_is_worse(LIMITS.service_level_warning / 100, LIMITS.service_level_critical / 100)
_ABANDONED = more_is_worse(LIMITS.abandoned_warning / 100, LIMITS.abandoned_critical / 100)

_N = "n is the offered without the short abandons, the last 30 minutes."
_IN_TIME = f"{help_text('service_level_no_short')} T is each queue's own. {_N}"
_LOST = f"{help_text('abandonment')} {_N}"
_OFFERED = f"sum(queue:cc_bridge_offered:increase30m{{{RECORDED}}})"
_GONE = (
    f'sum(queue:cc_bridge_visits:increase30m{{{RECORDED}, outcome="abandoned"}})'
    f" - sum(queue:cc_bridge_short_abandons:increase30m{{{RECORDED}}})"
)


def _each(name: str, more: str = "") -> str:
    return f"sum by (pbx, queue) (cc_bridge_{name}{{{QUEUE}{more}}})"


def board() -> Dashboard:
    """Return the live dashboard for wall screens and team leads."""
    return framed(
        "operations",
        "cc_bridge: operations now",
        "State of the queues now and over the last 30 minutes. Without calls a share has no data, not 100 %.",
        "now-1h",
        (DATASOURCE, JOB, PBX_OF_METRICS, QUEUES),
        (
            tile(
                "Callers waiting",
                "short",
                BY_NAME["callers_waiting"].help,
                prom(f"sum(cc_bridge_callers_waiting{{{QUEUE}}})", now=True),
                limits=_WAITING,
            ),
            tile(
                "Longest wait",
                "s",
                BY_NAME["longest_current_wait_seconds"].help,
                prom(f"max(cc_bridge_longest_current_wait_seconds{{{QUEUE}}})", now=True),
                limits=_LONGEST,
                decimals=0,
            ),
            tile(
                "Talks in progress",
                "short",
                BY_NAME["talks_in_progress"].help,
                prom(f"sum(cc_bridge_talks_in_progress{{{QUEUE}}})", now=True),
            ),
            tile(
                "Answered in time, 30 min",
                PERCENT,
                _IN_TIME,
                prom(
                    f"sum(queue:cc_bridge_answered_within:increase30m{{{RECORDED}}}) / ({_OFFERED} > 0.5)",
                    "no_short",
                    now=True,
                ),
                prom(_OFFERED, "n", now=True),
                limits=_LEVEL,
                decimals=1,
            ),
            tile(
                "Abandoned, 30 min",
                PERCENT,
                _LOST,
                prom(f"({_GONE}) / ({_OFFERED} > 0.5)", "abandonment", now=True),
                prom(_OFFERED, "n", now=True),
                limits=_ABANDONED,
                decimals=1,
            ),
            tile(
                "PBX",
                "none",
                BY_NAME["ami_up"].help,
                prom(f"cc_bridge_ami_up{{{PBX}}}", "{{pbx}}", now=True),
                limits=less_is_worse(1, 0.5),
                mapping=values({0: "not observed", 1: "observed"}),
            ),
            row("Queues"),
            table(
                "Each queue",
                f"Now, and shares over 30 minutes. Service level: {_IN_TIME} Abandonment: {_LOST}",
                {
                    "Value #A": Column("Waiting", "short", _WAITING),
                    "Value #B": Column("Longest wait", "s", _LONGEST),
                    "Value #C": Column("Talks"),
                    "Value #D": Column("Available"),
                    "Value #E": Column("Logged in"),
                    "Value #F": Column("Service level", PERCENT, _LEVEL),
                    "Value #G": Column("Abandonment", PERCENT, _ABANDONED),
                    "Value #H": Column("n"),
                },
                prom(_each("callers_waiting"), now=True, form="table"),
                prom(_each("longest_current_wait_seconds"), now=True, form="table"),
                prom(_each("talks_in_progress"), now=True, form="table"),
                prom(_each("queue_members", ', state="available"'), now=True, form="table"),
                prom(_each("queue_members"), now=True, form="table"),
                prom(
                    "sum without (definition) "
                    f'(queue:cc_bridge_service_level:ratio30m{{{RECORDED}, definition="no_short"}})',
                    now=True,
                    form="table",
                ),
                prom(
                    f"sum by (pbx, queue) (queue:cc_bridge_abandonment:ratio30m{{{RECORDED}}})",
                    now=True,
                    form="table",
                ),
                prom(
                    f"sum by (pbx, queue) (queue:cc_bridge_offered:increase30m{{{RECORDED}}})",
                    now=True,
                    form="table",
                ),
                names={"pbx": "PBX", "queue": "Queue"},
            ),
            lines(
                "Callers waiting",
                "short",
                BY_NAME["callers_waiting"].help,
                prom(f"cc_bridge_callers_waiting{{{QUEUE}}}", "{{pbx}} {{queue}}"),
            ),
            lines(
                "Longest wait",
                "s",
                BY_NAME["longest_current_wait_seconds"].help,
                prom(f"cc_bridge_longest_current_wait_seconds{{{QUEUE}}}", "{{pbx}} {{queue}}"),
            ),
            row("Agents and talks"),
            lines(
                "Agents by state",
                "short",
                BY_NAME["queue_members"].help,
                prom(f"sum by (state) (cc_bridge_queue_members{{{QUEUE}}})", "{{state}}"),
                stacked=True,
            ),
            lines(
                "Talks in progress",
                "short",
                BY_NAME["talks_in_progress"].help,
                prom(f"cc_bridge_talks_in_progress{{{QUEUE}}}", "{{pbx}} {{queue}}"),
            ),
            row("Last 30 minutes before each point in time"),
            lines(
                "How callers left the queue, 5 min",
                "short",
                f"{help_text('visit_outcomes')} Of the five minutes before each moment.",
                prom(
                    f"sum by (outcome) (queue:cc_bridge_visits:increase5m{{{RECORDED}}}) > 0", "{{outcome}}"
                ),
                stacked=True,
                step="5m",
            ),
            lines(
                "Answered in time, 30 min",
                PERCENT,
                f"{_IN_TIME} n of each queue is in the table above.",
                prom(
                    f'queue:cc_bridge_service_level:ratio30m{{{RECORDED}, definition="no_short"}}',
                    "{{pbx}} {{queue}}",
                ),
            ),
        ),
        refresh="10s",
        annotations=ANNOTATIONS,
    )
