"""The dashboard of the daemon: PBX connection, storage of records, and resources."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from cc_bridge.kpis.catalogue import help_text
from cc_bridge.metrics.families import BY_NAME
from dashboards_src.annotations import ANNOTATIONS
from dashboards_src.layout import board as framed, row
from dashboards_src.panels import PERCENT, Column, less_is_worse, lines, more_is_worse, table, tile, values
from dashboards_src.promql import PBX
from dashboards_src.queries import prom
from dashboards_src.variables import DATASOURCE, JOB, PBX_OF_METRICS

_ZERO = more_is_worse(0.5, 0.5)  # green only at 0


def _text(*names: str) -> str:
    """Return the HELP texts of these metrics."""
    return " ".join(BY_NAME[name].help for name in names)


def _sum(metric: str, labels: str = "", by: str = "pbx", window: str = "$__rate_interval") -> str:
    chosen = f"{PBX}, {labels}" if labels else PBX
    return f"sum by ({by}) (increase(cc_bridge_{metric}{{{chosen}}}[{window}]))"


def _of_process(name: str) -> str:
    """Return a process_* series with the label pbx, which is joined from cc_bridge_build_info."""
    series = f'process_{name}{{job=~"$job"}}'
    if name.endswith("_total"):
        series = f"rate({series}[$__rate_interval])"
    return f"{series} * on (job, instance) group_left (pbx) cc_bridge_build_info{{{PBX}}}"


def _tiles() -> tuple[object, ...]:
    return (
        tile(
            "PBX",
            "none",
            _text("ami_up"),
            prom(f"cc_bridge_ami_up{{{PBX}}}", "{{pbx}}", now=True),
            limits=less_is_worse(1, 0.5),
            mapping=values({0: "not observed", 1: "observed"}),
        ),
        tile(
            "Scraped",
            "none",
            "Whether the last scrape of each daemon of the job succeeded.",
            prom('up{job=~"$job"}', "{{instance}}", now=True),
            limits=less_is_worse(1, 0.5),
            mapping=values({0: "not reached", 1: "reached"}),
        ),
        tile(
            "Alerts firing",
            "short",
            "Firing alerts of config/prometheus/alert_rules.yml. README.md beside it is the runbook.",
            prom('count(ALERTS{alertname=~"CcBridge.+", alertstate="firing"}) or vector(0)', now=True),
            limits=_ZERO,
        ),
        tile(
            "Not observed",
            "s",
            help_text("gap"),
            prom(f"sum (increase(cc_bridge_observation_gap_seconds_total{{{PBX}}}[$__range]))", now=True),
            limits=more_is_worse(1, 60),
            decimals=0,
        ),
        tile(
            "Records lost",
            "short",
            _text("storage_dropped_records", "storage_rejected_records"),
            prom(
                f"sum (increase(cc_bridge_storage_dropped_records_total{{{PBX}}}[$__range]))"
                f" + sum (increase(cc_bridge_storage_rejected_records_total{{{PBX}}}[$__range]))",
                now=True,
            ),
            limits=_ZERO,
            decimals=0,
        ),
        tile(
            "Failed surveys",
            "short",
            _text("agi_failures", "agi_refused", "agi_terminated"),
            prom(
                f"sum (increase(cc_bridge_agi_failures_total{{{PBX}}}[$__range]))"
                f' + sum (increase(cc_bridge_agi_refused_total{{{PBX}, reason!="stopping"}}[$__range]))'
                f' + sum (increase(cc_bridge_agi_terminated_total{{{PBX}, reason!="shutdown"}}[$__range]))',
                now=True,
            ),
            limits=more_is_worse(1, 3),
            decimals=0,
        ),
    )


def _link() -> tuple[object, ...]:
    return (
        lines(
            "PBX connection",
            "bool",
            _text("ami_up"),
            prom(f"cc_bridge_ami_up{{{PBX}}}", "{{pbx}}"),
            span=8,
        ),
        lines(
            "Time since the last event",
            "s",
            "Clock of Prometheus less the time of the last event. A long time without calls is normal."
            f" {_text('ami_last_event_timestamp_seconds')}",
            prom(f"time() - (cc_bridge_ami_last_event_timestamp_seconds{{{PBX}}} > 0)", "{{pbx}}"),
            span=8,
        ),
        lines(
            "Clock difference of the PBX",
            "s",
            _text("pbx_clock_offset_seconds"),
            prom(f"cc_bridge_pbx_clock_offset_seconds{{{PBX}}}", "{{pbx}}"),
            signed=True,
            span=8,
        ),
        lines(
            "AMI messages per second",
            "short",
            _text("ami_messages"),
            prom(
                f"sum by (kind) (rate(cc_bridge_ami_messages_total{{{PBX}}}[$__rate_interval]))", "{{kind}}"
            ),
        ),
        lines(
            "Gaps",
            "s",
            help_text("gap"),
            prom(_sum("observation_gap_seconds_total", by="pbx, reason"), "{{pbx}} {{reason}}"),
            stacked=True,
        ),
        lines(
            "Calls lost in gaps",
            "short",
            _text("observation_gap_calls"),
            prom(_sum("observation_gap_calls_total", by="pbx, reason"), "{{pbx}} {{reason}}"),
            stacked=True,
            span=8,
        ),
        lines(
            "Reconnects",
            "short",
            _text("ami_reconnects"),
            prom(_sum("ami_reconnects_total"), "{{pbx}}"),
            stacked=True,
            span=8,
        ),
        lines(
            "Unexpected call events",
            "short",
            _text("unexpected_call_events"),
            prom(_sum("unexpected_call_events_total"), "{{pbx}}"),
            stacked=True,
            span=8,
        ),
    )


def _storage() -> tuple[object, ...]:
    return (
        lines(
            "Records waiting for the disk",
            "short",
            _text("storage_queue_records"),
            prom(f"cc_bridge_storage_queue_records{{{PBX}}}", "{{pbx}}"),
            span=8,
        ),
        lines(
            "Age of the oldest record waiting for the disk",
            "s",
            _text("storage_queue_oldest_seconds"),
            prom(f"cc_bridge_storage_queue_oldest_seconds{{{PBX}}}", "{{pbx}}"),
            limits=more_is_worse(2, 10),
            span=8,
        ),
        lines(
            "Failed write attempts",
            "short",
            _text("storage_failures", "journal_forward_failures"),
            prom(_sum("storage_failures_total"), "{{pbx}} disk"),
            prom(_sum("journal_forward_failures_total"), "{{pbx}} server"),
            stacked=True,
            span=8,
        ),
        lines(
            "Records written per second",
            "short",
            _text("storage_written_records"),
            prom(
                f"sum by (table) (rate(cc_bridge_storage_written_records_total{{{PBX}}}[$__rate_interval]))",
                "{{table}}",
            ),
        ),
        lines(
            "Records per transaction",
            "short",
            f"{_text('storage_batches')} The panel shows records divided by transactions.",
            prom(
                f"sum by (pbx) (rate(cc_bridge_storage_written_records_total{{{PBX}}}[$__rate_interval]))"
                f" / (sum by (pbx) (rate(cc_bridge_storage_batches_total{{{PBX}}}[$__rate_interval])) > 0)",
                "{{pbx}}",
            ),
        ),
    )


def _journal() -> tuple[object, ...]:
    return (
        lines(
            "Journal use",
            PERCENT,
            "Journal size as a share of its limit; only with a database server."
            f" {_text('journal_bytes', 'journal_limit_bytes')}",
            prom(f"cc_bridge_journal_bytes{{{PBX}}} / cc_bridge_journal_limit_bytes{{{PBX}}}", "{{pbx}}"),
            limits=more_is_worse(0.5, 0.9),
            span=8,
        ),
        lines(
            "Records not yet on the server",
            "short",
            _text("journal_pending_records", "journal_rejected_records"),
            prom(f"cc_bridge_journal_pending_records{{{PBX}}}", "{{pbx}} waiting"),
            prom(f"cc_bridge_journal_rejected_records{{{PBX}}}", "{{pbx}} rejected"),
            span=8,
        ),
        lines(
            "Age of the oldest record waiting for the server",
            "s",
            _text("journal_oldest_seconds"),
            prom(f"cc_bridge_journal_oldest_seconds{{{PBX}}}", "{{pbx}}"),
            limits=more_is_worse(10, 120),
            span=8,
        ),
        lines(
            "Records sent to the server per second",
            "short",
            _text("journal_forwarded_records"),
            prom(f"rate(cc_bridge_journal_forwarded_records_total{{{PBX}}}[$__rate_interval])", "{{pbx}}"),
            span=24,
        ),
    )


def _webhooks() -> tuple[object, ...]:
    endpoint = "{{pbx}} {{endpoint}}"
    return (
        table(
            "Endpoints",
            "Empty without webhooks."
            f" {_text('webhook_pending_events', 'webhook_oldest_pending_seconds', 'webhook_dead_letters')}",
            {
                "Value #A": Column("Waiting"),
                "Value #B": Column("Age of the oldest", "s", more_is_worse(60, 900)),
                "Value #C": Column("Given up", "short", _ZERO),
            },
            *(
                prom(f"sum by (pbx, endpoint) (cc_bridge_webhook_{name}{{{PBX}}})", now=True, form="table")
                for name in ("pending_events", "oldest_pending_seconds", "dead_letters")
            ),
            names={"pbx": "PBX", "endpoint": "Endpoint"},
            span=24,
        ),
        lines(
            "Delivery attempts by result",
            "short",
            _text("webhook_deliveries"),
            prom(_sum("webhook_deliveries_total", by="pbx, endpoint, result"), f"{endpoint} {{{{result}}}}"),
            stacked=True,
        ),
        lines(
            "Pending events",
            "short",
            _text("webhook_pending_events"),
            prom(f"cc_bridge_webhook_pending_events{{{PBX}}}", endpoint),
        ),
    )


def _digests() -> tuple[object, ...]:
    last, due = (f"cc_bridge_digest_{name}_timestamp_seconds{{{PBX}}}" for name in ("last_sent", "due"))
    return (
        table(
            "Digests",
            "Empty without digests."
            f" {_text('digest_due_timestamp_seconds', 'digest_last_sent_timestamp_seconds')}",
            {
                "Value #A": Column("Due", "dateTimeAsIso"),
                "Value #B": Column("Last sent", "dateTimeAsIso"),
            },
            prom(f"sum by (pbx, digest) ({due}) * 1000", now=True, form="table"),
            prom(f"sum by (pbx, digest) ({last}) * 1000", now=True, form="table"),
            names={"pbx": "PBX", "digest": "Frequency"},
            span=24,
        ),
        lines(
            "Mails given up",
            "short",
            _text("digest_failures"),
            prom(_sum("digest_failures_total", by="pbx, digest"), "{{pbx}} {{digest}}"),
            span=24,
        ),
    )


def _surveys() -> tuple[object, ...]:
    return (
        lines(
            "FastAGI sessions in progress",
            "short",
            _text("agi_sessions_in_progress"),
            prom(f"cc_bridge_agi_sessions_in_progress{{{PBX}}}", "{{pbx}}"),
            span=8,
        ),
        lines(
            "Sessions",
            "short",
            _text("agi_sessions"),
            prom(_sum("agi_sessions_total"), "{{pbx}}"),
            stacked=True,
            span=8,
        ),
        lines(
            "Refused, terminated or failed sessions",
            "short",
            _text("agi_refused", "agi_foreign_requests", "agi_terminated", "agi_failures"),
            prom(_sum("agi_refused_total", by="pbx, reason"), "{{pbx}} refused: {{reason}}"),
            prom(_sum("agi_foreign_requests_total"), "{{pbx}} foreign"),
            prom(_sum("agi_terminated_total", by="pbx, reason"), "{{pbx}} terminated: {{reason}}"),
            prom(_sum("agi_failures_total"), "{{pbx}} failed"),
            stacked=True,
            span=8,
        ),
    )


def _process() -> tuple[object, ...]:
    return (
        lines(
            "Memory",
            "bytes",
            "Resident memory of each daemon's process.",
            prom(_of_process("resident_memory_bytes"), "{{pbx}}"),
            span=8,
        ),
        lines(
            "CPU",
            PERCENT,
            "Processor time per second; 100 % is one core. The daemon uses one core at most.",
            prom(_of_process("cpu_seconds_total"), "{{pbx}}"),
            limits=more_is_worse(0.5, 0.8),
            span=8,
        ),
        lines(
            "Open files",
            "short",
            "File descriptors in use; each FastAGI session and each HTTP connection uses one.",
            prom(_of_process("open_fds"), "{{pbx}}"),
            prom(_of_process("max_fds"), "{{pbx}} at most"),
            span=8,
        ),
        lines(
            "Uptime",
            "s",
            "Seconds since the start of the process; each drop to 0 is a restart.",
            prom(f"time() - {_of_process('start_time_seconds')}", "{{pbx}}"),
            span=8,
        ),
        lines(
            "Scrape duration",
            "s",
            "Duration of a scrape by Prometheus. The daemon renders the page in its reactor thread.",
            prom('scrape_duration_seconds{job=~"$job"}', "{{instance}}"),
            span=8,
        ),
        lines(
            "Series",
            "short",
            "Number of series in one scrape; config/docs/metrics.md lists the maximum.",
            prom('scrape_samples_scraped{job=~"$job"}', "{{instance}}"),
            span=8,
        ),
        table(
            "Versions",
            _text("build"),
            {"Value": Column("Daemons")},
            prom(f"count by (pbx, version, python) (cc_bridge_build_info{{{PBX}}})", now=True, form="table"),
            names={"pbx": "PBX", "version": "cc_bridge", "python": "Python"},
        ),
    )


def board() -> Dashboard:
    """Return the dashboard for the administrators of the daemons."""
    return framed(
        "daemon",
        "cc_bridge: the daemon",
        "Connection to the PBX, storage of records, and resources of the machine.",
        "now-6h",
        (DATASOURCE, JOB, PBX_OF_METRICS),
        (
            *_tiles(),
            row("Link to the PBX"),
            *_link(),
            row("Disk"),
            *_storage(),
            row("Database server"),
            *_journal(),
            row("Webhooks"),
            *_webhooks(),
            row("Digests"),
            *_digests(),
            row("Surveys"),
            *_surveys(),
            row("Process and scrape"),
            *_process(),
        ),
        refresh="30s",
        annotations=ANNOTATIONS,
    )
