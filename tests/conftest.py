"""For all tests: real databases, missing parts, who runs what, and a reactor that is stopped at the end.

Threads of a reactor that runs keep pytest alive. With `-n 2` one worker has one version of Asterisk, so two
PBXs are busy at a time, and the tests of a module stay together. xdist's own groups do not do that: its 3.8
writes them where pytest 9.2 reads no more.
"""

import re

import pytest
from twisted.internet import reactor
from twisted.logger import globalLogPublisher
from xdist.scheduler.loadscope import LoadScopeScheduling

from support.databases import database_url, mariadb, postgres, server, server_url
from support.parts import need, required

__all__ = ["database_url", "mariadb", "postgres", "server", "server_url"]

_VERSION = re.compile(r"^tests/pbx/.*\[(?:.*-)?(16|22)(?:-.*)?\]$")


class _ByPbx(LoadScopeScheduling):
    """Gives a worker all tests of one Asterisk, or of one module."""

    def _split_scope(self, nodeid):
        found = _VERSION.match(nodeid)
        return f"Asterisk {found[1]}" if found else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False  # in the order of the folders: what takes longest begins early
    return _ByPbx(config, log)


def pytest_configure():
    try:
        required()
    except ValueError as fault:
        raise pytest.UsageError(str(fault)) from None


@pytest.hookimpl(tryfirst=True)  # before any fixture
def pytest_runtest_setup(item):
    need(item)


def pytest_sessionfinish():
    if reactor.running:
        reactor.stop()
        while reactor.running:
            reactor.iterate(0.01)


@pytest.fixture
def logged():
    """Yield the events that are logged meanwhile."""
    events = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)
