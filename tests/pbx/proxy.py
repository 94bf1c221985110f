"""A cable between the daemon and Asterisk that a test can cut, and that can set the PBX's clock."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from typing import Self

__all__ = ["Proxy"]


class Proxy:
    """Passes TCP connections on to a port of this machine; `cut` drops those that there are.

    ahead: seconds that are added to each timestamp which Asterisk sends
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.ahead = 0.0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the wait of the thread that accepts
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    near.close()
                    continue
                self._pairs.append((near, far))
                threading.Thread(target=_pump, args=(near, far, bytes), daemon=True).start()
                threading.Thread(target=_pump, args=(far, near, self._restamped), daemon=True).start()

    def _restamped(self, lines: bytes) -> bytes:
        ahead = self.ahead
        if not ahead:
            return lines
        return re.sub(rb"(?<=\nTimestamp: )[\d.]+", lambda at: b"%.6f" % (float(at[0]) + ahead), lines)


def _pump(source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes]) -> None:
    rest = b""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            whole, newline, rest = (rest + data).rpartition(b"\n")
            sink.sendall(change(whole + newline))
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()
