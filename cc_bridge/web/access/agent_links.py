"""Agent links: each link has a signed key that opens the page of one agent until the key expires.

Keys are signed with the token of the section [http], and no state is stored. Each key contains its expiry
time, and all keys become invalid when the token changes. The key is the part of the link after `#`. Browsers
do not send this part to a server, so no proxy logs it.

Note: a link works for any person who has it, but it shows only the page of its agent.
"""

from itsdangerous import BadData

from cc_bridge.errors import CcBridgeError
from cc_bridge.web.access.signatures import signed_values

__all__ = ["AgentLinks", "BadLink"]

_PURPOSE = "cc_bridge agent link"
_COMMENT = "cc_bridge comment of an agent"
_MICROSECONDS = 6  # decimals
_MAX_LENGTH = 1000  # characters; an agent's name has up to 128, each of up to four bytes


class BadLink(CcBridgeError):
    """Error: the key of an agent link is not valid or has expired; the text says which."""


class AgentLinks:
    """A signer of the keys in agent links; it also verifies keys.

    `token` is the token of the section [http], with which the keys are signed; it must not be empty. The keys
    are valid only for the PBX with the name `pbx`.
    """

    def __init__(self, token: str, pbx: str) -> None:
        self._values = signed_values(token, f"{_PURPOSE} {pbx}")
        self._comments = signed_values(token, f"{_COMMENT} {pbx}")

    def sign_comment(self, agent: str, at: float, until: int) -> str:
        """Return the key of one spoken comment about an agent, which was left at the instant `at`.

        The key expires at `until`. Both are in UTC seconds since the epoch. A player sends the key in the
        address, which a proxy may log. So the key opens only this one recording.
        """
        return str(self._comments.dumps([agent, round(at, _MICROSECONDS), until]))

    def verify_comment(self, key: str, now: float) -> tuple[str, float]:
        """Return the agent and the instant of a comment's key.

        Raises BadLink if the key is not valid or has expired.
        """
        try:
            agent, at, until = self._comments.loads(key[:_MAX_LENGTH])
        except BadData:
            raise BadLink("this address of a comment is not valid: open the page again") from None
        if now >= until:
            raise BadLink("this address of a comment has expired: open the page again")
        return agent, at

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
