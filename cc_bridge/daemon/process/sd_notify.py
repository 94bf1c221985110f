"""Notifications to systemd: ready, reloading, stopping, and a periodic watchdog message (sd_notify(3)).

Without systemd, nothing is sent. The package `sdnotify` is not used: it has the same few lines and no release
since 2017. The package `systemd-python` is not used either: it must be compiled against libsystemd on every
machine.

Messages are sent from the reactor, which must not wait long. systemd normally reads its socket immediately.
A message that is not read within one second is discarded; the next watchdog message follows anyway.
"""

import os
import socket
import time
from collections.abc import Mapping

from twisted.logger import Logger

__all__ = ["SdNotify"]

_log = Logger()

_SEND_TIMEOUT_SECONDS = 1.0


class SdNotify:
    """A sender of notifications from this process to systemd.

    `watchdog_seconds` is the longest time that systemd allows between two watchdog messages; 0 means that
    the watchdog is off.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read the address of systemd's socket and the watchdog interval from environment variables.

        systemd sets these variables. Without the address, nothing is sent.
        """
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ denotes an abstract socket, which has no file (unix(7)).
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        # A child process inherits the variables, but only the process in WATCHDOG_PID is watched.
        watched = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 if watched else 0.0

    def ready(self, status: str) -> None:
        """Report that the daemon has started or has finished a reload.

        `status` is a text that `systemctl status` shows.
        """
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Report that a configuration reload has started.

        After the reload, `ready` must be called, even if the reload failed.
        """
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def alive(self) -> None:
        """Send a watchdog message.

        systemd restarts the process if no message arrives for `watchdog_seconds`.
        """
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the daemon shuts down."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(_SEND_TIMEOUT_SECONDS)
                sender.sendto(message.encode(), self._address)
        except OSError as error:
            _log.warn(
                "cannot notify systemd of {message!r}: {error}; the message is not sent again",
                message=message,
                error=error,
            )
