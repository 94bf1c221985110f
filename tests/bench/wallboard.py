"""Bytes and CPU that many open wallboards cost the daemon: whole boards, and changes, plain and compressed.

`python tests/bench/wallboard.py [--seconds 20]`. README.md in this directory explains each figure.
"""

import os
import random
import resource
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import click
from machine import machine
from twisted.internet import reactor

from cc_bridge.calls.events import (
    BridgeEntered,
    Called,
    CallEvent,
    ChannelEnded,
    ChannelStarted,
    Connected,
    DialEnded,
    Joined,
    Left,
    MemberSeen,
)
from cc_bridge.calls.tracker import Tracker
from cc_bridge.config import Config
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.wallboard_publisher import WallboardPublisher
from cc_bridge.records import QueueVisit
from cc_bridge.wallboard.today import RatingToday
from cc_bridge.web.access.token_auth import TokenAuth
from cc_bridge.web.connection import HttpLimits
from cc_bridge.web.server import site

# Name -> path and Accept-Encoding. The first one is the stream before changes were sent.
_STREAMS = {
    "whole": ("/api/live/events?whole=1", "identity"),
    "whole_gzip": ("/api/live/events?whole=1", "gzip"),
    "changes": ("/api/live/events", "identity"),
    "changes_gzip": ("/api/live/events", "gzip"),
}
_HISTORY_SECONDS = 900
_SETTLE_SECONDS = 3.0


class ContactCentre:
    """A contact centre whose calls are applied to a tracker: `calls_a_second` of them, each with a talk.

    Each agent is a member of two queues.
    """

    def __init__(self, tracker: Tracker, queues: int, agents: int, calls_a_second: float) -> None:
        self._tracker = tracker
        self._queues = [f"queue-{number:02}" for number in range(queues)]
        self._calls_a_second = calls_a_second
        self._rng = random.Random(1)
        self._free = list(range(agents))
        self._events: list[tuple[float, int, CallEvent, int | None]] = []  # a heap; with the agent it frees
        self._numbers = count()
        self._next_at = 0.0
        self.records: list[object] = []

    def open(self, at: float) -> None:
        """Log all agents in, and let the first call arrive."""
        for agent in self._free:
            for number in {agent % len(self._queues), agent * 7 % len(self._queues)}:
                queue = self._queues[number]
                self._tracker.apply(MemberSeen(at, queue, f"PJSIP/{agent}", _name(agent), 1, False, "", 10))
        self._next_at = at

    def run_until(self, now: float) -> None:
        """Apply all events until `now`, in the order of time."""
        while self._next_at <= now:
            if self._free:
                self._begin(self._next_at)
            self._next_at += self._rng.expovariate(self._calls_a_second)
        while self._events and self._events[0][0] <= now:
            *_, event, freed = heappop(self._events)
            self.records += self._tracker.apply(event)
            if freed is not None:
                self._free.append(freed)
        self.records += self._tracker.tick(now)

    def _begin(self, at: float) -> None:
        """Plan all events of a call that arrives at the instant `at`, and whose agent is free."""
        agent = self._free.pop(self._rng.randrange(len(self._free)))
        caller, phone = f"c{at}", f"p{at}"
        queue, interface = self._queues[agent % len(self._queues)], f"PJSIP/{agent}"
        rings_at = at + self._rng.expovariate(1 / 10)
        answered_at = rings_at + self._rng.uniform(2, 8)
        ends_at = answered_at + self._rng.uniform(60, 240)
        call = (caller, caller, queue, interface, _name(agent), phone)
        events: list[CallEvent] = [
            ChannelStarted(at, caller, caller, "in", "600", "0912", "", "fa"),
            Joined(at, caller, caller, queue, 1, "0912", "", "fa"),
            ChannelStarted(rings_at, phone, caller, "out", "", "", "", "fa"),
            Called(rings_at, *call),
            DialEnded(answered_at, phone, "ANSWER", caller),
            Left(answered_at, caller, queue),
            Connected(answered_at, *call, f"{interface}-1", 5, "0912", "", "fa"),
            BridgeEntered(answered_at, f"b{at}", caller, "", False),
            BridgeEntered(answered_at, f"b{at}", phone, "", False),
            ChannelEnded(ends_at, phone, 16),
            ChannelEnded(ends_at, caller, 16),
        ]
        for event in events:
            freed = agent if event is events[-1] else None
            heappush(self._events, (event.at, next(self._numbers), event, freed))


def _name(agent: int) -> str:
    return f"Agent Number {agent:03}"


def serve(queues: int, agents: int, calls_a_second: float) -> None:
    """Run the wallboard of a contact centre, and print the port. The function does not return."""
    config = Config(
        wallboard={"show_agent_names": True, "max_listeners": 1000}, http={"max_connections": 1000}
    )
    tracker = Tracker("pbx")
    link = SimpleNamespace(up=True, pbx_now=time.time)
    question = SimpleNamespace(id="agent", kind="csat")
    surveys = SimpleNamespace(surveys={config.queue("").survey: SimpleNamespace(questions=[question])})
    context = Context(config, reactor, time.time, lambda *_: None, SimpleNamespace(engine=None))
    wall = WallboardPublisher(context, surveys, tracker, link)
    centre = ContactCentre(tracker, queues, agents, calls_a_second)
    rng = random.Random(2)

    def go_on(now: float) -> None:
        centre.run_until(now)
        for record in centre.records:
            if not isinstance(record, QueueVisit):
                continue
            wall.today.add_visits([record])
            if rng.random() < 0.3:
                value = rng.choice((5, 5, 4, 3))
                rated = RatingToday(record.queue, record.uniqueid, "agent", "csat", value, record.left_at)
                wall.today.add_answers([rated])
        centre.records.clear()

    def tick() -> None:
        reactor.callLater(1.0, tick)
        go_on(time.time())
        wall.tick()

    began_at = time.time()
    wall.today.start_day(began_at, None)
    centre.open(began_at - _HISTORY_SECONDS)
    for second in range(_HISTORY_SECONDS):
        go_on(began_at - _HISTORY_SECONDS + second)
    pages = site(
        lambda _: (b"", ""), dict, dict, TokenAuth("127.0.0.1", ""), wall.current, wall.stream, reactor,
        HttpLimits(1000),
    )  # fmt: skip
    port = reactor.listenTCP(0, pages, backlog=500, interface="127.0.0.1")
    sys.stdout.write(f"{port.getHost().port}\n")
    sys.stdout.flush()
    tick()
    reactor.run()


def listen(port: int, stream: str, listeners: int, token: str = "") -> list[socket.socket]:
    """Open the event stream of this name as often as `listeners` says."""
    path, encoding = _STREAMS[stream]
    lines = [
        f"GET {path} HTTP/1.1", f"Host: localhost:{port}", f"Accept-Encoding: {encoding}",
        f"Authorization: Bearer {token}", "", "",
    ]  # fmt: skip
    request = "\r\n".join(lines)
    sockets = []
    for _ in range(listeners):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.sendall(request.encode())
        peer.setblocking(False)
        sockets.append(peer)
    return sockets


def received(sockets: list[socket.socket], seconds: float) -> Counter[socket.socket]:
    """Read from all sockets for `seconds`; return the number of bytes from each."""
    poll, by_descriptor = select.epoll(), {each.fileno(): each for each in sockets}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    until, counts = time.monotonic() + seconds, Counter(dict.fromkeys(sockets, 0))
    while (rest := until - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(rest):
            data = by_descriptor[descriptor].recv(1 << 20)
            if not data:
                raise click.ClickException("the daemon closed a stream")
            counts[by_descriptor[descriptor]] += len(data)
    poll.close()
    return counts


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process's first thread, exactly; the ticks of `stat` miss short bursts."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def measure(pid: int, port: int, stream: str, listeners: int, seconds: float) -> tuple[float, float]:
    """Return the bytes a second of all listeners together, and the share of a CPU that the daemon used."""
    sockets = listen(port, stream, listeners)
    received(sockets, _SETTLE_SECONDS)
    used = cpu_seconds(pid)
    counts = received(sockets, seconds)
    used = cpu_seconds(pid) - used
    if min(counts.values(), default=1) == 0:
        raise click.ClickException("a listener received nothing")
    for each in sockets:
        each.close()
    time.sleep(1.5)  # until the daemon has noticed that they left
    return sum(counts.values()) / seconds, used / seconds


@click.command()
@click.option("--listeners", default=200, show_default=True)
@click.option("--queues", default=50, show_default=True)
@click.option("--agents", default=200, show_default=True)
@click.option("--calls", default=1.0, show_default=True, help="Calls a second.")
@click.option("--seconds", default=20.0, show_default=True, help="Measured time of each stream.")
@click.option("--serve", "serving", is_flag=True, hidden=True)
def main(listeners: int, queues: int, agents: int, calls: float, seconds: float, *, serving: bool) -> None:
    """Measure what open wallboards cost the daemon."""
    if serving:
        serve(queues, agents, calls)
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    click.echo(machine())
    click.echo(
        f"{listeners} listeners, {queues} queues, {agents} agents with names, {calls:g} calls a second"
    )
    options = [f"--queues={queues}", f"--agents={agents}", f"--calls={calls}"]
    command = [sys.executable, __file__, "--serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as daemon:
        try:
            port = int(daemon.stdout.readline())
            _, idle = measure(daemon.pid, port, "changes", 0, 5.0)
            click.echo(f"no listener: {idle * 1000:.0f} ms of CPU a second")
            found = {name: measure(daemon.pid, port, name, listeners, seconds) for name in _STREAMS}
        finally:
            daemon.kill()
    for name, (size, cpu) in found.items():
        each, busy = size / listeners / 1000, cpu * 1000
        click.echo(f"{name:13} {size / 1e6:7.3f} MB/s, {each:7.2f} kB/s each, {busy:4.0f} ms of CPU a second")
    (before, cpu_before), (after, cpu) = found["whole"], found["changes_gzip"]
    figures = {
        "mb_s": after / 1e6,
        "mb_s_before": before / 1e6,
        "plain_mb_s": found["changes"][0] / 1e6,
        "cpu": cpu,
        "cpu_before": cpu_before,
    }
    click.echo("RESULT " + " ".join(f"{name}={value:.3g}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
