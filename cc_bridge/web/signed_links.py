"""The key of an agent's own link: whose page it opens and until when, signed with the token of [http].

`cc-bridge agent link` makes one, /api/agent reads it. No state is kept: a key ends with its last day, or for
all agents at once when the token changes. It stands behind the # of a link, which a browser tells nobody, so
no proxy writes it into a log. The trap: a link is as good as who has it; whoever passes it on shows their
own page, and nobody else's.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cc_bridge.errors import CcBridgeError

__all__ = ["BadLink", "SignedLinks"]

_PURPOSE = b"cc_bridge agent link"  # nothing else that the token signs can be taken for a link
_LONGEST = 1000  # characters; an agent's name has 128, of at most four bytes


class BadLink(CcBridgeError):
    """A key that opens nothing; the text says why."""


class SignedLinks:
    """The keys of one daemon's agents; `token` must not be empty."""

    def __init__(self, token: str, pbx: str) -> None:
        self._secret = hmac.digest(token.encode(), _PURPOSE, "sha256")
        self._pbx = pbx

    def key(self, agent: str, until: int) -> str:
        """Return the key that opens an agent's page until an instant, UTC seconds since the epoch."""
        name = urlsafe_b64encode(agent.encode()).rstrip(b"=").decode()
        return f"{name}.{until}.{self._signature(agent, until)}"

    def opened(self, key: str, now: float) -> tuple[str, int]:
        """Return whose page a key opens, and until when. Raises LinkError."""
        try:
            name, until, signature = key[:_LONGEST].split(".")
            agent = urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
            ends = int(until)
        except (ValueError, binascii.Error):
            raise BadLink("this link is not complete: ask for it again") from None
        if not hmac.compare_digest(self._signature(agent, ends).encode(), signature.encode()):
            raise BadLink("this link does not open anything, or no longer: ask for a new one")
        if now >= ends:
            raise BadLink("this link has ended: ask for a new one")
        return agent, ends

    def _signature(self, agent: str, until: int) -> str:
        said = "\0".join((self._pbx, agent, str(until)))
        return hmac.digest(self._secret, said.encode(), "sha256").hex()
