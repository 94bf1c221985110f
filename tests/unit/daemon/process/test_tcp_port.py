"""Listening ports, with peers over loopback that the kernel has already connected."""

import socket
from contextlib import ExitStack

import pytest
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory

from cc_bridge.daemon.process.tcp_port import ACCEPTED_AT_ONCE, TcpPort
from support.reactor_loop import result_of, until

PEERS = 5 * ACCEPTED_AT_ONCE


class Refusing(Factory):
    noisy = False

    def __init__(self):
        self.asked = 0

    def buildProtocol(self, addr):
        self.asked += 1


@pytest.fixture
def port():
    port = TcpPort("127.0.0.1", 0, Refusing(), reactor)
    port.startListening()
    yield port
    result_of(port.stopListening())


def test_of_a_crowd_of_peers_a_few_are_accepted_in_each_iteration(port):
    """Twisted's own port would accept 100 in the first iteration, and up to 20 more in each of the next."""
    counts = []
    with ExitStack() as peers:
        for _ in range(PEERS):  # all wait in the kernel
            peers.enter_context(socket.create_connection(("127.0.0.1", port.getHost().port), 10))
        for _ in range(3):
            port.doRead()
            counts.append(port.factory.asked)
        assert counts == [ACCEPTED_AT_ONCE, 2 * ACCEPTED_AT_ONCE, 3 * ACCEPTED_AT_ONCE]
        until(lambda: port.factory.asked == PEERS)


def test_a_port_in_use_is_an_error(port):
    with pytest.raises(CannotListenError):
        TcpPort("127.0.0.1", port.getHost().port, Refusing(), reactor).startListening()
