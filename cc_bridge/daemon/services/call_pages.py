"""The page of the list of calls, with its reads of the database."""

from collections.abc import Callable, Sequence
from datetime import date

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from cc_bridge.config import Config
from cc_bridge.config.customers import make_numbers
from cc_bridge.config.report_parameters import localization, report_days, report_query
from cc_bridge.reports.call_filter import CallFilter
from cc_bridge.reports.listed_call import CallListPart
from cc_bridge.reports.query import ReportQuery
from cc_bridge.reports.render.localization import Language, Localization, digits_of
from cc_bridge.storage.queries.call_list import read_calls
from cc_bridge.storage.read_pool import DatabaseReadPool
from cc_bridge.storage.reports.queue_spellings import queues_of_reports
from cc_bridge.web.pages.calls.page import CallListReader, CallListSettings, CallsPage
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.visit import Answer

__all__ = ["calls_page"]


def calls_page(host: PageHost, reads: DatabaseReadPool, config: Callable[[], Config]) -> CallsPage:
    """Return the page of the list of calls; `config` returns the configuration in force."""

    def query(first: date, last: date, queues: tuple[str, ...]) -> ReportQuery:
        return report_query(config(), first, last, queues)

    def wording(ask: ReportQuery, language: Language) -> Localization:
        return localization(config(), ask, language, digits_of(language))

    def read(what: Callable[[CallListReader], Answer]) -> Deferred[Answer]:
        now = host.now()
        return reads.read(lambda connection: what(_Reader(connection, config(), now)))

    return CallsPage(host, CallListSettings(query, wording, lambda: report_days(config())), read)


class _Reader:
    """The reads of one request."""

    def __init__(self, connection: Connection, config: Config, now: float) -> None:
        self._connection = connection
        self._config = config
        self._now = now

    def calls(self, ask: ReportQuery, wanted: CallFilter, skip: int, most: int) -> CallListPart:
        shared = make_numbers(self._config).shared
        return read_calls(self._connection, ask, wanted, self._now, shared, skip=skip, most=most)

    def queues(self) -> Sequence[str]:
        return queues_of_reports(self._connection, self._config.queues)
