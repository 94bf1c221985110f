"""The simulated callers of the demo, who answer surveys by pressing keys.

`SurveyCallers` follows the events of the simulated PBX. For each recorded caller who stays on the line after
the agent left, an `_AgiSession` connects to the daemon's FastAGI port like Asterisk. It plays no sound but
takes as long as the prompt, and it sends HANGUP when the recorded channel ends.

Asterisk sets QUEUESTATUS to CONTINUE if the agent ends a talk and the caller stays. It does so too if the
caller hangs up, or if the dialplan ends the call after the talk; then a Hangup event follows immediately. A
session therefore starts only after 0.2 s, and does not start if the Hangup event has arrived by then.
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

__all__ = ["SurveyCallers", "keys"]

_HANGUP_SECONDS = 0.2  # in the recording, an immediate Hangup event follows within 3 ms
# Shorter than the real prompts, because the recorded callers stay on the line for only 1 to 20 s.
_QUESTION_SECONDS = 1.5
_PROMPT_SECONDS = 0.8
_SAMPLES = 8000  # a second

# Percentages of the callers who press 1, 2, 3, 4 and 5: without a wait, and after a long wait.
_SATISFIED = (2, 3, 8, 37, 50)
_DISSATISFIED = (22, 20, 23, 22, 13)
_DISSATISFIED_AFTER = 12.0  # seconds of waiting; the recorded callers who abandon do so after 8 to 20 s
_WRONG_KEYS = "06789*"
# Fractions of the callers who never press a key, who miss the first question, and who first press a wrong
# key.
_SILENT, _HESITANT, _CLUMSY = 0.06, 0.06, 0.12

_ARGUMENT = re.compile(r'"((?:\\.|[^"\\])*)"')


def keys(rng: random.Random, waited: float) -> Iterator[str]:
    """Yield the key that a caller presses at each question, or an empty text if the caller presses none.

    The keys are random. After a long wait in the queue (`waited`, in seconds), low ratings are more likely.
    """
    chance = rng.random()
    while chance < _SILENT:
        yield ""
    if chance < _SILENT + _HESITANT:
        yield ""
    elif chance < _SILENT + _HESITANT + _CLUMSY:
        yield rng.choice(_WRONG_KEYS)
    share = min(waited / _DISSATISFIED_AFTER, 1.0)
    weights = [low + share * (high - low) for low, high in zip(_SATISFIED, _DISSATISFIED, strict=True)]
    while True:
        yield rng.choices("12345", weights)[0]


class SurveyCallers:
    """The simulated callers who answer surveys of the daemon at its FastAGI endpoint `agi`.

    `on_event` must receive the headers of each event of the simulated PBX.
    """

    def __init__(self, agi: IStreamClientEndpoint, clock: IReactorTime, rng: random.Random) -> None:
        self._agi = agi
        self._clock = clock
        self._rng = rng
        self._served: dict[str, RecordedHeaders] = {}  # AgentConnect events, by the caller's Uniqueid
        self._sessions: dict[str, _AgiSession] = {}  # by the caller's Uniqueid

    def on_event(self, headers: RecordedHeaders) -> None:
        """Start a survey session for a caller who stays after the talk; end it at the caller's hangup."""
        uniqueid = headers.get("Uniqueid", "")
        match headers["Event"]:
            case "AgentConnect":
                self._served[uniqueid] = headers
            case "VarSet" if headers["Value"] == "CONTINUE" and uniqueid in self._served:
                served = self._served[uniqueid]
                pressed = keys(self._rng, float(served["HoldTime"]))
                session = _AgiSession(
                    _agi_environment(headers, served), pressed, self._rng.random, self._clock
                )
                session.dial(self._agi)
                self._sessions[uniqueid] = session
            case "Hangup":
                self._served.pop(uniqueid, None)
                if uniqueid in self._sessions:
                    self._sessions.pop(uniqueid).hang_up()

    def hang_up(self) -> None:
        """End all survey sessions as if the callers hung up."""
        for session in self._sessions.values():
            session.hang_up()


class _AgiSession(LineOnlyReceiver):
    """The PBX's side of one AGI session, with a simulated caller who presses keys.

    `head` is the AGI environment, the lines that Asterisk sends first. `keys` yields the pressed key of each
    question. `chance` returns a random number from 0 to 1, which decides how quickly the caller presses a
    key.
    """

    delimiter = b"\n"
    transport: ITCPTransport

    def __init__(
        self, head: bytes, keys: Iterator[str], chance: Callable[[], float], clock: IReactorTime
    ) -> None:
        self._head = head
        self._keys = keys
        self._chance = chance
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._hung_up = False

    def dial(self, agi: IStreamClientEndpoint) -> None:
        """Connect to the daemon after 0.2 s, unless the caller hangs up before."""
        self._timer = self._clock.callLater(_HANGUP_SECONDS, self._dial, agi)

    def hang_up(self) -> None:
        """End the session as Asterisk does when the caller hangs up.

        The running AGI command fails, HANGUP is sent, and the connection is closed.
        """
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
        run_command = self._COMMANDS.get(command)
        if self._hung_up:
            return
        if run_command is None:
            self._reply("510 Invalid or unknown command")
        else:
            seconds, reply = run_command(self, _ARGUMENT.findall(text))
            self._timer = self._clock.callLater(seconds, self._reply, reply)

    # -- inside

    def _dial(self, agi: IStreamClientEndpoint) -> None:
        # During its shutdown, the daemon accepts no sessions. The caller then gets no survey.
        connectProtocol(agi, self).addErrback(lambda failure: failure.trap(ConnectError) and None)

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _reply(self, line: str) -> None:
        self.transport.write(f"{line}\n".encode())

    # -- the AGI commands; each returns its duration in seconds and its reply

    def _set_variable(self, _arguments: list[str]) -> tuple[float, str]:
        return 0.0, "200 result=1"

    def _stream_file(self, _arguments: list[str]) -> tuple[float, str]:
        return _PROMPT_SECONDS, f"200 result=0 endpos={round(_PROMPT_SECONDS * _SAMPLES)}"

    def _get_data(self, arguments: list[str]) -> tuple[float, str]:
        key = next(self._keys)
        if not key:
            return _QUESTION_SECONDS + int(arguments[1]) / 1000, "200 result= (timeout)"
        # Some callers press a key while the question is played, others some time after it.
        return _QUESTION_SECONDS * (0.5 + self._chance()), f"200 result={key}"

    _COMMANDS: ClassVar[dict[str, Callable[["_AgiSession", list[str]], tuple[float, str]]]] = {
        "SET VARIABLE": _set_variable,
        "STREAM FILE": _stream_file,
        "GET DATA": _get_data,
    }


def _agi_environment(channel: RecordedHeaders, served: RecordedHeaders) -> bytes:
    """Return the AGI environment that Asterisk sends for AGI(agi://127.0.0.1/survey,queue,interface).

    `channel` has the headers of an event of the caller's channel. `served` has the headers of the
    AgentConnect event, which names the queue and the agent's interface.
    """
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
