"""Callers who press keys: each recorded one who outlives the agent's leaving is asked, and answers somehow.

`DemoCallers` listens to the PBX. As Asterisk would, a `_Line` connects to the daemon's FastAGI port,
plays no sound but takes the time for it, and tells of the hang-up when the recorded channel ends.

The trap: QUEUESTATUS is also CONTINUE for a caller who hung up, or whom the dialplan hangs up next. Only the
Hangup at once tells, so the call to the daemon waits a moment for it.
"""

import random
import re
from collections.abc import Callable, Iterator
from typing import ClassVar

from twisted.internet.endpoints import connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from cc_bridge.demo.recording import RecordedHeaders

__all__ = ["DemoCallers", "keys"]

_SETTLE_SECONDS = 0.2  # in the recording a Hangup at once comes within 3 ms
# Shorter than the spoken prompts, since the recorded callers stay for 1 to 20 s.
_QUESTION_SECONDS = 1.5
_PROMPT_SECONDS = 0.8
_SAMPLES = 8000  # a second

# How many of a hundred callers press 1 to 5: those who were served at once, and those who waited too long.
_PLEASED = (2, 3, 8, 37, 50)
_CROSS = (22, 20, 23, 22, 13)
_TOO_LONG = 12.0  # seconds; the recorded callers are patient for 8 to 20
_WRONG_KEYS = "06789*"
# Shares of callers who never press a key, not at once, or a wrong one first.
_SILENT, _HESITANT, _CLUMSY = 0.06, 0.06, 0.12

_ARGUMENT = re.compile(r'"((?:\\.|[^"\\])*)"')


def keys(rng: random.Random, waited: float) -> Iterator[str]:
    """Yield what a caller presses at each question after `waited` seconds in the queue; empty is nothing."""
    temper = rng.random()
    while temper < _SILENT:
        yield ""
    if temper < _SILENT + _HESITANT:
        yield ""
    elif temper < _SILENT + _HESITANT + _CLUMSY:
        yield rng.choice(_WRONG_KEYS)
    anger = min(waited / _TOO_LONG, 1.0)
    weights = [glad + anger * (cross - glad) for glad, cross in zip(_PLEASED, _CROSS, strict=True)]
    while True:
        yield rng.choices("12345", weights)[0]


class DemoCallers:
    """All callers after their talk; `heard` takes the headers of each event that the PBX plays."""

    def __init__(self, agi: IStreamClientEndpoint, clock: IReactorTime, rng: random.Random) -> None:
        self._agi = agi
        self._clock = clock
        self._rng = rng
        self._served: dict[str, RecordedHeaders] = {}  # AgentConnect, by the caller's channel
        self._lines: dict[str, _Line] = {}  # by the caller's channel

    def heard(self, headers: RecordedHeaders) -> None:
        uniqueid = headers.get("Uniqueid", "")
        match headers["Event"]:
            case "AgentConnect":
                self._served[uniqueid] = headers
            case "VarSet" if headers["Value"] == "CONTINUE" and uniqueid in self._served:
                served = self._served[uniqueid]
                presses = keys(self._rng, float(served["HoldTime"]))
                line = _Line(_head(headers, served), presses, self._rng.random, self._clock)
                line.dial(self._agi)
                self._lines[uniqueid] = line
            case "Hangup":
                self._served.pop(uniqueid, None)
                if uniqueid in self._lines:
                    self._lines.pop(uniqueid).hang_up()

    def hang_up(self) -> None:
        """Let all of them hang up, since the demo ends."""
        for line in self._lines.values():
            line.hang_up()


class _Line(LineOnlyReceiver):
    """Asterisk's side of one AGI session, and the caller's ear and fingers."""

    delimiter = b"\n"
    transport: ITCPTransport

    def __init__(
        self, head: bytes, presses: Iterator[str], chance: Callable[[], float], clock: IReactorTime
    ) -> None:
        self._head = head
        self._presses = presses
        self._chance = chance
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._hung_up = False

    def dial(self, agi: IStreamClientEndpoint) -> None:
        """Connect in a moment, unless the caller hangs up before."""
        self._timer = self._clock.callLater(_SETTLE_SECONDS, self._dial, agi)

    def hang_up(self) -> None:
        """End the caller's channel: the running command fails, HANGUP follows, and the connection closes."""
        self._hung_up = True
        waiting = self._timer is not None and self._timer.active()
        self._stop_timer()
        if self.connected:
            if waiting:
                self._reply("200 result=-1")
            self._reply("HANGUP")
            self.transport.loseConnection()

    # -- what Twisted calls

    def connectionMade(self) -> None:
        if self._hung_up:
            self.transport.loseConnection()
        else:
            self.transport.write(self._head)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002  # Twisted passes it
        self._stop_timer()

    def lineReceived(self, line: bytes) -> None:
        text = line.decode()
        command = text.partition(' "')[0]
        obey = self._COMMANDS.get(command)
        if self._hung_up:
            return
        if obey is None:
            self._reply("510 Invalid or unknown command")
        else:
            seconds, reply = obey(self, _ARGUMENT.findall(text))
            self._timer = self._clock.callLater(seconds, self._reply, reply)

    # -- inside

    def _dial(self, agi: IStreamClientEndpoint) -> None:
        # A daemon that is stopping takes no callers; theirs go on without a question.
        connectProtocol(agi, self).addErrback(lambda failure: failure.trap(ConnectError) and None)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _reply(self, line: str) -> None:
        self.transport.write(f"{line}\n".encode())

    # -- the commands: how long each takes, and its reply

    def _set_variable(self, _arguments: list[str]) -> tuple[float, str]:
        return 0.0, "200 result=1"

    def _stream_file(self, _arguments: list[str]) -> tuple[float, str]:
        return _PROMPT_SECONDS, f"200 result=0 endpos={round(_PROMPT_SECONDS * _SAMPLES)}"

    def _get_data(self, arguments: list[str]) -> tuple[float, str]:
        key = next(self._presses)
        if not key:
            return _QUESTION_SECONDS + int(arguments[1]) / 1000, "200 result= (timeout)"
        # Some know the question and press while it is spoken; others think for a moment.
        return _QUESTION_SECONDS * (0.5 + self._chance()), f"200 result={key}"

    _COMMANDS: ClassVar[dict[str, Callable[["_Line", list[str]], tuple[float, str]]]] = {
        "SET VARIABLE": _set_variable,
        "STREAM FILE": _stream_file,
        "GET DATA": _get_data,
    }


def _head(channel: RecordedHeaders, served: RecordedHeaders) -> bytes:
    """Return what Asterisk says first, as for AGI(agi://127.0.0.1/survey,queue,interface)."""
    fields = {
        "network": "yes",
        "network_script": "survey",
        "request": "agi://127.0.0.1/survey",
        "channel": channel["Channel"],
        "language": channel["Language"],
        "type": "PJSIP",
        "uniqueid": channel["Uniqueid"],
        "version": "22.10.1",
        "callerid": channel["CallerIDNum"],
        "calleridname": channel["CallerIDName"],
        "callingpres": "0",
        "callingani2": "0",
        "callington": "0",
        "callingtns": "0",
        "dnid": "unknown",
        "rdnis": "unknown",
        "context": "cc-bridge-survey",
        "extension": "s",
        "priority": "6",
        "enhanced": "0.0",
        "accountcode": channel["AccountCode"],
        "threadid": "1",
        "arg_1": served["Queue"],
        "arg_2": served["Interface"],
    }
    return "".join(f"agi_{name}: {value}\n" for name, value in fields.items()).encode() + b"\n"
