"""The AGI script `doctor`: it proves that the FastAGI server is a cc_bridge, and of which PBX.

The request has a nonce as its argument: hexadecimal digits that only this request contains. The script sets
the channel variable VARIABLE to a text with the name of the PBX and the nonce. A FastAGI server of another
program never answers like this, whatever its port.
"""

import re

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import Request

__all__ = ["VARIABLE", "DoctorScript", "identity", "pbx_in"]

VARIABLE = "ccb_identity"

_NONCE = re.compile(r"[0-9a-f]{1,64}")


def identity(pbx: str, nonce: str) -> str:
    """Return the text that answers a request: it names the PBX and repeats the nonce."""
    return f"cc-bridge {pbx} {nonce}"


def pbx_in(text: str, nonce: str) -> str | None:
    """Return the name of the PBX in the answer to the request with this nonce; None for any other text."""
    found = re.fullmatch(rf"cc-bridge ([A-Za-z0-9_.-]+) {re.escape(nonce)}", text)
    return found[1] if found else None


class DoctorScript:
    """The script `doctor` of one daemon. A request without a valid nonce gets no answer."""

    def __init__(self, pbx: str) -> None:
        self._pbx = pbx

    async def run(self, request: Request, channel: AgiChannel) -> None:
        """Answer the nonce in the request's first argument."""
        nonce = request.args[0] if request.args else ""
        if _NONCE.fullmatch(nonce):
            await channel.execute("SET VARIABLE", VARIABLE, identity(self._pbx, nonce))
