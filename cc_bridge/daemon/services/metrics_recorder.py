"""The recorder of the daemon's Prometheus metrics: it counts each record, such as a visit or an answer."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.configured_surveys import ConfiguredSurveys
from cc_bridge.daemon.services.queues_in_use import in_use
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.records import (
    Answer,
    Call,
    Gap,
    NotRoutedCall,
    QueueVisit,
    Ring,
    SurveyAttempt,
    SurveyDecision,
    Talk,
)
from cc_bridge.surveys.queue_of_attempt import QueueOfAttempt

__all__ = ["MetricsRecorder"]


class MetricsRecorder(DaemonService):
    """The service that counts each record once in the Prometheus metrics.

    The configured service level and short abandon thresholds (seconds) are bucket bounds of histograms. The
    bounds of a histogram cannot change, so a new threshold needs a restart.

    record_handlers: the functions that count the records, by type of record
    """

    taken_over = ("queues.*.title",)

    def __init__(self, context: Context, surveys: ConfiguredSurveys, tracker: Tracker) -> None:
        super().__init__(context)
        config = context.config
        self.registry = CollectorRegistry()
        self.metrics = RecordMetrics(
            self.registry,
            config.pbx.name,
            _thresholds(config),
            agents=config.metrics.agents,
            max_queues=config.metrics.max_queues,
            max_agents=config.metrics.max_agents,
        )
        self._surveys = surveys
        self._tracker = tracker
        self._attempts = QueueOfAttempt()
        self.record_handlers = {
            Call: self.metrics.count_call,
            QueueVisit: self._count_visit,
            Ring: self.metrics.count_ring,
            Gap: self.metrics.count_gap,
            Talk: self._count_talk,
            SurveyDecision: self.metrics.count_survey_decision,
            NotRoutedCall: self.metrics.count_not_routed,
            SurveyAttempt: self._attempts.note,
            Answer: self._count_answer,
        }

    def start(self) -> None:
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.init_queues()

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self.init_queues()

    def init_queues(self) -> None:
        """Create the metric series of every known queue at 0, before anything is counted."""
        for queue in in_use(self._tracker, self.config):
            settings = self.config.queue(queue)
            survey = self._surveys.surveys.get(settings.survey)
            questions = survey.questions if survey else ()
            title = self.config.queue_title(queue)
            self.metrics.init_queue(queue, settings.service_level_seconds, questions, title)

    def _count_visit(self, visit: QueueVisit) -> None:
        queue = self.config.queue(visit.queue)
        self.metrics.count_visit(visit, queue.service_level_seconds, queue.short_abandon_seconds)

    def _count_talk(self, talk: Talk) -> None:
        """Count a talk from a queue. A talk without a queue is counted with its call."""
        if talk.queue:
            wrap_up = self._tracker.agents.wrap_up_seconds(talk.agent, talk.queue)
            self.metrics.count_talk(talk, wrap_up)

    def _count_answer(self, answer: Answer) -> None:
        self.metrics.count_answer(answer, self._attempts.queue_of(answer))


def _thresholds(config: Config) -> Iterator[float]:
    """Yield the service level and short abandon thresholds of all queues, in seconds.

    Each threshold must be a bucket bound of the histograms.
    """
    for queue in (config.queue_defaults, *config.queues.values()):
        yield queue.service_level_seconds
        yield queue.short_abandon_seconds
