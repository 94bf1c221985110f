"""Every record is counted once: by the metrics, by the wallboard, and by the memory of who was asked.

`record_pipeline.py` passes each one through `count` before it is written. The trap: an answer does not say in
which queue its survey was asked, since it may rate the company; its attempt does, so attempts that run are
remembered.
"""

from collections.abc import Callable

from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config
from cc_bridge.daemon.services.survey_invitations import SurveyInvitations
from cc_bridge.daemon.services.wallboard import Wallboard
from cc_bridge.metrics.instruments import Metrics
from cc_bridge.records import (
    Answer,
    Call,
    Gap,
    OptOut,
    QueueVisit,
    Record,
    Ring,
    SurveyAttempt,
    SurveyDecision,
    Talk,
)

__all__ = ["RecordDispatcher"]


class RecordDispatcher:
    """Tells each record to those who count it; `config` is asked anew, as it may be reloaded."""

    def __init__(
        self,
        config: Callable[[], Config],
        metrics: Metrics,
        tracker: Tracker,
        asking: SurveyInvitations,
        wallboard: Wallboard,
    ) -> None:
        self._config = config
        self._metrics = metrics
        self._tracker = tracker
        self._asking = asking
        self._wallboard = wallboard
        self._attempts: dict[str, str] = {}  # queues of the surveys that run, by attempt

    def init_queues(self) -> None:
        """Let the series of every queue exist at 0 before anything is counted."""
        for queue in self._tracker.queues:
            settings = self._config().queue(queue)
            survey = self._asking.surveys.get(settings.survey)
            self._metrics.init_queue(
                queue, settings.service_level_seconds, survey.questions if survey else ()
            )

    def count(self, record: Record) -> None:
        match record:
            case Call():
                self._metrics.count_call(record)
            case QueueVisit():
                queue = self._config().queue(record.queue)
                self._metrics.count_visit(record, queue.service_level_seconds, queue.short_abandon_seconds)
                self._wallboard.visited(record)
            case Ring():
                self._metrics.count_ring(record)
            case Gap():
                self._metrics.count_gap(record)
            case Talk():
                if record.queue:  # else it is counted with its call
                    wrap_up = self._tracker.agents.wrap_up_seconds(record.agent, record.queue)
                    self._metrics.count_talk(record, wrap_up)
                self._asking.talk_ended(record)
            case SurveyDecision() | OptOut() | SurveyAttempt() | Answer():
                self._count_survey(record)

    def _count_survey(self, record: SurveyDecision | OptOut | SurveyAttempt | Answer) -> None:
        match record:
            case SurveyDecision():
                self._metrics.count_survey_decision(record)
            case OptOut():
                self._asking.asked.opt(record)
            case SurveyAttempt(ended_at=None):
                self._attempts[record.attempt_id] = record.queue
                self._asking.asked.note(record, record.started_at)
            case SurveyAttempt():
                self._attempts.pop(record.attempt_id, None)
            case Answer():
                queue = self._attempts.get(record.attempt_id, "")
                self._metrics.count_answer(record, queue)
                self._wallboard.rated(record, queue)
