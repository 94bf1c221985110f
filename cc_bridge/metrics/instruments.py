"""What Prometheus scrapes: counters and histograms fed by records, and the page with all that is known.

What each metric is called, and means, stands in `families.py`; what is read only when asked, in
`collectors.py`. `daemon/bridge.py` makes one for its own registry, `daemon/services/record_dispatcher.py`
hands it every record and `web/` shows its page. prometheus_client gives the registry, the headings, both
formats and the families of the process; the lines of ours are written by `exposition.py`. So `page` is what
knows all, and `generate_latest` gives our headings alone. It must run in the reactor thread and never in a
pool.

The trap: a histogram can only answer "within T seconds" at a bound that it has. Every service-level
threshold and short-abandon limit of the configuration is therefore an exact bound (`le="20.0"`).
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO

from prometheus_client import CollectorRegistry, Info, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cc_bridge import __version__
from cc_bridge.calls.tracker import Tracker
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpCount, FollowUpReason, FollowUpState
from cc_bridge.metrics.collectors import (
    DigestCollector,
    FollowUpCollector,
    QueueCollector,
    RenderedFamily,
    StateCollector,
)
from cc_bridge.metrics.exposition import Counter, Histogram
from cc_bridge.metrics.families import BY_NAME, PREFIX
from cc_bridge.metrics.protocols import (
    AgiState,
    DigestState,
    ForwarderState,
    LinkState,
    StoreState,
    WebhookState,
)
from cc_bridge.records import (
    Answer,
    Call,
    Direction,
    EndedBy,
    Gap,
    GapReason,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyDecision,
    SurveyResult,
    Talk,
    Trigger,
)
from cc_bridge.surveys.definition import Question
from cc_bridge.surveys.eligibility import NotAskedReason, SurveyStage
from cc_bridge.surveys.hangup_outliers import HangupOutliers

__all__ = ["Metrics"]

# Seconds. The configuration adds its own thresholds to the first. Each bound is a series more for each queue
# and histogram.
_WAIT_BOUNDS = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0)
_TALK_BOUNDS = (15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_HOUR = 3600.0
_CLOSE_BOUNDS = tuple(hours * _HOUR for hours in (0.25, 1, 2, 4, 8, 24, 48, 72, 168))
# Outcomes whose waits have series from the start; the others appear when they first happen.
_USUAL = (Outcome.ANSWERED, Outcome.ABANDONED)
_ANSWERED = {True: "yes", False: "no"}
# What a survey comes to, likewise, where there is one.
_COMES_TO = (SurveyStage.INVITED, SurveyResult.COMPLETE, SurveyResult.PARTIAL, SurveyResult.DECLINED)
_NOT_ELIGIBLE = {NotAskedReason.DISABLED, NotAskedReason.NOT_ELIGIBLE}
# As `agi/caller_lookup_script.py` names them.
_LOOKUP_RESULTS = ("found", "anonymous", "timeout", "failed")


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
        self._wait = self._histogram("queue_wait_seconds", wait_bounds)
        self._rings = self._counter("ring_attempts")
        self._talk = self._histogram("talk_seconds", _TALK_BOUNDS)
        self._handle = self._histogram("handle_seconds", _TALK_BOUNDS)
        self._hold = self._counter("hold_seconds")
        self._talks_ended = self._counter("talks_ended")
        self._eligible = self._counter("survey_eligible")
        self._stages = self._counter("survey_stages")
        self._ratings = self._counter("ratings")
        if agents:
            self._agent_talks = self._counter("agent_talks")
            self._agent_handle = self._counter("agent_handle_seconds")
            self._agent_ratings = self._counter("agent_ratings")
        self._gap_seconds = self._counter("observation_gap_seconds")
        self._gap_calls = self._counter("observation_gap_calls")
        for reason in GapReason:
            self._gap_seconds.inc(reason, by=0)
            self._gap_calls.inc(reason, by=0)
        self._lookups = self._counter("caller_lookups")
        for result in _LOOKUP_RESULTS:
            self._lookups.inc(result, by=0)
        self._follow_ups_opened = self._counter("follow_ups_opened")
        for why in FollowUpReason:
            self._follow_ups_opened.inc(why, by=0)
        self._follow_ups_closed = self._histogram("follow_up_close_seconds", _CLOSE_BOUNDS)
        for state in (FollowUpState.DONE, FollowUpState.DROPPED):
            self._follow_ups_closed.know(state)
        self._follow_ups: dict[str, FollowUpCount] = {}  # by owner
        registry.register(FollowUpCollector(pbx, self._follow_ups))
        self._thresholds: dict[str, float] = {}  # by queue
        self._lingering = HangupOutliers()
        registry.register(_InstrumentCollector(self._counted))
        registry.register(QueueCollector(pbx, self._lingering, self._thresholds))
        info = Info(f"{PREFIX}build", BY_NAME["build"].text, ["pbx"], registry=registry)
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

        The bounds are those of `kpis/service_level.py`.
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

    def count_funnel(self, entry: SurveyDecision) -> None:
        """Count a caller who could have been asked; that one was, the interview tells itself."""
        self._lingering.count(entry)
        # Who is called back was counted when the call ended.
        if entry.stage not in _NOT_ELIGIBLE and entry.trigger != Trigger.CALLBACK:
            self._eligible.inc(entry.queue)
        if entry.stage != SurveyStage.INVITED:
            self.survey_stage(entry.stage, entry.queue)

    def survey_stage(self, stage: str, queue: str) -> None:
        self._stages.inc(queue, stage)

    def count_caller_lookup(self, result: str) -> None:
        self._lookups.inc(result)

    def count_follow_ups(
        self, opened: Mapping[str, int], closed: Iterable[FollowUp], by_owner: Mapping[str, FollowUpCount]
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

    def __init__(self, families: Iterable[Counter | Histogram]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            yield RenderedFamily(family, family.written())
