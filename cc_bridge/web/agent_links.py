"""The key of an agent's own link: whose page it opens and until when, signed with the token of [http].

No state is kept: a key ends at its instant, or for all agents at once when the token changes. It stands
behind the # of a link, which a browser sends to no server, so no proxy writes it into a log. A link is as
good as whoever has it: passed on, it shows its agent's page, and nobody else's.
"""

from itsdangerous import BadData

from cc_bridge.errors import CcBridgeError
from cc_bridge.web.signatures import signed_values

__all__ = ["AgentLinks", "BadLink"]

_PURPOSE = "cc_bridge agent link"
_MAX_LENGTH = 1000  # characters; an agent's name has 128, of at most four bytes


class BadLink(CcBridgeError):
    """A key that opens nothing; the text says why."""


class AgentLinks:
    """The keys of one daemon's agents; `token` must not be empty."""

    def __init__(self, token: str, pbx: str) -> None:
        self._values = signed_values(token, f"{_PURPOSE} {pbx}")

    def sign(self, agent: str, until: int) -> str:
        """Return the key that opens an agent's page until an instant, UTC seconds since the epoch."""
        return str(self._values.dumps([agent, until]))

    def verify(self, key: str, now: float) -> tuple[str, int]:
        """Return whose page a key opens, and until when. Raises BadLink."""
        try:
            agent, until = self._values.loads(key[:_MAX_LENGTH])
        except BadData:
            raise BadLink("this link does not open anything, or no longer: ask for a new one") from None
        if now >= until:
            raise BadLink("this link has ended: ask for a new one")
        return agent, until
