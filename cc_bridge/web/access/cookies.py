"""The names of the cookies that open pages.

Browsers send a cookie to every port of its host. So the names contain the PBX's name and the port of the
daemon. Without that, a log-in to one daemon would replace the log-in to another daemon on the same host, or
behind the same proxy.
"""

from dataclasses import dataclass

__all__ = ["CookieNames"]


@dataclass(frozen=True, slots=True)
class CookieNames:
    """The names of one daemon's cookies.

    `daemon` is the part that differs between daemons, such as `pbx_14574`. It has only characters that are
    allowed in the name of a cookie: A-Z a-z 0-9 _ . -
    """

    daemon: str = "pbx_14574"

    @property
    def session(self) -> str:
        """The cookie of a person who has logged in."""
        return f"cc_bridge_session_{self.daemon}"

    @property
    def guest(self) -> str:
        """The cookie of a visitor of the log-in form."""
        return f"cc_bridge_guest_{self.daemon}"

    @property
    def wall(self) -> str:
        """The cookie of a wall screen that has sent the right token."""
        return f"cc_bridge_wall_{self.daemon}"
