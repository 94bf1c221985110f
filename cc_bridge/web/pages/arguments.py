"""The arguments that several pages share: the span of days, and texts that name something stored. Pure."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple
from unicodedata import category

from cc_bridge.queue_names import QueueNames
from cc_bridge.reports.calendar import Days, read_date
from cc_bridge.web.access.visitor import Visitor
from cc_bridge.web.pages.visit import PageError, PageVisit

__all__ = ["Span", "filter_queues", "span_of", "stored_name"]

_CONTROLS = {"Cc", "Cs"}  # not Cf: Persian names contain the zero-width non-joiner
_LONGEST_NAME = 150  # characters: the widest column of SQL


class Span(NamedTuple):
    """A span of local days, both included; `since` and `until` are its ends in UTC seconds."""

    first: date
    last: date
    since: float
    until: float


def span_of(visit: PageVisit, days: Days, default: int, longest: int) -> Span:
    """Return the span of days that the arguments `from` and `to` of a visit name.

    Without them, the span is the last `default` days, including today. Raises PageError (400) for a text that
    is no date, and for a span of more than `longest` days.
    """
    today = days.today(visit.now)
    last = _day(visit, "to", today)
    first = _day(visit, "from", min(last, today) - timedelta(default - 1))
    if first > last:
        raise PageError(400, "the first day is after the last day")
    if (last - first).days >= longest:
        raise PageError(400, f"choose at most {longest} days")
    return Span(first, last, days.began(first), days.began(last + timedelta(1)))


def stored_name(text: str) -> str:
    """Return a text that names something stored, such as a call id.

    Raises PageError (404) for a text that cannot be stored, because it is too long or has control characters.
    """
    if not text or len(text) > _LONGEST_NAME or any(category(sign) in _CONTROLS for sign in text):
        raise PageError(404, "there is no such page")
    return text


def filter_queues(visitor: Visitor, configured: Iterable[str], asked: str) -> tuple[list[str], str]:
    """Return the queues that a filter offers, in alphabetical order, and the chosen one as they spell it.

    `asked` is the queue in the URL; empty if none is chosen. The filter offers the queues that the visitor
    may see. It also offers an administrator the queue `asked`, which may be missing in the configuration.
    """
    names = QueueNames([asked, *configured] if visitor.queues is None else visitor.queues)
    return sorted(filter(None, names)), names.spelled(asked) if asked else ""


def _day(visit: PageVisit, name: str, default: date) -> date:
    text = visit.argument(name)
    if not text:
        return default
    try:
        return read_date(text)
    except ValueError as error:
        raise PageError(400, f"{name}: {error}") from None
