"""An AMI port that answers actions as Asterisk does, and sends the messages it is given.

`ami.py` opens one for each measured process. An answer must not be sent inside an event. So each piece ends
with a whole message, and actions are answered between two pieces.
"""

import select
import socket
import time
from collections.abc import Iterable, Sequence
from typing import Self

from recording import END

__all__ = ["Sender"]

_BANNER = b"Asterisk Call Manager/11.0.0\r\n"
_BOOTED = b"Event: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n"
_SECONDS = 30.0  # a client that still reads never blocks longer


class Sender:
    """A listening port on loopback that accepts one connection.

    `lists` holds the items of list actions by action name. An item has no ActionID and no empty line at its
    end.
    """

    def __init__(self, lists: dict[str, Sequence[bytes]] | None = None) -> None:
        self._lists = {"QueueStatus": (), "CoreShowChannels": ()} | (lists or {})
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(_SECONDS)
        self._socket: socket.socket | None = None
        self._heard = b""
        self.port: int = self.listening.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()
        self.listening.close()

    def accept(self) -> None:
        """Accept the connection and send the banner of Asterisk."""
        self._socket, _ = self.listening.accept()
        self._socket.settimeout(_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A small buffer: a slow reader must not have seconds of work left after the last piece.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
        self._socket.sendall(_BANNER)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, messages: bytes) -> None:
        """Send whole messages, then answer the actions that have arrived."""
        self._socket.sendall(messages)
        if select.select([self], [], [], 0)[0]:
            self.answer()

    def send_paced(self, events: Iterable[tuple[bytes, bytes]], per_second: float, seconds: float) -> int:
        """Send events singly at a rate, each stamped with the current time. Return their number."""
        begun = time.monotonic()
        sent = 0
        for before, after in events:
            wait = begun + sent / per_second - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self.send(before + (b"%.6f" % time.time() if after else b"") + after)
            sent += 1
            if sent >= per_second * seconds:
                break
        return sent

    def end(self) -> None:
        """End the sending direction of the connection."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self) -> None:
        """Answer the actions that have arrived."""
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("it hung up")
        *actions, self._heard = (self._heard + data).split(END)
        for action in actions:
            headers = dict(line.split(": ", 1) for line in action.decode().lstrip().split("\r\n"))
            self._socket.sendall(self._reply(headers["Action"], f"ActionID: {headers['ActionID']}".encode()))

    def _reply(self, name: str, action_id: bytes) -> bytes:
        head = b"Response: Success\r\n" + action_id + b"\r\n"
        if name.title() == "Challenge":
            return head + b"Challenge: 100000000\r\n\r\n"
        if name.title() == "Login":
            return head + b"Message: Authentication accepted\r\n\r\n" + _BOOTED
        if name.title() == "Ping":
            return head + b"Ping: Pong\r\nTimestamp: %.6f\r\n\r\n" % time.time()
        items = self._lists.get(name)
        if items is None:
            return head + b"\r\n"
        listed = b"".join(item + action_id + END for item in items)
        complete = b"Event: %sComplete\r\n%s\r\nEventList: Complete\r\n\r\n" % (name.encode(), action_id)
        return head + b"EventList: start\r\n\r\n" + listed + complete
