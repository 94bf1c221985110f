"""The simulated PBX: an AMI server that plays a recording in real time to each client that logs in.

It supports the part of AMI that a daemon needs: banner, login by MD5 challenge, Ping, QueueStatus,
CoreShowChannels, and error messages with the texts of Asterisk 22. Like a real PBX, it does not wait for
clients: the recording also plays while no client is logged in. A new client gets the current state from the
lists QueueStatus and CoreShowChannels.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import md5
from secrets import randbelow
from typing import ClassVar

from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from cc_bridge.ami.messages import encode
from cc_bridge.demo.pbx_state import Item, PbxState
from cc_bridge.demo.recording import AmiRecording, RecordedHeaders, TimedEvent

__all__ = ["RecordedPbx"]

# Asterisk waits this long before it rejects a login (main/manager.c).
_REJECTION_SECONDS = 1.0
_CHALLENGES = 10**9


class RecordedPbx(Factory):
    """A simulated PBX that sends recorded AMI events to its clients, from `start` until `stop`.

    The functions in `listeners` receive the headers of each event when it is sent.
    """

    noisy = False

    def __init__(self, recording: AmiRecording, credentials: tuple[str, str], clock: IReactorTime) -> None:
        self.credentials = credentials
        self.clock = clock
        self.state = PbxState(recording.queues, recording.members)
        self.sessions: set[_ManagerSession] = set()  # only sessions that are logged in
        self.listeners: list[Callable[[RecordedHeaders], None]] = []
        self._recording = recording
        self._timer: IDelayedCall | None = None

    def buildProtocol(self, addr: IAddress | None) -> "_ManagerSession":  # noqa: ARG002  # Twisted passes it
        return _ManagerSession(self)

    def start(self) -> None:
        """Start to play the recording."""
        events = self._recording.endless(self.clock.seconds())
        self._play(events, next(events))

    def stop(self) -> None:
        """Stop playing the recording."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _play(self, events: Iterator[TimedEvent], coming: TimedEvent) -> None:
        """Send each event whose time has come to all sessions and listeners, and schedule the next event.

        `coming` is the next event; `events` yields the events after it.
        """
        while (early := coming.at - self.clock.seconds()) <= 0:
            self.state.apply(coming)
            for session in self.sessions:
                session.transport.write(coming.text.encode())
            for listener in self.listeners:
                listener(coming.headers)
            coming = next(events)
        self._timer = self.clock.callLater(early, self._play, events, coming)


class _ManagerSession(LineOnlyReceiver):
    """The connection of one AMI client to the simulated PBX."""

    delimiter = b"\n"
    MAX_LENGTH = 1024  # Asterisk's own limit
    transport: ITCPTransport

    def __init__(self, pbx: RecordedPbx) -> None:
        self._pbx = pbx
        self._action: dict[str, str] = {}
        self._challenge = ""
        self._rejection: IDelayedCall | None = None

    # -- what Twisted calls

    def connectionMade(self) -> None:
        self.transport.write(b"Asterisk Call Manager/11.0.0\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002  # Twisted passes it
        self._pbx.sessions.discard(self)
        if self._rejection is not None and self._rejection.active():
            self._rejection.cancel()

    def lineReceived(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if text:
            name, _, value = text.partition(":")
            self._action[name.lower()] = value.strip()
            return
        action, self._action = self._action, {}
        if action:
            self._dispatch(action)

    # -- inside

    def _dispatch(self, action: dict[str, str]) -> None:
        name = action.get("action", "").lower()
        if not name:
            self._answer(action, "Error", ("Message", "Missing action in request"))
        elif self not in self._pbx.sessions and name not in {"challenge", "login"}:
            self._answer(action, "Error", ("Message", "Permission denied"))
        elif name not in self._ACTIONS:
            unknown = f"Invalid/unknown command: {action['action']}."
            hint = "Use Action: ListCommands to show available commands."
            self._answer(action, "Error", ("Message", f"{unknown} {hint}"))
        else:
            self._ACTIONS[name](self, action)

    def _send_challenge(self, action: dict[str, str]) -> None:
        if action.get("authtype", "").lower() != "md5":
            self._answer(action, "Error", ("Message", "Must specify AuthType"))
            return
        self._challenge = self._challenge or str(randbelow(_CHALLENGES))
        self._answer(action, "Success", ("Challenge", self._challenge))

    def _login(self, action: dict[str, str]) -> None:
        username, secret = self._pbx.credentials
        key = md5((self._challenge + secret).encode(), usedforsecurity=False).hexdigest()
        if not self._challenge or (action.get("username"), action.get("key")) != (username, key):
            self._rejection = self._pbx.clock.callLater(_REJECTION_SECONDS, self._reject_login, action)
            return
        self._answer(action, "Success", ("Message", "Authentication accepted"))
        self._send(
            ("Event", "FullyBooted"),
            ("Privilege", "system,all"),
            ("Timestamp", f"{self._pbx.clock.seconds():.6f}"),
            ("Status", "Fully Booted"),
        )
        self._pbx.sessions.add(self)

    def _reject_login(self, action: dict[str, str]) -> None:
        self._answer(action, "Error", ("Message", "Authentication failed"))
        self.transport.loseConnection()

    def _ping(self, action: dict[str, str]) -> None:
        now = f"{self._pbx.clock.seconds():.6f}"
        self._answer(action, "Success", ("Ping", "Pong"), ("Timestamp", now))

    def _queue_status(self, action: dict[str, str]) -> None:
        items = self._pbx.state.queue_status(self._pbx.clock.seconds())
        self._list(action, "Queue status will follow", items, "QueueStatusComplete")

    def _core_show_channels(self, action: dict[str, str]) -> None:
        items = self._pbx.state.channels(self._pbx.clock.seconds())
        self._list(action, "Channels will follow", items, "CoreShowChannelsComplete")

    def _logoff(self, action: dict[str, str]) -> None:
        self._answer(action, "Goodbye", ("Message", "Thanks for all the fish."))
        self.transport.loseConnection()

    def _list(self, action: dict[str, str], message: str, items: Iterable[Item], complete: str) -> None:
        """Answer an action with a list: the response, one event for each item, and the event `complete`."""
        action_id = self._action_id(action)
        self._answer(action, "Success", ("EventList", "start"), ("Message", message))
        listed = list(items)
        for event, *headers in listed:
            self._send(event, *action_id, *headers)
        number = str(len(listed))
        self._send(("Event", complete), *action_id, ("EventList", "Complete"), ("ListItems", number))

    def _answer(self, action: dict[str, str], response: str, *headers: tuple[str, str]) -> None:
        self._send(("Response", response), *self._action_id(action), *headers)

    def _action_id(self, action: dict[str, str]) -> Item:
        return [("ActionID", action["actionid"])] if "actionid" in action else []

    def _send(self, *headers: tuple[str, str]) -> None:
        self.transport.write(encode(headers))

    _ACTIONS: ClassVar[dict[str, Callable[["_ManagerSession", dict[str, str]], None]]] = {
        "challenge": _send_challenge,
        "login": _login,
        "ping": _ping,
        "queuestatus": _queue_status,
        "coreshowchannels": _core_show_channels,
        "logoff": _logoff,
    }
