"""The job that refreshes the roll-ups of days that are over, every ten minutes.

Only PostgreSQL has roll-ups; after an upgrade those of years are missing. One day is counted at a time with
as long a pause after each.
"""

from collections.abc import Callable

from twisted.logger import Logger

from cc_bridge.daemon.jobs.periodic import PeriodicJob
from cc_bridge.daemon.service import Context
from cc_bridge.storage.rollups.refresh import refresh

__all__ = ["RollupJob"]

_log = Logger()

_MANY = 7  # days that are worth a line in the log; an ordinary night brings one, a holiday's end some


class RollupJob(PeriodicJob[int]):
    """Refreshes the roll-ups of all PBXs of the database; a run ends after a day when the daemon stops."""

    name = "roll-up of past days"
    interval = 600.0
    at_start = False  # the tables may not be made yet

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._engine = context.database.engine

    def prepare(self) -> Callable[[], int]:
        return lambda: refresh(self._engine, pause=self.stopping.wait)

    def finish(self, days: int) -> None:
        if days > _MANY:
            _log.info("{days} days that are over are counted for views and reports", days=days)
