"""The filter of a list of calls: what is listed, of which days, and under which conditions. Pure.

A filter is part of the address of the page `/calls`: the query of the URL. `to_query` and `from_query`
convert between the two. The values in an address may come from anyone, so `from_query` checks each of them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlencode

from cc_bridge.customers.lost_calls import LostCallStatus
from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.records import Outcome, RingOutcome, SurveyResult, Transfer
from cc_bridge.reports.calendar import FIRST_DAY, LAST_DAY, Days, read_date
from cc_bridge.reports.lost_call_callbacks import BY as LOST_CALLS_BY
from cc_bridge.reports.query import Dimension, Group

__all__ = ["AGENTS_SPOKEN", "COMPLETE", "CallFilter", "ListCondition", "ListKind", "RowKey"]

AGENTS_SPOKEN = "agents_spoken"
"""A factor of the report `causes` that is no Dimension: the number of talks in a call; 3 means 3 or more."""

COMPLETE = "complete"
"""The word for the empty reason of a survey that is not incomplete."""

_LONGEST = 200  # characters of a value
_MOST = 200  # values of one argument
_LONGEST_NUMBER = 9  # characters
_FIRST_DAY, _LAST_DAY = map(Days.number, (FIRST_DAY, LAST_DAY))


class ListKind(StrEnum):
    """The kind of a list: each of its rows is one visit, one talk, or another part of a call."""

    VISITS = "visits"
    CALLS = "calls"  # with a queue
    TALKS = "talks"  # of a queue
    RINGS = "rings"
    ANSWERS = "answers"
    DECISIONS = "decisions"  # survey decisions, without those for callbacks
    ATTEMPTS = "attempts"
    NOT_ROUTED = "not-routed"
    LOST_CALLS = "lost-calls"  # of known callers, each with its result


class ListCondition(NamedTuple):
    """A condition for the listed rows: the property `name` has one of `values`."""

    name: str
    values: tuple[str, ...]


class RowKey(NamedTuple):
    """The row of a report to which the listed rows belong.

    by: what the report's rows are by: a Dimension or AGENTS_SPOKEN
    key: the value of `by` in this row
    others: True: the listed rows belong to all other rows of the report instead
    """

    by: str
    key: Group
    others: bool = False


_YES, _EITHER = ("yes",), ("yes", "no")
# The conditions of each kind of list, with their values; None: any word.
_CONDITIONS: Mapping[ListKind, Mapping[str, Collection[str] | None]] = {
    ListKind.VISITS: {
        "outcome": tuple(Outcome),
        "in-time": _EITHER,  # the wait is at most the threshold of the queue's service level
        "short-abandon": _EITHER,
        "ringing": _YES,  # an agent's phone rang when the caller left
        "partial": _YES,  # partial visits; other lists of visits have none, like the other figures
        "open": _EITHER,  # the caller came within the configured opening hours of the queue
        "rated": _EITHER,
    },
    ListKind.CALLS: {"answered": _EITHER, "several": ("queues", "agents")},
    ListKind.TALKS: {"whole": _YES, "transfer": tuple(Transfer)},  # whole: observed from start to end
    ListKind.RINGS: {"outcome": tuple(RingOutcome)},
    ListKind.ANSWERS: {
        "kind": tuple(KINDS),
        "question": None,
        "value": tuple(map(str, range(11))),
        "person": ("known",),  # the answer rates an agent
    },
    ListKind.DECISIONS: {"stage": None, "eligible": _YES},
    ListKind.ATTEMPTS: {"result": tuple(SurveyResult), "reason": None},  # COMPLETE: without a reason
    ListKind.NOT_ROUTED: {},
    ListKind.LOST_CALLS: {"decided": _EITHER, "result": tuple(LostCallStatus)},
}
_NAMES = {
    Dimension.QUEUE,
    Dimension.AGENT,
    Dimension.STAGE,
    Dimension.LANGUAGE,
}  # dimensions whose keys are texts
# The dimensions of each kind of list besides queue, stage and the dimensions of time, which these kinds have.
_MORE_DIMENSIONS: Mapping[ListKind, Collection[str]] = {
    ListKind.VISITS: (Dimension.AGENT, Dimension.LANGUAGE, Dimension.WAIT_BAND),
    ListKind.CALLS: (Dimension.LANGUAGE, Dimension.WAIT_BAND),
    ListKind.TALKS: (Dimension.AGENT,),
    ListKind.RINGS: (Dimension.AGENT,),
    ListKind.ANSWERS: (Dimension.AGENT, Dimension.LANGUAGE, Dimension.WAIT_BAND, AGENTS_SPOKEN),
    ListKind.DECISIONS: (Dimension.AGENT,),
    ListKind.ATTEMPTS: (Dimension.AGENT, Dimension.LANGUAGE),
    ListKind.NOT_ROUTED: (Dimension.AGENT,),
}
_NOT_OF_ALL = {Dimension.AGENT, Dimension.LANGUAGE, Dimension.WAIT_BAND, Dimension.PART, AGENTS_SPOKEN}
_WITHOUT_AGENT = {ListKind.CALLS, ListKind.LOST_CALLS}


@dataclass(frozen=True, slots=True)
class CallFilter:
    """The filter of a list; the list covers the local days from `first` to `last`, both included.

    queues: the queues of the list, where the case of letters is ignored; empty means all
    agent: the agent of the listed rows; empty means all
    rows: the report rows to which each listed row belongs
    conditions: the conditions that each listed row meets
    marks: the conditions that marked rows meet besides. The list of a share has all rows from which the share
        is computed, and the rows of the numerator are marked
    """

    first: date
    last: date
    kind: ListKind = ListKind.VISITS
    pbx: str = ""
    queues: tuple[str, ...] = ()
    agent: str = ""
    rows: tuple[RowKey, ...] = ()
    conditions: tuple[ListCondition, ...] = ()
    marks: tuple[ListCondition, ...] = ()

    @property
    def takes_agent(self) -> bool:
        """Whether the list can be limited to one agent."""
        return self.kind not in _WITHOUT_AGENT

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of the condition called `name`; empty without such a condition."""
        return next((each.values for each in self.conditions if each.name == name), ())

    def key(self, by: str) -> Group | None:
        """Return the value of `by` that all listed rows have; None if the list is not limited to one."""
        return next((row.key for row in self.rows if row.by == by and not row.others), None)

    def to_query(self) -> str:
        """Return the filter as the query of a URL, without the question mark."""
        return urlencode(list(self.pairs()))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the arguments of the URL, each as name and value."""
        if self.kind is not ListKind.VISITS:
            yield "list", self.kind.value
        yield "from", self.first.isoformat()
        yield "to", self.last.isoformat()
        yield from (("queue", queue) for queue in self.queues)
        yield from ((name, value) for name, value in (("agent", self.agent), ("pbx", self.pbx)) if value)
        for row in self.rows:
            yield "not" if row.others else "row", f"{row.by}:{row.key}"
        for each in self.conditions:
            yield from ((each.name, value) for value in _joined(self.kind, each))
        for each in self.marks:
            yield from (("mark", f"{each.name}:{value}") for value in _joined(self.kind, each))

    @classmethod
    def from_query(cls, arguments: Mapping[str, Sequence[str]], first: date, last: date) -> "CallFilter":
        """Return the filter of the arguments of a URL. Unknown arguments are ignored.

        `first` and `last` are the days of a URL that names none. An empty value is ignored, like the empty
        field of a form. Raises ValueError with one sentence about the first wrong value.
        """
        texts = _Arguments(arguments)
        kind = texts.of("list", ListKind.VISITS)
        try:
            kind = ListKind(kind)
        except ValueError:
            raise ValueError(f"list={kind!r} is not one of {', '.join(ListKind)}") from None
        first_text, last_text = texts.of("from"), texts.of("to")
        last = read_date(last_text) if last_text else last
        first = read_date(first_text) if first_text else min(first, last)
        if first > last:
            raise ValueError(f"the day from={first} is after to={last}")
        conditions = ((name, value) for name in _CONDITIONS[kind] for value in texts.all(name))
        found = cls(
            first,
            last,
            kind,
            texts.of("pbx"),
            tuple(filter(None, texts.all("queue"))),
            texts.of("agent"),
            tuple(_rows(kind, texts)),
            _conditions(kind, ((name, value) for name, value in conditions if value)),
            _conditions(kind, (_pair("mark", text) for text in texts.all("mark"))),
        )
        if found.agent and not found.takes_agent:
            raise ValueError(f"the list {kind} has no agent: leave agent={found.agent!r} out")
        return found


def _joined(kind: ListKind, condition: ListCondition) -> tuple[str, ...]:
    """Return the values of a condition as the texts of a URL.

    All values are one text with commas between them. If a value may contain a comma, each is its own text.
    """
    return condition.values if _CONDITIONS[kind][condition.name] is None else (",".join(condition.values),)


class _Arguments:
    """The arguments of a URL, each value checked for its length."""

    def __init__(self, arguments: Mapping[str, Sequence[str]]) -> None:
        self._arguments = arguments

    def all(self, name: str) -> list[str]:
        """Return the different values of an argument in their order."""
        values = list(dict.fromkeys(self._arguments.get(name, ())))
        if len(values) > _MOST:
            raise ValueError(f"{name} has more than {_MOST} values")
        for value in values:
            if len(value) > _LONGEST or "\0" in value:
                raise ValueError(
                    f"a value of {name} has more than {_LONGEST} characters, or a null character"
                )
        return values

    def of(self, name: str, default: str = "") -> str:
        """Return the last value of an argument; `default` if it is missing or empty."""
        values = self.all(name)
        return values[-1] or default if values else default


def _pair(argument: str, text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"{argument}={text!r} is not written as NAME:VALUE")
    return name, value


def _rows(kind: ListKind, texts: _Arguments) -> Iterator[RowKey]:
    for argument in ("row", "not"):
        for text in texts.all(argument):
            by, value = _pair(argument, text)
            if not _has(kind, by):
                raise ValueError(f"{argument}={text!r}: the list {kind} has no {by!r}")
            key = value if by in _NAMES else _number(argument, text, value)
            if by == Dimension.DAY and not _FIRST_DAY <= int(key) <= _LAST_DAY:
                raise ValueError(f"{argument}={text!r}: the day is not from {FIRST_DAY} to {LAST_DAY}")
            yield RowKey(by, key, argument == "not")


def _has(kind: ListKind, by: str) -> bool:
    """Return whether a list of this kind can be limited to one value of `by`, such as one agent."""
    if kind is ListKind.LOST_CALLS:
        return by in LOST_CALLS_BY
    return by in _MORE_DIMENSIONS[kind] or (by in {*Dimension} and by not in _NOT_OF_ALL)


def _number(argument: str, text: str, value: str) -> int:
    try:
        if len(value) <= _LONGEST_NUMBER:
            return int(value)
    except ValueError:
        pass
    raise ValueError(f"{argument}={text!r} needs a number after the colon")


def _conditions(kind: ListKind, pairs: Iterable[tuple[str, str]]) -> tuple[ListCondition, ...]:
    found: dict[str, tuple[str, ...]] = {}
    known = _CONDITIONS[kind]
    for name, value in pairs:
        if name not in known:
            raise ValueError(f"the list {kind} has no condition {name!r}")
        values = known[name]
        wanted = [value] if values is None else value.split(",")
        if values is not None and not set(wanted) <= set(values):
            raise ValueError(f"{name}={value!r} is not one of {', '.join(values)}")
        found[name] = tuple(dict.fromkeys((*found.get(name, ()), *wanted)))
    return tuple(ListCondition(name, values) for name, values in found.items())
