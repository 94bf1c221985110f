"""The wallboard publisher: it combines live figures with the counts of today and streams them to browsers.

The board is built once a second, and sent to all connected browsers if it has changed. While no browser is
connected, the board is built only on request.

At midnight the counts of today start again at 0. The first tick of the new day does this (there is one tick a
second). A visit or answer that arrives after midnight but before this tick also starts the new day.
"""

from collections.abc import Mapping
from math import inf

from cc_bridge.ami.service import AmiService
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import WallboardConfig
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.configured_surveys import ConfiguredSurveys
from cc_bridge.daemon.services.queues_in_use import in_use
from cc_bridge.records import Answer, QueueVisit, SurveyAttempt
from cc_bridge.surveys.queue_of_attempt import QueueOfAttempt
from cc_bridge.wallboard.board import Board, RatedQuestion, build_board, rated_question
from cc_bridge.wallboard.live_figures import live_figures
from cc_bridge.wallboard.thresholds import Threshold, Thresholds
from cc_bridge.wallboard.today import RatingToday, Today
from cc_bridge.web.wallboard_json import as_json
from cc_bridge.web.wallboard_stream import EventStream

__all__ = ["WallboardPublisher"]


class WallboardPublisher(DaemonService):
    """The service that publishes the wallboard of one PBX.

    A configuration reload may replace the surveys in `surveys` at any time.

    record_handlers: the functions that add visits and answers to the counts of today, by type of record
    """

    taken_over = ("wallboard.*", "general.time_zone", "queues.*.title")

    def __init__(
        self, context: Context, surveys: ConfiguredSurveys, tracker: Tracker, link: AmiService
    ) -> None:
        super().__init__(context)
        clock = context.reactor
        self._surveys = surveys
        self._tracker = tracker
        self._link = link
        self._clock = clock
        self._attempts = QueueOfAttempt()  # shows to which queue the answers of a survey belong
        self.record_handlers = {
            QueueVisit: self._count_visit,
            SurveyAttempt: self._attempts.note,
            Answer: self._count_answer,
        }
        self.today = Today(self._limits)
        # Event ids start at the clock's milliseconds. So a browser that has boards of an earlier daemon gets
        # higher ids after a restart.
        self.stream = EventStream(
            lambda: self.config.wallboard.max_listeners,
            self._renew,
            clock,
            first_id=round(context.now() * 1000),
        )
        self._unobserved_since: float | None = link.pbx_now()
        self._board: Board | None = None  # the last published board
        self._made: dict[str, object] = {}  # the last rendered board as JSON
        self._made_at = 0.0
        self._published_at = -inf

    def start(self) -> None:
        self.tick()

    def stop(self) -> None:
        self.stream.close()

    def tick(self) -> None:
        """Publish the board if it has changed and a browser is connected; called once a second."""
        self._begin_day()
        self._note_link()
        if self.stream.listening:
            self._publish(self._current_board())
        self.stream.tick(self._link.pbx_now())

    def current(self) -> Mapping[str, object]:
        """Return the board as a JSON object that is at most one second old."""
        if self._clock.seconds() - self._made_at >= 1:
            self._render(self._current_board())
        return self._made

    # -- inside

    def _count_visit(self, visit: QueueVisit) -> None:
        self._begin_day()
        self.today.add_visits([visit])

    def _count_answer(self, answer: Answer) -> None:
        self._begin_day()
        queue = self._attempts.queue_of(answer)
        rating = RatingToday(
            queue, answer.attempt_id, answer.question, answer.kind, answer.value, answer.answered_at
        )
        self.today.add_answers([rating])

    def _begin_day(self) -> None:
        self.today.start_day(self._link.pbx_now(), self.config.general.zone)

    def _renew(self) -> None:
        """Publish the current board for a new listener, unless the last published one is under 1 s old."""
        if self._clock.seconds() - self._published_at >= 1:
            self._board = None
            self._publish(self._current_board())

    def _publish(self, seen: Board) -> None:
        """Publish the board `seen` to the connected browsers if it is not the last published one."""
        if seen != self._board:
            self._board = seen
            self._render(seen)
            self._published_at = self._made_at
            self.stream.publish(self._made)

    def _render(self, seen: Board) -> None:
        config = self.config
        self._made = as_json(
            seen,
            _thresholds(config.wallboard),
            self._link.pbx_now(),
            config.general.zone,
            config.queue_titles,
        )
        self._made_at = self._clock.seconds()

    def _note_link(self) -> None:
        """Set `_unobserved_since`: the time at which the AMI link was lost; None while the link is up."""
        if self._link.up:
            self._unobserved_since = None
        elif self._unobserved_since is None:
            self._unobserved_since = self._link.pbx_now()

    def _current_board(self) -> Board:
        self._note_link()  # the link may have changed since the last tick
        config = self.config
        return build_board(
            config.pbx.name,
            self._shown_queues(),
            live_figures(self._tracker) if self._link.up else None,
            self.today,
            seconds=lambda queue: config.queue(queue).service_level_seconds,
            question=self._question,
            unobserved_since=self._unobserved_since,
            complete=self.today.complete,
            names=config.wallboard.show_agent_names,
        )

    def _shown_queues(self) -> list[str]:
        """Return the names of the queues on the board, in the spelling of the PBX's configuration.

        If wallboard.queues is empty, the board has all queues: those that the PBX or the configuration names,
        and those that had a visit or an answer today. After a restart without a PBX, only the database knows
        some of them.
        """
        spelled = self._tracker.spelled
        chosen = dict.fromkeys(map(spelled, self.config.wallboard.queues))
        return list(chosen) or sorted({*in_use(self._tracker, self.config), *map(spelled, self.today.queues)})

    def _limits(self, queue: str) -> tuple[float, float]:
        """Return the service level and short abandon thresholds of a queue, in seconds."""
        settings = self.config.queue(queue)
        return settings.service_level_seconds, settings.short_abandon_seconds

    def _question(self, queue: str) -> RatedQuestion | None:
        """Return the survey question whose score the board shows for a queue; None if there is none."""
        survey = self._surveys.surveys.get(self.config.queue(queue).survey)
        return rated_question(survey.questions) if survey else None


def _thresholds(config: WallboardConfig) -> Thresholds:
    return Thresholds(
        waiting=Threshold(config.waiting_warning, config.waiting_critical),
        longest_wait=Threshold(config.longest_wait_warning, config.longest_wait_critical),
        service_level=Threshold(config.service_level_warning, config.service_level_critical),
        abandoned=Threshold(config.abandoned_warning, config.abandoned_critical),
        csat=Threshold(config.csat_warning, config.csat_critical),
    )
