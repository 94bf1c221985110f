"""The data of the caller lookup script and of /api/customers: a caller's name, profile and past contacts.

If the database hangs, a read blocks its thread, and Python cannot interrupt it. So the database is read in a
few separate threads, not in the reactor's thread pool, and caller lookups share no thread with the web pages.
When all these threads hang, a further read is rejected immediately instead of waiting. The threads are daemon
threads in Python's sense: a thread that hangs does not keep the process from ending.
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
from cc_bridge.web.customer_api import CustomersResource
from cc_bridge.web.resources import AccessCheck

__all__ = ["CustomerLookup"]


# Concurrent reads. A read takes a few milliseconds, so these threads serve hundreds of reads a second.
_LOOKUPS = 4
_PAGES = 2


class CustomerLookup(DaemonService):
    """The service whose `script` answers agi://.../caller-lookup and whose `resource` answers /api/customers.

    `store` stores a customer number; its Deferred fires when the record is on disk. `now` returns the PBX's
    clock in UTC seconds. `on_lookup` counts the result of each lookup. `access` decides who may see
    customers.
    """

    def __init__(
        self,
        context: Context,
        store: Callable[[CustomerNumber], Deferred[None]],
        now: Callable[[], float],
        on_lookup: Callable[[str], None],
        access: AccessCheck,
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
        self.resource = CustomersResource(self.numbers, self.timeline, self._store_number, access, reactor)

    def start(self) -> None:
        self._lookups.start()
        self._pages.start()
        # The first read opens the connection and compiles the query, which takes longer than a lookup may. So
        # a read without a caller is made before the first caller comes.
        self._lookups.read(self._profile_of([""])).addErrback(lambda _: None)

    def stop(self) -> None:
        self._lookups.stop()
        self._pages.stop()

    def profile(self, number: str) -> Deferred[Profile] | None:
        """Look up the profile of the caller with this number.

        Return None, without a read, for a withheld or shared number, which identifies no customer.
        """
        keys = self.numbers.keys(number)
        if not keys or self.numbers.is_shared(number):
            return None
        return self._lookups.read(self._profile_of(keys))

    def timeline(self, keys: Sequence[str]) -> Deferred[Timeline]:
        """Look up the past contacts (the timeline) of the customer who has these caller keys."""
        return self._pages.read(partial(timeline, keys=keys, now=self._now(), shared=self.numbers.shared))

    def _profile_of(self, keys: Sequence[str]) -> Callable[[Connection], Profile]:
        shared = self.numbers.shared
        return partial(profile, keys=keys, kind=self._kind, now=self._now(), shared=shared)

    def _store_number(self, key: str, customer_id: str, name: str) -> Deferred[None]:
        return self._store(CustomerNumber(key, customer_id, name, self._now()))
