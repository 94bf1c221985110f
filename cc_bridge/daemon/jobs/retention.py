"""The job that deletes what was kept for long enough, every night at `retention.hour`.

It may take long: a run stops within one batch when the daemon does. A failed run is repeated after an hour.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

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
    return RetentionPolicy(
        retention.calls_days,
        retention.ratings_days,
        retention.comments_days,
        retention.survey_decisions_days,
        retention.follow_ups_days,
    )


def next_at(now: float, hour: int) -> float:
    """Return the next time that this machine's clock shows a full hour; both in seconds since the epoch."""
    local = datetime.fromtimestamp(now).astimezone()
    day = local.date()
    while True:
        # Without a zone, so that the hour is right on days when the clock is changed.
        at = datetime(day.year, day.month, day.day, hour).timestamp()  # noqa: DTZ001
        if at > now:
            return at
        day += timedelta(days=1)


class RetentionJob(PeriodicJob[PurgeResult]):
    """Purges the records of one PBX, in the database and in the journal."""

    name = "retention purge"
    interval = 60.0
    retry = 3600.0
    at_start = False
    taken_over = ("retention.*", "survey.recordings_directory")

    def __init__(self, context: Context, journal: Journal | None, pbx_now: Callable[[], float]) -> None:
        super().__init__(context)
        self._journal = journal
        self._pbx_now = pbx_now
        self._now = context.now
        self._engine = context.database.engine
        self._polled_at = 0.0  # this machine's clock
        self._is_due = False  # also until a run has succeeded

    def start(self) -> None:
        self._polled_at = self._now()
        super().start()

    def prepare(self) -> Callable[[], PurgeResult] | None:
        before, self._polled_at = self._polled_at, self._now()
        self._is_due |= self._polled_at >= next_at(before, self.config.retention.hour)
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
            _log.info("kept for long enough and deleted: {counts}", counts=counts)
        if purged.not_here:
            _log.warn(
                "{count} spoken comments are too old, but their files are not on this machine: "
                "delete them on the PBX, see `cc-bridge purge`",
                count=purged.not_here,
            )
