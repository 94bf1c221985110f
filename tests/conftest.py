"""Common to all tests: real databases, missing software, distribution to workers, and the reactor's stop.

A running reactor's threads keep pytest alive, so it is stopped at the end.

With xdist, one worker has all tests that share a running Asterisk, and the tests of a module stay together.
Tests with an Asterisk come first: they take the longest. xdist's own groups cannot do this: xdist 3.8 writes
them to a place that pytest 9.2 does not read.
"""

import re

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet import reactor
from twisted.logger import globalLogPublisher
from xdist.scheduler.loadscope import LoadScopeScheduling

from support.databases import database_url, mariadb, postgres, server, server_url
from support.parts import need, required

__all__ = ["database_url", "mariadb", "postgres", "server", "server_url"]

# A busy machine may take any time for an example. The other settings stay as they are, also with CI=1.
settings.register_profile(
    "patient", parent=settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

_VERSION = re.compile(r"^(tests/pbx/.*)::.*\[(?:.*-)?(16|22)(?:-.*)?\]$")
_OWN_PBX = re.compile(r"/test_(clock_steps|freepbx\w*|installation)\.py$")


class _ByPbx(LoadScopeScheduling):
    """A scheduler that gives all tests of one running Asterisk, or of one module, to one worker."""

    def _split_scope(self, nodeid):
        found = _VERSION.match(nodeid)
        if found is None:
            return nodeid.partition("::")[0]
        module, version = found.groups()
        return f"{module} {version}" if _OWN_PBX.search(module) else f"Asterisk {version}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False  # keep the order: the longest tests start early
    return _ByPbx(config, log)


@pytest.hookimpl(tryfirst=True)  # before pytest's own order by fixtures
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith("tests/pbx/"))


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
    """Yield a list to which all log events of the test are appended."""
    events = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)
