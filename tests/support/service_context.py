"""A `Context` for one service of the daemon, with the test's clock, threads and database."""

from types import SimpleNamespace

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context


def context(config=None, *, clock=None, now=None, in_thread=maybeDeferred, engine=None):
    """Return a `Context`. Without `in_thread`, functions for a thread run immediately in the caller's."""
    clock = clock or Clock()
    return Context(config or Config(), clock, now or clock.seconds, in_thread, SimpleNamespace(engine=engine))


def hand_over(service, record):
    """Pass a record to a service as the record pipeline does, if the service handles records of its type."""
    handle = service.record_handlers.get(type(record))
    if handle is not None:
        handle(record)
