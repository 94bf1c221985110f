"""What Prometheus scrapes: counters and histograms fed by records, gauges computed when asked.

`app.py` makes one for its own registry and hands it every record; `web/` shows its page. prometheus_client
gives the registry, the headings, both formats and the families of the process; the lines of ours are
written by `exposition.py`. So `page` is what knows all, and `generate_latest` gives our headings alone.
The gauges read live objects, so it must run in the reactor thread and never in a pool.

The trap: a histogram can only answer "within T seconds" at a bound that it has. Every service-level
threshold and short-abandon limit of the configuration is therefore an exact bound (`le="20.0"`).
"""

import platform
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Protocol

from prometheus_client import CollectorRegistry, Info, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cc_bridge import __version__
from cc_bridge.ami.codec import Counts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.exposition import Counter, Family, Histogram
from cc_bridge.measures import help_text
from cc_bridge.records import (
    AgentState,
    Answer,
    Call,
    Direction,
    FunnelEntry,
    Gap,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    Talk,
)
from cc_bridge.surveys.definition import Question
from cc_bridge.surveys.guard import Lingering
from cc_bridge.surveys.policy import Stage

__all__ = ["AgiState", "ForwarderState", "JournalState", "LinkState", "Metrics", "StoreState"]

# Seconds. The configuration adds its own thresholds to the first. Each bound is a series more for each queue
# and histogram.
_WAIT_BOUNDS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)
_TALK_BOUNDS = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_MEMBER_STATES = [state for state in AgentState if state is not AgentState.LOGGED_OUT]
# Outcomes whose waits have series from the start; the others appear when they first happen.
_USUAL = (Outcome.ANSWERED, Outcome.ABANDONED)
_ANSWERED = {True: "yes", False: "no"}


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
    set_aside: int

    @property
    def failures(self) -> int: ...
    @property
    def backlog(self) -> int: ...
    @property
    def oldest_seconds(self) -> float: ...
    @property
    def dropped(self) -> int: ...


class JournalState(Protocol):
    """What is asked of the journal."""

    limit: int
    size: int
    pending: int
    set_aside: int

    @property
    def oldest_seconds(self) -> float: ...


class ForwarderState(Protocol):
    """What is asked of the forwarder."""

    forwarded: int

    @property
    def journal(self) -> JournalState: ...
    @property
    def failures(self) -> int: ...


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
        self.registry = registry
        self._pbx = pbx
        self._counted: list[Counter | Histogram] = []
        self._calls = self._counter("calls", help_text("calls"), "direction", "answered")
        for direction in Direction:
            for answered in _ANSWERED.values():
                self._calls.inc(direction, answered, by=0)
        self._visits = self._counter("visits", help_text("visit_outcomes"), "queue", "outcome")
        self._short_abandons = self._counter("short_abandons", help_text("short_abandons"), "queue")
        wait_bounds = {*_WAIT_BOUNDS, *(seconds for seconds in thresholds if seconds > 0)}
        self._wait = self._histogram("wait", wait_bounds, "queue", "outcome")
        self._rings = self._counter("rings", help_text("ring_outcomes"), "queue", "outcome")
        self._talk = self._histogram("talk", _TALK_BOUNDS, "queue")
        self._handle = self._histogram("handle", _TALK_BOUNDS, "queue")
        self._hold = self._counter("hold_seconds", help_text("hold"), "queue")
        self._talks_ended = self._counter("talks_ended", help_text("talk_ends"), "queue", "ended_by")
        self._stages = self._counter("surveys", help_text("survey_stages"), "queue", "stage")
        self._ratings = self._counter("ratings", help_text("ratings"), "queue", "question", "value")
        self._gap_seconds = self._counter("observed_gap_seconds", help_text("gap"), "reason")
        self._gap_calls = self._counter(
            "observed_gap_calls",
            "Calls that were going on when the PBX was lost sight of, by reason.",
            "reason",
        )
        self._lingering = Lingering()
        registry.register(_Counted(self._counted))
        registry.register(_Guard(pbx, self._lingering))
        info = Info("cc_bridge_build", "The version that runs.", registry=registry)
        info.info({"version": __version__, "python": platform.python_version()})

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return what a scrape gets, and its content type, for its Accept header."""
        encode, content_type = choose_encoder(accept)
        end = encode(_Some())  # OpenMetrics has a last line
        page = BytesIO()
        for metric in self.registry.collect():
            page.write(encode(_Some(metric)).removesuffix(end))
            if isinstance(metric, _Written):
                page.writelines(map(str.encode, metric.lines))
        page.write(end)
        return page.getvalue(), content_type

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = Counter(f"cc_bridge_{name}", text, self._pbx, *labels)
        self._counted.append(counter)
        return counter

    def _histogram(self, measure: str, bounds: Iterable[float], *labels: str) -> Histogram:
        name = f"cc_bridge_{measure}_seconds"
        histogram = Histogram(name, help_text(measure), bounds, self._pbx, *labels)
        self._counted.append(histogram)
        return histogram

    def know_queue(self, queue: str, questions: Iterable[Question] = ()) -> None:
        """Make the queue's series exist at 0, and those of the questions that its callers are asked."""
        for outcome in Outcome:
            self._visits.inc(queue, outcome, by=0)
        for outcome in _USUAL:
            self._wait.know(queue, outcome)
        for ring_outcome in RingOutcome:
            self._rings.inc(queue, ring_outcome, by=0)
        for counter in (self._short_abandons, self._hold):
            counter.inc(queue, by=0)
        for histogram in (self._talk, self._handle):
            histogram.know(queue)
        for question in questions:
            for value in question.values:
                self._ratings.inc(queue, question.id, value, by=0)

    def count_call(self, call: Call) -> None:
        self._calls.inc(call.direction, _ANSWERED[call.answered])

    def count_visit(self, visit: QueueVisit, short: float) -> None:
        """Count a visit; an abandon under `short` seconds is a short one."""
        self._visits.inc(visit.queue, visit.outcome)
        self._wait.observe(visit.wait_seconds, visit.queue, visit.outcome)
        if visit.outcome is Outcome.ABANDONED and visit.wait_seconds < short:
            self._short_abandons.inc(visit.queue)

    def count_ring(self, ring: Ring) -> None:
        self._rings.inc(ring.queue, ring.outcome)

    def count_talk(self, talk: Talk, wrap_up: float) -> None:
        """Count a talk; `wrap_up` is what its handling takes after it, in seconds.

        One that was seen in part has no duration to count.
        """
        if not talk.partial:
            self._talk.observe(talk.talk_seconds, talk.queue)
            self._handle.observe(talk.talk_seconds + wrap_up, talk.queue)
            self._hold.inc(talk.queue, by=talk.hold_seconds)
        self._talks_ended.inc(talk.queue, talk.ended_by)

    def count_answer(self, answer: Answer, queue: str) -> None:
        if answer.kind != "comment":  # whose value is its length
            self._ratings.inc(queue, answer.question, answer.value)

    def count_gap(self, gap: Gap) -> None:
        self._gap_seconds.inc(gap.reason, by=gap.ended_at - gap.started_at)
        self._gap_calls.inc(gap.reason, by=gap.calls_affected)

    def count_funnel(self, entry: FunnelEntry) -> None:
        """Count a caller who could have been asked; that one was, the interview tells itself."""
        self._lingering.count(entry)
        if entry.stage != Stage.INVITED:
            self.survey_stage(entry.stage, entry.queue)

    def survey_stage(self, stage: str, queue: str) -> None:
        self._stages.inc(queue, stage)

    def watch(
        self,
        tracker: Tracker,
        link: LinkState,
        store: StoreState,
        agi: AgiState,
        forwarder: ForwarderState | None = None,
    ) -> None:
        """Export the state of these at each scrape."""
        self.registry.register(_Live(self._pbx, tracker, link, store, agi, forwarder))


class _Written(Metric):
    """A family as prometheus_client knows it, without samples: we write its lines."""

    def __init__(self, family: Family, lines: Iterator[str]) -> None:
        super().__init__(family.name, family.text, family.kind)
        self.lines = lines


class _Some(Collector):
    """Gives what it was given."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _Counted(Collector):
    """What was counted since the start."""

    def __init__(self, families: Iterable[Counter | Histogram]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            yield _Written(family, family.written())


class _Guard(Collector):
    """Whose callers hang up first, by queue; no agent is named, a report does that."""

    def __init__(self, pbx: str, lingering: Lingering) -> None:
        self._pbx = pbx
        self._lingering = lingering

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        shares = list(self._lingering.queues())
        ratios = {share.queue: share.share for share in shares}
        yield self._gauge("caller_left_first_ratio", help_text("left_first"), ratios)
        yield self._gauge(
            "agents_standing_out",
            "Agents whose callers hang up first more often than those of the queue's other agents, by more"
            " than chance explains.",
            {share.queue: share.suspicious for share in shares},
        )

    def _gauge(self, name: str, text: str, of_queues: Mapping[str, float]) -> Metric:
        family = Family("gauge", f"cc_bridge_{name}", text, self._pbx, "queue")
        return _Written(family, family.lines({family.series(q): value for q, value in of_queues.items()}))


# Values by their labels, pbx left out.
Values = Mapping[tuple[str, ...], float]


class _Live(Collector):
    """Gauges and counters that are read from live objects at each scrape."""

    def __init__(
        self,
        pbx: str,
        tracker: Tracker,
        link: LinkState,
        store: StoreState,
        agi: AgiState,
        forwarder: ForwarderState | None,
    ) -> None:
        self._pbx = pbx
        self._tracker = tracker
        self._link = link
        self._store = store
        self._agi_state = agi
        self._forwarder = forwarder

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry need not ask for values to check the names."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._calls()
        yield from self._ami()
        yield from self._agi()
        yield from self._storage()
        if self._forwarder is not None:
            yield from self._journal(self._forwarder)

    def _gauge(self, name: str, text: str, values: Values, *labels: str) -> Metric:
        return self._family("gauge", name, text, values, labels)

    def _counter(self, name: str, text: str, values: Values, *labels: str) -> Metric:
        return self._family("counter", name, text, values, labels)

    def _family(self, kind: str, name: str, text: str, values: Values, labels: tuple[str, ...]) -> Metric:
        family = Family(kind, f"cc_bridge_{name}", text, self._pbx, *labels)
        return _Written(family, family.lines({family.series(*key): n for key, n in values.items()}))

    def _calls(self) -> Iterator[Metric]:
        tracker, now = self._tracker, self._link.pbx_now()
        waiting: dict[tuple[str, ...], float] = {(queue,): 0 for queue in tracker.queues}
        oldest = dict(waiting)
        for visit in tracker.waiting():
            waiting[visit.queue,] += 1
            oldest[visit.queue,] = max(oldest[visit.queue,], now - visit.entered_at)
        talks: dict[tuple[str, ...], float] = {(queue,): 0 for queue in tracker.queues}
        for talk in tracker.talks.going_on():
            if talk.queue:
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
        yield self._counter("storage_failures", "Attempts to write that failed.", {(): store.failures})
        yield self._counter(
            "storage_set_aside", "Records that storage refused; they are lost.", {(): store.set_aside}
        )
        yield self._counter(
            "storage_dropped",
            "Records lost to a full backlog, a full journal or a forced end.",
            {(): store.dropped},
        )

    def _journal(self, forwarder: ForwarderState) -> Iterator[Metric]:
        journal = forwarder.journal
        yield self._gauge("journal_bytes", "What the journal holds, on local disk.", {(): journal.size})
        yield self._gauge(
            "journal_limit_bytes",
            "What the journal may hold; beyond it only ratings are kept.",
            {(): journal.limit},
        )
        yield self._gauge(
            "journal_pending_records",
            "Records in the journal that the database server does not have.",
            {(): journal.pending},
        )
        yield self._gauge(
            "journal_oldest_seconds",
            "Age of the oldest record that the database server does not have; 0 if it has all.",
            {(): journal.oldest_seconds},
        )
        yield self._gauge(
            "journal_set_aside_records",
            "Records that the database server refused, kept in the journal.",
            {(): journal.set_aside},
        )
        yield self._counter(
            "forwarded_records", "Records that the database server has committed.", {(): forwarder.forwarded}
        )
        yield self._counter(
            "forward_failures", "Attempts that failed with the database server.", {(): forwarder.failures}
        )
