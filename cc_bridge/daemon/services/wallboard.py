"""The wallboard tied together: what goes on, how today went, and those who look at it.

`daemon/bridge.py` makes one, tells it what is to be counted and lets it `tick` once a second; `web/` shows
what it publishes. The board is made and rendered once for all who listen, when it has changed and at most
once a second; while nobody listens, only when it is asked for.

The trap: a record may come before the first tick of its day, so each one may begin a new day.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from cc_bridge.ami.service import AmiService
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config, WallboardConfig
from cc_bridge.daemon.jobs.today_backfill import TodayBackfillJob
from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.records import AgentState, Answer, QueueVisit
from cc_bridge.storage.engine import make_engine
from cc_bridge.surveys.definition import Survey
from cc_bridge.wallboard.board import Board, BoardAgent, LiveFigures, RatedQuestion, board
from cc_bridge.wallboard.thresholds import Threshold, Thresholds
from cc_bridge.wallboard.today import RatingToday, Today
from cc_bridge.web.wallboard_json import as_json
from cc_bridge.web.wallboard_stream import EventStream

__all__ = ["Wallboard"]


class Wallboard:
    """What a wall shows of one PBX. `config` and `surveys` may change at run time."""

    def __init__(
        self,
        config: Callable[[], Config],
        surveys: Callable[[], Mapping[str, Survey]],
        tracker: Tracker,
        link: AmiService,
        waits_since: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
        clock: IReactorTime,
    ) -> None:
        """`waits_since` and `in_thread`: see today_backfill.py."""
        self._config = config
        self._surveys = surveys
        self._tracker = tracker
        self._link = link
        self._clock = clock
        self.today = Today(self._limits)
        self._recalling = TodayBackfillJob(
            partial(make_engine, config().storage.url),
            config().pbx.name,
            self.today,
            waits_since,
            in_thread,
            clock,
        )
        # Numbered by the clock, so that a browser which had an earlier daemon's boards gets higher ones.
        self.stream = EventStream(
            lambda: config().wallboard.max_listeners,
            lambda: self._publish(self._made_at + 1 <= clock.seconds()),
            clock,
            first_id=round(clock.seconds() * 1000),
        )
        self._unobserved_since: float | None = link.pbx_now()
        self._board: Board | None = None  # the one that was published last
        self._made: dict[str, object] = {}  # the JSON that was made last
        self._made_at = 0.0

    def start(self) -> None:
        self.tick()
        self._recalling.start()

    def stop(self) -> None:
        self._recalling.stop()
        self.stream.close()

    def visited(self, visit: QueueVisit) -> None:
        self._begin_day()
        self.today.visited([visit])

    def rated(self, answer: Answer, queue: str) -> None:
        """Count an answer about a talk of this queue."""
        self._begin_day()
        which, when = (answer.attempt_id, answer.question), answer.answered_at
        self.today.rated([RatingToday(queue, *which, answer.kind, answer.value, when)])

    def tick(self) -> None:
        """Publish what has changed in the last second."""
        self._begin_day()
        self._notice()
        if self.stream.listening:
            self._publish(False)
        self.stream.tick(self._link.pbx_now())

    def current(self) -> Mapping[str, object]:
        """Return the board as JSON, no older than a second."""
        if self._clock.seconds() - self._made_at >= 1:
            self._render(self._look())
        return self._made

    # -- inside

    def _begin_day(self) -> None:
        if self.today.begin(self._link.pbx_now(), self._config().survey.zone):
            self._recalling.again()

    def _publish(self, anyway: bool) -> None:
        """Publish the board if it has changed, or anyway."""
        seen = self._look()
        if anyway or seen != self._board:
            self._board = seen
            self._render(seen)
            self.stream.publish(self._made)

    def _render(self, seen: Board) -> None:
        config = self._config()
        self._made = as_json(seen, _levels(config.wallboard), self._link.pbx_now(), config.survey.zone)
        self._made_at = self._clock.seconds()

    def _notice(self) -> None:
        """Note since when the PBX is not seen."""
        if self._link.up:
            self._unobserved_since = None
        elif self._unobserved_since is None:
            self._unobserved_since = self._link.pbx_now()

    def _look(self) -> Board:
        self._notice()  # the link may have come or gone since the last tick
        config = self._config()
        return board(
            config.pbx.name,
            config.wallboard.queues or sorted(self._tracker.queues),
            self._now() if self._link.up else None,
            self.today,
            seconds=lambda queue: config.queue(queue).service_level_seconds,
            question=self._question,
            unobserved_since=self._unobserved_since,
            complete=self._recalling.complete,
            names=config.wallboard.show_agent_names,
        )

    def _now(self) -> LiveFigures:
        tracker = self._tracker
        names = {member.name for member in tracker.members.values()}
        states = [(name, state) for name in names if (state := tracker.agents.state_of(name))]
        return LiveFigures(
            waiting=[(visit.queue, visit.entered_at) for visit in tracker.waiting()],
            talking=Counter(talk.queue for talk in tracker.talks.going_on()),
            members=tracker.agents.counts(),
            agents=[
                BoardAgent(name, state, since)
                for name, (state, since) in states
                if state is not AgentState.LOGGED_OUT
            ],
        )

    def _limits(self, queue: str) -> tuple[float, float]:
        settings = self._config().queue(queue)
        return settings.service_level_seconds, settings.short_abandon_seconds

    def _question(self, queue: str) -> RatedQuestion | None:
        """Return the first question of the queue's survey that has a score."""
        survey = self._surveys().get(self._config().queue(queue).survey)
        questions = survey.questions if survey else ()
        return next(
            (RatedQuestion(each.id, each.kind) for each in questions if KINDS[each.kind].scores), None
        )


def _levels(config: WallboardConfig) -> Thresholds:
    return Thresholds(
        waiting=Threshold(config.waiting_watch, config.waiting_act),
        longest_wait=Threshold(config.longest_wait_watch, config.longest_wait_act),
        service_level=Threshold(config.service_level_watch, config.service_level_act),
        abandoned=Threshold(config.abandoned_watch, config.abandoned_act),
        csat=Threshold(config.csat_watch, config.csat_act),
    )
