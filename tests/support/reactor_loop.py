"""Runs Twisted's real reactor inside a test until something is true."""

import time

from twisted.internet import reactor


def until(condition, seconds=10.0):
    """Run the reactor until `condition()` is true. Fail after `seconds`."""
    if not reactor.running:
        reactor.startRunning(installSignalHandlers=False)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        reactor.runUntilCurrent()
        reactor.doIteration(0.01)


def result_of(deferred, seconds=10.0):
    """Run the reactor until a Deferred fires. Return its result or raise its failure."""
    got = []
    deferred.addBoth(got.append)
    until(lambda: got, seconds)
    if hasattr(got[0], "raiseException"):
        got[0].raiseException()
    return got[0]
