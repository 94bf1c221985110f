"""The periodic job that refreshes the rollups of past days, every ten minutes.

Rollups are the figures of past days, counted once; only PostgreSQL has them. After an upgrade, the rollups of
several years may be missing. So the job counts one day at a time, and after each day it pauses for as long as
the count took.
"""

from collections.abc import Callable

from twisted.logger import Logger

from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context
from cc_bridge.storage.rollups.refresh import refresh

__all__ = ["RollupJob"]

_log = Logger()

# A run logs its result if it has counted more days than this. An ordinary night brings one day, a restart
# after holidays some days.
_MANY = 7


class RollupJob(PeriodicJob[int]):
    """The job that refreshes the rollups (counted figures of past days) of all PBXs in the database.

    When the daemon stops, a run ends after the day whose figures it is counting.
    """

    name = "rollup refresh"
    interval = 600.0
    at_start = False  # at the start the tables may not exist yet

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._engine = context.database.engine

    def prepare(self) -> Callable[[], int]:
        return lambda: refresh(self._engine, pause=self.stopping.wait)

    def finish(self, days: int) -> None:
        if days > _MANY:
            _log.info(
                "rollup refresh stored the figures of {days} past days; views and reports now use them",
                days=days,
            )
