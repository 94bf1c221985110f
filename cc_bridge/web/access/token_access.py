"""Access to the pages with the token of the configuration; a visitor with the token is an administrator."""

from twisted.web.http import Request

from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.pages.visit import Refusal

__all__ = ["TokenAccess"]


class TokenAccess:
    """The access check of the pages by the token."""

    def __init__(self, token: TokenAuth) -> None:
        self._token = token

    def visitor(self, request: Request) -> Visitor | Refusal:
        """Return an administrator if the request is allowed, otherwise the reason of the refusal."""
        refusal = self._token.check(request)
        return Refusal(*refusal) if refusal else Visitor("", Role.ADMIN)

    def form_key(self, request: Request) -> str:  # noqa: ARG002
        """Return an empty text, so that no form is accepted."""
        return ""
