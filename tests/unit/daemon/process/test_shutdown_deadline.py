"""The process ends at the deadline of its shutdown, and soon after all services have stopped."""

import threading
import time

import pytest

from cc_bridge.daemon.process import shutdown_deadline as module
from cc_bridge.daemon.process.shutdown_deadline import ShutdownDeadline


@pytest.fixture
def ended(monkeypatch):
    """Return a list of exit codes, and an event for the end of the process."""
    monkeypatch.setattr(module, "_THREADS_SECONDS", 0.05)
    return [], threading.Event()


@pytest.fixture
def deadline(ended):
    codes, over = ended
    return ShutdownDeadline(lambda code: (codes.append(code), over.set()))


def test_a_service_that_never_stops_ends_with_the_process(deadline, ended, logged):
    codes, over = ended
    deadline.start(0.05)
    assert over.wait(20)
    assert codes == [1]
    assert [event["log_level"].name for event in logged if "threads" in event] == ["error"]


def test_threads_that_hang_after_the_services_are_not_waited_for(deadline, ended, logged):
    codes, over = ended
    began_at = time.monotonic()
    deadline.start(3600)
    deadline.services_stopped()
    assert over.wait(20)
    assert time.monotonic() - began_at < 20
    assert codes == [0]
    assert [event["log_level"].name for event in logged if "threads" in event] == ["warn"]
