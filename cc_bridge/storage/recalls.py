"""The lost calls of a span with what became of them, for the report `lost` and the digest.

The trap: what becomes of a call of the last day is known a day later, so more is read than the span: that
day, and another one for callers who waited past the end.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection

from cc_bridge.customers.recall import RECALL_SECONDS, LostCall, lost_calls
from cc_bridge.storage.customers import contacts

__all__ = ["lost_between"]


def lost_between(
    connection: Connection, since: float, until: float, now: float, shared: Collection[str] = ()
) -> Iterator[LostCall]:
    """Yield the lost calls that entered from `since` to `until`, one caller after the other."""
    for theirs in contacts(connection, since, min(now, until + 2 * RECALL_SECONDS), shared):
        yield from (call for call in lost_calls(theirs, now) if since <= call.entered_at < until)
