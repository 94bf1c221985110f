"""The metrics of records: counters and histograms that count each record, and the page /metrics.

`families.py` defines the metrics. `collectors.py` has the metrics that are read at each scrape.
prometheus_client provides the registry, the HELP and TYPE lines, both exposition formats and the process
metrics; `exposition.py` writes the sample lines of cc_bridge's metrics. So only `page` returns the complete
page: prometheus_client's own `generate_latest` omits these sample lines. `page` must run in the reactor's
thread.

A histogram can answer "within T seconds" only if T is one of its bounds. So each configured service level
threshold and short abandon limit is an exact bound (such as `le="20.0"`).
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO

from prometheus_client import CollectorRegistry, Info, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cc_bridge import __version__
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpCount
from cc_bridge.metrics.collectors import (
    DigestCollector,
    FileCollector,
    FollowUpCollector,
    HttpCollector,
    LabelLimitCollector,
    QueueCollector,
    RenderedFamily,
    StateCollector,
)
from cc_bridge.metrics.exposition import Counter, Histogram
from cc_bridge.metrics.families import ANSWERED, BY_NAME, PREFIX, MetricFamily
from cc_bridge.metrics.label_limits import OTHER, LabelLimits
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
from cc_bridge.queue_names import QueueNames
from cc_bridge.records import (
    Answer,
    Call,
    Gap,
    NotRoutedCall,
    Outcome,
    QueueVisit,
    Ring,
    SurveyDecision,
    Talk,
    Trigger,
)
from cc_bridge.surveys.definition import Question
from cc_bridge.surveys.eligibility import NotAskedReason, SurveyStage
from cc_bridge.surveys.hangup_outliers import HangupOutliers

__all__ = ["MAX_AGENTS", "MAX_QUEUES", "RecordMetrics"]

# The largest numbers of values of the labels `queue`, `agent` and `reason`.
MAX_QUEUES, MAX_AGENTS = 500, 5000
_MAX_REASONS = 100
_WAIT = "queue_wait_seconds"  # the histogram in which each configured threshold is a bound
_NOT_ELIGIBLE = {NotAskedReason.DISABLED, NotAskedReason.NOT_ELIGIBLE}


class RecordMetrics:
    """The metrics of one daemon, in one Prometheus registry, and the methods that count records in them."""

    def __init__(
        self,
        registry: CollectorRegistry,
        pbx: str,
        thresholds: Iterable[float],
        *,
        agents: bool = False,
        max_queues: int = MAX_QUEUES,
        max_agents: int = MAX_AGENTS,
    ) -> None:
        """Create all metrics in the registry.

        `thresholds` are seconds that must be bounds of the wait histogram. With `agents`, some metrics also
        count by agent, with the agent's name as a label. `max_queues` and `max_agents` are the largest
        numbers of values of these labels.
        """
        self._limits = LabelLimits({"queue": max_queues, "agent": max_agents, "reason": _MAX_REASONS})
        self.registry = registry
        self._pbx = pbx
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        thresholds = [seconds for seconds in thresholds if seconds > 0]
        for family in BY_NAME.values():
            if family.counted and (agents or not family.per_agent):
                self._add(family, thresholds)
        # Label values that need no `(other)`, by name and label values. Series are counted again and again.
        self._within_limits: dict[tuple[str, tuple[object, ...]], list[str]] = {}
        self._follow_ups: dict[str, FollowUpCount] = {}  # by owner
        registry.register(FollowUpCollector(pbx, self._follow_ups))
        self._thresholds: dict[str, float] = {}  # by queue
        self._titles: dict[str, str] = {}  # by queue
        self._queues = QueueNames()  # those with series, as the label `queue` spells them
        self._outliers = HangupOutliers()
        registry.register(_InstrumentCollector([*self._counters.values(), *self._histograms.values()]))
        registry.register(LabelLimitCollector(pbx, self._limits))
        registry.register(QueueCollector(pbx, self._outliers, self._thresholds, self._titles))
        info = Info(f"{PREFIX}build", BY_NAME["build"].help, ["pbx"], registry=registry)
        info.labels(pbx).info({"version": __version__, "python": platform.python_version()})

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return the body and the content type of the response to a scrape.

        `accept` is the Accept header of the request; it decides the exposition format.
        """
        encode, content_type = choose_encoder(accept)
        end = encode(_StaticCollector())  # the format OpenMetrics ends with a fixed last line
        page = BytesIO()
        for metric in self.registry.collect():
            page.write(encode(_StaticCollector(metric)).removesuffix(end))
            if isinstance(metric, RenderedFamily):
                page.writelines(map(str.encode, metric.lines))
        page.write(end)
        return page.getvalue(), content_type

    def _add(self, family: MetricFamily, thresholds: Iterable[float]) -> None:
        """Create the counter or histogram of a family.

        Also create, with the value 0, the series whose label values are known in advance. A family with the
        label `queue` gets its series later, from `init_queue`. `thresholds` (seconds) become additional
        bounds of the wait histogram.
        """
        name = f"{PREFIX}{family.name}"
        instrument: Counter | Histogram
        if family.kind == "counter":
            instrument = Counter(name, family.help, self._pbx, *family.labels)
            self._counters[family.name] = instrument
        else:
            bounds = {*family.bounds, *(thresholds if family.name == _WAIT else ())}
            instrument = Histogram(name, family.help, bounds, self._pbx, *family.labels)
            self._histograms[family.name] = instrument
        if not family.per_queue:
            for labels in family.initial_labels():
                instrument.init_series(*labels)

    def init_queue(
        self, queue: str, threshold: float, questions: Iterable[Question] = (), title: str = ""
    ) -> None:
        """Create the series of a queue with the value 0, including the series for its survey questions.

        `threshold` is the queue's service level threshold in seconds. If `title` is empty, the queue's name
        is its title. A series with an agent as label is not created here; the agent's first talk creates it.
        A queue beyond the limit of queues gets no series.

        The configuration may spell a queue in another case than the PBX. The PBX's spelling is known at the
        first event of the queue. This method is then called again, and renames the existing series to
        `queue`.
        """
        if self._limits.limited("queue", queue) == OTHER:
            return
        self._rename_queue(self._queues.spelled(queue), queue)
        self._queues.add(queue)
        self._thresholds[queue] = threshold
        self._titles[queue] = title or queue
        answers = [(question.id, question.kind, value) for question in questions for value in question.values]
        for name, instrument in (self._counters | self._histograms).items():
            family = BY_NAME[name]
            if family.per_queue and not family.per_agent:
                for labels in answers if "question" in family.labels else family.initial_labels():
                    instrument.init_series(queue, *labels)

    def _rename_queue(self, old: str, new: str) -> None:
        """Give the series of the queue `old` the queue name `new`; do nothing if the names are equal."""
        if old == new:
            return
        self._thresholds.pop(old, None)
        self._titles.pop(old, None)
        for name, instrument in (self._counters | self._histograms).items():
            if BY_NAME[name].per_queue:
                instrument.rename(old, new)

    def count(self, name: str, *labels: object, by: float = 1) -> None:
        """Add `by` to a series of the counter `name`.

        `labels` are the label values, in the order in which the metric family lists its labels.
        """
        self._counters[name].inc(*self._limited(name, labels), by=by)

    def _observe(self, name: str, amount: float, *labels: object) -> None:
        """Count an amount in a series of the histogram `name`; `labels` are as in `count`."""
        self._histograms[name].observe(amount, *self._limited(name, labels))

    def _limited(self, name: str, labels: tuple[object, ...]) -> list[str]:
        """Return the label values of a metric, with `(other)` for those beyond a limit."""
        values = self._within_limits.get((name, labels))
        if values is None:
            values = self._limits.count(BY_NAME[name].labels, labels)
            if OTHER not in values:
                self._within_limits[name, labels] = values
        return values

    def count_call(self, call: Call) -> None:
        """Count a call: by its direction, and by whether it was answered."""
        self.count("calls", call.direction, ANSWERED[call.answered])

    def count_visit(self, visit: QueueVisit, threshold: float, short: float) -> None:
        """Count a visit by outcome, with its wait time.

        Three more counters count the visits answered within the threshold, the visits abandoned within the
        threshold, and the short abandons.

        `threshold` is the queue's service level threshold, `short` is its short abandon limit; both are
        seconds. The comparisons are the same as in `kpis/service_level.py`.

        The wait time of a partial visit is not exact, because the PBX's clock was set during the wait. Such a
        visit is counted only as a partial visit.
        """
        if visit.partial:
            self.count("partial_visits", visit.queue)
            return
        self.count("visits", visit.queue, visit.outcome)
        wait = visit.wait_seconds
        self._observe(_WAIT, wait, visit.queue, visit.outcome)
        within = wait <= threshold
        if visit.outcome is Outcome.ANSWERED and within:
            self.count("answered_within", visit.queue)
        if visit.outcome is Outcome.ABANDONED and within:
            self.count("abandoned_within", visit.queue)
        if visit.outcome is Outcome.ABANDONED and wait < short:
            self.count("short_abandons", visit.queue)

    def count_ring(self, ring: Ring) -> None:
        """Count a ring attempt by outcome."""
        self.count("ring_attempts", ring.queue, ring.outcome)

    def count_talk(self, talk: Talk, wrap_up: float) -> None:
        """Count a talk by what ended it, and add its talk time, handling time and hold time.

        `wrap_up` is the wrap-up time after the talk in seconds. If the talk was observed only in part, its
        times are unknown and are not added.
        """
        if not talk.partial:
            handle = talk.talk_seconds + wrap_up
            self._observe("talk_seconds", talk.talk_seconds, talk.queue)
            self._observe("handle_seconds", handle, talk.queue)
            self.count("hold_seconds", talk.queue, by=talk.hold_seconds)
            self._count_agent("agent_talks", talk.queue, talk.agent)
            self._count_agent("agent_handle_seconds", talk.queue, talk.agent, by=handle)
        self.count("talks_ended", talk.queue, talk.ended_by)

    def count_answer(self, answer: Answer, queue: str) -> None:
        """Count a survey answer by value; `queue` is the queue of the survey attempt.

        A spoken comment is ignored, since its value is a length and not a rating.
        """
        if answer.kind == "comment":  # the value of a spoken comment is its length, not a rating
            return
        rated = answer.question, answer.kind, answer.value
        self.count("ratings", queue, *rated)
        if answer.agent:  # an answer without an agent rates a queue or the company
            self._count_agent("agent_ratings", answer.queue, answer.agent, *rated)

    def count_gap(self, gap: Gap) -> None:
        """Add the length of an observation gap, and its number of affected calls, to the totals by reason."""
        self.count("observation_gap_seconds", gap.reason, by=gap.ended_at - gap.started_at)
        self.count("observation_gap_calls", gap.reason, by=gap.calls_affected)

    def count_survey_decision(self, entry: SurveyDecision) -> None:
        """Count the caller of a survey decision as eligible, and count the result of the decision.

        The result `invited` is not counted here: `count_survey_stage` is called for it separately. A decision
        about a callback does not count the caller as eligible. The caller was already counted at the end of
        the call for which the callback was made.
        """
        self._outliers.count(entry)
        # A callback is not counted as eligible: the caller was already counted at the end of the first call.
        if entry.stage not in _NOT_ELIGIBLE and entry.trigger != Trigger.CALLBACK:
            self.count("survey_eligible", entry.queue)
        if entry.stage != SurveyStage.INVITED:
            self.count_survey_stage(entry.stage, entry.queue)

    def count_survey_stage(self, stage: str, queue: str) -> None:
        """Count a caller of a queue who reached a stage of the survey, such as invited or complete."""
        self.count("survey_stages", queue, stage)

    def count_not_routed(self, call: NotRoutedCall) -> None:
        """Count an answered caller whose dialplan did not request the survey of the queue."""
        self.count("not_routed_calls", call.queue)

    def count_caller_lookup(self, result: str) -> None:
        """Count a caller lookup by result: found, anonymous, timeout or failed."""
        self.count("caller_lookups", result)

    def _count_agent(self, name: str, *labels: object, by: float = 1) -> None:
        """Add `by` to the counter `name` with an agent as label; do nothing if `metrics.agents` is false."""
        if name in self._counters:
            self.count(name, *labels, by=by)

    def count_opened_follow_up(self, reason: str) -> None:
        """Count a follow-up that a person has opened, by its reason."""
        self.count("follow_ups_opened", reason)

    def count_follow_ups(
        self, opened: Mapping[str, int], closed: Iterable[FollowUp], by_owner: Mapping[str, FollowUpCount]
    ) -> None:
        """Count opened and closed follow-ups, and store how many follow-ups are not closed now.

        `opened` is the number of opened follow-ups by reason. `by_owner` has, for each owner, the numbers of
        follow-ups that are not closed.
        """
        for reason, n in opened.items():
            self.count("follow_ups_opened", reason, by=n)
        closing = self._histograms["follow_up_close_seconds"]
        for follow_up in closed:
            closing.observe(follow_up.seconds_to_close or 0.0, follow_up.state)
        self._follow_ups.clear()
        self._follow_ups.update(by_owner)

    def watch(
        self,
        tracker: TrackerState,
        link: LinkState,
        store: StoreState,
        agi: AgiState,
        forwarder: ForwarderState | None = None,
        webhooks: WebhookState | None = None,
        digests: DigestState | None = None,
        http: HttpState | None = None,
        files: LocalFileState | None = None,
    ) -> None:
        """Export the state of live objects of the daemon, such as the tracker, at each scrape.

        An object that is None is not in use, and its metrics are not exported.
        """
        if digests is not None:
            self.registry.register(DigestCollector(self._pbx, digests))
        if http is not None:
            self.registry.register(HttpCollector(self._pbx, http))
        if files is not None:
            self.registry.register(FileCollector(self._pbx, files))
        self.registry.register(
            StateCollector(self._pbx, tracker, link, store, agi, forwarder, webhooks, self._limits)
        )


class _StaticCollector(Collector):
    """A collector that returns the same list of prometheus_client metrics at each scrape."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _InstrumentCollector(Collector):
    """A collector of cc_bridge's own counters and histograms (`exposition.py`)."""

    def __init__(self, instruments: Iterable[Counter | Histogram]) -> None:
        self._instruments = instruments

    def collect(self) -> Iterator[Metric]:
        for instrument in self._instruments:
            yield RenderedFamily(instrument, instrument.render())
