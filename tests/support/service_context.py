"""A `Context` for one service of the daemon, with a clock, threads and a database of the test's."""

from types import SimpleNamespace

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context


def context(config=None, *, clock=None, now=None, in_thread=maybeDeferred, engine=None):
    """Return a context whose threads run at once, unless `in_thread` does otherwise."""
    clock = clock or Clock()
    return Context(config or Config(), clock, now or clock.seconds, in_thread, SimpleNamespace(engine=engine))
