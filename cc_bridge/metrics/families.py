"""The catalogue of all metrics: name, type, labels, unit, meaning and largest number of series of each. Pure.

`record_metrics.py` and `collectors.py` export exactly these metrics. `reference.py` writes
`config/docs/metrics.md` from them. The HELP text of a KPI, with its formula, comes from `kpis/catalogue.py`.

A new counter of a queue needs an entry here and a call of `RecordMetrics.count` at the event. RecordMetrics
creates the counter from its entry. The series of the label values in `initial` exist with the value 0 from
the start. In each family with the label `queue`, this label is the first one.

The field `series` is a Python expression that uses the names of `SIZES`. Tests compare its value with the
number of series on a page that has each possible series.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from cc_bridge.follow_ups.follow_up import FollowUpReason, FollowUpState
from cc_bridge.kpis.catalogue import help_text
from cc_bridge.records import Direction, EndedBy, GapReason, Outcome, RingOutcome, SurveyResult
from cc_bridge.surveys.eligibility import SurveyStage

__all__ = ["BY_NAME", "FAMILIES", "PREFIX", "SIZES", "MetricFamily"]

PREFIX = "cc_bridge_"
_SUFFIXES = {"counter": "_total", "info": "_info"}

SIZES: Mapping[str, str] = {
    "queues": "the queues that the configuration or the PBX names",
    "agents": "the pairs of a queue and an agent who talked in this queue",
    "thresholds": "the configured service level thresholds and short abandon limits that are not among the"
    " fixed bucket bounds",
    "values": "the possible answers to all questions of a queue's survey, 5 for a question on a 1 to 5 scale",
    "endpoints": "the webhook endpoints",
    "owners": "the owners that the configuration or an unclosed follow-up names",
    "tables": "the tables of the database, about 14",
}


# Bucket bounds in seconds. Each bound adds one series for each queue and histogram.
_NO_SERIES = "no series while the PBX is not observed"
_WAIT_BOUNDS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)
_TALK_BOUNDS = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_HOUR = 3600.0
_CLOSE_BOUNDS = tuple(hours * _HOUR for hours in (0.25, 1, 2, 4, 8, 24, 48, 72, 168))

ANSWERED = {True: "yes", False: "no"}  # the label of the same name
# Survey stages and outcomes that occur in every queue, so their series exist at 0 from the start. The series
# of other stages and outcomes start when they first occur.
_USUAL_STAGES = (SurveyStage.INVITED, SurveyResult.COMPLETE, SurveyResult.PARTIAL, SurveyResult.DECLINED)
_USUAL_OUTCOMES = (Outcome.ANSWERED, Outcome.ABANDONED)

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """A metric family of the catalogue.

    `name` has no prefix `cc_bridge_` and, for a counter, no suffix `_total`. `labels` excludes the label
    `pbx`, which every metric has.
    """

    name: str
    kind: str  # counter, gauge, histogram or info
    help: str  # the HELP text
    unit: str
    labels: Labels = ()
    series: str = "1"  # largest number of series, an expression with the names of SIZES
    use: str = ""  # the purpose of a metric that no rule, alert or panel uses
    counted: bool = False  # True: counted at each event; False: read at each scrape
    initial: Mapping[str, Iterable[str]] = field(
        default_factory=dict
    )  # label values that exist from the start
    bounds: tuple[float, ...] = ()  # bucket bounds of a histogram

    @property
    def exposed_name(self) -> str:
        """The complete name in Prometheus, such as `cc_bridge_calls_total`."""
        return f"{PREFIX}{self.name}{_SUFFIXES.get(self.kind, '')}"

    @property
    def per_queue(self) -> bool:
        """Whether the metric has the label `queue`."""
        return "queue" in self.labels

    @property
    def per_agent(self) -> bool:
        """Whether the metric has the label `agent`."""
        return "agent" in self.labels

    def initial_labels(self) -> Iterator[Labels]:
        """Yield the label values of each series that exists with the value 0 from the start.

        They are the combinations of the label values in `initial`. The label `queue` is left out, because the
        names of queues are not known in advance. Raise KeyError if another label of the metric is not in
        `initial`.
        """
        return product(*(self.initial[label] for label in self.labels if label != "queue"))


def _kpi(
    name: str,
    kind: str,
    kpi: str,
    unit: str,
    *labels: str,
    series: str,
    use: str = "",
    initial: Mapping[str, Iterable[str]] | None = None,
    bounds: tuple[float, ...] = (),
) -> MetricFamily:
    """Return the metric family that exposes the KPI `kpi`, with the HELP text from the KPI catalogue.

    The other parameters are fields of MetricFamily.
    """
    counted = kind != "gauge"
    return MetricFamily(name, kind, help_text(kpi), unit, labels, series, use, counted, initial or {}, bounds)


FAMILIES: Mapping[str, tuple[MetricFamily, ...]] = {
    "Calls and visits": (
        _kpi(
            "calls",
            "counter",
            "calls",
            "calls",
            "direction",
            "answered",
            series="6",
            initial={"direction": Direction, "answered": ANSWERED.values()},
            use="inbound and outbound calls, with or without a queue",
        ),
        _kpi(
            "visits",
            "counter",
            "visit_outcomes",
            "visits",
            "queue",
            "outcome",
            series="queues * 11",
            initial={"outcome": Outcome},
        ),
        _kpi(
            "partial_visits",
            "counter",
            "partial_visits",
            "visits",
            "queue",
            series="queues",
            use="visits that are missing in the other numbers",
        ),
        _kpi("short_abandons", "counter", "short_abandons", "visits", "queue", series="queues"),
        _kpi("answered_within", "counter", "answered_within", "visits", "queue", series="queues"),
        _kpi("abandoned_within", "counter", "abandoned_within", "visits", "queue", series="queues"),
        MetricFamily(
            "service_level_threshold_seconds",
            "gauge",
            "Service level threshold of the queue in seconds: the option service_level_seconds.",
            "seconds",
            ("queue",),
            "queues",
            "threshold line in a panel of wait times",
        ),
        MetricFamily(
            "queue_info",
            "gauge",
            "Title of the queue as a label, otherwise its name; the value is always 1.",
            "none",
            ("queue", "title"),
            "queues",
            "titles in alerts and dashboards",
        ),
        _kpi(
            "queue_wait_seconds",
            "histogram",
            "wait",
            "seconds",
            "queue",
            "outcome",
            series="queues * 11 * (16 + thresholds)",
            initial={"outcome": _USUAL_OUTCOMES},
            bounds=_WAIT_BOUNDS,
        ),
        MetricFamily(
            "callers_waiting",
            "gauge",
            f"Callers waiting in the queue now; {_NO_SERIES}.",
            "callers",
            ("queue",),
            "queues",
        ),
        MetricFamily(
            "longest_current_wait_seconds",
            "gauge",
            "Wait time so far of the caller who has waited longest in the queue (largest now - entered_at);"
            f" 0 if no caller waits; {_NO_SERIES}.",
            "seconds",
            ("queue",),
            "queues",
        ),
    ),
    "Agents": (
        _kpi(
            "ring_attempts",
            "counter",
            "ring_outcomes",
            "attempts",
            "queue",
            "outcome",
            series="queues * 9",
            initial={"outcome": RingOutcome},
            use="unanswered ring attempts",
        ),
        _kpi(
            "talk_seconds", "histogram", "talk", "seconds", "queue", series="queues * 13", bounds=_TALK_BOUNDS
        ),
        _kpi(
            "handle_seconds",
            "histogram",
            "handle",
            "seconds",
            "queue",
            series="queues * 13",
            bounds=_TALK_BOUNDS,
        ),
        _kpi(
            "hold_seconds",
            "counter",
            "hold",
            "seconds",
            "queue",
            series="queues",
            use="hold as a share of talk",
        ),
        _kpi(
            "talks_ended",
            "counter",
            "talk_ends",
            "talks",
            "queue",
            "ended_by",
            series="queues * 5",
            initial={"ended_by": EndedBy},
            use="share of talks that the caller ends, before the survey can start",
        ),
        MetricFamily(
            "talks_in_progress",
            "gauge",
            f"Talks that are in progress now between callers of the queue and agents; {_NO_SERIES}.",
            "talks",
            ("queue",),
            "queues",
        ),
        MetricFamily(
            "queue_members",
            "gauge",
            f"Members of the queue by current state; an agent counts in each of their queues; {_NO_SERIES}.",
            "agents",
            ("queue", "state"),
            "queues * 6",
        ),
        _kpi(
            "agent_talks",
            "counter",
            "agent_talks",
            "talks",
            "queue",
            "agent",
            series="agents",
            use="only with metrics.agents",
        ),
        _kpi(
            "agent_handle_seconds",
            "counter",
            "agent_handle",
            "seconds",
            "queue",
            "agent",
            series="agents",
            use="only with metrics.agents",
        ),
        _kpi(
            "agent_ratings",
            "counter",
            "agent_ratings",
            "answers",
            "queue",
            "agent",
            "question",
            "kind",
            "value",
            series="agents * values",
            use="only with metrics.agents",
        ),
    ),
    "Survey": (
        _kpi("survey_eligible", "counter", "survey_eligible", "callers", "queue", series="queues"),
        _kpi(
            "survey_stages",
            "counter",
            "survey_stages",
            "surveys",
            "queue",
            "stage",
            series="queues * 37",
            initial={"stage": _USUAL_STAGES},
        ),
        _kpi("not_routed_calls", "counter", "not_routed", "callers", "queue", series="queues"),
        _kpi(
            "ratings",
            "counter",
            "ratings",
            "answers",
            "queue",
            "question",
            "kind",
            "value",
            series="queues * values",
        ),
        _kpi(
            "caller_hangup_first_ratio",
            "gauge",
            "left_first",
            "ratio",
            "queue",
            series="queues",
            use="read beside hangup_outlier_agents",
        ),
        MetricFamily(
            "hangup_outlier_agents",
            "gauge",
            "Agents of the queue whose callers hang up first significantly more often than the callers of the"
            " queue's other agents.",
            "agents",
            ("queue",),
            "queues",
            "informational; do not page on it",
        ),
    ),
    "Follow-ups": (
        MetricFamily(
            "follow_ups_open",
            "gauge",
            "Follow-ups that are not closed, assigned or unassigned, by owner; the owner - means no owner.",
            "follow-ups",
            ("owner",),
            "owners",
        ),
        MetricFamily(
            "follow_ups_overdue",
            "gauge",
            "Follow-ups that are past their due time and not closed, by owner; the owner - means no owner.",
            "follow-ups",
            ("owner",),
            "owners",
        ),
        MetricFamily(
            "follow_ups_opened",
            "counter",
            "Follow-ups that were opened, by reason.",
            "follow-ups",
            ("reason",),
            "6",
            counted=True,
            initial={"reason": FollowUpReason},
        ),
        MetricFamily(
            "follow_up_close_seconds",
            "histogram",
            "Time from the call or answer that opened a follow-up until its closure, by final state: done or"
            " dismissed.",
            "seconds",
            ("state",),
            "2 * 12",
            counted=True,
            initial={"state": (FollowUpState.DONE, FollowUpState.DISMISSED)},
            bounds=_CLOSE_BOUNDS,
        ),
    ),
    "Observation": (
        MetricFamily("ami_up", "gauge", "1 while the PBX is observed, else 0.", "boolean"),
        MetricFamily(
            "ami_last_event_timestamp_seconds",
            "gauge",
            "Unix time of the last AMI event; 0 before the first event.",
            "seconds",
        ),
        MetricFamily(
            "ami_reconnects",
            "counter",
            "Reconnects of the AMI link: successful logins - 1.",
            "logins",
            use="detection of an unstable AMI link",
        ),
        MetricFamily(
            "ami_messages",
            "counter",
            "Received AMI messages by kind: parsed, filtered (not needed, so not parsed), malformed,"
            " oversized or unconfirmed (about a channel or queue that Asterisk does not know). The last three"
            " kinds are dropped.",
            "messages",
            ("kind",),
            "5",
            "load, and number of dropped messages",
        ),
        MetricFamily(
            "pbx_clock_offset_seconds",
            "gauge",
            "Seconds by which the PBX's clock is ahead of this machine's clock: PBX time in the response to a"
            " Ping - local time at half the round trip.",
            "seconds",
        ),
        _kpi(
            "observation_gap_seconds",
            "counter",
            "gap",
            "seconds",
            "reason",
            series="6",
            initial={"reason": GapReason},
        ),
        MetricFamily(
            "observation_gap_calls",
            "counter",
            "Visits and talks in progress when an observation gap started, by reason of the gap.",
            "calls",
            ("reason",),
            "6",
            "number of calls that a gap affected",
            counted=True,
            initial={"reason": GapReason},
        ),
        MetricFamily(
            "unexpected_call_events",
            "counter",
            "Call events that did not fit the state of their call, for example after lost messages.",
            "events",
            use="detection of unknown behaviour of Asterisk",
        ),
    ),
    "FastAGI": (
        MetricFamily(
            "agi_sessions_in_progress",
            "gauge",
            "FastAGI sessions in progress now.",
            "sessions",
            use="load, compared with agi.max_callers",
        ),
        MetricFamily(
            "agi_sessions", "counter", "FastAGI sessions that were accepted.", "sessions", use="load"
        ),
        MetricFamily(
            "agi_failures", "counter", "FastAGI sessions that failed with an internal error.", "sessions"
        ),
        MetricFamily(
            "agi_refused",
            "counter",
            "FastAGI connections that were rejected, by reason: busy (agi.max_callers), invalid_header,"
            " header_timeout, pending_limit (agi.max_pending_connections), stopping or wrong_secret.",
            "connections",
            ("reason",),
            "6",
        ),
        MetricFamily(
            "agi_pending_connections",
            "gauge",
            "FastAGI connections whose header has not arrived yet.",
            "connections",
            use="load, compared with agi.max_pending_connections",
        ),
        MetricFamily(
            "agi_foreign_requests",
            "counter",
            "AGI requests for scripts of other programs; the connection is closed immediately.",
            "requests",
        ),
        MetricFamily(
            "agi_terminated",
            "counter",
            "FastAGI sessions that the daemon terminated, by reason.",
            "sessions",
            ("reason",),
            "2",
        ),
        MetricFamily(
            "caller_lookups",
            "counter",
            "Caller lookups before the queue by result: found (the dialplan received the profile), anonymous"
            " (withheld or shared number), timeout (the database did not answer in time) or failed.",
            "callers",
            ("result",),
            "4",
            "check that the database is fast enough for lookups",
            counted=True,
            initial={"result": ("found", "anonymous", "timeout", "failed")},
        ),
    ),
    "HTTP": (
        MetricFamily(
            "http_connections",
            "gauge",
            "Open HTTP connections.",
            "connections",
            use="load, compared with http.max_connections",
        ),
        MetricFamily(
            "http_refused",
            "counter",
            "HTTP requests that were refused and connections that were closed, by reason: busy (all"
            " connections are in use), body_too_long, malformed, rate_limit (status 429) or timeout (the"
            " request arrived too slowly).",
            "requests",
            ("reason",),
            "5",
        ),
    ),
    "Storage": (
        MetricFamily(
            "storage_queue_records",
            "gauge",
            "Records in memory that wait to be written.",
            "records",
            use="length of the queue, next to storage_queue_oldest_seconds",
        ),
        MetricFamily(
            "storage_queue_bytes",
            "gauge",
            "Estimated memory of the records that wait to be written.",
            "bytes",
            use="see how soon records are lost: storage_queue_bytes / storage_queue_limit_bytes",
        ),
        MetricFamily(
            "storage_queue_limit_bytes",
            "gauge",
            "Largest value of storage_queue_bytes (storage.max_queued_mb). Further records are lost, except"
            " survey answers, survey attempts and opt-outs.",
            "bytes",
            use="next to storage_queue_bytes",
        ),
        MetricFamily(
            "storage_queue_oldest_seconds",
            "gauge",
            "Age of the oldest record in memory that waits to be written; 0 if none waits.",
            "seconds",
        ),
        MetricFamily(
            "storage_written_records",
            "counter",
            "Records that were written to disk, by table.",
            "records",
            ("table",),
            "tables",
            "load",
        ),
        MetricFamily(
            "storage_batches",
            "counter",
            "Write transactions that were committed to disk.",
            "transactions",
            use="records per transaction: storage_written_records / storage_batches",
        ),
        MetricFamily(
            "storage_failures",
            "counter",
            "Failed attempts to write records to disk.",
            "attempts",
            use="detection of disk failures that end before an alert fires",
        ),
        MetricFamily(
            "storage_rejected_records",
            "counter",
            "Records that the database rejected; they are lost.",
            "records",
        ),
        MetricFamily(
            "storage_dropped_records",
            "counter",
            "Records that were lost because of a full queue, a full journal or a forced stop.",
            "records",
        ),
        MetricFamily(
            "storage_damaged_files",
            "gauge",
            "1 if the last daily check found damaged pages in the SQLite file on local disk; 0 if not.",
            "files",
        ),
        MetricFamily(
            "storage_set_aside_files",
            "gauge",
            "Unreadable SQLite files on local disk that were renamed and lie beside the new file.",
            "files",
        ),
        MetricFamily("journal_bytes", "gauge", "Size of the journal on local disk.", "bytes"),
        MetricFamily(
            "journal_limit_bytes",
            "gauge",
            "Size limit of the journal; when it is reached, only survey answers, survey attempts and opt-outs"
            " are stored.",
            "bytes",
        ),
        MetricFamily(
            "journal_pending_records",
            "gauge",
            "Records in the journal that have not been forwarded to the database server.",
            "records",
            use="number of records that are left to forward",
        ),
        MetricFamily(
            "journal_oldest_seconds",
            "gauge",
            "Age of the oldest journal record not yet forwarded to the database server; 0 if none waits.",
            "seconds",
        ),
        MetricFamily(
            "journal_rejected_records",
            "gauge",
            "Records that the database server rejected; they are kept in the journal.",
            "records",
        ),
        MetricFamily(
            "journal_forwarded_records",
            "counter",
            "Records that were forwarded from the journal and committed by the database server.",
            "records",
            use="load, and forwarding speed after an outage",
        ),
        MetricFamily(
            "journal_forward_failures",
            "counter",
            "Failed attempts to forward records to the database server.",
            "attempts",
            use="detection of server failures that end before an alert fires",
        ),
    ),
    "Webhooks": (
        MetricFamily(
            "webhook_deliveries",
            "counter",
            "Webhook events by endpoint and result: delivered, failed (one attempt, to be retried), dead"
            " (given up) or dropped (dead and deleted, because the endpoint had too many dead events or the"
            " event was older than 30 days).",
            "events",
            ("endpoint", "result"),
            "endpoints * 4",
        ),
        MetricFamily(
            "webhook_pending_events",
            "gauge",
            "Webhook events that wait for delivery to their endpoint.",
            "events",
            ("endpoint",),
            "endpoints",
            "number of waiting events, next to webhook_oldest_pending_seconds",
        ),
        MetricFamily(
            "webhook_oldest_pending_seconds",
            "gauge",
            "Age of the oldest webhook event that waits for delivery; 0 if none waits.",
            "seconds",
            ("endpoint",),
            "endpoints",
        ),
        MetricFamily(
            "webhook_dead_letters",
            "gauge",
            "Webhook events whose delivery was given up; cc-bridge outbox retry sends them again.",
            "events",
            ("endpoint",),
            "endpoints",
        ),
    ),
    "Digests": (
        MetricFamily(
            "digest_due_timestamp_seconds",
            "gauge",
            "Unix time at which the digest of a day, week or month was last due.",
            "seconds",
            ("digest",),
            "1",
        ),
        MetricFamily(
            "digest_last_sent_timestamp_seconds",
            "gauge",
            "Unix time at which a daemon with this database last sent the digest; 0 if never.",
            "seconds",
            ("digest",),
            "1",
        ),
        MetricFamily(
            "digest_failures",
            "counter",
            "Digest mails that were given up: rejected, not sent within a day, or with unknown result.",
            "mails",
            ("digest",),
            "1",
        ),
    ),
    "Daemon": (
        MetricFamily(
            "label_overflows",
            "counter",
            "Counted events whose queue, agent or reason is beyond the limit of this label; they count under"
            " the value (other).",
            "events",
            ("label",),
            "3",
        ),
        MetricFamily(
            "build",
            "info",
            "Running versions of cc_bridge and Python, as labels; the value is always 1.",
            "none",
            ("version", "python"),
            use="identification of the running version",
        ),
    ),
}

BY_NAME: Mapping[str, MetricFamily] = {
    family.name: family for families in FAMILIES.values() for family in families
}
