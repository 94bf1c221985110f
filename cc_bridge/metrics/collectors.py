"""Collectors: gauges and counters that are read from the live objects of a daemon at each scrape.

A scrape must run in the reactor's thread, because the live objects are not thread-safe. A metric family is
exported even if it has no value yet. So an alert rule never refers to a metric that does not exist.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.registry import Collector

from cc_bridge.follow_ups.follow_up import FollowUpCount
from cc_bridge.metrics.exposition import Family
from cc_bridge.metrics.families import BY_NAME, PREFIX
from cc_bridge.metrics.label_limits import LabelLimits
from cc_bridge.metrics.observed_state import (
    AgiState,
    DigestState,
    ForwarderState,
    HttpState,
    LinkState,
    LocalFileState,
    StoreState,
    TrackerState,
    WebhookState,
)
from cc_bridge.records import AgentState
from cc_bridge.surveys.hangup_outliers import HangupOutliers

__all__ = [
    "DigestCollector",
    "FileCollector",
    "FollowUpCollector",
    "HttpCollector",
    "LabelLimitCollector",
    "QueueCollector",
    "RenderedFamily",
    "StateCollector",
]

# The gauges of live state, which have series only while the PBX is observed.
_OBSERVED = ("callers_waiting", "longest_current_wait_seconds", "talks_in_progress", "queue_members")
_MEMBER_STATES = [state for state in AgentState if state is not AgentState.LOGGED_OUT]
# The reasons, as `agi/server.py` names them. Their series exist at 0 from the start.
_REFUSED = dict.fromkeys(
    ("busy", "invalid_header", "header_timeout", "pending_limit", "stopping", "wrong_secret"), 0
)
# The reasons, as `web/page_site.py` names them.
_HTTP_REFUSED = dict.fromkeys(("busy", "body_too_long", "malformed", "rate_limit", "timeout"), 0)
_TERMINATED = dict.fromkeys(("time_limit", "shutdown"), 0)
# The label value for "no owner". Prometheus treats an empty label as missing, and "-" is not a valid owner
# name.
_NO_OWNER = "-"


class RenderedFamily(Metric):
    """A metric family whose samples are already text.

    prometheus_client writes only the family's name, help text and type. `lines` has the samples in the
    exposition format, and `record_metrics.py` adds them to the page.
    """

    def __init__(self, family: Family, lines: Iterator[str]) -> None:
        super().__init__(family.name, family.documentation, family.kind)
        self.lines = lines


# Values by their label values, without the label `pbx`.
Values = Mapping[tuple[str, ...], float]


def _read(name: str, pbx: str, values: Values) -> Metric:
    """Return the gauge or counter called `name`, with one series for each entry of `values`.

    A key of `values` is a series' label values without the label `pbx`. This label has the value `pbx` in all
    series.
    """
    known = BY_NAME[name]
    family = Family(known.kind, f"{PREFIX}{name}", known.help, pbx, *known.labels)
    return RenderedFamily(family, family.lines({family.series(*key): n for key, n in values.items()}))


class QueueCollector(Collector):
    """Collects each queue's title, its service level threshold, and two figures about hang-ups of callers.

    The first figure is the share of callers who hung up before the agent did. It is computed from the callers
    who were invited to a survey, and the callers who would have been invited if they had not hung up first.
    The second is the number of agents whose callers hang up first unusually often. No metric names these
    agents; the reports do.
    """

    def __init__(
        self,
        pbx: str,
        outliers: HangupOutliers,
        thresholds: Mapping[str, float],
        titles: Mapping[str, str],
    ) -> None:
        self._pbx = pbx
        self._outliers = outliers
        self._thresholds = thresholds
        self._titles = titles

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        seconds: dict[tuple[str, ...], float] = {(queue,): t for queue, t in self._thresholds.items()}
        yield _read("service_level_threshold_seconds", self._pbx, seconds)
        yield _read("queue_info", self._pbx, dict.fromkeys(self._titles.items(), 1))
        shares = list(self._outliers.queues())
        yield _read("caller_hangup_first_ratio", self._pbx, {(share.queue,): share.share for share in shares})
        yield _read("hangup_outlier_agents", self._pbx, {(share.queue,): share.outliers for share in shares})


class FollowUpCollector(Collector):
    """Collects each owner's number of follow-ups that are not closed, and the number that are overdue."""

    def __init__(self, pbx: str, by_owner: Mapping[str, FollowUpCount]) -> None:
        self._pbx = pbx
        self._by_owner = by_owner

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        unclosed: dict[tuple[str, ...], float] = {}
        overdue: dict[tuple[str, ...], float] = {}
        for owner, count in self._by_owner.items():
            unclosed[owner or _NO_OWNER,] = count.open + count.taken
            overdue[owner or _NO_OWNER,] = count.overdue
        yield _read("follow_ups_open", self._pbx, unclosed)
        yield _read("follow_ups_overdue", self._pbx, overdue)


class LabelLimitCollector(Collector):
    """Collects, by label, the number of events that have the value `(other)` because of the limit."""

    def __init__(self, pbx: str, limits: LabelLimits) -> None:
        self._pbx = pbx
        self._limits = limits

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield _read("label_overflows", self._pbx, _by_name(self._limits.overflows))


class DigestCollector(Collector):
    """Collects the times at which a digest was last due and last sent, and the number of mails given up.

    While digests are off, the metrics have no series.
    """

    def __init__(self, pbx: str, digests: DigestState) -> None:
        self._pbx = pbx
        self._digests = digests

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        digests = self._digests
        yield _read("digest_due_timestamp_seconds", self._pbx, _by_name(digests.due_at))
        yield _read("digest_last_sent_timestamp_seconds", self._pbx, _by_name(digests.last_sent_at))
        yield _read("digest_failures", self._pbx, _by_name(digests.failures))


class FileCollector(Collector):
    """Collects whether the SQLite database or journal is damaged, and how many files were set aside."""

    def __init__(self, pbx: str, files: LocalFileState) -> None:
        self._pbx = pbx
        self._files = files

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield _read("storage_damaged_files", self._pbx, {(): int(self._files.damaged)})
        yield _read("storage_set_aside_files", self._pbx, {(): self._files.set_aside})


def _by_name(values: Mapping[str, float]) -> Values:
    return {(name,): value for name, value in values.items()}


class HttpCollector(Collector):
    """Collects the number of open HTTP connections, and the numbers of refused requests and connections."""

    def __init__(self, pbx: str, http: HttpState) -> None:
        self._pbx = pbx
        self._http = http

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        refused = _HTTP_REFUSED | self._http.refused
        yield _read("http_connections", self._pbx, {(): self._http.connections})
        yield _read("http_refused", self._pbx, {(reason,): n for reason, n in refused.items()})


class StateCollector(Collector):
    """Collects the live state of calls, AMI link, FastAGI server, storage, journal and webhooks.

    `forwarder` is None without a database server, `webhooks` is None without webhooks. Their metrics are then
    not exported. `limits` has the largest number of queues that the labels may name.
    """

    def __init__(
        self,
        pbx: str,
        tracker: TrackerState,
        link: LinkState,
        store: StoreState,
        agi: AgiState,
        forwarder: ForwarderState | None,
        webhooks: WebhookState | None,
        limits: LabelLimits,
    ) -> None:
        self._pbx = pbx
        self._limits = limits
        self._tracker = tracker
        self._link = link
        self._store = store
        self._agi_state = agi
        self._forwarder = forwarder
        self._webhook_state = webhooks

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that the registry does not call `collect` to learn the names of the metrics."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._calls()
        yield from self._ami()
        yield from self._agi()
        yield from self._storage()
        if self._forwarder is not None:
            yield from self._journal(self._forwarder)
        if self._webhook_state is not None:
            yield from self._webhooks(self._webhook_state)

    def _family(self, name: str, values: Values) -> Metric:
        return _read(name, self._pbx, values)

    def _calls(self) -> Iterator[Metric]:
        yield self._family("unexpected_call_events", {(): self._tracker.unexpected})
        if not self._link.up:
            # Callers and talks are unknown. Without a series no alert fires for calls that have ended.
            for name in _OBSERVED:
                yield self._family(name, {})
            return
        tracker, now = self._tracker, self._link.pbx_now()
        queues = {queue: self._limits.limited("queue", queue) for queue in tracker.queues}
        waiting: dict[tuple[str, ...], float] = {(label,): 0 for label in queues.values()}
        oldest, talks = dict(waiting), dict(waiting)
        for visit in tracker.waiting():
            label = self._limits.limited("queue", visit.queue)
            waiting[label,] = waiting.get((label,), 0) + 1
            oldest[label,] = max(oldest.get((label,), 0), now - visit.entered_at)
        for talk in tracker.talks.in_progress():
            if talk.queue:
                label = self._limits.limited("queue", talk.queue)
                talks[label,] = talks.get((label,), 0) + 1
        counted = tracker.agents.counts()
        members: dict[tuple[str, ...], float] = {}
        for queue, label in queues.items():
            for state in _MEMBER_STATES:
                members[label, state] = members.get((label, state), 0) + counted.get((queue, state), 0)
        yield self._family("callers_waiting", waiting)
        yield self._family("longest_current_wait_seconds", oldest)
        yield self._family("talks_in_progress", talks)
        yield self._family("queue_members", members)

    def _ami(self) -> Iterator[Metric]:
        link, counts = self._link, self._link.counts
        parsed = counts.received - counts.filtered - counts.dropped - counts.unconfirmed
        kinds = {
            "parsed": parsed,
            "filtered": counts.filtered,
            "malformed": counts.malformed,
            "oversized": counts.oversized,
            "unconfirmed": counts.unconfirmed,
        }
        yield self._family("ami_up", {(): float(link.up)})
        yield self._family("ami_last_event_timestamp_seconds", {(): link.last_event_at})
        yield self._family("ami_reconnects", {(): max(0, link.logins - 1)})
        yield self._family("ami_messages", {(kind,): n for kind, n in kinds.items()})
        yield self._family("pbx_clock_offset_seconds", {(): link.clock_offset})

    def _agi(self) -> Iterator[Metric]:
        agi = self._agi_state
        yield self._family("agi_sessions_in_progress", {(): agi.in_progress})
        yield self._family("agi_pending_connections", {(): len(agi.pending)})
        yield self._family("agi_sessions", {(): agi.accepted})
        yield self._family("agi_failures", {(): agi.failed})
        yield self._family("agi_refused", {(reason,): n for reason, n in (_REFUSED | agi.refused).items()})
        yield self._family("agi_foreign_requests", {(): agi.foreign.total})
        yield self._family(
            "agi_terminated", {(reason,): n for reason, n in (_TERMINATED | agi.terminated).items()}
        )

    def _storage(self) -> Iterator[Metric]:
        store = self._store
        yield self._family("storage_queue_records", {(): store.backlog})
        yield self._family("storage_queue_bytes", {(): store.backlog_bytes})
        yield self._family("storage_queue_limit_bytes", {(): store.max_backlog_bytes})
        yield self._family("storage_queue_oldest_seconds", {(): store.oldest_seconds})
        yield self._family("storage_written_records", {(table,): n for table, n in store.written.items()})
        yield self._family("storage_batches", {(): store.batches})
        yield self._family("storage_failures", {(): store.failures})
        yield self._family("storage_rejected_records", {(): store.rejected})
        yield self._family("storage_dropped_records", {(): store.dropped})

    def _journal(self, forwarder: ForwarderState) -> Iterator[Metric]:
        journal = forwarder.journal
        yield self._family("journal_bytes", {(): journal.size})
        yield self._family("journal_limit_bytes", {(): journal.limit})
        yield self._family("journal_pending_records", {(): journal.pending})
        yield self._family("journal_oldest_seconds", {(): journal.oldest_seconds})
        yield self._family("journal_rejected_records", {(): journal.rejected})
        yield self._family("journal_forwarded_records", {(): forwarder.forwarded})
        yield self._family("journal_forward_failures", {(): forwarder.failures})

    def _webhooks(self, webhooks: WebhookState) -> Iterator[Metric]:
        names = list(webhooks.receivers)
        results = [(name, result) for name in names for result in ("delivered", "failed", "dead", "dropped")]
        yield self._family("webhook_deliveries", {result: webhooks.results[result] for result in results})
        yield self._family("webhook_pending_events", {(name,): webhooks.pending(name) for name in names})
        yield self._family(
            "webhook_oldest_pending_seconds", {(name,): webhooks.oldest_seconds(name) for name in names}
        )
        yield self._family("webhook_dead_letters", {(name,): webhooks.dead(name) for name in names})
