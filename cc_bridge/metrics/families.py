"""Every metric of the daemon: its name, type, labels, unit, meaning and how many series it can have. Pure.

`instruments.py` and `collectors.py` export what stands here and nothing else, with the text as HELP;
`reference.py` writes `config/metrics.md` from it. What is a number of the contact centre has its words
and formula from `kpis/catalogue.py`.

The trap: `series` is a Python expression that the tests run against a page where everything has happened.
Its names are those of `SIZES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cc_bridge.kpis.catalogue import help_text

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


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric. `name` is without prefix and the type's suffix; `labels` are those besides `pbx`."""

    name: str
    kind: str  # counter, gauge, histogram or info
    text: str
    unit: str
    labels: tuple[str, ...] = ()
    series: str = "1"  # at most
    use: str = ""  # what it is for where no rule, alert or panel needs it

    @property
    def shown(self) -> str:
        """Its name as Prometheus has it."""
        return f"{PREFIX}{self.name}{_SUFFIXES.get(self.kind, '')}"


def _measured(
    name: str, kind: str, measure: str, unit: str, *labels: str, series: str, use: str = ""
) -> MetricFamily:
    return MetricFamily(name, kind, help_text(measure), unit, labels, series, use)


FAMILIES: Mapping[str, tuple[MetricFamily, ...]] = {
    "Calls and visits": (
        _measured(
            "calls",
            "counter",
            "calls",
            "calls",
            "direction",
            "answered",
            series="6",
            use="calls in and out of the house, queues or not",
        ),
        _measured("visits", "counter", "visit_outcomes", "visits", "queue", "outcome", series="queues * 11"),
        _measured("short_abandons", "counter", "short_abandons", "visits", "queue", series="queues"),
        _measured("answered_within", "counter", "answered_within", "visits", "queue", series="queues"),
        _measured("abandoned_within", "counter", "abandoned_within", "visits", "queue", series="queues"),
        MetricFamily(
            "service_level_threshold_seconds",
            "gauge",
            "The T of the queue's service level: service_level_seconds of the configuration (seconds).",
            "seconds",
            ("queue",),
            "queues",
            "the line in a panel of waits",
        ),
        _measured(
            "queue_wait_seconds",
            "histogram",
            "wait",
            "seconds",
            "queue",
            "outcome",
            series="queues * 11 * (16 + thresholds)",
        ),
        MetricFamily(
            "callers_waiting", "gauge", "Callers in the queue now.", "callers", ("queue",), "queues"
        ),
        MetricFamily(
            "longest_current_wait_seconds",
            "gauge",
            "Seconds that the caller who waits longest has waited: largest now - entered_at; 0 without any.",
            "seconds",
            ("queue",),
            "queues",
        ),
    ),
    "Agents": (
        _measured(
            "ring_attempts",
            "counter",
            "ring_outcomes",
            "ring_attempts",
            "queue",
            "outcome",
            series="queues * 8",
            use="phones that ring for nothing",
        ),
        _measured("talk_seconds", "histogram", "talk", "seconds", "queue", series="queues * 13"),
        _measured("handle_seconds", "histogram", "handle", "seconds", "queue", series="queues * 13"),
        _measured(
            "hold_seconds",
            "counter",
            "hold",
            "seconds",
            "queue",
            series="queues",
            use="hold as a part of talk",
        ),
        _measured(
            "talks_ended",
            "counter",
            "talk_ends",
            "talks",
            "queue",
            "ended_by",
            series="queues * 5",
            use="who hangs up first, without which nobody is asked",
        ),
        MetricFamily(
            "talks_in_progress",
            "gauge",
            "Callers of the queue who talk with an agent now.",
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
        _measured(
            "agent_talks",
            "counter",
            "agent_talks",
            "talks",
            "queue",
            "agent",
            series="agents",
            use="only with metrics.agents",
        ),
        _measured(
            "agent_handle_seconds",
            "counter",
            "agent_handle",
            "seconds",
            "queue",
            "agent",
            series="agents",
            use="only with metrics.agents",
        ),
        _measured(
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
        _measured("survey_eligible", "counter", "survey_eligible", "callers", "queue", series="queues"),
        _measured(
            "survey_stages", "counter", "survey_stages", "surveys", "queue", "stage", series="queues * 36"
        ),
        _measured(
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
        _measured(
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
            "a reason to listen to calls, not to wake anybody",
        ),
    ),
    "Follow-ups": (
        MetricFamily(
            "follow_ups_open",
            "gauge",
            "Follow-ups that are not closed, taken or not, by owner; the owner - is nobody.",
            "follow-ups",
            ("owner",),
            "owners",
        ),
        MetricFamily(
            "follow_ups_overdue",
            "gauge",
            "Follow-ups that are not closed and should be by now, by owner; the owner - is nobody.",
            "follow-ups",
            ("owner",),
            "owners",
        ),
        MetricFamily(
            "follow_ups_opened", "counter", "Follow-ups that were opened.", "follow-ups", ("reason",), "5"
        ),
        MetricFamily(
            "follow_up_close_seconds",
            "histogram",
            "Time from what opened a follow-up until it was closed, by what it came to: done or dropped.",
            "seconds",
            ("state",),
            "2 * 12",
        ),
    ),
    "Observation": (
        MetricFamily("ami_up", "gauge", "1 while the PBX is observed, else 0.", "boolean"),
        MetricFamily(
            "ami_last_event_timestamp_seconds",
            "gauge",
            "When the last event came, in seconds since the epoch; 0 before the first.",
            "seconds",
        ),
        MetricFamily(
            "ami_reconnects",
            "counter",
            "Good logins after the first: logins - 1.",
            "logins",
            use="a link that comes and goes",
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
            "How far the PBX's clock is ahead of this machine's: its time in the answer to a ping - ours half"
            " way between asking and hearing (seconds).",
            "seconds",
        ),
        _measured("observation_gap_seconds", "counter", "gap", "seconds", "reason", series="4"),
        MetricFamily(
            "observation_gap_calls",
            "counter",
            "Calls that were going on when the PBX was lost sight of, by reason.",
            "calls",
            ("reason",),
            "4",
            "how much a gap has cost",
        ),
        MetricFamily(
            "unexpected_call_events",
            "counter",
            "Signals about calls that did not fit what was known, such as after lost messages.",
            "signals",
            use="grows where an Asterisk behaves in a way that nobody has seen yet",
        ),
    ),
    "FastAGI": (
        MetricFamily(
            "agi_sessions_in_progress",
            "gauge",
            "Callers in a FastAGI session now.",
            "callers",
            use="load, beside agi.max_callers",
        ),
        MetricFamily("agi_sessions", "counter", "FastAGI sessions that were taken.", "sessions", use="load"),
        MetricFamily(
            "agi_failures", "counter", "FastAGI sessions that ended by an error of ours.", "sessions"
        ),
        MetricFamily(
            "agi_refused",
            "counter",
            "FastAGI connections that were not served, by reason.",
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
            "FastAGI sessions that were ended by us, by reason.",
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
            "whether the database is fast enough for agi://.../greet",
        ),
    ),
    "Storage": (
        MetricFamily(
            "storage_queue_records",
            "gauge",
            "Records that wait to be written.",
            "records",
            use="beside storage_queue_oldest_seconds",
        ),
        MetricFamily(
            "storage_queue_oldest_seconds",
            "gauge",
            "Age of the oldest record that waits to be written; 0 if none waits.",
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
            use="a disk that fails and comes back before an alert",
        ),
        MetricFamily(
            "storage_rejected_records", "counter", "Records that storage refused; they are lost.", "records"
        ),
        MetricFamily(
            "storage_dropped_records",
            "counter",
            "Records lost to a full backlog, a full journal or a forced end.",
            "records",
        ),
        MetricFamily("journal_bytes", "gauge", "What the journal holds, on local disk.", "bytes"),
        MetricFamily(
            "journal_limit_bytes",
            "gauge",
            "What the journal may hold; beyond it only ratings are kept.",
            "bytes",
        ),
        MetricFamily(
            "journal_pending_records",
            "gauge",
            "Records in the journal that the database server does not have.",
            "records",
            use="how much goes to a server that is back",
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
            "Records that the database server refused, kept in the journal.",
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
            "Attempts that failed with the database server.",
            "attempts",
            use="a server that fails and comes back before an alert",
        ),
    ),
    "Webhooks": (
        MetricFamily(
            "webhook_deliveries",
            "counter",
            "What became of events: delivered, failed (an attempt; the event goes again), dead (given up) or"
            " dropped (no room for more dead ones).",
            "events",
            ("endpoint", "result"),
            "endpoints * 4",
        ),
        MetricFamily(
            "webhook_pending_events",
            "gauge",
            "Events that wait for their endpoint.",
            "events",
            ("endpoint",),
            "endpoints",
            "beside webhook_oldest_pending_seconds",
        ),
        MetricFamily(
            "webhook_oldest_pending_seconds",
            "gauge",
            "Age of the oldest event that waits for its endpoint; 0 if none waits.",
            "seconds",
            ("endpoint",),
            "endpoints",
        ),
        MetricFamily(
            "webhook_dead_letters",
            "gauge",
            "Events that were given up, kept for cc-bridge outbox retry.",
            "events",
            ("endpoint",),
            "endpoints",
        ),
    ),
    "Digests": (
        MetricFamily(
            "digest_due_timestamp_seconds",
            "gauge",
            "When the digest of a day, week or month was due last, in seconds since the epoch.",
            "seconds",
            ("digest",),
            "1",
        ),
        MetricFamily(
            "digest_last_sent_timestamp_seconds",
            "gauge",
            "When one was sent last, by any daemon on this database, in seconds since the epoch; 0: never.",
            "seconds",
            ("digest",),
            "1",
        ),
        MetricFamily(
            "digest_failures",
            "counter",
            "Digests for one address that were given up: refused, not sent for a day, or unclear.",
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
