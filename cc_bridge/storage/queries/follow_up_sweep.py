"""The follow-up sweep: it opens follow-ups for new facts, links calls to them, and notifies webhooks.

A fact is an answer or a visit in the database. The daemon runs a sweep every few seconds in a thread. A slow
or missing database only delays follow-ups; calls are not affected.

A sweep may be killed at any point, and each sweep reads some facts again that an earlier sweep has read. So
each step is one transaction and has no effect when repeated. Webhook events are stored first; then the
follow-up is marked as reported to webhooks. So an event may be sent twice but is never lost.
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
"""A callable that stores changes of follow-ups for their receivers; False: they cannot be stored now."""


@dataclass(frozen=True, slots=True)
class FollowUpPolicy:
    """The rules of follow-ups: when to open one, for which owner, and when it is due."""

    rules: FollowUpRules
    owner: Callable[[str], str]  # queue -> its owner
    owners: Collection[str]  # all owners in the configuration
    due_at: Callable[[float], float]  # time of opening -> time when it is due
    short: Callable[[str], float]  # queue -> seconds of wait below which an abandoned visit does not count


@dataclass(slots=True)
class SweepResult:
    """The result of one sweep: how many follow-ups it opened and linked to a call, and which were closed.

    `closed` has the follow-ups whose closing the sweep has reported to webhooks. `counts` has the numbers of
    unclosed follow-ups by owner.
    """

    opened: Counter[str] = field(default_factory=Counter)  # by reason
    linked: int = 0
    closed: list[FollowUp] = field(default_factory=list)  # closed since the last notification
    counts: Mapping[str, FollowUpCount] = field(
        default_factory=dict
    )  # by owner; empty if the sweep was stopped


class FollowUpSweep:
    """The sweep over the follow-ups of one PBX: it opens them, links calls to them, and notifies webhooks.

    The sweep ends between two transactions if `stopping` returns True.
    """

    def __init__(
        self, engine: Engine, pbx: str, desk: FollowUpPolicy, notify: Notify, stopping: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._pbx = pbx
        self._desk = desk
        self._notify = notify
        self._stopping = stopping

    def run_once(self, since: float, now: float, result: SweepResult, *, link: bool = True) -> None:
        """Run one sweep: open and link follow-ups, notify webhooks, and count the unclosed follow-ups.

        A follow-up is opened for a new fact. A fact is an answer or a visit; it is new if its instant is
        `since` or later. A follow-up is linked to its customer's first answered call after the opening;
        `link=False` skips this step. `result` is updated after each step, so that it is right even if a later
        step fails. Instants are UTC seconds since the epoch.
        """
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
        """Link each follow-up to its customer's first answered call after the opening.

        A call is stored when it has ended, and the agent may close the follow-up earlier. So follow-ups that
        were closed within the last day are linked too, but only to a call that started before the closing.
        """
        if self._stopping():
            return
        with self._engine.connect() as connection:
            waiting = stored.unlinked(connection, self._pbx, now - _DAY)
            if not waiting:
                return
            people = customers_of(connection, [each.caller_key for each in waiting], self._desk.rules.shared)
            keys = {key for person in people.values() for key in person.keys}
            called: dict[str, list[tuple[str, str, float]]] = {}
            first = min(each.opened_at for each in waiting)
            for key, pbx, call_id, began_at in calls_after(connection, keys, first):
                called.setdefault(key, []).append((pbx, call_id, began_at))
        for each in waiting:
            customer = people.get(each.caller_key)  # None: the number has become a shared one since
            found = _next_call(each, customer, called) if customer is not None else None
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
    """Return the customer's first answered call after a follow-up was opened, or None if there is none yet.

    The result is (PBX, Linkedid, start). The call that opened the follow-up does not count, and neither does
    a call that started after the follow-up was closed. `called` has the answered calls by caller key.
    """
    own = (follow_up.pbx, follow_up.call_id)
    until = follow_up.closed_at
    fit = [
        call
        for key in customer.keys
        for call in called.get(key, ())
        if call[:2] != own and call[2] > follow_up.opened_at and (until is None or call[2] <= until)
    ]
    return min(fit, key=lambda call: call[2], default=None)
