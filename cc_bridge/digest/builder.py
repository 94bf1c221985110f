"""Digests of the configuration's owners, made of the database, and as mails.

`delivery.py` sends them, `cc-bridge digest` writes them to files. Everything here is for a thread: it reads
the database. It is imported only when a digest is made, since templates and reports are memory that a daemon
without digests need not spend.

The trap: for a report, no queues means all of them. An owner whose queues nobody has entered and nobody has
named gets no digest, rather than everybody's figures.
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
from cc_bridge.reports.query import ReportQuery
from cc_bridge.reports.render.html import as_html
from cc_bridge.storage.queries import follow_ups
from cc_bridge.storage.queries.agents_and_queues import queues_between
from cc_bridge.storage.queries.lost_calls import lost_between
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.surveys.business_hours import WEEKDAYS

__all__ = ["build_digest", "build_mail", "build_page", "digest_timer", "owned_queues"]


def digest_timer(config: Config) -> DigestTimer:
    wishes = config.digest
    return DigestTimer(
        Frequency(wishes.frequency), report_days(config), WEEKDAYS.index(wishes.weekday), wishes.hour
    )


def owned_queues(config: Config, owner: str, entered: Collection[str]) -> tuple[str, ...]:
    """Return the queues that an owner answers for, of those in the configuration and those entered."""
    return tuple(sorted(name for name in {*config.queues, *entered} if config.queue(name).owner == owner))


def build_digest(
    engine: Engine, config: Config, owner: str, period: Period, now: float, name: DigestName = DigestName.SPAN
) -> Digest | None:
    """Return an owner's digest, or everyone's for an empty owner; None: there is nothing that they own."""
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
        calls = [
            call
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
    """Return a digest as the mail to one address."""
    wishes = config.digest
    envelope = MailHeaders(wishes.sender, wishes.sender_name, address, message_id, now)
    return as_mail(found, localization(config), owner, envelope)


def build_page(config: Config, found: Digest, now: float) -> str:
    """Return the whole report as a page."""
    return as_html(found.whole, localization(config), now)


def _follow_ups(
    connection: Connection, config: Config, owner: str, ask: ReportQuery, before: ReportQuery, now: float
) -> FollowUpSummary | None:
    """Return the owner's, all for an empty owner; None: this contact centre keeps none."""
    counted = follow_ups.counts(connection, now)
    theirs = [found for name, found in counted.items() if not owner or name == owner]
    took: list[list[float]] = []
    for span in (ask, before):
        closed = follow_ups.closed_between(connection, span.since, span.until)
        took.append([
            each.closed_at - each.opened_at
            for each in closed
            if each.closed_at is not None and (not owner or each.owner == owner)
        ])  # fmt: skip
    if not config.follow_ups.enabled and not theirs and not any(took):
        return None
    now_spent, spent_before = took
    return FollowUpSummary(
        sum(each.open + each.taken for each in theirs),
        sum(each.overdue for each in theirs),
        len(now_spent),
        median(now_spent) if now_spent else None,
        len(spent_before),
        median(spent_before) if spent_before else None,
    )
