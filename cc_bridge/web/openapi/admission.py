"""The senders whose requests an operation accepts: how they show who they are, and how they are refused."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.access.visitor import Role

__all__ = ["SCHEMES", "Admission"]

_DAEMON = "PBX_PORT"

SCHEMES: Mapping[str, Mapping[str, str]] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of `http.token` or `http.token_file`: a program, with the role admin.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": CookieNames(_DAEMON).session,
        "description": "The cookie that a person gets on /login, with the role of `[users.NAME]`. Instead"
        " of PBX and PORT, its name has the values of `pbx.name` and `http.port`.",
    },
    "fromThisSite": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CC-Bridge",
        "description": "Any value. A person's request that changes something needs it, because pages of other"
        " sites cannot send it.",
    },
    "wallScreen": {
        "type": "apiKey",
        "in": "cookie",
        "name": CookieNames(_DAEMON).wall,
        "description": "The cookie that a browser gets with `?token=`: a viewer. Instead of PBX and"
        " PORT, its name has the values of `pbx.name` and `http.port`.",
    },
    "tokenInAddress": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The token of `http.token`, once: the answer sets the cookie of a wall screen. A proxy"
        " may log addresses, so programs send the token as a bearer token.",
    },
    "agentLink": {
        "type": "http",
        "scheme": "bearer",
        "description": "The text behind `#` in the link that `cc-bridge agent link NAME` prints.",
    },
}
"""The ways in which a request shows who sends it, as the document names them."""

_UNKNOWN = "the sender is not known, or the token is wrong"


class Admission(Enum):
    """The senders whose requests an operation accepts.

    A value is a name and the lowest role that a visitor needs. The role is None if roles do not matter.
    """

    OPEN = "open", None
    SCRAPER = "scraper", None  # no sender needs a token, unless http.metrics_need_token is set
    WALL = "wall", Role.VIEWER  # also a wall screen that sends the token in the address
    VIEWER = "viewer", Role.VIEWER
    LEAD = "lead", Role.LEAD
    ADMIN = "admin", Role.ADMIN
    AGENT_LINK = "agent_link", None  # the key of an agent's own link, as a bearer token
    SIGNED_ADDRESS = "signed_address", None  # the path has a signed key

    @property
    def role(self) -> Role | None:
        """The lowest role that a visitor needs; None if roles do not matter."""
        role: Role | None = self.value[1]
        return role

    @property
    def refusals(self) -> Mapping[int, str]:
        """The reasons of a refusal by HTTP status."""
        return _REFUSALS[self]

    def security(self, *, changes: bool) -> list[dict[str, Any]]:
        """Return the sets of SCHEMES that admit a request, in the format of OpenAPI.

        A request needs all schemes of one of the sets. An empty list, like an empty set, admits any request.
        `changes` says whether the request changes something.
        """
        own: dict[str, Any] = {"fromThisSite": []} if changes else {}
        persons: list[dict[str, Any]] = [{"token": []}, {"session": []} | own]
        match self:
            case Admission.OPEN | Admission.SIGNED_ADDRESS:
                return []
            case Admission.SCRAPER:
                return [{}, {"token": []}]
            case Admission.AGENT_LINK:
                return [{"agentLink": []}]
            case Admission.VIEWER:
                return [*persons, {"wallScreen": []}]
            case Admission.WALL:
                return [*persons, {"wallScreen": []}, {"tokenInAddress": []}]
        return persons


_FIGURES: Mapping[int, str] = {
    401: _UNKNOWN,
    403: "the request must come from this machine, or through the proxy",
}
_REFUSALS: Mapping[Admission, Mapping[int, str]] = {
    Admission.OPEN: {},
    Admission.SCRAPER: {401: "`http.metrics_need_token` is set, and the token is missing or wrong"},
    Admission.WALL: _FIGURES,
    Admission.VIEWER: _FIGURES,
    Admission.LEAD: {
        401: _UNKNOWN,
        403: "the role is too low, the queue is another lead's, or `X-CC-Bridge` is missing",
    },
    Admission.ADMIN: {401: _UNKNOWN, 403: "the role is too low, or `X-CC-Bridge` is missing"},
    Admission.AGENT_LINK: {401: "the key of the link is missing, not valid, or has expired"},
    Admission.SIGNED_ADDRESS: {},
}
