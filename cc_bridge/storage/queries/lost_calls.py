"""The lost calls of a span with what became of them, for the report `lost` and the digest.

Only callers who were lost are read. Of a year that is nearly everybody at some time, so it is read in parts,
in each of which they are few.

The trap: what becomes of a call of the last day is known a day later, so more is read than the part: that
day, and another one for callers who waited past the end.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection

from cc_bridge.customers.lost_calls import RECALL_SECONDS, LostCall, lost_calls
from cc_bridge.storage.queries.contacts_by_caller import contacts

__all__ = ["lost_between"]

_PART = 28 * 86_400.0  # two days more are read of each


def lost_between(
    connection: Connection, since: float, until: float, now: float, shared: Collection[str] = ()
) -> Iterator[LostCall]:
    """Yield the lost calls that entered from `since` to `until`: in each part, one caller after the other."""
    while since < until:
        end = min(since + _PART, until)
        read_until = min(now, end + 2 * RECALL_SECONDS)
        for theirs in contacts(connection, since, read_until, shared, only_lost=True):
            yield from (call for call in lost_calls(theirs, now) if since <= call.entered_at < end)
        since = end
