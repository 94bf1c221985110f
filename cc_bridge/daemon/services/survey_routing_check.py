"""Finds answered callers whose dialplan did not request the survey of their queue.

`surveys/routing.py` has the rule. The service remembers the survey requests, and the callers who waited in a
queue without an answer. At the end of each call it applies the rule to the talks of the call. Each case
becomes one NotRoutedCall record, a second later: a survey request comes over another connection than the AMI
events, so the end of the call may be known before the request.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import TypeVar

from cc_bridge.calls.open_talk import OpenTalk
from cc_bridge.calls.tracker import Tracker
from cc_bridge.daemon.service import Context, DaemonService, per_queue
from cc_bridge.daemon.services.configured_surveys import ConfiguredSurveys
from cc_bridge.records import Call, EndedBy, Gap, NotRoutedCall, Outcome, QueueVisit
from cc_bridge.surveys.routing import EndedCall, Routing, routing_of

__all__ = ["SurveyRoutingCheck"]

_LATE_SECONDS = 1.0  # longest time by which a survey request comes after the end of its call
_MAX_REMEMBERED = 10_000  # calls; the oldest is forgotten first

_Value = TypeVar("_Value")


class SurveyRoutingCheck(DaemonService):
    """The service that records the calls of one PBX that were not routed to a survey.

    `record` stores the records. `observing` returns False while the PBX is not observed.

    record_handlers: the functions that process the records of queue visits, gaps and ended calls
    """

    taken_over = ("survey.enabled", *per_queue("survey"))

    def __init__(
        self,
        context: Context,
        surveys: ConfiguredSurveys,
        tracker: Tracker,
        record: Callable[[Iterable[NotRoutedCall]], None],
        observing: Callable[[], bool],
    ) -> None:
        super().__init__(context)
        self._surveys = surveys
        self._tracker = tracker
        self._record = record
        self._observing = observing
        self._gap_ended_at = 0.0  # end of the last gap, UTC seconds since the epoch
        self._requests: dict[str, None] = {}  # ids of the calls with a survey request, oldest first
        self._clock = context.reactor
        self._pending: dict[str, NotRoutedCall] = {}  # by call id, until a late request can no longer come
        self._unserved: dict[
            str, float
        ] = {}  # entry into the last unanswered queue, by call id, oldest first
        self.record_handlers = {
            QueueVisit: self._visit_ended,
            Gap: self._gap_ended,
            Call: self._call_ended,
        }

    def survey_requested(self, call_id: str) -> None:
        """Remember that the dialplan requested a survey for a call."""
        if self._pending.pop(call_id, None) is None:
            _remember(self._requests, call_id, None)

    def stop(self) -> None:
        """Record the calls that still wait for a late survey request, as calls that were not routed."""
        for call_id in list(self._pending):
            self._record_pending(call_id)

    def _visit_ended(self, visit: QueueVisit) -> None:
        """Remember a caller who waited in a queue without an answer."""
        if visit.outcome is not Outcome.ANSWERED:
            _remember(self._unserved, visit.call_id, visit.entered_at)

    def _gap_ended(self, gap: Gap) -> None:
        self._gap_ended_at = gap.ended_at

    def _call_ended(self, call: Call) -> None:
        """Record an ended call a second later if it was not routed to a survey.

        Also delete the survey request and the unanswered queue visit that are remembered for the call.
        """
        requested = call.call_id in self._requests
        self._requests.pop(call.call_id, None)
        queued_at = self._unserved.pop(call.call_id, 0.0)
        talks = self._tracker.talks.memory.heard(call.call_id)
        if not talks:
            return
        last = talks[-1]
        hung_up_at = self._tracker.talks.memory.hung_up_at(last.caller)
        queue = next((talk.queue for talk in reversed(talks) if talk.queue), "")
        settings = self.config.queue(queue)
        survey = settings.survey if self.config.survey.enabled else ""
        facts = EndedCall(
            queue=queue,
            has_survey=survey in self._surveys.surveys,
            ended_by=_ended_by(last),
            requested=requested,
            observed=self._observing() and not call.partial and call.started_at > self._gap_ended_at,
            left_seconds=inf if hung_up_at is None else hung_up_at - last.parted_at,
            queued_again=queued_at > last.parted_at,
        )
        if routing_of(facts) is Routing.NOT_ROUTED:
            self._pending[call.call_id] = NotRoutedCall(
                pbx=call.pbx,
                call_id=call.call_id,
                uniqueid=last.uniqueid,
                queue=queue,
                agent=last.member,
                interface=last.interface,
                ended_at=call.ended_at,
                survey=survey,
                caller_key=call.caller_key,
            )
            self._clock.callLater(_LATE_SECONDS, self._record_pending, call.call_id)

    def _record_pending(self, call_id: str) -> None:
        """Store the NotRoutedCall of a call if it still waits to be stored.

        It no longer waits if a survey request for the call has arrived, or if `stop` has stored it.
        """
        found = self._pending.pop(call_id, None)
        if found is not None:
            self._record([found])


def _ended_by(talk: OpenTalk) -> EndedBy:
    """Return the side that ended a talk; TRANSFER if the talk was transferred."""
    return EndedBy.TRANSFER if talk.transfer else talk.parted_by


def _remember(memory: dict[str, _Value], key: str, value: _Value) -> None:
    """Store a value under a key; delete the oldest key if more than 10,000 are stored."""
    memory[key] = value
    if len(memory) > _MAX_REMEMBERED:
        del memory[next(iter(memory))]
