"""One spelling of each queue in reports, although the database may have rows with several spellings.

Asterisk ignores the case of a queue's name. Rows of one queue have different spellings if the name in
queues.conf was changed, or if an earlier version stored the dialplan's spelling.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from cc_bridge.queue_names import QueueNames, queue_key
from cc_bridge.reports.query import Dimension
from cc_bridge.storage.reports.stored_names import stored_queues
from cc_bridge.storage.schema.tables import queue_visits

__all__ = ["queues_of_reports", "respelled_keys", "spellings"]

_Row = TypeVar("_Row")


def spellings(connection: Connection, stored: Iterable[str], configured: Iterable[str]) -> Mapping[str, str]:
    """Return the spelling that reports show instead of each other spelling of the same queue.

    Reports show the spelling of the configuration. If the queue is not in the configuration, they show the
    spelling of its latest visit. The keys of the result are the other spellings. `stored` has the spellings
    in the database, `configured` those in the configuration.
    """
    by_queue: dict[str, list[str]] = {}
    for name in stored:
        by_queue.setdefault(queue_key(name), []).append(name)
    known = QueueNames(configured)
    found = {}
    for names in by_queue.values():
        if len(names) > 1:
            shown = known.spelled(names[0]) if names[0] in known else _latest(connection, names)
            found.update({name: shown for name in names if name != shown})
    return found


def queues_of_reports(connection: Connection, configured: Collection[str]) -> list[str]:
    """Return the names of all queues that have a visit or a configuration, sorted.

    Each queue is in the list once, in the spelling that reports show. `configured` has the names in the
    configuration.
    """
    stored = list(stored_queues(connection))
    shown = spellings(connection, stored, configured)
    return sorted(QueueNames([*configured, *(shown.get(name, name) for name in stored)]))


def _latest(connection: Connection, names: list[str]) -> str:
    """Return the spelling of the latest visit among several spellings of a queue."""
    c = queue_visits.c
    latest = select(c.queue).where(c.queue.in_(names)).order_by(c.entered_at.desc()).limit(1)
    return str(connection.execute(latest).scalar_one())


def respelled_keys(names: Mapping[str, str], by: Dimension, rows: Iterable[_Row]) -> Iterator[_Row]:
    """Yield rows of a report; if the `key` of a row is a queue, it gets the spelling that `names` has for it.

    The key is a queue if `by`, the dimension of the rows, is QUEUE. Other rows are unchanged.
    """
    for row in rows:
        given: Any = row
        shown = names.get(given.key) if by is Dimension.QUEUE else None
        yield row if shown is None else replace(given, key=shown)
