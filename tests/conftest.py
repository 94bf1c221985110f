"""For all tests: real databases; who runs what; the reactor is stopped, else its threads keep pytest alive.

With `-n 2 --dist loadgroup` one worker has one version of Asterisk, so two PBXs are busy at a time, and the
tests of a module stay together.
"""

import pytest
from twisted.internet import reactor

from databases import database_url, mariadb, postgres, server, server_url

__all__ = ["database_url", "mariadb", "postgres", "server", "server_url"]


@pytest.hookimpl(tryfirst=True)  # before xdist, which looks for the groups in its own hook
def pytest_collection_modifyitems(items):
    for item in items:
        values = item.callspec.params if hasattr(item, "callspec") else {}
        group = f"asterisk-{values['asterisk']}" if "asterisk" in values else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_sessionfinish():
    if reactor.running:
        reactor.stop()
        while reactor.running:
            reactor.iterate(0.01)
