"""Wallboards of every size and with every kind of content, and a site that shows them in a browser."""

import random
import time
from zoneinfo import ZoneInfo

import pytest
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import LoopingCall

from cc_bridge.records import AgentState, Outcome
from cc_bridge.storage.queries.today import VisitRow
from cc_bridge.wallboard.board import BoardAgent, BoardCaller, LiveFigures, RatedQuestion, build_board
from cc_bridge.wallboard.thresholds import Threshold, Thresholds
from cc_bridge.wallboard.today import RatingToday, Today
from cc_bridge.web.access.token_auth import TokenAuth
from cc_bridge.web.server import site
from cc_bridge.web.wallboard_json import as_json
from cc_bridge.web.wallboard_stream import EventStream
from support.reactor_loop import result_of, until

__all__ = ["PEOPLE", "SHOWN", "SiteOnly", "a_board", "wall"]

# A JavaScript expression: the page shows a board.
SHOWN = "document.querySelectorAll('#queues tr').length > 0 && document.getElementById('time').textContent"

ZONE = ZoneInfo("Asia/Tehran")
LEVELS = Thresholds(
    Threshold(3, 6), Threshold(30, 90), Threshold(80, 70), Threshold(5, 10), Threshold(80, 65)
)
QUEUES = (
    "sales", "پشتیبانی فنی", "billing", "a-very-long-queue-name-that-nobody-should-have-but-somebody-has",
    "vip", "tech-2", "returns and complaints of large customers", "فروش سازمانی و قراردادها", "q9", "q10",
    "<b onload=alert(1)>night</b>", "closed",
)  # fmt: skip
PEOPLE = ("Sara Ahmadi", "مریم رضایی", "Ali Karimi", "علی موسوی", "Reza Mohammadi-Tabatabaei", "Nika", "John")


def a_board(queues, *, names=False, calls=150, agents=14, nps=False, quiet=False):
    """Return a board with the first `queues` queues and with every kind of content.

    With `nps`, the rating is an NPS of 0 instead of a CSAT. With `quiet`, no caller waits.
    """
    rng, now = random.Random(4), time.time()
    question = RatedQuestion("agent", "nps" if nps else "csat")
    today = Today(lambda _queue: (20.0, 5.0))
    today.start_day(now, ZONE)
    shown = [*QUEUES, *(f"صف {n}" if n % 2 else f"queue-{n}" for n in range(13, 200))][:queues]
    for place, queue in enumerate(shown):
        if queue == "closed":
            continue
        at = today.began_at
        outcomes = [Outcome.ANSWERED] * 12 + [Outcome.ABANDONED, Outcome.TIMED_OUT]
        waits = [rng.expovariate(1 / (6 + 3 * (place % 5))) for _ in range(calls)]
        today.add_visits(
            VisitRow(str(n), queue, at + n, rng.choice(outcomes), wait, False) for n, wait in enumerate(waits)
        )
        values = [rng.choice((5, 5, 5, 4, 3 if place % 3 else 5)) for _ in range(9 + 9 * place)]
        if nps:
            values = [0, 10] * 10
        today.add_answers(
            RatingToday(queue, f"{queue}{n}", *question, value, at) for n, value in enumerate(values)
        )
    states = [state for state in AgentState if state is not AgentState.LOGGED_OUT]
    going_on = LiveFigures(
        waiting=[
            BoardCaller(queue, now - 12 * place, now - 12 * place - 400 * (place % 3))
            for place, queue in enumerate(shown[:-1])
            for _ in range(0 if quiet or place >= 40 else place % 8)
        ],
        talking=dict.fromkeys(shown, 3),
        members={(queue, state): rng.randint(0, 4) for queue in shown[:-1] for state in states},
        agents=[
            BoardAgent(f"{PEOPLE[n % len(PEOPLE)]}{n // len(PEOPLE) or ''}", rng.choice(states), now - 50 * n)
            for n in range(agents)
        ],
    )
    return build_board(
        "main", shown, going_on, today, seconds=lambda _: 20.0, question=lambda _: question, names=names
    )


class SiteOnly:
    """A site without a daemon, which shows generated boards."""

    def __init__(self):
        until(lambda: True)
        self.board = None
        self.stream = EventStream(lambda: 50, self.renew, reactor, 1)
        pages = site(
            lambda _: (b"", "text/plain"), dict, dict, TokenAuth("127.0.0.1", ""), self.json, self.stream
        )
        self._port = reactor.listenTCP(0, pages, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}/wallboard"
        self._ticking = LoopingCall(lambda: self.stream.tick(time.time()))
        self._ticking.start(1)

    def json(self):
        return as_json(self.board, LEVELS, time.time(), ZONE)

    def renew(self):
        self.stream.publish(self.json())

    def close(self):
        self._ticking.stop()
        self.stream.close()
        result_of(maybeDeferred(self._port.stopListening))

    def show(self, board):
        """Show another board, as a change of the one before."""
        self.board = board
        self.renew()


@pytest.fixture
def wall():
    wall = SiteOnly()
    yield wall
    wall.close()
