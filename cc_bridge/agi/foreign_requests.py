"""AGI requests for scripts that are not cc_bridge's, such as FreePBX's `dialparties.agi`.

Such requests arrive if the dialplan of another program uses the port of cc_bridge. The calls then continue
without the requested script. Each request is counted, and at most one a minute is logged.

The name of the script comes from the network, so it is truncated, and unprintable characters are replaced.
"""

from collections.abc import Callable

from twisted.logger import Logger

from cc_bridge.web.rate_limit import LogLimiter

__all__ = ["RECENT_SECONDS", "ForeignRequests"]

_log = Logger()

RECENT_SECONDS = 60.0  # a request counts as recent for this long
_LONGEST = 40  # characters of a script's name; the rest is truncated


class ForeignRequests:
    """The number of requests for other programs' scripts, and the latest such request.

    `seconds` returns the time in seconds of a clock that is never set back.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.total = 0
        self._seconds = seconds
        self._last_at: float | None = None
        self._last_script = ""
        self._lines = LogLimiter(seconds)

    def note(self, script: str, peer: str) -> None:
        """Count a request, and log it unless one was logged in the last minute.

        `peer` is the sender's address.
        """
        self.total += 1
        self._last_at, self._last_script = self._seconds(), _printable(script)
        times = self._lines.note()
        if not times:
            return
        _log.error(
            "another program's AGI calls reach cc-bridge: {script} from {peer}, {n} since the last such line;"
            " these calls continue without their script; correct the agi:// address in that program's"
            " dialplan, or give cc-bridge another agi.port",
            script=self._last_script,
            peer=peer,
            n=times,
        )

    @property
    def recent_script(self) -> str:
        """The script of the latest request if it was less than a minute ago, otherwise empty."""
        recent = self._last_at is not None and self._seconds() - self._last_at < RECENT_SECONDS
        return self._last_script if recent else ""


def _printable(script: str) -> str:
    """Return a script's name, truncated, with `?` for each unprintable character."""
    text = "".join(char if " " < char <= "~" else "?" for char in script[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
