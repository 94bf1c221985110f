"""Listening ports, with peers over loopback that the kernel has already connected."""

import socket
from contextlib import ExitStack, contextmanager

import pytest
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from cc_bridge.daemon.process.tcp_port import ACCEPTED_AT_ONCE, TcpPort
from support.reactor_loop import result_of, until

PEERS = 5 * ACCEPTED_AT_ONCE


class Refusing(Factory):
    noisy = False

    def __init__(self, room):
        self.asked = 0
        self.left = room

    def room(self):
        return self.left

    def buildProtocol(self, addr):
        self.asked += 1
        self.left -= 1


@contextmanager
def listening(room=PEERS, peers=0):
    """Yield a port that has room for `room` connections, while `peers` of them wait in the kernel."""
    factory, clock = Refusing(room), Clock()
    port = TcpPort("127.0.0.1", 0, factory, reactor, factory.room)
    port._clock = clock
    port.startListening()
    try:
        with ExitStack() as opened:
            for _ in range(peers):
                opened.enter_context(socket.create_connection(("127.0.0.1", port.getHost().port), 10))
            yield port, factory, clock
    finally:
        if port.connected:
            result_of(port.stopListening())


def test_of_a_crowd_of_peers_a_few_are_accepted_in_each_iteration():
    """Twisted's own port would accept 100 in the first iteration, and up to 20 more in each of the next."""
    counts = []
    with listening(peers=PEERS) as (port, factory, _):
        for _ in range(3):
            port.doRead()
            counts.append(factory.asked)
        assert counts == [ACCEPTED_AT_ONCE, 2 * ACCEPTED_AT_ONCE, 3 * ACCEPTED_AT_ONCE]
        until(lambda: factory.asked == PEERS)


def test_peers_wait_until_there_is_room():
    with listening(room=3, peers=10) as (port, factory, clock):
        until(lambda: port not in reactor.getReaders())
        assert factory.asked == 3
        factory.left = 5
        clock.advance(0.05)
        until(lambda: factory.asked == 8)


def test_without_room_one_is_accepted_after_each_pause():
    with listening(room=0, peers=10) as (port, factory, clock):
        counts = []
        for _ in range(3):
            until(lambda: port not in reactor.getReaders())
            counts.append(factory.asked)
            clock.advance(0.05)
        assert counts == [0, 1, 2]


def test_a_port_that_is_closed_in_a_pause_stays_closed():
    with listening(room=0, peers=1) as (port, _, clock):
        port.doRead()
        result_of(port.stopListening())
        clock.advance(0.05)
        assert port not in reactor.getReaders()


def test_a_port_in_use_is_an_error():
    with listening() as (port, factory, _), pytest.raises(CannotListenError):
        TcpPort("127.0.0.1", port.getHost().port, factory, reactor).startListening()
