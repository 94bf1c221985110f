"""The lost calls of a span, each with its outcome: called back, called again, or neither.

Only callers with a lost call are read. In a year that is nearly every caller, so a span is read in parts of
28 days, in which such callers are few.

The outcome of a lost call is known a day later. So each part is read with two more days: one for that
outcome, and one for callers who still waited at the end of the part.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection

from cc_bridge.customers.lost_calls import RECALL_SECONDS, LostCall, lost_calls
from cc_bridge.storage.queries.contacts_by_caller import contacts

__all__ = ["lost_between"]

_PART = 28 * 86_400.0  # seconds; each part is read with two more days


def lost_between(
    connection: Connection, since: float, until: float, now: float, shared: Collection[str] = ()
) -> Iterator[LostCall]:
    """Yield the lost calls that entered a queue from `since` up to `until`.

    The calls come in parts of 28 days, and within a part grouped by caller. Instants are UTC seconds since
    the epoch.
    """
    while since < until:
        end = min(since + _PART, until)
        read_until = min(now, end + 2 * RECALL_SECONDS)
        for theirs in contacts(connection, since, read_until, shared, only_lost=True):
            yield from (call for call in lost_calls(theirs, now) if since <= call.entered_at < end)
        since = end
