"""What Prometheus scrapes: counters and histograms fed by records, gauges computed when asked.

`app.py` makes one for its own registry and hands it every record; `web/` renders it. The gauges read
live objects, so `generate_latest` must run in the reactor thread and never in a pool.

The trap: a histogram can only answer "within T seconds" at a bound that it has. Every service-level
threshold and short-abandon limit of the configuration is therefore an exact bound (`le="20.0"`).
"""

import platform
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cc_bridge import __version__
from cc_bridge.ami.codec import Counts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.measures import help_text
from cc_bridge.records import AgentState, Answer, Gap, Outcome, QueueVisit, Ring, RingOutcome, Talk
from cc_bridge.surveys.definition import Question

__all__ = ["AgiState", "LinkState", "Metrics", "StoreState"]

# Seconds. The configuration adds its own thresholds to both. Each bound is a line for each queue and
# histogram in every scrape, which holds up the reactor.
_WAIT_BOUNDS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)
_TALK_BOUNDS = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
# Outcomes whose waits have series from the start; the others appear when they first happen.
_MEMBER_STATES = [state for state in AgentState if state is not AgentState.LOGGED_OUT]
_USUAL = (Outcome.ANSWERED, Outcome.ABANDONED)


class LinkState(Protocol):
    """What is asked of the AMI link."""

    up: bool
    logins: int
    last_event_at: float
    counts: Counts

    def pbx_now(self) -> float: ...


class StoreState(Protocol):
    """What is asked of the writer."""

    written: dict[str, int]
    batches: int
    failures: int
    set_aside: int

    @property
    def backlog(self) -> int: ...
    @property
    def oldest_seconds(self) -> float: ...
    @property
    def dropped(self) -> int: ...


class AgiState(Protocol):
    """What is asked of the FastAGI listener."""

    accepted: int
    failed: int
    refused: Tally[str]
    cut: Tally[str]

    @property
    def in_progress(self) -> int: ...


class Metrics:
    """The metric catalogue of one daemon; all names start with `cc_bridge_`."""

    def __init__(self, registry: CollectorRegistry, pbx: str, thresholds: Iterable[float]) -> None:
        disable_created_metrics()
        configured = {float(threshold) for threshold in thresholds if threshold > 0}
        wait_bounds, talk_bounds = sorted({*_WAIT_BOUNDS, *configured}), sorted({*_TALK_BOUNDS, *configured})
        self.registry = registry
        self._pbx = pbx
        self._visits = Counter(
            "cc_bridge_visits",
            help_text("visit_outcomes"),
            ("pbx", "queue", "outcome"),
            registry=registry,
        )
        self._short_abandons = Counter(
            "cc_bridge_short_abandons",
            help_text("short_abandons"),
            ("pbx", "queue"),
            registry=registry,
        )
        self._wait = Histogram(
            "cc_bridge_wait_seconds",
            help_text("wait"),
            ("pbx", "queue", "outcome"),
            buckets=wait_bounds,
            registry=registry,
        )
        self._rings = Counter(
            "cc_bridge_rings",
            help_text("ring_outcomes"),
            ("pbx", "queue", "outcome"),
            registry=registry,
        )
        self._talk = Histogram(
            "cc_bridge_talk_seconds",
            help_text("talk"),
            ("pbx", "queue"),
            buckets=talk_bounds,
            registry=registry,
        )
        self._handle = Histogram(
            "cc_bridge_handle_seconds",
            help_text("handle"),
            ("pbx", "queue"),
            buckets=talk_bounds,
            registry=registry,
        )
        self._hold = Counter(
            "cc_bridge_hold_seconds",
            help_text("hold"),
            ("pbx", "queue"),
            registry=registry,
        )
        self._talks_ended = Counter(
            "cc_bridge_talks_ended",
            help_text("talk_ends"),
            ("pbx", "queue", "ended_by"),
            registry=registry,
        )
        self._stages = Counter(
            "cc_bridge_surveys",
            help_text("survey_stages"),
            ("pbx", "queue", "stage"),
            registry=registry,
        )
        self._ratings = Counter(
            "cc_bridge_ratings",
            help_text("ratings"),
            ("pbx", "queue", "question", "value"),
            registry=registry,
        )
        self._gap_seconds = Counter(
            "cc_bridge_observed_gap_seconds",
            help_text("gap"),
            ("pbx", "reason"),
            registry=registry,
        )
        self._gap_calls = Counter(
            "cc_bridge_observed_gap_calls",
            "Calls that were going on when the PBX was lost sight of, by reason.",
            ("pbx", "reason"),
            registry=registry,
        )
        info = Info("cc_bridge_build", "The version that runs.", registry=registry)
        info.info({"version": __version__, "python": platform.python_version()})

    def know_queue(self, queue: str, questions: Iterable[Question] = ()) -> None:
        """Make the queue's series exist at 0, and those of the questions that its callers are asked."""
        for outcome in Outcome:
            self._visits.labels(self._pbx, queue, outcome)
        for outcome in _USUAL:
            self._wait.labels(self._pbx, queue, outcome)
        for ring_outcome in RingOutcome:
            self._rings.labels(self._pbx, queue, ring_outcome)
        for family in (self._short_abandons, self._talk, self._handle, self._hold):
            family.labels(self._pbx, queue)
        for question in questions:
            for value in question.values:
                self._ratings.labels(self._pbx, queue, question.id, value)

    def count_visit(self, visit: QueueVisit, short: float) -> None:
        """Count a visit; an abandon under `short` seconds is a short one."""
        self._visits.labels(self._pbx, visit.queue, visit.outcome).inc()
        self._wait.labels(self._pbx, visit.queue, visit.outcome).observe(visit.wait_seconds)
        if visit.outcome is Outcome.ABANDONED and visit.wait_seconds < short:
            self._short_abandons.labels(self._pbx, visit.queue).inc()

    def count_ring(self, ring: Ring) -> None:
        self._rings.labels(self._pbx, ring.queue, ring.outcome).inc()

    def count_talk(self, talk: Talk, wrap_up: float) -> None:
        """Count a talk; `wrap_up` is what its handling takes after it, in seconds.

        One that was seen in part has no duration to count.
        """
        if not talk.partial:
            self._talk.labels(self._pbx, talk.queue).observe(talk.talk_seconds)
            self._handle.labels(self._pbx, talk.queue).observe(talk.talk_seconds + wrap_up)
            self._hold.labels(self._pbx, talk.queue).inc(talk.hold_seconds)
        self._talks_ended.labels(self._pbx, talk.queue, talk.ended_by).inc()

    def count_answer(self, answer: Answer, queue: str) -> None:
        self._ratings.labels(self._pbx, queue, answer.question, answer.value).inc()

    def count_gap(self, gap: Gap) -> None:
        self._gap_seconds.labels(self._pbx, gap.reason).inc(gap.ended_at - gap.started_at)
        self._gap_calls.labels(self._pbx, gap.reason).inc(gap.calls_affected)

    def survey_stage(self, stage: str, queue: str) -> None:
        self._stages.labels(self._pbx, queue, stage).inc()

    def watch(self, tracker: Tracker, link: LinkState, store: StoreState, agi: AgiState) -> None:
        """Export the state of these at each scrape."""
        self.registry.register(_Live(self._pbx, tracker, link, store, agi))


# Values by their labels, pbx left out.
Values = Mapping[tuple[str, ...], float]


class _Live(Collector):
    """Gauges and counters that are read from live objects at each scrape."""

    def __init__(self, pbx: str, tracker: Tracker, link: LinkState, store: StoreState, agi: AgiState) -> None:
        self._pbx = pbx
        self._tracker = tracker
        self._link = link
        self._store = store
        self._agi_state = agi

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry need not ask for values to check the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._calls()
        yield from self._ami()
        yield from self._agi()
        yield from self._storage()

    def _gauge(self, name: str, text: str, values: Values, *labels: str) -> Metric:
        family = GaugeMetricFamily(f"cc_bridge_{name}", text, labels=("pbx", *labels))
        for key, value in values.items():
            family.add_metric((self._pbx, *key), value)
        return family

    def _counter(self, name: str, text: str, values: Values, *labels: str) -> Metric:
        family = CounterMetricFamily(f"cc_bridge_{name}", text, labels=("pbx", *labels))
        for key, value in values.items():
            family.add_metric((self._pbx, *key), value)
        return family

    def _calls(self) -> Iterator[Metric]:
        tracker, now = self._tracker, self._link.pbx_now()
        waiting: dict[tuple[str, ...], float] = {(queue,): 0 for queue in tracker.queues}
        oldest = dict(waiting)
        for visit in tracker.waiting():
            waiting[visit.queue,] += 1
            oldest[visit.queue,] = max(oldest[visit.queue,], now - visit.entered_at)
        talks: dict[tuple[str, ...], float] = {(queue,): 0 for queue in tracker.queues}
        for talk in tracker.talks.going_on():
            talks[talk.queue,] = talks.get((talk.queue,), 0) + 1
        counted = tracker.agents.counts()
        members: dict[tuple[str, ...], float] = {
            (queue, state): counted.get((queue, state), 0)
            for queue in tracker.queues
            for state in _MEMBER_STATES
        }
        yield self._gauge("callers_waiting", "Callers in the queue now.", waiting, "queue")
        yield self._gauge(
            "oldest_wait_seconds",
            "Seconds that the caller who waits longest has waited; 0 if none waits.",
            oldest,
            "queue",
        )
        yield self._gauge("talks", "Callers of the queue who talk with an agent now.", talks, "queue")
        yield self._gauge("members", "Members of the queue by their state now.", members, "queue", "state")
        yield self._counter(
            "unexpected_signals",
            "Signals about calls that did not fit what was known, such as after lost messages.",
            {(): tracker.unexpected},
        )

    def _ami(self) -> Iterator[Metric]:
        link, counts = self._link, self._link.counts
        parsed = counts.received - counts.unwanted - counts.dropped
        kinds = {
            "parsed": parsed,
            "unwanted": counts.unwanted,
            "tainted": counts.tainted,
            "oversized": counts.oversized,
        }
        yield self._gauge("ami_up", "1 while the PBX is observed, else 0.", {(): float(link.up)})
        yield self._gauge(
            "ami_last_event_timestamp_seconds",
            "When the last event came, in seconds since the epoch; 0 before the first.",
            {(): link.last_event_at},
        )
        yield self._counter("ami_reconnects", "Good logins after the first.", {(): max(0, link.logins - 1)})
        yield self._counter(
            "ami_messages",
            "AMI messages: parsed, unwanted (known by name, skipped), tainted or oversized (dropped).",
            {(kind,): n for kind, n in kinds.items()},
            "kind",
        )

    def _agi(self) -> Iterator[Metric]:
        agi = self._agi_state
        yield self._gauge("agi_callers", "Callers in a FastAGI session now.", {(): agi.in_progress})
        yield self._counter("agi_sessions", "FastAGI sessions that were taken.", {(): agi.accepted})
        yield self._counter(
            "agi_failures", "FastAGI sessions that ended by an error of ours.", {(): agi.failed}
        )
        yield self._counter(
            "agi_refused",
            "FastAGI connections that were not served, by reason.",
            {(reason,): n for reason, n in agi.refused.items()},
            "reason",
        )
        yield self._counter(
            "agi_cut",
            "FastAGI sessions that were cut, by reason.",
            {(reason,): n for reason, n in agi.cut.items()},
            "reason",
        )

    def _storage(self) -> Iterator[Metric]:
        store = self._store
        yield self._gauge("storage_backlog_records", "Records that wait to be written.", {(): store.backlog})
        yield self._gauge(
            "storage_backlog_seconds",
            "Age of the oldest record that waits to be written; 0 if none waits.",
            {(): store.oldest_seconds},
        )
        yield self._counter(
            "storage_written",
            "Records on disk, by table.",
            {(table,): n for table, n in store.written.items()},
            "table",
        )
        yield self._counter("storage_batches", "Transactions that were committed.", {(): store.batches})
        yield self._counter(
            "storage_failures", "Attempts that failed with the database.", {(): store.failures}
        )
        yield self._counter(
            "storage_set_aside", "Records that the database refused; they are lost.", {(): store.set_aside}
        )
        yield self._counter(
            "storage_dropped", "Records lost to a full backlog or a forced end.", {(): store.dropped}
        )
