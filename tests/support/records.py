"""Records for tests of storage, some of which every database rejects, and a reactor in the test's thread."""

from dataclasses import replace
from queue import Empty, SimpleQueue
from time import monotonic

from cc_bridge.records import Answer, Outcome, QueueVisit

__all__ = ["NUMBER", "POISON", "FakeReactor", "Fired", "T", "answer", "visit"]

T = 1_795_309_819.123456
NUMBER = "+982112345678"


def visit(n, queue="sales"):
    return QueueVisit(
        pbx="main",
        call_id=f"{n}",
        uniqueid=f"{n}",
        queue=queue,
        entered_at=T,
        left_at=T + 5,
        outcome=Outcome.ABANDONED,
        agent=None,
        interface=None,
        position=1,
        caller_number=NUMBER,
        caller_name="مریم",
        language="fa",
        ringing=False,
        decided_by="QueueCallerAbandon",
    )


def answer(n, value=5):
    return Answer(
        pbx="main", attempt_id=f"{n}", question="agent", kind="csat", value=value, tries=1, answered_at=T
    )


class FakeReactor:
    """A reactor that runs the functions of `call_from_thread` in the test's thread, inside `run_until`."""

    def __init__(self):
        self.calls = SimpleQueue()

    def call_from_thread(self, function, *args):
        self.calls.put((function, args))

    def run_until(self, condition, seconds=20):
        end = monotonic() + seconds
        while not condition():
            assert monotonic() < end, "waited in vain"
            try:
                function, args = self.calls.get(timeout=0.01)
            except Empty:
                continue
            function(*args)


class Fired:
    """The outcome of a Deferred: `done`, and `result`, its value or exception.

    `saw` is the value that `then()` had at that moment.
    """

    def __init__(self, deferred, then=lambda: None):
        self.done, self.result, self.saw = False, None, None
        self.then = then
        deferred.addBoth(self.fire)

    def fire(self, result):
        self.done, self.saw = True, self.then()
        self.result = getattr(result, "value", result)


POISON = {
    "not a number": replace(visit(13), left_at=float("nan")),
    "year 10000": replace(visit(13), left_at=1e12),
    "number too large": replace(visit(13), position=2**70),
    "null": replace(visit(13), caller_name=None),
    "no float": replace(visit(13), left_at="soon"),
}
