"""The periodic job that opens follow-ups, links later calls to follow-ups and counts follow-ups.

It runs every five seconds. A record may reach the database long after its call, for example after an outage
of the database server. So each run also reads older records again:

- A run reads the records since ten minutes before the previous run. If records were waiting to be written at
  the previous run, it reads the records since ten minutes before the oldest of them started to wait.
- The first run after a start, and then one run in each hour, reads the records of at least one day. The first
  run also reads all records since the last daemon stopped.
"""

from collections.abc import Callable, Iterable, Mapping

from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context, per_queue
from cc_bridge.follow_ups.due_dates import due_at
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpCount
from cc_bridge.follow_ups.rules import DAYS_LOOKED_BACK
from cc_bridge.storage.queries.follow_up_sweep import FollowUpPolicy, FollowUpSweep, Notify, SweepResult

__all__ = ["CountFollowUps", "FollowUpJob", "follow_up_policy"]

_log = Logger()

_OVERLAP_SECONDS = 600.0  # a record that was written without delay is in the database by then
_LINK_SECONDS = 60.0  # between two links of calls, each of which reads all follow-ups that are not closed
_HOUR, _DAY = 3600.0, 86_400.0

CountFollowUps = Callable[[Mapping[str, int], Iterable[FollowUp], Mapping[str, FollowUpCount]], None]
"""A function that counts follow-ups for the metrics.

Arguments: the number of opened follow-ups by reason, the closed follow-ups, and by owner the counts of the
follow-ups that are not closed.
"""


def follow_up_policy(config: Config, shared: frozenset[str]) -> FollowUpPolicy:
    """Return the policy from the configuration: when a follow-up is opened, its owner and its due time.

    `shared` holds the caller keys of numbers that many people share; their calls open no follow-up.
    """
    follow_ups, hours = config.follow_ups, config.follow_ups.hours(config.general.zone)
    return FollowUpPolicy(
        rules=follow_ups.rules(shared),
        owner=lambda queue: config.queue(queue).owner,
        owners={queue.owner for queue in (config.queue_defaults, *config.queues.values())},
        due_at=lambda at: due_at(at, hours, follow_ups.due_hours * 3600),
        short=lambda queue: config.queue(queue).short_abandon_seconds,
    )


class FollowUpJob(PeriodicJob[None]):
    """The job that keeps the follow-ups of one PBX up to date.

    `notify` reports opened and closed follow-ups to the webhooks. `waits` returns for how many seconds the
    oldest record has been waiting for the database. `count` counts follow-ups for the metrics. `now` returns
    the PBX's clock in UTC seconds.
    """

    name = "follow-up update"
    interval = 5.0
    retry = 30.0
    tolerated = 1  # right after the start, the writer may still be creating the tables
    taken_over = ("follow_ups.*", "general.time_zone", *per_queue("owner"))

    def __init__(
        self,
        context: Context,
        shared: frozenset[str],
        notify: Notify,
        waits: Callable[[], float],
        count: CountFollowUps,
        now: Callable[[], float],
        observed_until: float | None = None,
    ) -> None:
        """Create the job; the class describes the functions among the arguments.

        `shared` holds the caller keys of numbers that many people share; their calls open no follow-up.
        `observed_until` is the time (UTC seconds) up to which an earlier daemon observed this PBX, None if
        there was no earlier daemon.
        """
        super().__init__(context)
        self._engine = context.database.engine
        self._shared = shared
        self._notify = notify
        self._waits = waits
        self._count = count
        self._now = now
        self._since = observed_until
        self._all_read_at = 0.0  # start of the last run that read a whole day
        self._linked_at = 0.0
        self._sweep = SweepResult()  # result of the last run
        self._next = (0.0, 0.0)  # values of `_since` and `_all_read_at` if the run succeeds
        self._counts: Mapping[str, FollowUpCount] = {}  # last known counts by owner

    def prepare(self) -> Callable[[], None] | None:
        config = self.config
        if not config.follow_ups.enabled:
            return None
        now = self._now()
        certain = now - self._waits() - _OVERLAP_SECONDS
        everything = now - self._all_read_at >= _HOUR
        since = certain if self._since is None else self._since
        if everything:
            since = min(since, now - _DAY) - _OVERLAP_SECONDS
        since = max(since, now - DAYS_LOOKED_BACK * _DAY)
        link = now - self._linked_at >= _LINK_SECONDS
        if link:
            self._linked_at = now
        sweep = self._sweep = SweepResult()
        self._next = certain, now if everything else self._all_read_at

        def run() -> None:
            policy = follow_up_policy(config, self._shared)
            opener = FollowUpSweep(self._engine, config.pbx.name, policy, self._notify, self.stopping.is_set)
            opener.run_once(since, now, sweep, link=link)

        return run

    def finish(self, _result: None) -> None:
        self._since, self._all_read_at = self._next
        self._counts = self._sweep.counts
        self._count_sweep()

    def fail(self) -> None:
        self._count_sweep()

    def _count_sweep(self) -> None:
        """Add the follow-ups that the last run opened or closed to the metrics; log how many it opened.

        A failed run is counted too, because it may have opened follow-ups before its error.
        """
        self._count(self._sweep.opened, self._sweep.closed, self._counts)
        if opened := self._sweep.opened.total():
            _log.info("{count} follow-ups opened", count=opened)
