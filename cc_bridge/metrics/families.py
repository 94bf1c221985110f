"""Every metric of the daemon: its name, type, labels, unit, meaning and how many series it can have. Pure.

`record_metrics.py` and `collectors.py` export what stands here and nothing else; `reference.py` writes
`config/metrics.md` from it. A KPI has its words and formula from `kpis/catalogue.py`.

A new counter of a queue is an entry here and a call of `Metrics.count` where the event happens: instrument
and series at 0 follow from `labels` and `initial`. `queue` is the first label of each family that has it.

Note: `series` is a Python expression that the tests run against a page where everything has happened. Its
names are those of `SIZES`.
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
    "queues": "the queues that were named, by configuration or PBX",
    "agents": "the pairs of a queue and an agent who talked in it",
    "thresholds": "the service-level thresholds and short-abandon limits in use that are no bound anyway",
    "values": "the values of all questions that a queue's callers are asked, 5 for one on 1 to 5",
    "endpoints": "the endpoints of webhooks",
    "owners": "the owners of queues, in the configuration or of a follow-up that is not closed",
    "tables": "the tables of the database, some 13",
}


# Seconds. Each bound is a series more for each queue and histogram.
_WAIT_BOUNDS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)
_TALK_BOUNDS = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_HOUR = 3600.0
_CLOSE_BOUNDS = tuple(hours * _HOUR for hours in (0.25, 1, 2, 4, 8, 24, 48, 72, 168))

ANSWERED = {True: "yes", False: "no"}  # the label of the same name
# Stages and outcomes that every queue has sooner or later; the series of others begin when they first happen.
_USUAL_STAGES = (SurveyStage.INVITED, SurveyResult.COMPLETE, SurveyResult.PARTIAL, SurveyResult.DECLINED)
_USUAL_OUTCOMES = (Outcome.ANSWERED, Outcome.ABANDONED)

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric. `name` is without prefix and the type's suffix; `labels` are those besides `pbx`."""

    name: str
    kind: str  # counter, gauge, histogram or info
    help: str
    unit: str
    labels: Labels = ()
    series: str = "1"  # at most
    use: str = ""  # what it is for where no rule, alert or panel needs it
    counted: bool = False  # by `Metrics`, as it happens; else it is read at each scrape
    initial: Mapping[str, Iterable[str]] = field(default_factory=dict)  # values by label, from the start
    bounds: tuple[float, ...] = ()  # of a histogram's buckets

    @property
    def exposed_name(self) -> str:
        """Its name as Prometheus has it."""
        return f"{PREFIX}{self.name}{_SUFFIXES.get(self.kind, '')}"

    @property
    def per_queue(self) -> bool:
        return "queue" in self.labels

    @property
    def per_agent(self) -> bool:
        return "agent" in self.labels

    def initial_labels(self) -> Iterator[Labels]:
        """Yield the values of the labels besides `queue` for each series that exists from the start.

        Raises KeyError for a label whose values `initial` does not have.
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
        _kpi("short_abandons", "counter", "short_abandons", "visits", "queue", series="queues"),
        _kpi("answered_within", "counter", "answered_within", "visits", "queue", series="queues"),
        _kpi("abandoned_within", "counter", "abandoned_within", "visits", "queue", series="queues"),
        MetricFamily(
            "service_level_threshold_seconds",
            "gauge",
            "The T of the queue's service level: service_level_seconds of the configuration (seconds).",
            "seconds",
            ("queue",),
            "queues",
            "the line in a panel of waits",
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
            "callers_waiting", "gauge", "Callers in the queue now.", "callers", ("queue",), "queues"
        ),
        MetricFamily(
            "longest_current_wait_seconds",
            "gauge",
            "Wait so far of the caller who has waited longest: largest now - entered_at; 0 without callers.",
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
            series="queues * 8",
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
            use="who ends the talk, on which the survey depends",
        ),
        MetricFamily(
            "talks_in_progress",
            "gauge",
            "Callers of the queue in a talk with an agent now.",
            "callers",
            ("queue",),
            "queues",
        ),
        MetricFamily(
            "queue_members",
            "gauge",
            "Members of the queue by their state now; an agent counts in every queue.",
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
            series="queues * 36",
            initial={"stage": _USUAL_STAGES},
        ),
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
            "Agents whose callers hang up first more often than those of the queue's other agents, by more"
            " than chance explains.",
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
            "Follow-ups that are not closed, assigned or not, by owner; the owner - stands for none.",
            "follow-ups",
            ("owner",),
            "owners",
        ),
        MetricFamily(
            "follow_ups_overdue",
            "gauge",
            "Follow-ups that are not closed after their due time, by owner; the owner - stands for none.",
            "follow-ups",
            ("owner",),
            "owners",
        ),
        MetricFamily(
            "follow_ups_opened",
            "counter",
            "Follow-ups that were opened.",
            "follow-ups",
            ("reason",),
            "5",
            counted=True,
            initial={"reason": FollowUpReason},
        ),
        MetricFamily(
            "follow_up_close_seconds",
            "histogram",
            "Time from what opened a follow-up until it was closed, by what it came to: done or dismissed.",
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
            "Unix time of the last AMI event; 0 before the first.",
            "seconds",
        ),
        MetricFamily(
            "ami_reconnects",
            "counter",
            "Successful logins after the first: logins - 1.",
            "logins",
            use="an unstable link",
        ),
        MetricFamily(
            "ami_messages",
            "counter",
            "AMI messages: parsed, filtered (skipped by name), malformed or oversized (dropped).",
            "messages",
            ("kind",),
            "4",
            "load, and what was dropped",
        ),
        MetricFamily(
            "pbx_clock_offset_seconds",
            "gauge",
            "How far the PBX's clock is ahead of this machine's: its time in the response to a Ping - ours at"
            " half the round trip (seconds).",
            "seconds",
        ),
        _kpi(
            "observation_gap_seconds",
            "counter",
            "gap",
            "seconds",
            "reason",
            series="4",
            initial={"reason": GapReason},
        ),
        MetricFamily(
            "observation_gap_calls",
            "counter",
            "Calls in progress when an observation gap began, by reason.",
            "calls",
            ("reason",),
            "4",
            "how many calls a gap has affected",
            counted=True,
            initial={"reason": GapReason},
        ),
        MetricFamily(
            "unexpected_call_events",
            "counter",
            "Call events that did not fit the state of their call, such as after lost messages.",
            "events",
            use="grows where Asterisk behaves in an unknown way",
        ),
    ),
    "FastAGI": (
        MetricFamily(
            "agi_sessions_in_progress",
            "gauge",
            "FastAGI sessions in progress.",
            "sessions",
            use="load, beside agi.max_callers",
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
            "FastAGI connections that were refused, by reason.",
            "connections",
            ("reason",),
            "4",
        ),
        MetricFamily(
            "agi_foreign_requests",
            "counter",
            "AGI requests for scripts that are not cc-bridge's, closed at once.",
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
            "Caller lookups before the queue: found (the dialplan has the profile), anonymous (a withheld or"
            " shared number), timeout (the database did not answer in time) or failed.",
            "callers",
            ("result",),
            "4",
            "whether the database is fast enough for lookups",
            counted=True,
            initial={"result": ("found", "anonymous", "timeout", "failed")},
        ),
    ),
    "Storage": (
        MetricFamily(
            "storage_queue_records",
            "gauge",
            "Records in memory that wait to be written.",
            "records",
            use="beside storage_queue_oldest_seconds",
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
            "Records on disk, by table.",
            "records",
            ("table",),
            "tables",
            "load",
        ),
        MetricFamily(
            "storage_batches",
            "counter",
            "Transactions that were committed.",
            "transactions",
            use="records in one transaction: storage_written / storage_batches",
        ),
        MetricFamily(
            "storage_failures",
            "counter",
            "Attempts to write that failed.",
            "attempts",
            use="a disk that recovers before an alert",
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
            "Records lost to a full queue, a full journal or a forced stop.",
            "records",
        ),
        MetricFamily("journal_bytes", "gauge", "Size of the journal on local disk.", "bytes"),
        MetricFamily(
            "journal_limit_bytes",
            "gauge",
            "Size limit of the journal; beyond it only ratings are kept.",
            "bytes",
        ),
        MetricFamily(
            "journal_pending_records",
            "gauge",
            "Records in the journal that the database server does not have.",
            "records",
            use="how much is left to forward",
        ),
        MetricFamily(
            "journal_oldest_seconds",
            "gauge",
            "Age of the oldest record that the database server does not have; 0 if it has all.",
            "seconds",
        ),
        MetricFamily(
            "journal_rejected_records",
            "gauge",
            "Records that the database server rejected, kept in the journal.",
            "records",
        ),
        MetricFamily(
            "journal_forwarded_records",
            "counter",
            "Records that the database server has committed.",
            "records",
            use="load, and the speed of catching up",
        ),
        MetricFamily(
            "journal_forward_failures",
            "counter",
            "Attempts to forward records that failed.",
            "attempts",
            use="a server that recovers before an alert",
        ),
    ),
    "Webhooks": (
        MetricFamily(
            "webhook_deliveries",
            "counter",
            "Webhook events by result: delivered, failed (an attempt that is retried), dead (given up) or"
            " dropped (no room for more dead letters).",
            "events",
            ("endpoint", "result"),
            "endpoints * 4",
        ),
        MetricFamily(
            "webhook_pending_events",
            "gauge",
            "Events that wait for delivery to their endpoint.",
            "events",
            ("endpoint",),
            "endpoints",
            "beside webhook_oldest_pending_seconds",
        ),
        MetricFamily(
            "webhook_oldest_pending_seconds",
            "gauge",
            "Age of the oldest event that waits for delivery; 0 if none waits.",
            "seconds",
            ("endpoint",),
            "endpoints",
        ),
        MetricFamily(
            "webhook_dead_letters",
            "gauge",
            "Events whose delivery was given up, kept for cc-bridge outbox retry.",
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
            "Unix time at which any daemon on this database last sent the digest; 0 if none has.",
            "seconds",
            ("digest",),
            "1",
        ),
        MetricFamily(
            "digest_failures",
            "counter",
            "Digests to one address that were given up: rejected, not sent for a day, or unclear.",
            "mails",
            ("digest",),
            "1",
        ),
    ),
    "Daemon": (
        MetricFamily(
            "build",
            "info",
            "The version that runs.",
            "none",
            ("version", "python"),
            use="which daemon is which",
        ),
    ),
}

BY_NAME: Mapping[str, MetricFamily] = {
    family.name: family for families in FAMILIES.values() for family in families
}
