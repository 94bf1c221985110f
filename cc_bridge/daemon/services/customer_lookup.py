"""The data behind the caller lookup script and /api/customers: who a caller is, and what happened before.

A database that hangs takes a thread for as long as it hangs, and nothing in Python can take it back. So there
are few threads, apart from the reactor's own, and the callers' lookups share none with the pages. When all of
them hang, the next read is refused at once instead of waiting behind them. They are daemon threads: none
keeps the process from ending.
"""

from collections.abc import Callable, Sequence
from functools import partial

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from cc_bridge.agi.caller_lookup_script import CallerLookupScript
from cc_bridge.config.customers import make_numbers
from cc_bridge.customers.profile import Profile
from cc_bridge.customers.timeline import Timeline
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.records import CustomerNumber
from cc_bridge.storage.queries.customer_timeline import timeline
from cc_bridge.storage.queries.customers import profile
from cc_bridge.web.auth import BearerAuth
from cc_bridge.web.customer_api import CustomersResource

__all__ = ["CustomerLookup"]


# Reads at a time: of some milliseconds each, that is hundreds a second.
_LOOKUPS = 4
_PAGES = 2


class CustomerLookup(DaemonService):
    """`script` serves agi://.../caller-lookup and `resource` /api/customers, from the start on.

    `store` fires when a record is on disk, `now` is the PBX's clock, `on_lookup` counts.
    """

    def __init__(
        self,
        context: Context,
        store: Callable[[CustomerNumber], Deferred[None]],
        now: Callable[[], float],
        on_lookup: Callable[[str], None],
    ) -> None:
        super().__init__(context)
        config, reactor = context.config, context.reactor
        self.numbers = make_numbers(config)
        self._kind = config.customers.rating_kind
        self._store = store
        self._now = now
        self._lookups = context.database.read_pool("caller lookups", _LOOKUPS)
        self._pages = context.database.read_pool("customers", _PAGES)
        self.script = CallerLookupScript(self.profile, config.customers.priorities(), reactor, on_lookup)
        auth = BearerAuth(config.http.host, config.http.access_token())
        self.resource = CustomersResource(self.numbers, self.timeline, self._store_number, auth, reactor)

    def start(self) -> None:
        self._lookups.start()
        self._pages.start()
        # The first read connects and compiles, which takes longer than a lookup may.
        self._lookups.read(self._profile_of([""])).addErrback(lambda _: None)

    def stop(self) -> None:
        self._lookups.stop()
        self._pages.stop()

    def profile(self, number: str) -> Deferred[Profile] | None:
        """Fire with what is known of a caller; None for a number of no one customer."""
        keys = self.numbers.keys(number)
        if not keys or self.numbers.is_shared(number):
            return None
        return self._lookups.read(self._profile_of(keys))

    def timeline(self, keys: Sequence[str]) -> Deferred[Timeline]:
        """Fire with what happened to a customer."""
        return self._pages.read(partial(timeline, keys=keys, now=self._now(), shared=self.numbers.shared))

    def _profile_of(self, keys: Sequence[str]) -> Callable[[Connection], Profile]:
        shared = self.numbers.shared
        return partial(profile, keys=keys, kind=self._kind, now=self._now(), shared=shared)

    def _store_number(self, key: str, customer_id: str, name: str) -> Deferred[None]:
        return self._store(CustomerNumber(key, customer_id, name, self._now()))
