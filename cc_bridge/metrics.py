"""What Prometheus scrapes: counters and histograms fed by records, gauges computed when asked.

What each metric is called, and means, stands in `metric_families.py`. `app.py` makes one for its own registry
and hands it every record; `web/` shows its page. prometheus_client gives the registry, the headings, both
formats and the families of the process; the lines of ours are written by `exposition.py`. So `page` is what
knows all, and `generate_latest` gives our headings alone. The gauges read live objects, so it must run in
the reactor thread and never in a pool.

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
from cc_bridge.follow_ups.life import Count, FollowUp, Reason, State
from cc_bridge.metric_families import BY_NAME, PREFIX
from cc_bridge.records import (
    AgentState,
    Answer,
    Call,
    Direction,
    EndedBy,
    FunnelEntry,
    Gap,
    GapReason,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyResult,
    Talk,
    Trigger,
)
from cc_bridge.surveys.definition import Question
from cc_bridge.surveys.guard import Lingering
from cc_bridge.surveys.policy import NotAsked, Stage

__all__ = [
    "AgiState",
    "DigestState",
    "ForwarderState",
    "JournalState",
    "LinkState",
    "Metrics",
    "StoreState",
    "WebhookState",
]

# Seconds. The configuration adds its own thresholds to the first. Each bound is a series more for each queue
# and histogram.
_WAIT_BOUNDS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)
_TALK_BOUNDS = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_HOUR = 3600.0
_CLOSE_BOUNDS = tuple(hours * _HOUR for hours in (0.25, 1, 2, 4, 8, 24, 48, 72, 168))
_MEMBER_STATES = [state for state in AgentState if state is not AgentState.LOGGED_OUT]
# Outcomes whose waits have series from the start; the others appear when they first happen.
_USUAL = (Outcome.ANSWERED, Outcome.ABANDONED)
_ANSWERED = {True: "yes", False: "no"}
# What a survey comes to, likewise, where there is one.
_COMES_TO = (Stage.INVITED, SurveyResult.COMPLETE, SurveyResult.PARTIAL, SurveyResult.DECLINED)
_NOT_ELIGIBLE = {NotAsked.DISABLED, NotAsked.NOT_ELIGIBLE}
# As `agi/server.py` names them.
_REFUSED = dict.fromkeys(("busy", "bad_head", "slow_head", "unknown_script", "stopping"), 0)
_CUT = dict.fromkeys(("time_limit", "shutdown"), 0)
# As `agi/greeting.py` names them.
_GREETINGS = ("told", "nobody", "late", "failed")
_NO_OWNER = "-"  # which nobody can be called: a label without a value would be none


class LinkState(Protocol):
    """What is asked of the AMI link."""

    up: bool
    logins: int
    last_event_at: float
    counts: Counts

    @property
    def clock_offset(self) -> float: ...

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


class WebhookState(Protocol):
    """What is asked of the deliveries to webhook receivers."""

    results: Tally[tuple[str, str]]

    @property
    def receivers(self) -> Iterable[str]: ...
    def pending(self, receiver: str) -> int: ...
    def oldest_seconds(self, receiver: str) -> float: ...
    def dead(self, receiver: str) -> int: ...


class DigestState(Protocol):
    """What is asked of the sending of digests; all by what they are about: day, week, month."""

    failures: dict[str, int]
    due_at: dict[str, float]
    last_sent_at: dict[str, float]


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

    def __init__(
        self, registry: CollectorRegistry, pbx: str, thresholds: Iterable[float], *, agents: bool = False
    ) -> None:
        """`thresholds`: seconds that must be bounds; `agents`: count by agent too, with their names."""
        self.registry = registry
        self._pbx = pbx
        self._by_agent = agents
        self._counted: list[Counter | Histogram] = []
        self._calls = self._counter("calls")
        for direction in Direction:
            for answered in _ANSWERED.values():
                self._calls.inc(direction, answered, by=0)
        self._visits = self._counter("visits")
        self._short_abandons = self._counter("short_abandons")
        self._answered_within = self._counter("answered_within")
        self._abandoned_within = self._counter("abandoned_within")
        wait_bounds = {*_WAIT_BOUNDS, *(seconds for seconds in thresholds if seconds > 0)}
        self._wait = self._histogram("wait_seconds", wait_bounds)
        self._rings = self._counter("rings")
        self._talk = self._histogram("talk_seconds", _TALK_BOUNDS)
        self._handle = self._histogram("handle_seconds", _TALK_BOUNDS)
        self._hold = self._counter("hold_seconds")
        self._talks_ended = self._counter("talks_ended")
        self._eligible = self._counter("survey_eligible")
        self._stages = self._counter("surveys")
        self._ratings = self._counter("ratings")
        if agents:
            self._agent_talks = self._counter("agent_talks")
            self._agent_handle = self._counter("agent_handle_seconds")
            self._agent_ratings = self._counter("agent_ratings")
        self._gap_seconds = self._counter("observed_gap_seconds")
        self._gap_calls = self._counter("observed_gap_calls")
        for reason in GapReason:
            self._gap_seconds.inc(reason, by=0)
            self._gap_calls.inc(reason, by=0)
        self._greetings = self._counter("greetings")
        for how in _GREETINGS:
            self._greetings.inc(how, by=0)
        self._follow_ups_opened = self._counter("follow_ups_opened")
        for why in Reason:
            self._follow_ups_opened.inc(why, by=0)
        self._follow_ups_closed = self._histogram("follow_up_close_seconds", _CLOSE_BOUNDS)
        for state in (State.DONE, State.DROPPED):
            self._follow_ups_closed.know(state)
        self._follow_ups: dict[str, Count] = {}  # by owner
        registry.register(_FollowUps(pbx, self._follow_ups))
        self._thresholds: dict[str, float] = {}  # by queue
        self._lingering = Lingering()
        registry.register(_Counted(self._counted))
        registry.register(_Queues(pbx, self._lingering, self._thresholds))
        info = Info(f"{PREFIX}build", BY_NAME["build"].text, ["pbx"], registry=registry)
        info.labels(pbx).info({"version": __version__, "python": platform.python_version()})

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

    def _counter(self, name: str) -> Counter:
        family = BY_NAME[name]
        counter = Counter(f"{PREFIX}{name}", family.text, self._pbx, *family.labels)
        self._counted.append(counter)
        return counter

    def _histogram(self, name: str, bounds: Iterable[float]) -> Histogram:
        family = BY_NAME[name]
        histogram = Histogram(f"{PREFIX}{name}", family.text, bounds, self._pbx, *family.labels)
        self._counted.append(histogram)
        return histogram

    def know_queue(self, queue: str, threshold: float, questions: Iterable[Question] = ()) -> None:
        """Make the queue's series exist at 0, and those of the questions that its callers are asked.

        `threshold` is the T of its service level, in seconds.
        """
        self._thresholds[queue] = threshold
        for outcome in Outcome:
            self._visits.inc(queue, outcome, by=0)
        for outcome in _USUAL:
            self._wait.know(queue, outcome)
        for ring_outcome in RingOutcome:
            self._rings.inc(queue, ring_outcome, by=0)
        for ended_by in EndedBy:
            self._talks_ended.inc(queue, ended_by, by=0)
        for counter in (
            self._short_abandons, self._answered_within, self._abandoned_within, self._hold, self._eligible,
        ):  # fmt: skip
            counter.inc(queue, by=0)
        for histogram in (self._talk, self._handle):
            histogram.know(queue)
        for question in questions:
            for stage in _COMES_TO:
                self._stages.inc(queue, stage, by=0)
            for value in question.values:
                self._ratings.inc(queue, question.id, question.kind, value, by=0)

    def count_call(self, call: Call) -> None:
        self._calls.inc(call.direction, _ANSWERED[call.answered])

    def count_visit(self, visit: QueueVisit, threshold: float, short: float) -> None:
        """Count a visit; its queue's service level is at `threshold` seconds, an abandon under `short` short.

        The bounds are those of `service_level.py`.
        """
        self._visits.inc(visit.queue, visit.outcome)
        self._wait.observe(visit.wait_seconds, visit.queue, visit.outcome)
        within = visit.wait_seconds <= threshold
        if visit.outcome is Outcome.ANSWERED and within:
            self._answered_within.inc(visit.queue)
        if visit.outcome is Outcome.ABANDONED and within:
            self._abandoned_within.inc(visit.queue)
        if visit.outcome is Outcome.ABANDONED and visit.wait_seconds < short:
            self._short_abandons.inc(visit.queue)

    def count_ring(self, ring: Ring) -> None:
        self._rings.inc(ring.queue, ring.outcome)

    def count_talk(self, talk: Talk, wrap_up: float) -> None:
        """Count a talk; `wrap_up` is what its handling takes after it, in seconds.

        One that was seen in part has no duration to count.
        """
        if not talk.partial:
            handle = talk.talk_seconds + wrap_up
            self._talk.observe(talk.talk_seconds, talk.queue)
            self._handle.observe(handle, talk.queue)
            self._hold.inc(talk.queue, by=talk.hold_seconds)
            if self._by_agent:
                self._agent_talks.inc(talk.queue, talk.agent)
                self._agent_handle.inc(talk.queue, talk.agent, by=handle)
        self._talks_ended.inc(talk.queue, talk.ended_by)

    def count_answer(self, answer: Answer, queue: str) -> None:
        if answer.kind == "comment":  # whose value is its length
            return
        self._ratings.inc(queue, answer.question, answer.kind, answer.value)
        if self._by_agent and answer.agent:  # else it rates a queue or the company
            self._agent_ratings.inc(answer.queue, answer.agent, answer.question, answer.kind, answer.value)

    def count_gap(self, gap: Gap) -> None:
        self._gap_seconds.inc(gap.reason, by=gap.ended_at - gap.started_at)
        self._gap_calls.inc(gap.reason, by=gap.calls_affected)

    def count_funnel(self, entry: FunnelEntry) -> None:
        """Count a caller who could have been asked; that one was, the interview tells itself."""
        self._lingering.count(entry)
        # Who is called back was counted when the call ended.
        if entry.stage not in _NOT_ELIGIBLE and entry.trigger != Trigger.CALLBACK:
            self._eligible.inc(entry.queue)
        if entry.stage != Stage.INVITED:
            self.survey_stage(entry.stage, entry.queue)

    def survey_stage(self, stage: str, queue: str) -> None:
        self._stages.inc(queue, stage)

    def count_greeting(self, how: str) -> None:
        self._greetings.inc(how)

    def count_follow_ups(
        self, opened: Mapping[str, int], closed: Iterable[FollowUp], by_owner: Mapping[str, Count]
    ) -> None:
        """Count what was opened, by reason, and what was closed; `by_owner` is what is not closed by now."""
        for reason, n in opened.items():
            self._follow_ups_opened.inc(reason, by=n)
        for follow_up in closed:
            self._follow_ups_closed.observe(follow_up.seconds_to_close or 0.0, follow_up.state)
        self._follow_ups.clear()
        self._follow_ups.update(by_owner)

    def watch(
        self,
        tracker: Tracker,
        link: LinkState,
        store: StoreState,
        agi: AgiState,
        forwarder: ForwarderState | None = None,
        webhooks: WebhookState | None = None,
        digests: DigestState | None = None,
    ) -> None:
        """Export the state of these at each scrape."""
        if digests is not None:
            self.registry.register(_Digests(self._pbx, digests))
        self.registry.register(_Live(self._pbx, tracker, link, store, agi, forwarder, webhooks))


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


# Values by their labels, pbx left out.
Values = Mapping[tuple[str, ...], float]


def _read(name: str, pbx: str, values: Values) -> Metric:
    """Return a family whose values are read when asked; a counter can be one too."""
    known = BY_NAME[name]
    family = Family(known.kind, f"{PREFIX}{name}", known.text, pbx, *known.labels)
    return _Written(family, family.lines({family.series(*key): n for key, n in values.items()}))


class _Queues(Collector):
    """The queues' thresholds, and whose callers hang up first; no agent is named, a report does that."""

    def __init__(self, pbx: str, lingering: Lingering, thresholds: Mapping[str, float]) -> None:
        self._pbx = pbx
        self._lingering = lingering
        self._thresholds = thresholds

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        seconds: dict[tuple[str, ...], float] = {(queue,): t for queue, t in self._thresholds.items()}
        yield _read("service_level_threshold_seconds", self._pbx, seconds)
        shares = list(self._lingering.queues())
        yield _read("caller_left_first_ratio", self._pbx, {(share.queue,): share.share for share in shares})
        yield _read("agents_standing_out", self._pbx, {(share.queue,): share.suspicious for share in shares})


class _FollowUps(Collector):
    """The follow-ups that are not closed."""

    def __init__(self, pbx: str, by_owner: Mapping[str, Count]) -> None:
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


class _Digests(Collector):
    """When digests were due and sent last; nothing while the daemon sends none."""

    def __init__(self, pbx: str, digests: DigestState) -> None:
        self._pbx = pbx
        self._digests = digests

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        digests = self._digests
        yield _read("digest_due_timestamp_seconds", self._pbx, _by_name(digests.due_at))
        yield _read("digest_last_published_timestamp_seconds", self._pbx, _by_name(digests.last_sent_at))
        yield _read("digest_failures", self._pbx, _by_name(digests.failures))


def _by_name(values: Mapping[str, float]) -> Values:
    return {(name,): value for name, value in values.items()}


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
        webhooks: WebhookState | None,
    ) -> None:
        self._pbx = pbx
        self._tracker = tracker
        self._link = link
        self._store = store
        self._agi_state = agi
        self._forwarder = forwarder
        self._webhook_state = webhooks

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
        if self._webhook_state is not None:
            yield from self._webhooks(self._webhook_state)

    def _family(self, name: str, values: Values) -> Metric:
        return _read(name, self._pbx, values)

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
        yield self._family("callers_waiting", waiting)
        yield self._family("oldest_wait_seconds", oldest)
        yield self._family("talks", talks)
        yield self._family("members", members)
        yield self._family("unexpected_signals", {(): tracker.unexpected})

    def _ami(self) -> Iterator[Metric]:
        link, counts = self._link, self._link.counts
        parsed = counts.received - counts.unwanted - counts.dropped
        kinds = {
            "parsed": parsed,
            "unwanted": counts.unwanted,
            "tainted": counts.tainted,
            "oversized": counts.oversized,
        }
        yield self._family("ami_up", {(): float(link.up)})
        yield self._family("ami_last_event_timestamp_seconds", {(): link.last_event_at})
        yield self._family("ami_reconnects", {(): max(0, link.logins - 1)})
        yield self._family("ami_messages", {(kind,): n for kind, n in kinds.items()})
        yield self._family("pbx_clock_offset_seconds", {(): link.clock_offset})

    def _agi(self) -> Iterator[Metric]:
        agi = self._agi_state
        yield self._family("agi_callers", {(): agi.in_progress})
        yield self._family("agi_sessions", {(): agi.accepted})
        yield self._family("agi_failures", {(): agi.failed})
        yield self._family("agi_refused", {(reason,): n for reason, n in (_REFUSED | agi.refused).items()})
        yield self._family("agi_cut", {(reason,): n for reason, n in (_CUT | agi.cut).items()})

    def _storage(self) -> Iterator[Metric]:
        store = self._store
        yield self._family("storage_backlog_records", {(): store.backlog})
        yield self._family("storage_backlog_seconds", {(): store.oldest_seconds})
        yield self._family("storage_written", {(table,): n for table, n in store.written.items()})
        yield self._family("storage_batches", {(): store.batches})
        yield self._family("storage_failures", {(): store.failures})
        yield self._family("storage_set_aside", {(): store.set_aside})
        yield self._family("storage_dropped", {(): store.dropped})

    def _journal(self, forwarder: ForwarderState) -> Iterator[Metric]:
        journal = forwarder.journal
        yield self._family("journal_bytes", {(): journal.size})
        yield self._family("journal_limit_bytes", {(): journal.limit})
        yield self._family("journal_pending_records", {(): journal.pending})
        yield self._family("journal_oldest_seconds", {(): journal.oldest_seconds})
        yield self._family("journal_set_aside_records", {(): journal.set_aside})
        yield self._family("forwarded_records", {(): forwarder.forwarded})
        yield self._family("forward_failures", {(): forwarder.failures})

    def _webhooks(self, webhooks: WebhookState) -> Iterator[Metric]:
        names = list(webhooks.receivers)
        results = [(name, result) for name in names for result in ("delivered", "failed", "dead", "dropped")]
        yield self._family("webhook_deliveries", {result: webhooks.results[result] for result in results})
        yield self._family("webhook_pending", {(name,): webhooks.pending(name) for name in names})
        yield self._family(
            "webhook_oldest_pending_seconds", {(name,): webhooks.oldest_seconds(name) for name in names}
        )
        yield self._family("webhook_dead", {(name,): webhooks.dead(name) for name in names})
