"""For all tests: at the end Twisted's reactor is stopped, else its pool of threads keeps pytest alive."""

from twisted.internet import reactor


def pytest_sessionfinish():
    if reactor.running:
        reactor.stop()
        while reactor.running:
            reactor.iterate(0.01)
