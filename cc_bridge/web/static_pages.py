"""The browser pages /wallboard, /agent and /follow-ups in HTML, CSS and JavaScript, and the font at /fonts.

The server inserts the requested language and colour theme into a page, so that they do not change after the
page was shown. The URL of the request names both, as `?lang=` and `?theme=`. A language or theme that the
pages do not have is ignored. All data comes from /api. The page /agent, the files of the pages and the font
are open, because they contain no data; /api checks access. README.md beside the font names its origin.
"""

import re
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from twisted.web.http import Request

from cc_bridge.reports.render.chart_geometry import CHART_STYLE
from cc_bridge.web.compression import accepts_gzip, compressed
from cc_bridge.web.resources import AccessCheck, LeafResource, TreeResource, fault

if TYPE_CHECKING:
    from cc_bridge.reports.render.localization import Language

__all__ = ["agent", "app", "chosen_language", "follow_ups", "fonts", "wallboard"]

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".woff2": "font/woff2",
}
# A font's file name contains its version, so a browser may cache the file for a year.
_CACHED = {".woff2": "public, max-age=31536000, immutable"}
_DIRECTIONS = {"en": "ltr", "fa": "rtl"}  # by language; the first is the default
_THEMES = ("light", "dark")
_ACCEPTED = re.compile(r"\s*([a-z]{1,8})[^,;]*(?:;\s*q=([0-9.]{1,5}))?", re.IGNORECASE | re.ASCII)


class _PageResource(LeafResource):
    """A page: an HTML template into which language, text direction and colour theme are inserted."""

    content_type = "text/html; charset=utf-8"
    for_browsers = True

    def __init__(self, path: Path, access: AccessCheck | None) -> None:
        super().__init__(access)
        self._template = Template(path.read_text(encoding="utf-8"))

    def answer(self, request: Request) -> bytes:
        language = chosen_language(request)
        theme = _asked(request, b"theme", _THEMES)
        request.setHeader("content-language", language)
        request.setHeader("vary", "Accept-Language")
        page = self._template.substitute(language=language, direction=_DIRECTIONS[language], theme=theme)
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


def follow_ups(access: AccessCheck | None = None) -> TreeResource:
    """Return the resource at /follow-ups, which `access` protects, with its files, which are open."""
    page = _STATIC / "people" / "follow-ups.html"
    return TreeResource(
        _PageResource(page, access), **_files(page.parent), **{"": _SlashRedirect("follow-ups")}
    )


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


def chosen_language(request: Request) -> "Language":
    """Return the language in the URL (`?lang=`); without one, the language that the browser prefers."""
    asked = _asked(request, b"lang", _DIRECTIONS)
    language = asked or _accepted(request.getHeader("accept-language") or "")
    return "fa" if language == "fa" else "en"


def _asked(request: Request, name: bytes, known: tuple[str, ...] | dict[str, str]) -> str:
    """Return the value of the parameter `name` in the URL of the request, such as the theme.

    The result is empty if the parameter is missing or if its value is not in `known`.
    """
    word = (request.args or {}).get(name, [b""])[-1].decode("ascii", "replace")
    return word if word in known else ""


def _accepted(header: str) -> str:
    """Return the page language that the browser prefers by its Accept-Language header.

    The pages are available in English and Persian. English is the default. RFC 9110, 12.5.4, defines the
    header.
    """
    liked: dict[str, float] = {}
    for part in header.split(",")[:20]:
        if found := _ACCEPTED.match(part):
            try:
                liked.setdefault(found[1].lower(), float(found[2] or 1))
            except ValueError:
                continue
    return max(_DIRECTIONS, key=lambda language: liked.get(language, 0.0))
