"""The search of customers by a part of their name or CRM id."""

from collections.abc import Callable

from sqlalchemy import Connection, exists, func, or_, select

from cc_bridge.customers.customer_search import FoundCustomer
from cc_bridge.storage.reports.stored_names import stored_queues
from cc_bridge.storage.schema.tables import customers, queue_visits

__all__ = ["customers_like"]

_FOUND = 200


def customers_like(
    connection: Connection, text: str, sees: Callable[[str], bool] | None = None, limit: int = _FOUND
) -> list[FoundCustomer]:
    """Return up to `limit` customers whose name or CRM id contains `text`, in order of names.

    With `sees`, only customers who have entered a queue for which `sees` returns True are returned. A
    customer with several phone numbers is returned once for each of them. The case of letters is ignored;
    SQLite ignores it only for the letters A to Z.
    """
    c = customers.c
    asked = select(c.caller_key, c.customer_id, c.name).where(
        or_(
            *(
                matches
                for column in (c.name, c.customer_id)
                for matches in (
                    func.lower(column).contains(text.lower(), autoescape=True),
                    column.contains(
                        text, autoescape=True
                    ),  # lower() of SQLite leaves other letters unchanged
                )
            )
        )
    )
    if sees is not None:
        v = queue_visits.c
        own = [queue for queue in stored_queues(connection) if sees(queue)]
        asked = asked.where(exists().where(v.caller_key == c.caller_key, v.queue.in_(own)))
    rows = connection.execute(asked.order_by(c.name, c.customer_id, c.caller_key).limit(limit))
    return [FoundCustomer(*row) for row in rows]
