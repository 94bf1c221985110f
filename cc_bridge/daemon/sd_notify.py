"""Tells systemd the daemon's state: ready, reloading, stopping, and alive periodically (sd_notify(3)).

Without systemd it does nothing. A module of our own, since the package `sdnotify` is the same few lines and
has had no release since 2017, and `systemd-python` is compiled on every machine, against libsystemd.

It runs in the reactor, which must not wait. systemd reads its socket at once unless it is busy itself, so a
message is given up after a second; the next sign of life makes up for it.
"""

import os
import socket
import time
from collections.abc import Mapping

from twisted.logger import Logger

__all__ = ["SdNotify"]

_log = Logger()

_PATIENCE_SECONDS = 1.0


class SdNotify:
    """systemd's side of one process, by the environment that it was started with."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ is an abstract socket, which has no file (unix(7)).
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        # The environment is inherited, the watchdog is not: it names the process that it watches.
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 if watched else 0.0

    def ready(self, status: str) -> None:
        """Say that everything is open; `systemctl status` shows `status`."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` follows, whatever comes of it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def alive(self) -> None:
        """Give a sign of life; without one in `watchdog_seconds` systemd takes the process for hung."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_PATIENCE_SECONDS)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            _log.warn("systemd did not hear {message!r}: {error}", message=message, error=error)
