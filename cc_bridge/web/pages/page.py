"""The base class of the pages for persons: access, language, answer and errors.

A page reads its arguments from the URL, so its address can be sent to a colleague. The database is read and
the template is rendered in threads, because callers in a survey wait while the reactor is busy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qs, quote

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request

from cc_bridge.reports.render.localization import Language
from cc_bridge.web.access.form_keys import form_key, is_form_key
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.compression import accepts_gzip, compressed
from cc_bridge.web.pages.rendered import rendered
from cc_bridge.web.pages.visit import (
    Answer,
    Cookie,
    FileAnswer,
    HtmlAnswer,
    PageError,
    PageVisit,
    RedirectAnswer,
    Refusal,
    SoundAnswer,
    is_own_path,
)
from cc_bridge.web.preferences import preferences
from cc_bridge.web.proxies import is_behind_tls, peer_of
from cc_bridge.web.resources import NOT_DONE_YET, LeafResource, fault, part_of, refuse

__all__ = ["PageAccess", "PageHost", "PageResource"]

_log = Logger()

_SECONDS = 20.0  # time limit of an answer
_URL_SIGNS = "!\"#$%&'()*+,/:;<=>?@[]^`{|}~"  # stay as they are in an address
_MOST_FIELDS = 100  # of a form
_UNAUTHORIZED = 401
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class PageAccess(Protocol):
    """The access check of the pages."""

    def visitor(self, request: Request) -> Visitor | Refusal:
        """Return the visitor who sends the request, or the reason why the request is refused."""
        ...

    def form_key(self, request: Request) -> str:
        """Return the secret of the visitor's session, from which the keys of the forms are made.

        The result is empty for a visitor whose forms are not accepted.
        """
        ...


@dataclass(frozen=True, slots=True)
class PageHost:
    """The surroundings of all pages.

    now: the PBX's clock in UTC seconds since the epoch
    in_thread: calls a function in a thread; the Deferred fires in the reactor
    links: the addresses of other sites by name, such as `grafana`, for the navigation
    notice: the text at the top of each page in a language, such as that this is a test; empty: none
    """

    access: PageAccess
    now: Callable[[], float]
    in_thread: Callable[..., Deferred[Any]]
    clock: IReactorTime
    links: Callable[[], Mapping[str, str]] = dict
    notice: Callable[[Language], str] = lambda _language: ""


class PageResource(LeafResource):
    """Base class of a page for persons.

    name: the name of the page in `navigation.py` and texts.toml
    role: the least role of a visitor who may see the page
    longest_path: the largest number of path parts after the page's own path
    accepts_form: the page accepts a posted form
    is_open: the page is also for visitors who are not known
    """

    content_type = "text/html; charset=utf-8"
    name: ClassVar[str]
    role: ClassVar[Role] = Role.VIEWER
    longest_path: ClassVar[int] = 0
    accepts_form: ClassVar[bool] = False
    is_open: ClassVar[bool] = False

    def __init__(self, host: PageHost) -> None:
        super().__init__()
        self.host = host
        if self.accepts_form:
            self.methods = (*self.methods, b"POST")

    def page(self, visit: PageVisit) -> Answer | Deferred[Answer]:
        """Return the answer to a visit. Raises PageError for a request that the page cannot answer."""
        raise NotImplementedError

    def posted(self, visit: PageVisit) -> Answer | Deferred[Answer]:
        """Apply the posted form of a visit, and return the answer. Raises PageError for a wrong form."""
        raise NotImplementedError

    def render(self, request: Request) -> bytes | int:
        parts = [part for part in request.postpath if part]  # type: ignore[attr-defined]
        if len(parts) <= self.longest_path:
            request.postpath = []  # type: ignore[attr-defined]
            request.parts = parts  # type: ignore[attr-defined]
        return super().render(request)

    def answer(self, request: Request) -> bytes | int:
        """Send the page later; send a redirect to the log-in if the visitor is not known."""
        request.setHeader("content-security-policy", _POLICY)
        found = self.host.access.visitor(request)
        unknown = Visitor("", Role.VIEWER, (), can_log_in=isinstance(found, Refusal))
        visitor = found if isinstance(found, Visitor) else unknown
        chosen = preferences(request)
        form = _form(request) if request.method == b"POST" else {}
        secret = self.host.access.form_key(request)
        address = quote(request.uri, safe=_URL_SIGNS)
        visit = PageVisit(
            visitor,
            chosen.language,
            chosen.theme,
            tuple(part.decode("utf-8", "replace") for part in request.parts),  # type: ignore[attr-defined]
            _decoded(request.args or {}),
            form,
            self.host.now(),
            form_key(secret),
            address if is_own_path(address) else "/",
            peer_of(request),
        )
        refusal = found if isinstance(found, Refusal) else found.lacks(self.role)
        if refusal and not self.is_open and (found is refusal or refusal.code == _UNAUTHORIZED):
            return refuse(request, refusal.code, refusal.text)
        return self._later(request, visit, Deferred.fromCoroutine(self._made(request, visit, secret)))

    async def _made(self, request: Request, visit: PageVisit, secret: str) -> Answer:
        if refusal := visit.visitor.lacks(self.role):
            raise PageError(refusal.code, refusal.text)
        if request.method == b"POST":
            self._check_form(request, visit, secret)
        made = self.posted(visit) if request.method == b"POST" else self.page(visit)
        return await made if isinstance(made, Deferred) else made

    @staticmethod
    def _check_form(request: Request, visit: PageVisit, secret: str) -> None:
        """Raise PageError if a posted form may come from a page of another site."""
        came_from = request.getHeader("sec-fetch-site") or "same-origin"
        if not is_form_key(visit.form.get("key", ""), secret) or came_from != "same-origin":
            raise PageError(403, "this form is not from your session: open the page again")

    def _later(self, request: Request, visit: PageVisit, made: Deferred[Answer]) -> int:
        """Render the answer in a thread, then send it. An error becomes an error page."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def failed(failure: Failure) -> Answer:
            error = failure.value
            if isinstance(error, PageError):
                return HtmlAnswer("error.html.j2", {"reason": error.text}, error.code)
            _log.warn(
                "page {name}: the request failed: {why}; it is answered with status 503",
                name=self.name,
                why=type(error).__name__,
            )
            request.setHeader("retry-after", "5")
            return HtmlAnswer("error.html.j2", {"reason": "the database does not answer in time"}, 503)

        def send(body: bytes) -> None:
            if not gone:
                request.setHeader("content-length", str(len(body)))
                request.write(body if request.method != b"HEAD" else b"")
                request.finish()

        def lost(failure: Failure) -> None:
            _log.failure(
                "page {name}: cannot render the answer for {peer}; it is answered with status 500",
                failure,
                name=self.name,
                peer=peer_of(request),
            )
            send(fault(request, 500, "this page cannot be shown"))

        made.addTimeout(_SECONDS, self.host.clock)
        made.addErrback(failed)
        made.addCallback(lambda answer: self._body(request, visit, answer))
        made.addCallbacks(send, lost)
        return NOT_DONE_YET

    def _body(self, request: Request, visit: PageVisit, answer: Answer) -> bytes | Deferred[bytes]:
        """Set the headers of the response for an answer, and return the body of the response."""
        if isinstance(answer, SoundAnswer):
            return part_of(request, answer.content, answer.content_type)
        if isinstance(answer, FileAnswer):
            request.setHeader("content-type", answer.content_type)
            request.setHeader("content-disposition", f'attachment; filename="{answer.name}"')
            if not answer.content_type.startswith("text/"):
                return answer.content
            return self._packed(request, lambda: answer.content)
        for cookie in answer.cookies:
            _set_cookie(request, cookie)
        if isinstance(answer, RedirectAnswer):
            request.setResponseCode(303)
            request.setHeader("location", answer.location)
            return b""
        request.setResponseCode(answer.code)
        if answer.retry_after:
            site: Any = request.site  # type: ignore[attr-defined]
            site.refused["rate_limit"] += 1
            request.setHeader("retry-after", str(answer.retry_after))
        request.setHeader("content-language", visit.language)
        around = self.host.links(), self.host.notice(visit.language)
        return self._packed(
            request, lambda: rendered(answer.template, self.name, visit, answer.values, *around)
        )

    def _packed(self, request: Request, make: Callable[[], bytes]) -> Deferred[bytes]:
        """Make the body of a response in a thread, and compress it there if the browser accepts that."""
        request.setHeader("vary", "Accept-Encoding, Accept-Language, Cookie")
        accepted = accepts_gzip(request.getHeader("accept-encoding") or "")

        def packed() -> tuple[bytes, bool]:
            body = make()
            shorter = compressed(body) if accepted else None
            return shorter or body, shorter is not None

        def sent(made: tuple[bytes, bool]) -> bytes:
            body, is_short = made
            if is_short:
                request.setHeader("content-encoding", "gzip")
            return body

        return self.host.in_thread(packed).addCallback(sent)


def _set_cookie(request: Request, cookie: Cookie) -> None:
    """Set a cookie that scripts cannot read, and that no request from another site has."""
    request.addCookie(
        cookie.name.encode(),
        cookie.value.encode(),
        path=b"/",
        max_age=None if cookie.seconds is None else str(cookie.seconds).encode(),
        secure=is_behind_tls(request),
        httpOnly=True,
        sameSite=b"strict",
    )


def _form(request: Request) -> dict[str, str]:
    """Return the last value of each field of a posted form; empty for a form with too many fields."""
    content: Any = request.content
    body: bytes = content.read()
    try:
        fields = parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}


def _decoded(arguments: Mapping[bytes, list[bytes]]) -> dict[str, tuple[str, ...]]:
    return {
        name.decode("utf-8", "replace"): tuple(value.decode("utf-8", "replace") for value in values)
        for name, values in arguments.items()
    }
