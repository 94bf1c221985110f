"""The browser pages /wallboard and /agent in HTML, CSS and JavaScript, and the font at /fonts.

The server inserts the visitor's language and colour theme into a page, so that they do not change after the
page was shown. All data comes from /api. The page /agent, the files of the pages and the font
are open, because they contain no data; /api checks access. README.md beside the font names its origin.
"""

from pathlib import Path
from string import Template

from twisted.web.http import Request

from cc_bridge.reports.render.chart_geometry import CHART_STYLE
from cc_bridge.web.compression import accepts_gzip, compressed
from cc_bridge.web.preferences import DIRECTIONS, preferences
from cc_bridge.web.resources import AccessCheck, LeafResource, TreeResource, fault

__all__ = ["agent", "app", "fonts", "wallboard"]

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".woff2": "font/woff2",
}
# A font's file name contains its version, so a browser may cache the file for a year.
_CACHED = {".woff2": "public, max-age=31536000, immutable"}


class _PageResource(LeafResource):
    """A page: an HTML template into which language, text direction and colour theme are inserted."""

    content_type = "text/html; charset=utf-8"
    for_browsers = True

    def __init__(self, path: Path, access: AccessCheck | None) -> None:
        super().__init__(access)
        self._template = Template(path.read_text(encoding="utf-8"))

    def answer(self, request: Request) -> bytes:
        language, theme = preferences(request)
        request.setHeader("content-language", language)
        request.setHeader("vary", "Accept-Language, Cookie")
        page = self._template.substitute(language=language, direction=DIRECTIONS[language], theme=theme)
        return page.encode()


class _FileResource(LeafResource):
    """A file that a page loads, such as a style sheet or a script."""

    def __init__(self, path: Path, access: AccessCheck | None) -> None:
        super().__init__(access)
        self.content_type = _TYPES[path.suffix]
        self._cached = _CACHED.get(path.suffix)
        self._content = path.read_bytes()
        self._short = compressed(self._content) if path.suffix != ".woff2" else None

    def answer(self, request: Request) -> bytes:
        if self._cached:
            request.setHeader("cache-control", self._cached)
        if self._short is None:
            return self._content
        request.setHeader("vary", "Accept-Encoding")
        if not accepts_gzip(request.getHeader("accept-encoding") or ""):
            return self._content
        request.setHeader("content-encoding", "gzip")
        return self._short


class _SlashRedirect(LeafResource):
    """The redirect from a URL path that ends with a slash to the same path without it.

    With the slash, the browser would request the page's files at wrong URLs.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def answer(self, request: Request) -> bytes:
        _, _, query = request.uri.partition(b"?")
        request.setHeader(b"location", f"../{self._name}".encode() + (b"?" + query if query else b""))
        return fault(request, 308, f"the page is /{self._name}")


def wallboard(access: AccessCheck) -> TreeResource:
    """Return the resource at /wallboard with its files; each request must be allowed by `access`."""
    return _screen("wallboard", _STATIC / "wallboard" / "wallboard.html", access)


def agent() -> TreeResource:
    """Return the resource at /agent with its files, which need no token."""
    return _screen("agent", _STATIC / "people" / "agent.html")


def app() -> TreeResource:
    """Return the resource at /app, with the style sheet, script and icon of the pages for persons."""
    charts = {CHART_STYLE.name: _FileResource(CHART_STYLE, None)}
    return TreeResource(None, **_files(_STATIC / "app"), **charts)


def fonts() -> TreeResource:
    """Return the resource at /fonts, with one child for each font file."""
    return TreeResource(None, **_files(_STATIC / "fonts"))


def _screen(name: str, page: Path, access: AccessCheck | None = None) -> TreeResource:
    folder = TreeResource(_PageResource(page, access), **_files(page.parent, access))
    folder.putChild(b"", _SlashRedirect(name))
    return folder


def _files(folder: Path, access: AccessCheck | None = None) -> dict[str, _FileResource]:
    return {path.name: _FileResource(path, access) for path in folder.iterdir() if path.suffix in _TYPES}
