"""The resource /api/openapi.json: the document about the API.

It is open to everyone. It has nothing of the configuration or the database. Tools that read such a document
load it before a person gives them a token.
"""

import json
from functools import cache

from twisted.web.http import Request

from cc_bridge import __version__
from cc_bridge.web.openapi.document import document
from cc_bridge.web.openapi.health import DOCUMENT
from cc_bridge.web.openapi.operations import OPERATIONS
from cc_bridge.web.resources import LeafResource

__all__ = ["OpenApiResource"]


@cache
def _content() -> bytes:
    return json.dumps(document(OPERATIONS, __version__), ensure_ascii=False).encode() + b"\n"


class OpenApiResource(LeafResource):
    """The page of the document about the API.

    The document is made when the page is created, because making it during a request would block the reactor.
    """

    content_type = "application/json"
    operations = (DOCUMENT,)

    def __init__(self) -> None:
        super().__init__()
        self._content = _content()

    def answer(self, request: Request) -> bytes:  # noqa: ARG002
        return self._content
