"""Fixtures with a real Asterisk.

`asterisk` runs one of each version for the whole session; `rig` is it with everyone hung up and nothing
remembered. `measuring` is a daemon beside it for a whole module, since starting one takes longer than a
call; it asks no caller to rate. `freepbx` is a PBX as FreePBX configures it, with cc_bridge installed by its
page.
"""

from collections.abc import Iterator

import pytest

from pbx.daemon import Daemon
from pbx.freepbx_rig import FreePbxRig
from pbx.machine import own_network
from pbx.rig import Rig
from pbx.rootfs import VERSIONS, Unavailable
from support.parts import missing


@pytest.fixture(scope="session", params=[pytest.param(each, marks=pytest.mark.asterisk) for each in VERSIONS])
def asterisk(request: pytest.FixtureRequest) -> Iterator[Rig]:
    try:
        running = Rig(request.param)
    except Unavailable as reason:
        missing("asterisk", reason)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def rig(asterisk: Rig, request: pytest.FixtureRequest) -> Rig:
    request.node.asterisk_log = (asterisk, len(asterisk.log()))
    asterisk.reset()
    return asterisk


@pytest.fixture(scope="module", params=[pytest.param(each, marks=pytest.mark.asterisk) for each in VERSIONS])
def running_freepbx(request: pytest.FixtureRequest) -> Iterator[FreePbxRig]:
    try:
        running = FreePbxRig(request.param)
    except Unavailable as reason:
        missing("asterisk", reason)
    try:
        running.start()
        running.install()
        yield running
    finally:
        running.stop()


@pytest.fixture
def freepbx(running_freepbx: FreePbxRig, request: pytest.FixtureRequest) -> FreePbxRig:
    request.node.asterisk_log = (running_freepbx, len(running_freepbx.log()))
    running_freepbx.reset()
    return running_freepbx


@pytest.fixture(scope="module")
def network() -> Iterator[None]:
    """Give the tests of a module a network of their own, with free default ports."""
    try:
        with own_network():
            yield
    except Unavailable as reason:
        missing("asterisk", reason)


@pytest.fixture(scope="module")
def _running(asterisk: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(asterisk, tmp_path_factory.mktemp("daemon"))
    daemon.configure("survey", enabled=False)
    try:
        yield daemon.start()
    finally:
        daemon.close()


@pytest.fixture
def measuring(rig: Rig, _running: Daemon) -> Daemon:
    rig.survey_at(_running.agi_port)
    _running.until_idle(rig)
    _running.forget()
    return _running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show what Asterisk logged during a test that failed."""
    report = yield
    if report.failed and hasattr(item, "asterisk_log"):
        asterisk, start = item.asterisk_log
        report.sections.append((f"Asterisk {asterisk.version}", asterisk.log()[start:]))
    return report
