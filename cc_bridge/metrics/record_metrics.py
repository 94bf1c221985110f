"""Counters and histograms fed by records, and the exposition of the whole registry.

`families.py` has the name and meaning of each metric, `collectors.py` those that are read at each scrape.
prometheus_client gives the registry, the headings, both formats and the families of the process;
`exposition.py` writes the lines of ours. So only `page` is complete: `generate_latest` gives our headings
without samples. `page` must run in the reactor's thread.

A histogram can only answer "within T seconds" at a bound that it has. Every service-level threshold and
short-abandon limit of the configuration is therefore an exact bound (`le="20.0"`).
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
    FollowUpCollector,
    QueueCollector,
    RenderedFamily,
    StateCollector,
)
from cc_bridge.metrics.exposition import Counter, Histogram
from cc_bridge.metrics.families import ANSWERED, BY_NAME, PREFIX, MetricFamily
from cc_bridge.metrics.observed_state import (
    AgiState,
    DigestState,
    ForwarderState,
    LinkState,
    StoreState,
    TrackerState,
    WebhookState,
)
from cc_bridge.records import (
    Answer,
    Call,
    Gap,
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

__all__ = ["RecordMetrics"]

_WAIT = "queue_wait_seconds"  # each threshold of the configuration is a bound of it
_NOT_ELIGIBLE = {NotAskedReason.DISABLED, NotAskedReason.NOT_ELIGIBLE}


class RecordMetrics:
    """The metric catalogue of one daemon; all names start with `cc_bridge_`."""

    def __init__(
        self, registry: CollectorRegistry, pbx: str, thresholds: Iterable[float], *, agents: bool = False
    ) -> None:
        """`thresholds`: seconds that must be bounds; `agents`: count by agent too, with their names."""
        self.registry = registry
        self._pbx = pbx
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        thresholds = [seconds for seconds in thresholds if seconds > 0]
        for family in BY_NAME.values():
            if family.counted and (agents or not family.per_agent):
                self._add(family, thresholds)
        self._follow_ups: dict[str, FollowUpCount] = {}  # by owner
        registry.register(FollowUpCollector(pbx, self._follow_ups))
        self._thresholds: dict[str, float] = {}  # by queue
        self._outliers = HangupOutliers()
        registry.register(_InstrumentCollector([*self._counters.values(), *self._histograms.values()]))
        registry.register(QueueCollector(pbx, self._outliers, self._thresholds))
        info = Info(f"{PREFIX}build", BY_NAME["build"].help, ["pbx"], registry=registry)
        info.labels(pbx).info({"version": __version__, "python": platform.python_version()})

    def page(self, accept: str) -> tuple[bytes, str]:
        """Return what a scrape gets, and its content type, for its Accept header."""
        encode, content_type = choose_encoder(accept)
        end = encode(_StaticCollector())  # OpenMetrics has a last line
        page = BytesIO()
        for metric in self.registry.collect():
            page.write(encode(_StaticCollector(metric)).removesuffix(end))
            if isinstance(metric, RenderedFamily):
                page.writelines(map(str.encode, metric.lines))
        page.write(end)
        return page.getvalue(), content_type

    def _add(self, family: MetricFamily, thresholds: Iterable[float]) -> None:
        """Make the instrument of a family, and those of its series that no queue has."""
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

    def init_queue(self, queue: str, threshold: float, questions: Iterable[Question] = ()) -> None:
        """Make all series of the queue exist at 0, also those of the questions that its callers are asked.

        `threshold` is the T of its service level, in seconds. An agent's series start with the first talk.
        """
        self._thresholds[queue] = threshold
        answers = [(question.id, question.kind, value) for question in questions for value in question.values]
        for name, instrument in (self._counters | self._histograms).items():
            family = BY_NAME[name]
            if family.per_queue and not family.per_agent:
                for labels in answers if "question" in family.labels else family.initial_labels():
                    instrument.init_series(queue, *labels)

    def count(self, name: str, *labels: object, by: float = 1) -> None:
        """Count `by` more of the family `name`; the labels are in its order."""
        self._counters[name].inc(*labels, by=by)

    def count_call(self, call: Call) -> None:
        self.count("calls", call.direction, ANSWERED[call.answered])

    def count_visit(self, visit: QueueVisit, threshold: float, short: float) -> None:
        """Count a visit; its queue's service level is at `threshold` seconds, an abandon under `short` short.

        The bounds are those of `kpis/service_level.py`.
        """
        self.count("visits", visit.queue, visit.outcome)
        self._histograms[_WAIT].observe(visit.wait_seconds, visit.queue, visit.outcome)
        within = visit.wait_seconds <= threshold
        if visit.outcome is Outcome.ANSWERED and within:
            self.count("answered_within", visit.queue)
        if visit.outcome is Outcome.ABANDONED and within:
            self.count("abandoned_within", visit.queue)
        if visit.outcome is Outcome.ABANDONED and visit.wait_seconds < short:
            self.count("short_abandons", visit.queue)

    def count_ring(self, ring: Ring) -> None:
        self.count("ring_attempts", ring.queue, ring.outcome)

    def count_talk(self, talk: Talk, wrap_up: float) -> None:
        """Count a talk; `wrap_up` is what its handling takes after it, in seconds.

        One that was seen in part has no duration to count.
        """
        if not talk.partial:
            handle = talk.talk_seconds + wrap_up
            self._histograms["talk_seconds"].observe(talk.talk_seconds, talk.queue)
            self._histograms["handle_seconds"].observe(handle, talk.queue)
            self.count("hold_seconds", talk.queue, by=talk.hold_seconds)
            self._count_agent("agent_talks", talk.queue, talk.agent)
            self._count_agent("agent_handle_seconds", talk.queue, talk.agent, by=handle)
        self.count("talks_ended", talk.queue, talk.ended_by)

    def count_answer(self, answer: Answer, queue: str) -> None:
        if answer.kind == "comment":  # whose value is its length
            return
        rated = answer.question, answer.kind, answer.value
        self.count("ratings", queue, *rated)
        if answer.agent:  # else it rates a queue or the company
            self._count_agent("agent_ratings", answer.queue, answer.agent, *rated)

    def count_gap(self, gap: Gap) -> None:
        self.count("observation_gap_seconds", gap.reason, by=gap.ended_at - gap.started_at)
        self.count("observation_gap_calls", gap.reason, by=gap.calls_affected)

    def count_survey_decision(self, entry: SurveyDecision) -> None:
        """Count a caller who could have been asked; `count_survey_stage` has those who were invited."""
        self._outliers.count(entry)
        # Who is called back was counted when the call ended.
        if entry.stage not in _NOT_ELIGIBLE and entry.trigger != Trigger.CALLBACK:
            self.count("survey_eligible", entry.queue)
        if entry.stage != SurveyStage.INVITED:
            self.count_survey_stage(entry.stage, entry.queue)

    def count_survey_stage(self, stage: str, queue: str) -> None:
        self.count("survey_stages", queue, stage)

    def count_caller_lookup(self, result: str) -> None:
        self.count("caller_lookups", result)

    def _count_agent(self, name: str, *labels: object, by: float = 1) -> None:
        if name in self._counters:  # not without metrics.agents
            self.count(name, *labels, by=by)

    def count_follow_ups(
        self, opened: Mapping[str, int], closed: Iterable[FollowUp], by_owner: Mapping[str, FollowUpCount]
    ) -> None:
        """Count what was opened, by reason, and what was closed; `by_owner` is what is not closed by now."""
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
    ) -> None:
        """Export the state of these at each scrape."""
        if digests is not None:
            self.registry.register(DigestCollector(self._pbx, digests))
        self.registry.register(StateCollector(self._pbx, tracker, link, store, agi, forwarder, webhooks))


class _StaticCollector(Collector):
    """Gives what it was given."""

    def __init__(self, *metrics: Metric) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _InstrumentCollector(Collector):
    """What was counted since the start."""

    def __init__(self, instruments: Iterable[Counter | Histogram]) -> None:
        self._instruments = instruments

    def collect(self) -> Iterator[Metric]:
        for instrument in self._instruments:
            yield RenderedFamily(instrument, instrument.render())
