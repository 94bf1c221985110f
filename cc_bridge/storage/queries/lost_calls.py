"""The lost calls of a time span, each with its result: called back, called again, or neither.

A span is read in parts of 28 days, and for each part only callers with a lost call are read. In 28 days such
callers are few; in a year they would be nearly all callers.

The result of a lost call is known a day after the call. So two more days are read with each part: one day for
the results, and one day for callers who still waited at the end of the part.
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection

from cc_bridge.customers.lost_calls import RECALL_SECONDS, LostCall, lost_calls
from cc_bridge.storage.queries.contacts_by_caller import contacts

__all__ = ["lost_between", "lost_calls_of"]

_PART = 28 * 86_400.0  # seconds; each part is read with two more days


def lost_between(
    connection: Connection, since: float, until: float, now: float, shared: Collection[str] = ()
) -> Iterator[LostCall]:
    """Yield the lost calls whose callers entered a queue from `since` up to `until`.

    Each call says whether the caller was called back, called again, or neither. `now` is the present time:
    after a recent call this may still be undecided. The calls come in parts of 28 days, and within a part
    grouped by caller. Calls of the caller keys in `shared`, which many people use, are left out. Instants are
    UTC seconds since the epoch.
    """
    while since < until:
        end = min(since + _PART, until)
        read_until = min(now, end + 2 * RECALL_SECONDS)
        for theirs in contacts(connection, since, read_until, shared, only_lost=True, call_ends=False):
            yield from (call for call in lost_calls(theirs, now) if since <= call.entered_at < end)
        since = end


def lost_calls_of(
    connection: Connection, keys: Collection[str], since: float, until: float, now: float
) -> Iterator[LostCall]:
    """Yield those lost calls of `lost_between` whose callers have one of the caller keys `keys`.

    The span is not read in parts, so `keys` must be few.
    """
    read_until = min(now, until + 2 * RECALL_SECONDS)
    for theirs in contacts(connection, since, read_until, keys=keys, call_ends=False):
        yield from (call for call in lost_calls(theirs, now) if since <= call.entered_at < until)
