"""Many browsers behind one address connect at the same moment, over loopback."""

import socket
from contextlib import ExitStack, suppress

from twisted.internet import reactor
from twisted.internet.task import Clock

from cc_bridge.daemon.process.tcp_port import TcpPort
from cc_bridge.web.connection import HttpLimits
from cc_bridge.web.page_site import PageSite
from cc_bridge.web.resources import LeafResource, TreeResource
from support.reactor_loop import result_of, until

BROWSERS = 200
GET = b"GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Page(LeafResource):
    def answer(self, request):
        return b"x" * 100_000  # more than the transport sends in one go


def test_all_of_a_crowd_that_is_larger_than_the_limit_are_served():
    turns, pauses = Clock(), Clock()  # the machine's speed has no influence
    site = PageSite(TreeResource(None, page=Page()), turns, HttpLimits(connections=10))
    port = TcpPort("127.0.0.1", 0, site, reactor, site.room)
    port._clock = pauses
    port.startListening()
    answers = {}

    def all_read():
        turns.advance(0)
        if site.room():
            pauses.advance(0.05)
        for browser, answer in answers.items():
            with suppress(BlockingIOError):
                while part := browser.recv(65_536):
                    answer.extend(part)
        return all(len(answer) > 100_000 for answer in answers.values())

    with ExitStack() as browsers:
        for _ in range(BROWSERS):
            browser = browsers.enter_context(socket.create_connection(("127.0.0.1", port.getHost().port)))
            browser.sendall(GET)
            browser.setblocking(False)
            answers[browser] = bytearray()
        until(all_read, 30)
    result_of(port.stopListening())
    until(lambda: site.connections == 0)
    assert site.refused["busy"] == 0
