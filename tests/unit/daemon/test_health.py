"""The checks of /healthz and /readyz: AGI requests for unknown scripts, and tasks that no longer run."""

from types import SimpleNamespace

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from cc_bridge.agi.server import AgiLimits, FastAgiFactory
from cc_bridge.daemon.process.periodic_task import PeriodicTask
from cc_bridge.daemon.services.health import Health

LOSSES = SimpleNamespace(fault="")


async def serve(_request, _channel):
    """Do nothing for the call."""


def test_a_foreign_agi_request_makes_it_not_ready_for_a_minute():
    clock = Clock()
    agi = FastAgiFactory(serve, AgiLimits(), clock)
    writer = SimpleNamespace(alive=True, oldest_seconds=0.0)
    storage = SimpleNamespace(writer=writer, forwarder=None, journal=None, webhooks=None)
    health = Health(SimpleNamespace(up=True, down_reason=""), storage, agi, LOSSES)
    assert not any(health.ready().values())
    protocol = agi.buildProtocol(None)
    protocol.makeConnection(StringTransport())
    protocol.dataReceived(b"agi_network_script: dialparties.agi\nagi_uniqueid: 1.5\n\n")
    clock.advance(59.9)
    faults = {name: why for name, why in health.ready().items() if why}
    assert faults == {"agi": "another program's AGI calls reach cc-bridge (dialparties.agi)"}
    assert not any(health.alive().values())
    clock.advance(0.1)
    assert not any(health.ready().values())


def test_a_task_that_no_longer_runs_makes_it_dead():
    clock = Clock()
    writer = SimpleNamespace(alive=True, oldest_seconds=0.0)
    deliveries = SimpleNamespace(fault="")
    webhooks = SimpleNamespace(deliveries=deliveries)
    storage = SimpleNamespace(writer=writer, forwarder=None, journal=None, webhooks=webhooks)
    task = PeriodicTask("call tracker", 1.0, lambda: None, clock)
    health = Health(SimpleNamespace(up=True, down_reason=""), storage, None, LOSSES, [task])
    task.start()
    task._loop.stop()
    assert not any(health.alive().values())
    clock.advance(10)
    assert health.alive()["tasks"] == "the periodic task 'call tracker' has not run for 10 s"
    task.stop()
    deliveries.fault = "the webhook outbox was not polled for 9 s"
    assert health.alive()["tasks"] == deliveries.fault
