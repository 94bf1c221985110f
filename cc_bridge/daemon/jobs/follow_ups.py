"""Every few seconds the daemon looks whom somebody should call back by now, and who was.

`daemon/bridge.py` starts one. The facts are in the database already, so that is what is looked at, in a
thread and a little further back than the last time: no call waits for it, and a database that is away delays
it.

The trap: a fact may come into the database long after it happened, when a server was away. So the next look
begins where nothing was missing any more: as far back as the oldest record has been waiting. A daemon that
was killed in between looks at a whole day when it starts, and at all that came while it was away.
"""

from collections.abc import Callable, Iterable, Mapping
from threading import Event
from typing import Any

from sqlalchemy import Engine
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from cc_bridge.config import Config
from cc_bridge.daemon.parts import make_desk
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpCount
from cc_bridge.follow_ups.rules import DAYS_LOOKED_BACK
from cc_bridge.storage.queries.follow_up_opener import FollowUpOpener, Notify, SweepResult

__all__ = ["FollowUpJob"]

_log = Logger()

_LOOK_SECONDS = 5.0
_PAUSE_SECONDS = 30.0  # after a second failure
_OVERLAP_SECONDS = 600.0  # what was written at once is in the database by then
_LINK_SECONDS = 60.0  # nobody waits for that, and it reads all that are not closed
_HOUR, _DAY = 3600.0, 86_400.0
_TOLERATED = 1  # failures in a row: at the very start the writer may still be making the tables


class FollowUpJob:
    """Looks after the follow-ups of one PBX.

    `config` is asked anew each time, `shared` are the keys of numbers that are nobody's. `waits` tells for
    how many seconds the oldest record has been waiting for the database. `count` hears what was opened, by
    reason, what was closed, and how many there are by owner. `in_thread` calls a function in a thread and
    fires in the reactor with what it returned.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        shared: frozenset[str],
        open_engine: Callable[[], Engine],
        tell: Notify,
        waits: Callable[[], float],
        count: Callable[[Mapping[str, int], Iterable[FollowUp], Mapping[str, FollowUpCount]], None],
        now: Callable[[], float],
        in_thread: Callable[..., Deferred[Any]],
        clock: IReactorTime,
        observed_until: float | None = None,
    ) -> None:
        """`observed_until`: when an earlier daemon saw this PBX last."""
        self._config = config
        self._shared = shared
        self._open_engine = open_engine
        self._engine: Engine | None = None  # the thread's
        self._tell = tell
        self._waits = waits
        self._count = count
        self._now = now
        self._in_thread = in_thread
        self._stopping = Event()
        self._since = observed_until
        self._all_at = 0.0  # when a whole day was looked at
        self._linked_at = 0.0
        self._next = 0.0
        self._failures = 0  # in a row
        self._counts: Mapping[str, FollowUpCount] = {}  # by owner, as they were known last
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    def start(self) -> None:
        self._looking.start(_LOOK_SECONDS)

    def stop(self) -> None:
        """Look no more; a look that goes on ends after its transaction."""
        self._stopping.set()
        if self._looking.running:
            self._looking.stop()
        if self._engine is not None:
            self._engine.dispose()

    def _look(self) -> Deferred[None] | None:
        now = self._now()
        config = self._config()
        if not config.follow_ups.enabled or now < self._next:
            return None
        certain = now - self._waits() - _OVERLAP_SECONDS
        everything = now - self._all_at >= _HOUR
        since = certain if self._since is None else self._since
        if everything:
            since = min(since, now - _DAY) - _OVERLAP_SECONDS
        since = max(since, now - DAYS_LOOKED_BACK * _DAY)
        link = now - self._linked_at >= _LINK_SECONDS
        if link:
            self._linked_at = now
        looked = SweepResult()
        looking = self._in_thread(self._run, config, since, now, looked, link)
        return looking.addCallbacks(
            self._done,
            self._failed,
            callbackArgs=(looked, certain, now if everything else self._all_at),
            errbackArgs=(looked, now),
        )

    def _run(self, config: Config, since: float, now: float, looked: SweepResult, link: bool) -> None:
        if self._engine is None:
            self._engine = self._open_engine()
        desk = make_desk(config, self._shared)
        opener = FollowUpOpener(self._engine, config.pbx.name, desk, self._tell, self._stopping.is_set)
        opener.look(since, now, looked, link=link)

    def _done(self, _: object, looked: SweepResult, certain: float, all_at: float) -> None:
        self._since, self._all_at = certain, all_at
        self._counts = looked.counts
        self._note(looked)
        if self._failures > _TOLERATED:
            _log.info("follow-ups are looked after again")
        self._failures = 0

    def _failed(self, failure: Failure, looked: SweepResult, now: float) -> None:
        self._note(looked)
        self._failures += 1
        if self._failures > _TOLERATED:
            self._next = now + _PAUSE_SECONDS
        if self._failures == _TOLERATED + 1:
            _log.warn("follow-ups are not looked after: {why}", why=failure.getErrorMessage())

    def _note(self, looked: SweepResult) -> None:
        """Count what was done, also when the look did not come to its end."""
        self._count(looked.opened, looked.closed, self._counts)
        if opened := looked.opened.total():
            _log.info("{count} follow-ups opened", count=opened)
