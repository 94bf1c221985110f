"""For all tests: real databases; the reactor is stopped, else its pool of threads keeps pytest alive."""

from twisted.internet import reactor

from databases import database_url, mariadb, postgres, server, server_url

__all__ = ["database_url", "mariadb", "postgres", "server", "server_url"]


def pytest_sessionfinish():
    if reactor.running:
        reactor.stop()
        while reactor.running:
            reactor.iterate(0.01)
