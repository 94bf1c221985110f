"""The board: all figures of one PBX at one moment, those of now and those of today. Pure.

It is made of `LiveFigures` and the day's counts. Two
boards are equal when nothing has changed: instants stand here, and not the time since them.

The trap: while the PBX is not observed nobody knows who waits. Then the figures of now are None, not 0 and
not what they were.
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
    "LiveFigures",
    "QueueFigures",
    "RatedQuestion",
    "build_board",
    "rated_question",
]

_SHOWN_STATES = [state for state in AgentState if state is not AgentState.LOGGED_OUT]


class RatedQuestion(NamedTuple):
    """What a queue's rating is taken from."""

    id: str
    kind: str


class BoardAgent(NamedTuple):
    """What one agent does since when, UTC seconds since the epoch."""

    name: str
    state: AgentState
    since: float


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What goes on at an observed PBX."""

    waiting: Sequence[tuple[str, float]] = ()  # each caller's queue, and when the caller entered it
    talking: Mapping[str, int] = field(default_factory=dict)  # talks by queue
    members: Mapping[tuple[str, AgentState], int] = field(default_factory=dict)  # by queue and state
    agents: Sequence[BoardAgent] = ()


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """One queue, or all of them together. None: not known, or no data."""

    queue: str  # empty for all
    waiting: int | None
    oldest_at: float | None  # when the caller who waits longest entered; None too if none waits
    talking: int | None
    agents: Mapping[AgentState, int] | None
    counts: VisitCounts
    service_level_seconds: float | None  # None: not the same in all queues
    service_level: Share | None
    rating: Score | None

    @property
    def offered(self) -> int:
        """Callers who came to be answered: the visits of which a service level speaks, short ones too."""
        counts = self.counts
        return counts.answered + counts.abandoned + counts.timed_out + counts.left_by_key

    @property
    def abandonment(self) -> Share | None:
        """Of the offered, short abandons left out, those who hung up."""
        n = self.offered - self.counts.short_abandons
        return Share(self.counts.abandoned - self.counts.short_abandons, n) if n else None


@dataclass(frozen=True, slots=True)
class Board:
    """All that is shown, the time since instants apart."""

    pbx: str
    unobserved_since: float | None  # None: the PBX is observed
    today_began: float
    complete: bool  # what the database knows of today is in
    total: QueueFigures
    queues: tuple[QueueFigures, ...]
    agents: tuple[BoardAgent, ...] | None  # None: they are not to be named


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
    """Return the board of these queues, in their order.

    `now` is None while the PBX is not observed. `seconds` and `question` tell a queue's threshold of the
    service level, and what its rating is taken from.
    """
    waiting: dict[str, list[float]] = {}
    for queue, entered_at in now.waiting if now else ():
        waiting.setdefault(queue, []).append(entered_at)

    def of(
        name: str, shown: Sequence[str], agents: Mapping[AgentState, int], asked: set[RatedQuestion | None]
    ) -> QueueFigures:
        counts = reduce(add, (today.visits(queue) for queue in shown), VisitCounts())
        entered = [at for queue in shown for at in waiting.get(queue, ())]
        thresholds = {seconds(queue) for queue in shown}
        one = asked.pop() if len(asked) == 1 else None
        return QueueFigures(
            queue=name,
            waiting=len(entered) if now else None,
            oldest_at=min(entered, default=None),
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
        # A queue that asks nothing does not keep the others from a rating in common.
        total=of("", queues, Counter(agent.state for agent in agents), {q for q in asked.values() if q}),
        queues=tuple(of(queue, [queue], members(queue), {asked[queue]}) for queue in queues),
        agents=tuple(sorted(agents)) if names else None,
    )


def rated_question(questions: Iterable[Question]) -> RatedQuestion | None:
    """Return what the rating of a survey's queue is taken from: the first question that has a score."""
    scored = (RatedQuestion(each.id, each.kind) for each in questions if KINDS[each.kind].scores)
    return next(scored, None)


def _score(kind: str, answers: Iterable[AnswersByValue]) -> Score | None:
    """Return the first score of a kind of question, of all answers together."""
    together: Counter[int] = Counter()
    for each in answers:
        together.update(each)
    first, *_ = KINDS[kind].compute(together, MINIMUM).values()
    return first
