"""The periodic job that deletes records older than their retention period, once a day at `retention.hour`.

A run may take long. So it deletes in batches, and it ends after the current batch when the daemon stops. A
failed run is repeated after an hour.
"""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from twisted.logger import Logger

from cc_bridge.config import RetentionConfig
from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context
from cc_bridge.storage.personal_data.recordings import Recordings
from cc_bridge.storage.personal_data.retention import Purger, PurgeResult, RetentionPolicy, tables_before
from cc_bridge.storage.pipeline.journal import Journal

__all__ = ["RetentionJob", "next_at", "retention_policy"]

_log = Logger()


def retention_policy(retention: RetentionConfig) -> RetentionPolicy:
    """Return the retention periods, in days, from the section `[retention]` of the configuration."""
    return RetentionPolicy(
        retention.calls_days,
        retention.ratings_days,
        retention.comments_days,
        retention.survey_decisions_days,
        retention.follow_ups_days,
    )


def next_at(now: float, hour: int, zone: tzinfo | None) -> float:
    """Return the next time after `now` at which a local clock shows `hour` (0 to 23) sharp.

    Both times are UTC seconds since the epoch. `zone` is the time zone of the clock; None means the time zone
    of this machine.
    """
    day = datetime.fromtimestamp(now, zone).date()
    while True:
        # The local time, so that the hour is right on days on which daylight saving time starts or ends.
        at = datetime(day.year, day.month, day.day, hour, tzinfo=zone).timestamp()
        if at > now:
            return at
        day += timedelta(days=1)


class RetentionJob(PeriodicJob[PurgeResult]):
    """The job that purges the old records of one PBX from the database and from the journal.

    `pbx_now` returns the PBX's clock in UTC seconds.
    """

    name = "retention purge"
    interval = 60.0
    retry = 3600.0
    at_start = False
    taken_over = ("retention.*", "survey.recordings_directory", "general.time_zone")

    def __init__(self, context: Context, journal: Journal | None, pbx_now: Callable[[], float]) -> None:
        super().__init__(context)
        self._journal = journal
        self._pbx_now = pbx_now
        self._now = context.now
        self._engine = context.database.engine
        self._polled_at = 0.0  # this machine's clock, UTC seconds
        self._is_due = False  # True from the hour of the purge until a run has succeeded

    def start(self) -> None:
        self._polled_at = self._now()
        super().start()

    def prepare(self) -> Callable[[], PurgeResult] | None:
        before, self._polled_at = self._polled_at, self._now()
        hour, zone = self.config.retention.hour, self.config.general.zone
        self._is_due |= self._polled_at >= next_at(before, hour, zone)
        if not self._is_due:
            return None
        config, policy, now = self.config, retention_policy(self.config.retention), self._pbx_now()

        def purge() -> PurgeResult:
            if self._journal is not None:
                self._journal.prune(tables_before(policy, now))
            recordings = Recordings(config.survey.recordings_directory)
            return Purger(self._engine, config.pbx.name, policy, now, recordings, self.stopping.wait).run()

        return purge

    def finish(self, purged: PurgeResult) -> None:
        self._is_due = False
        if purged.rows:
            counts = ", ".join(f"{rows} {name}" for name, rows in purged.rows.items())
            _log.info("retention purge deleted rows that were too old: {counts}", counts=counts)
        if purged.not_here:
            _log.warn(
                "retention purge could not delete {count} spoken comments, because their files are not on "
                "this machine; `cc-bridge purge` prints the command that deletes them on the PBX",
                count=purged.not_here,
            )
