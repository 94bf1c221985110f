"""Agent links: signed keys, each of which opens the page of one agent until an expiry time.

Keys are signed with the token of [http], and no state is stored. A key expires at its time, and all keys
expire when the token changes. The key is the part of the link after `#`, which browsers do not send to a
server, so no proxy logs it.

Note: a link works for any person who has it, but it shows no other agent's page.
"""

from itsdangerous import BadData

from cc_bridge.errors import CcBridgeError
from cc_bridge.web.signatures import signed_values

__all__ = ["AgentLinks", "BadLink"]

_PURPOSE = "cc_bridge agent link"
_MAX_LENGTH = 1000  # characters; an agent's name has up to 128, each of up to four bytes


class BadLink(CcBridgeError):
    """Error: a key is not valid; the text gives the reason."""


class AgentLinks:
    """The keys of one daemon's agents; `token` must not be empty."""

    def __init__(self, token: str, pbx: str) -> None:
        self._values = signed_values(token, f"{_PURPOSE} {pbx}")

    def sign(self, agent: str, until: int) -> str:
        """Return the key for an agent's page; `until` is its expiry time in UTC seconds since the epoch."""
        return str(self._values.dumps([agent, until]))

    def verify(self, key: str, now: float) -> tuple[str, int]:
        """Return the agent and the expiry time of a key; raise BadLink if it is not valid or has expired."""
        try:
            agent, until = self._values.loads(key[:_MAX_LENGTH])
        except BadData:
            raise BadLink("this link is not valid: ask for a new one") from None
        if now >= until:
            raise BadLink("this link has expired: ask for a new one")
        return agent, until
