"""The board: all figures of one PBX for the wallboard at one moment. Pure.

A board combines the current state (`LiveFigures`) with the counts of today. It holds instants such as the
entry into the queue, and no durations such as the wait until now. So two boards are equal if nothing has
changed.

While the PBX is not observed, the current figures are unknown. They are then None, and neither 0 nor the last
known values.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import NamedTuple

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.kpis.scores import MINIMUM, AnswersByValue, Score
from cc_bridge.kpis.service_level import Share, VisitCounts, from_counts
from cc_bridge.records import AgentState
from cc_bridge.surveys.questions import Question
from cc_bridge.wallboard.today import Today

__all__ = [
    "Board",
    "BoardAgent",
    "BoardCaller",
    "LiveFigures",
    "QueueFigures",
    "RatedQuestion",
    "build_board",
    "rated_question",
]

_SHOWN_STATES = [state for state in AgentState if state is not AgentState.LOGGED_OUT]


class RatedQuestion(NamedTuple):
    """The survey question from which the rating of a queue is computed."""

    id: str
    kind: str  # as in kpis/question_kinds.py


class BoardAgent(NamedTuple):
    """An agent with their current state and the start of this state."""

    name: str
    state: AgentState
    since: float  # UTC seconds since the epoch


class BoardCaller(NamedTuple):
    """A caller who is waiting in a queue. Instants are UTC seconds since the epoch.

    entered_at: time of entry into this queue
    waiting_since: `entered_at`, less the time that the caller waited in earlier queues of the same call.
        Waits before the caller's last talk do not count
    """

    queue: str
    entered_at: float
    waiting_since: float


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """The current state of an observed PBX: waiting callers, talks and agents."""

    waiting: Sequence[BoardCaller] = ()
    talking: Mapping[str, int] = field(default_factory=dict)  # number of talks by queue
    members: Mapping[tuple[str, AgentState], int] = field(default_factory=dict)  # number by queue and state
    agents: Sequence[BoardAgent] = ()


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The figures of one queue, or of all queues together, on the wallboard.

    None means that a figure is unknown or that there is no data for it.
    """

    queue: str  # empty: all queues together
    waiting: int | None  # number of callers
    oldest_at: float | None  # time of entry of the caller who waits longest; None also if no caller waits
    # Start of the longest wait over several queues; None also if no caller waits. See BoardCaller.
    waiting_since: float | None
    talking: int | None  # number of talks
    agents: Mapping[AgentState, int] | None  # number by state
    counts: VisitCounts  # visits of today
    service_level_seconds: float | None  # the threshold; None if the queues have different ones
    service_level: Share | None
    rating: Score | None

    @property
    def offered(self) -> int:
        """The number of offered calls: answered, abandoned, timed out, or left by a key press of the caller.

        Calls that were abandoned after a short wait are included.
        """
        counts = self.counts
        return counts.answered + counts.abandoned + counts.timed_out + counts.left_by_key

    @property
    def abandonment(self) -> Share | None:
        """The share of offered calls that were abandoned; None if there are no offered calls.

        Calls that were abandoned after a short wait are not counted at all.
        """
        n = self.offered - self.counts.short_abandons
        return Share(self.counts.abandoned - self.counts.short_abandons, n) if n else None


@dataclass(frozen=True, slots=True)
class Board:
    """A board: the figures of all queues, of each queue, and of the agents. Times are UTC seconds."""

    pbx: str
    unobserved_since: float | None  # None: the PBX is observed
    today_began: float
    complete: bool  # True: today's records in the database have been read
    total: QueueFigures
    queues: tuple[QueueFigures, ...]
    agents: tuple[BoardAgent, ...] | None  # None: wallboard.show_agent_names is false


def build_board(
    pbx: str,
    queues: Sequence[str],
    now: LiveFigures | None,
    today: Today,
    *,
    seconds: Callable[[str], float],
    question: Callable[[str], RatedQuestion | None],
    unobserved_since: float | None = None,
    complete: bool = True,
    names: bool = False,
) -> Board:
    """Return the board of these queues, in the given order.

    `now` has the current state. While the PBX is not observed, `now` is None and `unobserved_since` is the
    start of the gap. `today` has the counts of today, and `complete` is True if they include today's records
    in the database. `seconds` returns a queue's service level threshold in seconds. `question` returns the
    survey question for a queue's rating, or None. Only with `names` does the board list the agents, each with
    their name.
    """
    waiting: dict[str, list[BoardCaller]] = {}
    for caller in now.waiting if now else ():
        waiting.setdefault(caller.queue, []).append(caller)

    def of(
        name: str, shown: Sequence[str], agents: Mapping[AgentState, int], asked: set[RatedQuestion | None]
    ) -> QueueFigures:
        counts = reduce(add, (today.visits(queue) for queue in shown), VisitCounts())
        callers = [caller for queue in shown for caller in waiting.get(queue, ())]
        thresholds = {seconds(queue) for queue in shown}
        one = asked.pop() if len(asked) == 1 else None
        return QueueFigures(
            queue=name,
            waiting=len(callers) if now else None,
            oldest_at=min((caller.entered_at for caller in callers), default=None),
            waiting_since=min((caller.waiting_since for caller in callers), default=None),
            talking=sum(now.talking.get(queue, 0) for queue in shown) if now else None,
            agents={state: agents.get(state, 0) for state in _SHOWN_STATES} if now else None,
            counts=counts,
            service_level_seconds=thresholds.pop() if len(thresholds) == 1 else None,
            service_level=from_counts(counts),
            rating=_score(one.kind, (today.answers(queue, *one) for queue in shown)) if one else None,
        )

    def members(queue: str) -> Mapping[AgentState, int]:
        return {state: now.members.get((queue, state), 0) for state in _SHOWN_STATES} if now else {}

    asked = {queue: question(queue) for queue in queues}
    agents = now.agents if now else ()
    return Board(
        pbx=pbx,
        unobserved_since=unobserved_since,
        today_began=today.began_at,
        complete=complete,
        # The total has a rating if all queues with a survey ask the same question; other queues do not
        # matter.
        total=of("", queues, Counter(agent.state for agent in agents), {q for q in asked.values() if q}),
        queues=tuple(of(queue, [queue], members(queue), {asked[queue]}) for queue in queues),
        agents=tuple(sorted(agents)) if names else None,
    )


def rated_question(questions: Iterable[Question]) -> RatedQuestion | None:
    """Return the question from which a queue's rating is computed: the first question that has a score.

    Return None if no question has a score.
    """
    scored = (RatedQuestion(each.id, each.kind) for each in questions if KINDS[each.kind].scores)
    return next(scored, None)


def _score(kind: str, answers: Iterable[AnswersByValue]) -> Score | None:
    """Return the score of all these answers together; `kind` is the kind of their survey question.

    If several scores are defined for this kind, the first one is returned.
    """
    together: Counter[int] = Counter()
    for each in answers:
        together.update(each)
    first, *_ = KINDS[kind].compute(together, MINIMUM).values()
    return first
