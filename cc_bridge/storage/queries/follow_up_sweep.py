"""Opens follow-ups for what is in the database by now, links calls to them, and tells of them. In a thread.

`daemon/jobs/follow_ups.py` runs it every few seconds. Nothing here touches a call: a database that is slow or
away delays follow-ups, and that is all.

The trap: it may be killed anywhere, and begins again a little earlier. So each step by itself is one
transaction, and does nothing the second time; receivers are told before that is noted.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Engine

from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpCount
from cc_bridge.follow_ups.rules import FollowUpCause, FollowUpRules, follow_up
from cc_bridge.storage.queries import follow_ups as stored
from cc_bridge.storage.queries.follow_up_candidates import (
    CustomerKeys,
    answers_since,
    calls_after,
    customers_of,
    stays_since,
)

__all__ = ["FollowUpChange", "FollowUpPolicy", "FollowUpSweep", "Notify", "SweepResult"]

_DAY = 86_400.0

FollowUpChange = tuple[Literal["opened", "closed"], FollowUp]
Notify = Callable[[Sequence[FollowUpChange]], bool]
"""Keeps news for whoever is to be told; False: they cannot be kept now."""


@dataclass(frozen=True, slots=True)
class FollowUpPolicy:
    """Who is to call back, and until when."""

    rules: FollowUpRules
    owner: Callable[[str], str]  # of a queue
    owners: Collection[str]  # all that the configuration names
    due_at: Callable[[float], float]
    short: Callable[[str], float]  # under so many seconds an abandon of a queue does not count


@dataclass(slots=True)
class SweepResult:
    """What came of one look."""

    opened: Counter[str] = field(default_factory=Counter)  # by reason
    linked: int = 0
    closed: list[FollowUp] = field(default_factory=list)  # since it was told last
    counts: Mapping[str, FollowUpCount] = field(default_factory=dict)  # by owner, once it has come to its end


class FollowUpSweep:
    """Looks after the follow-ups of one PBX; `stopping` is asked between any two transactions."""

    def __init__(
        self, engine: Engine, pbx: str, desk: FollowUpPolicy, notify: Notify, stopping: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._pbx = pbx
        self._desk = desk
        self._notify = notify
        self._stopping = stopping

    def run_once(self, since: float, now: float, result: SweepResult, *, link: bool = True) -> None:
        """Open what has happened since then, link, tell and count; note in `result` what is done."""
        self._open(since, result)
        if link:
            self._link(now, result)
        self._notify_all(result)
        with self._engine.connect() as connection:
            counted = stored.counts(connection, now, self._pbx)
        result.counts = {owner: FollowUpCount() for owner in self._desk.owners} | counted

    def _open(self, since: float, result: SweepResult) -> None:
        rules = self._desk.rules
        with self._engine.connect() as connection:
            given = answers_since(connection, self._pbx, since)
            stays, people = stays_since(connection, self._pbx, since, rules, self._desk.short)
            causes = list(rules.of_answers(given))
            causes += rules.of_visits(stays, lambda key: people[key].name if key in people else key)
            causes = [cause for cause in causes if cause.about.pbx == self._pbx and cause.at >= since]
            known = stored.known_ids(connection, [cause.id for cause in causes])
            new = [self._follow_up(cause) for cause in causes if cause.id not in known]
            customers = customers_of(connection, [each.caller_key for each in new], rules.shared)
            new = [
                each for each in new if not stored.covered(connection, each, customers[each.caller_key].keys)
            ]
        for each in sorted(new, key=lambda each: each.opened_at):
            if self._stopping():
                return
            customer = customers[each.caller_key]
            if stored.opened(self._engine, each, customer.name, customer.keys):
                result.opened[each.reason] += 1

    def _follow_up(self, cause: FollowUpCause) -> FollowUp:
        return follow_up(cause, self._desk.owner(cause.about.queue), self._desk.due_at(cause.at))

    def _link(self, now: float, result: SweepResult) -> None:
        """Note the next answered call; of one that was closed a while ago only a call from before that.

        A call is known when it has ended: whoever calls back may close the follow-up before.
        """
        if self._stopping():
            return
        with self._engine.connect() as connection:
            waiting = stored.unlinked(connection, self._pbx, now - _DAY)
            if not waiting:
                return
            people = customers_of(connection, [each.caller_key for each in waiting])
            keys = {key for person in people.values() for key in person.keys}
            called: dict[str, list[tuple[str, str, float]]] = {}
            first = min(each.opened_at for each in waiting)
            for key, pbx, call_id, began_at in calls_after(connection, keys, first):
                called.setdefault(key, []).append((pbx, call_id, began_at))
        for each in waiting:
            found = _next_call(each, people[each.caller_key], called)
            if found is not None and not self._stopping():
                with self._engine.begin() as connection:
                    stored.linked(connection, each.follow_up_id, *found)
                result.linked += 1

    def _notify_all(self, result: SweepResult) -> None:
        while not self._stopping():
            with self._engine.connect() as connection:
                waiting = stored.unnotified(connection, self._pbx)
            news: list[FollowUpChange] = []
            notified: dict[str, str] = {}
            for each, state in waiting:
                if state == stored.NOTHING:
                    news.append(("opened", each))
                if each.closed_at is not None:
                    news.append(("closed", each))
                notified[each.follow_up_id] = stored.OPENED if each.closed_at is None else stored.CLOSED
            if not news or not self._notify(news):
                return
            with self._engine.begin() as connection:
                stored.notified(connection, notified)
            result.closed += [each for what, each in news if what == "closed"]


def _next_call(
    follow_up: FollowUp, customer: CustomerKeys, called: Mapping[str, Sequence[tuple[str, str, float]]]
) -> tuple[str, str, float] | None:
    """Return PBX, call and begin of the first answered call with the customer that came after."""
    own = (follow_up.pbx, follow_up.call_id)
    until = follow_up.closed_at
    fit = [
        call
        for key in customer.keys
        for call in called.get(key, ())
        if call[:2] != own and call[2] > follow_up.opened_at and (until is None or call[2] <= until)
    ]
    return min(fit, key=lambda call: call[2], default=None)
