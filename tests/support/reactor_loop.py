"""Runs Twisted's real reactor inside a test until something is true."""

import time

from twisted.internet import reactor


def until(condition, seconds=10.0):
    """Turn the reactor until `condition()`; fail after `seconds`."""
    if not reactor.running:
        reactor.startRunning(installSignalHandlers=False)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        reactor.runUntilCurrent()
        reactor.doIteration(0.01)


def result_of(deferred, seconds=10.0):
    """Return what a Deferred gives, or raise what it fails with."""
    got = []
    deferred.addBoth(got.append)
    until(lambda: got, seconds)
    if hasattr(got[0], "raiseException"):
        got[0].raiseException()
    return got[0]
