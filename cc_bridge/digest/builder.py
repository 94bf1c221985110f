"""The digest builder: reads the database and makes the digest of an owner's queues, as a mail and as a page.

`build_digest` blocks while it reads the database, so it must run in a thread. The module is imported only
when a digest is made: its templates and reports take memory that a daemon without digests does not need.

Note: a query that names no queue covers all queues. So an owner who owns no queue gets no digest. Otherwise
the digest would contain the figures of all queues.
"""

from collections.abc import Collection
from dataclasses import replace
from statistics import median

from sqlalchemy import Connection, Engine

from cc_bridge.config import Config
from cc_bridge.config.customers import make_numbers
from cc_bridge.config.report_parameters import localization, report_days, report_query
from cc_bridge.digest.content import Digest, DigestName, FollowUpSummary, digest
from cc_bridge.digest.email import MailHeaders, as_mail
from cc_bridge.digest.schedule import DigestTimer, Frequency, Period
from cc_bridge.queue_names import QueueNames
from cc_bridge.reports.query import ReportQuery
from cc_bridge.reports.render.html import as_html
from cc_bridge.storage.queries import follow_ups
from cc_bridge.storage.queries.agents_and_queues import queues_between
from cc_bridge.storage.queries.lost_calls import lost_between
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.storage.reports.queue_spellings import spellings
from cc_bridge.storage.reports.stored_names import stored_queues
from cc_bridge.surveys.business_hours import WEEKDAYS

__all__ = ["build_digest", "build_mail", "build_page", "digest_timer", "owned_queues"]


def digest_timer(config: Config) -> DigestTimer:
    """Return the timer of digests with the configured frequency, weekday and hour."""
    settings = config.digest
    return DigestTimer(
        Frequency(settings.frequency), report_days(config), WEEKDAYS.index(settings.weekday), settings.hour
    )


def owned_queues(config: Config, owner: str, entered: Collection[str]) -> tuple[str, ...]:
    """Return the sorted names of the queues that the owner `owner` owns by the configuration.

    The queues of the configuration are examined, and the queues in `entered`, which callers entered. An
    entered queue that is not configured has the owner of the default settings. If a configured name and an
    entered name differ only in case, they are one queue, and the entered name is returned.
    """
    names = QueueNames([*config.queues, *entered])
    return tuple(sorted(name for name in names if config.queue(name).owner == owner))


def build_digest(
    engine: Engine, config: Config, owner: str, period: Period, now: float, name: DigestName = DigestName.SPAN
) -> Digest | None:
    """Return the digest of an owner's queues for a period; None if the owner has no queue.

    An empty owner means the digest of all queues. `now` is in UTC seconds since the epoch. `name` selects the
    title of the digest.
    """
    ask = report_query(config, period.first, period.last)
    before = replace(ask, first=period.before_first, last=period.before_last)
    shared = make_numbers(config).shared
    with reading(engine) as connection:
        if owner:
            entered = queues_between(connection, before.since, ask.until)
            queues = owned_queues(config, owner, entered)
            if not queues:
                return None
            ask, before = replace(ask, queues=queues), replace(before, queues=queues)
        shown = spellings(connection, stored_queues(connection), ask.settings)
        calls = [
            replace(call, queue=shown.get(call.queue, call.queue))
            for span in (before, ask)
            for call in lost_between(connection, span.since, span.until, now, shared)
        ]
        return digest(
            name,
            ask,
            before,
            SqlSource(connection, ask),
            SqlSource(connection, before),
            calls,
            _follow_ups(connection, config, owner, ask, before, now),
        )


def build_mail(config: Config, found: Digest, owner: str, address: str, message_id: str, now: float) -> bytes:
    """Return a digest as the bytes of the mail to one address; `now` is in UTC seconds since the epoch."""
    settings = config.digest
    envelope = MailHeaders(settings.sender, settings.sender_name, address, message_id, now)
    return as_mail(found, localization(config), owner, envelope)


def build_page(config: Config, found: Digest, now: float) -> str:
    """Return the complete report of a digest as an HTML page; `now` is in UTC seconds since the epoch."""
    return as_html(found.whole, localization(config), now)


def _follow_ups(
    connection: Connection, config: Config, owner: str, ask: ReportQuery, before: ReportQuery, now: float
) -> FollowUpSummary | None:
    """Return the summary of an owner's follow-ups; an empty owner means all follow-ups.

    `ask` has the days of the digest, `before` has the days for comparison. If follow-ups are disabled and
    there are none to show, the result is None.
    """
    counted = follow_ups.counts(connection, now)
    theirs = [found for name, found in counted.items() if not owner or name == owner]
    durations: list[list[float]] = []
    for span in (ask, before):
        closed = follow_ups.closed_between(connection, span.since, span.until)
        durations.append([
            each.closed_at - each.opened_at
            for each in closed
            if each.closed_at is not None and (not owner or each.owner == owner)
        ])  # fmt: skip
    if not config.follow_ups.enabled and not theirs and not any(durations):
        return None
    now_spent, spent_before = durations
    return FollowUpSummary(
        sum(each.open + each.taken for each in theirs),
        sum(each.overdue for each in theirs),
        len(now_spent),
        median(now_spent) if now_spent else None,
        len(spent_before),
        median(spent_before) if spent_before else None,
    )
