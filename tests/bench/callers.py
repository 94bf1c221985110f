"""Callers of a contact centre as Asterisk connects them to FastAGI: they answer, and latency is measured.

`agi.py` runs them against each contestant in turn. A caller sends the AGI environment of Asterisk 22.10. A
variable is answered immediately, a prompt after the time for listening and pressing a key. This time is drawn
evenly between two bounds, with the same draws for each contestant.

All callers are held twice. The first prompt is held until all callers have connected, so that the rest finds
all surveys in progress. The last prompt but one is held too, and then all replies are sent at the same time:
the burst.

Note: latency is measured in this process, so it must not be the busy one. It only polls.
"""

import heapq
import random
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["COMMANDS", "Pace", "Played", "play"]

COMMANDS = 11  # of each caller
_DEADLINE = 120.0  # seconds for the whole run

_HEAD = """\
agi_network: yes
agi_network_script: survey
agi_request: agi://127.0.0.1:14573/survey
agi_channel: PJSIP/trunk-{number:08x}
agi_language: en
agi_type: PJSIP
agi_uniqueid: pbx-1790000000.{number}
agi_version: 22.10.1
agi_callerid: 0912{number:07}
agi_calleridname: Caller {number}
agi_callingpres: 0
agi_callingani2: 0
agi_callington: 0
agi_callingtns: 0
agi_dnid: 600
agi_rdnis: unknown
agi_context: cc-bridge-survey
agi_extension: s
agi_priority: 4
agi_enhanced: 0.0
agi_accountcode:{space}
agi_threadid: 140{number:012}

"""

# Command -> its reply, and whether the caller listens first.
_REPLIES = {
    b"SET VARIABLE": (b"200 result=1\n", False),
    b"GET DATA": (b"200 result=5\n", True),
    b"STREAM FILE": (b"200 result=0 endpos=24000\n", True),
}


@dataclass(frozen=True)
class Pace:
    """The number and rate of callers, and the least and most seconds that a caller listens to a prompt."""

    callers: int
    callers_per_second: float
    least: float
    most: float


@dataclass
class Played:
    """The result of one run of callers.

    `spread` and `burst` are latencies from a reply to the next command, in ms: those of the drawn pace, and
    those of the replies that were sent at the same time.
    """

    finished: int = 0  # callers that got all commands before the connection was closed
    lost: list[str] = field(default_factory=list)  # the reasons, for all other callers
    spread: list[float] = field(default_factory=list)
    burst: list[float] = field(default_factory=list)
    seconds: float = 0.0


class _Caller:
    __slots__ = ("commands", "heard", "number", "reply", "sent_at", "socket")

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.socket = connection
        self.commands = 0
        self.heard = b""
        self.reply = b""
        self.sent_at = 0.0


class _Play:
    def __init__(self, port: int, pace: Pace, look: Callable[[], None]) -> None:
        self.found = Played()
        self._port = port
        self._pace = pace
        self._look = look
        self._chance = random.Random(1)
        self._poll = select.epoll()
        self._callers: dict[int, _Caller] = {}
        self._come = 0
        self._due: list[tuple[float, int, _Caller]] = []  # the instant of the reply, and its caller
        self._held: list[_Caller] = []
        self._all_have_come = False

    def run(self) -> Played:
        begun = now = time.perf_counter()
        look_at = begun
        while self._come < self._pace.callers or self._callers:
            if now > begun + _DEADLINE:
                self.found.lost += [f"not over after {_DEADLINE:.0f} s"] * len(self._callers)
                break
            come_at = begun + self._come / self._pace.callers_per_second
            if self._come < self._pace.callers and come_at <= now:
                self._connect()
            while self._due and self._due[0][0] <= now:
                self._reply(heapq.heappop(self._due)[2])
            if now >= look_at:
                self._look()
                look_at = now + 0.5
            self._hear(self._until(come_at, now))
            self._release()
            now = time.perf_counter()
        self.found.seconds = now - begun
        self._poll.close()
        for caller in self._callers.values():
            caller.socket.close()
        return self.found

    def _until(self, come_at: float, now: float) -> float:
        """Return the seconds until the next caller or reply is due, at most 0.1."""
        next_at = [self._due[0][0]] if self._due else []
        if self._come < self._pace.callers:
            next_at.append(come_at)
        return max(0.0, min([*next_at, now + 0.1]) - now)

    def _connect(self) -> None:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(_HEAD.format(number=self._come, space=" ").encode())
        connection.setblocking(False)
        self._callers[connection.fileno()] = _Caller(self._come, connection)
        self._poll.register(connection, select.EPOLLIN)
        self._come += 1

    def _reply_in(self, seconds: float, caller: _Caller) -> None:
        heapq.heappush(self._due, (time.perf_counter() + seconds, caller.number, caller))

    def _reply(self, caller: _Caller) -> None:
        if caller.socket.fileno() < 0:
            return  # the connection was closed meanwhile
        caller.sent_at = time.perf_counter()
        try:
            caller.socket.send(caller.reply)  # a line of 20 bytes always fits
        except OSError as error:
            self._gone(caller, str(error))

    def _hear(self, seconds: float) -> None:
        for number, _ in self._poll.poll(seconds):
            caller = self._callers[number]
            try:
                data = caller.socket.recv(4096)
            except OSError as error:
                self._gone(caller, str(error))
                continue
            now = time.perf_counter()
            if not data:
                self._gone(caller)
                continue
            caller.heard += data
            if caller.heard.endswith(b"\n"):
                self._command(caller, now)

    def _command(self, caller: _Caller, now: float) -> None:
        command, caller.heard = caller.heard, b""
        caller.commands += 1
        if caller.commands == COMMANDS:
            self.found.burst.append((now - caller.sent_at) * 1000)
        elif self._all_have_come:
            self.found.spread.append((now - caller.sent_at) * 1000)
        name = b" ".join(command.split(b" ", 2)[:2])
        if name not in _REPLIES:
            self._gone(caller, f"asked for {command[:40]!r}")
            return
        caller.reply, listens = _REPLIES[name]
        if not listens:
            self._reply(caller)
        elif not self._all_have_come or caller.commands == COMMANDS - 1:
            self._held.append(caller)
        else:
            self._reply_in(self._chance.uniform(self._pace.least, self._pace.most), caller)

    def _release(self) -> None:
        """Release the held callers once all callers have connected and all are held."""
        if not self._held or self._come < self._pace.callers or len(self._held) < len(self._callers):
            return
        self._look()
        held, self._held = self._held, []
        for caller in held:
            if self._all_have_come:
                self._reply(caller)
            else:
                self._reply_in(self._chance.uniform(0, self._pace.most), caller)
        self._all_have_come = True

    def _gone(self, caller: _Caller, why: str = "") -> None:
        if caller.commands == COMMANDS and not why:
            self.found.finished += 1
        else:
            self.found.lost.append(f"{why or 'let go'} after {caller.commands} commands")
        self._poll.unregister(caller.socket)
        del self._callers[caller.socket.fileno()]
        if caller in self._held:
            self._held.remove(caller)
        caller.socket.close()


def play(port: int, pace: Pace, look: Callable[[], None]) -> Played:
    """Run a pace's callers against a port. `look` runs twice a second and whenever all callers are held."""
    return _Play(port, pace, look).run()
