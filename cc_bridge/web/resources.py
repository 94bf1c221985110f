"""The base classes of all HTTP pages: they check method, path and access, and set security headers.

Twisted uses a leaf, which is a resource without children, also for every path below it. Twisted's error
responses are HTML. With these base classes, a leaf has exactly one path, and an error is one line of plain
text.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from cc_bridge.web.byte_ranges import UnsatisfiableRange, byte_range
from cc_bridge.web.openapi.operation import Operation, WrongRequest

__all__ = [
    "NOT_DONE_YET",
    "AccessCheck",
    "LeafResource",
    "TreeResource",
    "fault",
    "is_page_view",
    "part_of",
    "refuse",
]

# Longer than the address of any page; a token may have 200 characters.
_LONGEST_URL = 2048  # bytes

# Forbid content of other servers, inline code, and frames of other pages.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "server": "cc_bridge",
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def fault(request: Request, code: int, text: str) -> bytes:
    """Set the status code of an error and return its text as the body of the response, in one line."""
    request.setResponseCode(code, HTTPStatus(code).phrase.encode())
    request.setHeader("content-type", "text/plain; charset=utf-8")
    return text.encode() + b"\n"


def is_page_view(request: Request) -> bool:
    """Return whether a browser sends the request to show the answer to a person."""
    return request.method == b"GET" and "text/html" in (request.getHeader("accept") or "")


def refuse(request: Request, code: int, text: str) -> bytes:
    """Redirect a browser that opens a page to the log-in; answer any other request with the error.

    Only a request with the status 401 is redirected.
    """
    if code != HTTPStatus.UNAUTHORIZED:
        return fault(request, code, text)
    if is_page_view(request):
        request.setResponseCode(303)
        request.setHeader("location", f"/login?next={quote(request.uri.decode('ascii', 'replace'), safe='')}")
        return b""
    request.setHeader("www-authenticate", "Bearer")
    return fault(request, code, text)


class AccessCheck(Protocol):
    """The access check of a page."""

    def check(self, request: Request) -> tuple[int, str] | None:
        """Return None if the request is allowed, otherwise the HTTP status code and the reason."""
        ...


def part_of(request: Request, content: bytes, content_type: str) -> bytes:
    """Return the bytes of a file that a request asks for, and set the status and headers of the response.

    Without a header Range, these are all bytes. A range without a byte of the file gets the status 416.
    """
    request.setHeader("accept-ranges", "bytes")
    try:
        found = byte_range(request.getHeader("range") or "", len(content))
    except UnsatisfiableRange:
        request.setHeader("content-range", f"bytes */{len(content)}")
        return fault(request, 416, f"the file has {len(content)} bytes")
    request.setHeader("content-type", content_type)
    if found is None:
        return content
    first, last = found
    request.setResponseCode(206)
    request.setHeader("content-range", f"bytes {first}-{last}/{len(content)}")
    return content[first : last + 1]


class LeafResource(Resource):
    """Base class of a page with one URL path.

    If `access` is given, a request that it does not allow gets an error response. `operations` are the
    definitions of a page of the API, one for each method; other pages have `methods`.
    """

    isLeaf = True
    content_type = "text/plain; charset=utf-8"
    methods: tuple[bytes, ...] = (b"GET", b"HEAD")
    operations: tuple[Operation[Any, Any], ...] = ()
    for_browsers = False  # a browser that is refused is sent to the log-in

    def __init__(self, access: AccessCheck | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types here
        self._access = access

    def answer(self, request: Request) -> bytes | int:
        """Return the body of the response, or NOT_DONE_YET if the response is sent later.

        Raises WrongRequest for a request that does not fit the definition of its operation.
        """
        raise NotImplementedError

    def render(self, request: Request) -> bytes | int:
        """Set the headers, check the request, and return the body of the page or an error."""
        for name, value in _HEADERS.items():
            request.setHeader(name, value)
        if len(request.uri) > _LONGEST_URL:
            return fault(request, 414, f"this address is longer than {_LONGEST_URL} bytes")
        if any(request.postpath):  # type: ignore[attr-defined]  # twisted.web.server.Request
            return fault(request, 404, "there is no such page")
        methods = _methods(self.operations) if self.operations else self.methods
        if request.method not in methods:
            allowed = [method.decode() for method in methods]
            request.setHeader("allow", ", ".join(allowed))
            return fault(request, 405, f"this page allows only {' and '.join(allowed)}")
        if self._access is not None and (refusal := self._access.check(request)):
            return (refuse if self.for_browsers else fault)(request, *refusal)
        request.setHeader("content-type", self.content_type)
        try:
            return self.answer(request)
        except WrongRequest as error:
            return fault(request, error.code, str(error))


def _methods(operations: Iterable[Operation[Any, Any]]) -> list[bytes]:
    """Return the methods of these operations; where GET is allowed, HEAD is allowed too."""
    methods = (one.method.encode() for one in operations)
    return [each for method in methods for each in ((method, b"HEAD") if method == b"GET" else (method,))]


class _NotFound(LeafResource):
    """The response to a URL at which there is no page: status 404."""

    def render(self, request: Request) -> bytes | int:
        request.postpath = [b"?"]  # type: ignore[attr-defined]  # a path below this leaf gives 404
        return super().render(request)


class TreeResource(Resource):
    """A resource whose child resources are `pages`, each under its name.

    `own` is the page at the URL of the TreeResource itself. If it is None, this URL has no page and gets the
    status 404. If `missing` is set, it answers a browser that opens an unknown path; a path below /api never
    gets a page.
    """

    missing: Resource | None = None

    def __init__(self, own: LeafResource | None = None, **pages: Resource) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types here
        self._own = own or _NotFound()
        for name, page in pages.items():
            self.putChild(name.encode(), page)

    def getChild(self, path: bytes, request: Any) -> Resource:  # noqa: ARG002, N802  # Twisted's
        if self.missing is not None and is_page_view(request):
            return self.missing
        return _NotFound()

    def render(self, request: Request) -> bytes | int:
        return self._own.render(request)
