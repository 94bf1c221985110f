"""The search of customers by a part of their name or CRM id, and the queues that customers called."""

from collections.abc import Collection

from sqlalchemy import Connection, func, or_, select

from cc_bridge.customers.customer_search import FoundCustomer
from cc_bridge.storage.queries.id_batches import id_batches
from cc_bridge.storage.schema.tables import customers, queue_visits

__all__ = ["customers_like", "queues_called_by"]

_FOUND = 200


def customers_like(connection: Connection, text: str, limit: int = _FOUND) -> list[FoundCustomer]:
    """Return up to `limit` customers whose name or CRM id contains `text`, in order of names.

    A customer with several phone numbers is returned once for each of them. The case of letters is ignored;
    SQLite ignores it only for the letters A to Z.
    """
    c, part = customers.c, text.lower()
    rows = connection.execute(
        select(c.caller_key, c.customer_id, c.name)
        .where(
            or_(
                func.lower(c.name).contains(part, autoescape=True),
                func.lower(c.customer_id).contains(part, autoescape=True),
            )
        )
        .order_by(c.name, c.customer_id, c.caller_key)
        .limit(limit)
    )
    return [FoundCustomer(*row) for row in rows]


def queues_called_by(connection: Connection, keys: Collection[str]) -> dict[str, set[str]]:
    """Return the queues that the callers with these caller keys have entered, by caller key."""
    v = queue_visits.c
    found: dict[str, set[str]] = {}
    for some in id_batches(sorted(keys)):
        rows = connection.execute(select(v.caller_key, v.queue).where(v.caller_key.in_(some)).distinct())
        for key, queue in rows:
            found.setdefault(key, set()).add(queue)
    return found
