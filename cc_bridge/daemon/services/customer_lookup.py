"""Knows who calls: what the greeting and the pages of customers ask of the database, and how they may ask.

`daemon/bridge.py` makes one. The trap: a database that hangs takes a thread for as long as it hangs, and
nothing in Python can take it back. So there are few threads, apart from the reactor's own, and the greeting
shares none with the pages. When all of them hang, the next reading is refused at once instead of waiting
behind them. They are daemon threads: none keeps the process from ending.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from cc_bridge.agi.caller_lookup_script import CallerLookupScript
from cc_bridge.config import Config
from cc_bridge.config.customers import make_numbers
from cc_bridge.customers.profile import Profile
from cc_bridge.customers.timeline import Timeline
from cc_bridge.records import CustomerNumber
from cc_bridge.storage.engine import make_engine
from cc_bridge.storage.queries.customer_timeline import timeline
from cc_bridge.storage.queries.customers import profile
from cc_bridge.storage.read_pool import DatabaseReadPool
from cc_bridge.web.auth import BearerAuth
from cc_bridge.web.customer_api import CustomersResource

__all__ = ["CustomerLookup"]


# Readings at a time: of some milliseconds each, that is hundreds a second.
_GREETINGS = 4
_PAGES = 2


class CustomerLookup:
    """`greeter` serves agi://.../greet and `pages` /api/customers, from `start` on.

    `store` fires when a record is on disk, `now` is the PBX's clock, `on_greeting` counts.
    """

    def __init__(
        self,
        config: Config,
        store: Callable[[CustomerNumber], Deferred[None]],
        now: Callable[[], float],
        on_greeting: Callable[[str], None],
        reactor: Any,
    ) -> None:
        open_engine = partial(make_engine, config.storage.url)
        self._kind = config.customers.rating
        self._numbers = make_numbers(config)
        self._store = store
        self._now = now
        self._door = DatabaseReadPool(open_engine, _GREETINGS, "greetings", reactor)
        self._desk = DatabaseReadPool(open_engine, _PAGES, "customers", reactor)
        self.greeter = CallerLookupScript(self._profile, config.customers.priorities(), reactor, on_greeting)
        access = BearerAuth(config.http.host, config.http.access_token())
        self.pages = CustomersResource(self._numbers, self._timeline, self._told, access, reactor)

    def start(self) -> None:
        self._door.start()
        self._desk.start()
        # The first reading connects and compiles, which takes longer than a greeting may.
        self._door.read(self._of([""])).addErrback(lambda _: None)

    def stop(self) -> None:
        self._door.stop()
        self._desk.stop()

    def _profile(self, number: str) -> Deferred[Profile] | None:
        keys = self._numbers.keys(number)
        if not keys or self._numbers.is_shared(number):
            return None
        return self._door.read(self._of(keys))

    def _of(self, keys: Sequence[str]) -> Callable[[Connection], Profile]:
        shared = self._numbers.shared
        return partial(profile, keys=keys, kind=self._kind, now=self._now(), shared=shared)

    def _timeline(self, keys: Sequence[str]) -> Deferred[Timeline]:
        return self._desk.read(partial(timeline, keys=keys, now=self._now(), shared=self._numbers.shared))

    def _told(self, key: str, customer_id: str, name: str) -> Deferred[None]:
        return self._store(CustomerNumber(key, customer_id, name, self._now()))
