"""The webhook publisher: it turns records into webhook events, stores them, and delivers them to endpoints.

The method `extra_rows` runs in the storage writer's thread, where an exception would block every record. So
an event that cannot be built is omitted, and the error is logged.
"""

import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cc_bridge.ami.tls import trust_root
from cc_bridge.config import Config, WebhookConfig
from cc_bridge.records import Record
from cc_bridge.storage.pipeline.outbox import OutboxFile, local_file, row
from cc_bridge.storage.pipeline.sql_sink import TableRow
from cc_bridge.storage.queries.follow_up_sweep import FollowUpChange
from cc_bridge.webhooks.client import HttpClient
from cc_bridge.webhooks.delivery import Endpoint, WebhookDeliveries
from cc_bridge.webhooks.events import EventType, Subscription, WebhookEvents
from cc_bridge.webhooks.retry_policy import RetryPolicy

__all__ = ["WebhookPublisher"]

_log = Logger()

_DAY = 86_400.0
_CHANGES = {"opened": EventType.FOLLOW_UP_OPENED, "closed": EventType.FOLLOW_UP_CLOSED}


class WebhookPublisher:
    """The webhooks of one daemon: events are built from records, stored in an outbox file, and delivered.

    The constructor raises ConfigError for an invalid secret.
    """

    def __init__(self, config: Config, reactor: Any) -> None:
        self._events = WebhookEvents([_subscription(webhook) for webhook in config.webhooks])
        self._outbox = OutboxFile(local_file(config.storage.url, config.storage.journal_file))
        self.deliveries = WebhookDeliveries(
            self._outbox,
            [_endpoint(webhook, reactor) for webhook in config.webhooks],
            partial(deferToThreadPool, reactor, reactor.getThreadPool()),
            reactor,
            time.time,
            random.random,
        )

    def extra_rows(self, record: Record) -> list[TableRow]:
        """Return the outbox rows that are written with a record: one for each webhook event and endpoint.

        The outbox is the table of events that are still to be delivered. The result is empty if the record
        causes no event. It is also empty if an event cannot be built; the error is logged.
        """
        try:
            return list(self._rows(record))
        except Exception as error:  # must not prevent the write of the record
            _log.error(
                "cannot build a webhook event from a {kind} record: {error!r}; the record is stored without"
                " an event",
                kind=type(record).__name__,
                error=error,
            )
            return []

    def notify_follow_ups(self, changes: Sequence[FollowUpChange]) -> bool:
        """Store the events of opened and closed follow-ups in the outbox, from any thread.

        Return False if the outbox cannot store them now; the calling code must retry later. If a change is
        passed again while its event is still in the outbox, no second event is stored, since both events have
        the same id.
        """
        now = time.time()
        rows = [
            row(receiver, event.id, event.type.value, event.call_id, event.body, now)[1]
            for what, follow_up in changes
            for receiver, event in self._events.of_follow_up(follow_up, _CHANGES[what])
        ]
        try:
            return self._outbox.add(rows)
        except sqlite3.Error as error:
            _log.error(
                "cannot store webhook events of follow-ups: {error!r}; they are retried later", error=error
            )
            return False

    def _rows(self, record: Record) -> Iterator[TableRow]:
        now = time.time()
        for receiver, event in self._events.of(record):
            yield row(receiver, event.id, event.type.value, event.call_id, event.body, now)


def _subscription(webhook: WebhookConfig) -> Subscription:
    """Return the subscription of a webhook from its configuration section.

    It has the event types that the webhook receives and, for each kind of survey question, the highest answer
    that counts as a low rating.
    """
    types = frozenset(EventType(kind) for kind in webhook.events)
    return Subscription(webhook.name, types, {str(kind): low for kind, low in webhook.low_ratings.items()})


def _endpoint(webhook: WebhookConfig, reactor: Any) -> Endpoint:
    """Return the endpoint from a webhook's configuration section: URL, keys, HTTP client and retry rules."""
    trust = trust_root(webhook.tls_ca_file, f"webhooks.{webhook.name}.tls_ca_file")
    rules = RetryPolicy(
        longest_pause=webhook.max_backoff_seconds,
        max_attempts=webhook.max_attempts,
        max_age_seconds=webhook.max_age_days * _DAY,
    )
    client = HttpClient(webhook.url, webhook.timeout_seconds, trust, reactor, time.time)
    return Endpoint(webhook.name, webhook.keys(), client, rules, webhook.max_pending)
