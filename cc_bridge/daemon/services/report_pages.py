"""The pages of the reports, with their reads of the database."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, DeferredSemaphore

from cc_bridge.config import Config
from cc_bridge.config.customers import make_numbers
from cc_bridge.config.report_parameters import localization, report_days, report_query
from cc_bridge.daemon.services.report_cache import ReportCache
from cc_bridge.reports.figures import Report
from cc_bridge.reports.heat_map import HeatMap, HeatMeasure, heat_map
from cc_bridge.reports.query import ReportQuery
from cc_bridge.reports.render.localization import Language, Localization, digits_of
from cc_bridge.storage.queries.computed_report import compute_report
from cc_bridge.storage.read_pool import DatabaseReadPool
from cc_bridge.storage.reports import SqlSource, begin_reading
from cc_bridge.storage.reports.queue_spellings import queues_of_reports
from cc_bridge.storage.reports.stored_names import stored_pbxs
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.reports.page import ReportReader, ReportSettings, ReportsPage
from cc_bridge.web.pages.visit import Answer

__all__ = ["report_pages"]

_Result = TypeVar("_Result")


def report_pages(
    host: PageHost, reads: DatabaseReadPool, limit: int, config: Callable[[], Config]
) -> ReportsPage:
    """Return the pages of the reports.

    `reads` is a pool for up to `limit` reads at a time; `config` returns the configuration in force.
    """

    def query(first: Any, last: Any, queues: tuple[str, ...]) -> ReportQuery:
        return report_query(config(), first, last, queues)

    def wording(ask: ReportQuery, language: Language) -> Localization:
        return localization(config(), ask, language, digits_of(language))

    turns = DeferredSemaphore(limit)
    cache = ReportCache()

    def read(what: Callable[[ReportReader], Answer]) -> Deferred[Answer]:
        """Call `what` in a thread. Requests wait for their turn, so that many visitors get no error."""
        now = host.now()
        return turns.run(reads.read, lambda connection: what(_Reader(connection, config(), now, cache)))

    return ReportsPage(host, ReportSettings(query, wording, lambda: report_days(config())), read)


class _Reader:
    """The reports that one request reads, all in one transaction.

    A result from the cache may be some seconds older than the transaction.
    """

    def __init__(self, connection: Connection, config: Config, now: float, cache: ReportCache) -> None:
        begin_reading(connection)
        self._connection = connection
        self._config = config
        self._now = now
        self._cache = cache

    def report(self, name: str, query: ReportQuery) -> Report:
        shared = make_numbers(self._config).shared
        return self._kept(
            query, name, lambda: compute_report(self._connection, name, query, self._now, shared)
        )

    def heat_map(self, query: ReportQuery, measure: HeatMeasure) -> HeatMap:
        return self._kept(
            query, measure, lambda: heat_map(query, SqlSource(self._connection, query), measure)
        )

    def queues(self) -> Sequence[str]:
        return queues_of_reports(self._connection, self._config.queues)

    def pbxs(self) -> Sequence[str]:
        return list(stored_pbxs(self._connection))

    def _kept(self, ask: ReportQuery, what: str, make: Callable[[], _Result]) -> _Result:
        key = what, ask.first, ask.last, ask.by, ask.pbx, ask.queues, ask.changed
        return self._cache.result(self._config, key, make, is_past=ask.until < self._now)
