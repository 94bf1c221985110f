"""AGI requests for scripts that are not cc-bridge's, such as FreePBX's `dialparties.agi`.

A dialplan of another program reaches our port when both programs were given the same one; its calls then
continue without their script. Each request is counted, the last one is recent for a minute, and the log names
one at most once a minute. Note: the script's name comes from the network, so it is cut and made printable.
"""

from collections.abc import Callable

from twisted.logger import Logger

__all__ = ["RECENT_SECONDS", "ForeignRequests"]

_log = Logger()

RECENT_SECONDS = 60.0  # a request counts as recent, and keeps the log quiet, for this long
_LONGEST = 40  # characters of a script's name; what follows is left out


class ForeignRequests:
    """The count of them and the last one; `seconds` is a clock that never goes back."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.total = 0
        self._seconds = seconds
        self._last_at: float | None = None
        self._last_script = ""
        self._logged_at: float | None = None
        self._unlogged = 0

    def note(self, script: str, peer: str) -> None:
        """Count a request; `peer` is the address that it came from."""
        now = self._seconds()
        self.total += 1
        self._unlogged += 1
        self._last_at, self._last_script = now, _printable(script)
        if self._logged_at is not None and now - self._logged_at < RECENT_SECONDS:
            return
        _log.error(
            "another program's AGI calls reach cc-bridge: {script} from {peer}, {n} since the last such line;"
            " correct the agi:// address in that dialplan, or give cc-bridge another agi.port",
            script=self._last_script,
            peer=peer,
            n=self._unlogged,
        )
        self._logged_at, self._unlogged = now, 0

    @property
    def recent_script(self) -> str:
        """The script of the last request if that was less than a minute ago, else empty."""
        recent = self._last_at is not None and self._seconds() - self._last_at < RECENT_SECONDS
        return self._last_script if recent else ""


def _printable(script: str) -> str:
    text = "".join(char if " " < char <= "~" else "?" for char in script[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
