"""The pages that a browser draws: /wallboard, /agent and /follow-ups, plain HTML, CSS and JavaScript.

The server chooses the language and the colours that were asked for, so that the page never shows another one
first; everything else comes from /api. The pages about people hold no data, so they are open to everyone;
/api checks access. The font of all pages is at /fonts, open to everyone; README.md beside it names its
origin. Of the address only known words are put into a page.
"""

import re
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from twisted.web.http import Request

from cc_bridge.web.auth import TokenAuth
from cc_bridge.web.resources import LeafResource, TreeResource, fault

if TYPE_CHECKING:
    from cc_bridge.reports.render.localization import Language

__all__ = ["agent", "chosen_language", "follow_ups", "fonts", "wallboard"]

_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".woff2": "font/woff2",
}
# The version is in the name of a font's file, so what a browser has under that name stays right.
_CACHED = {".woff2": "public, max-age=31536000, immutable"}
_DIRECTIONS = {"en": "ltr", "fa": "rtl"}  # by language, the first is for browsers that know none of them
_THEMES = ("light", "dark")
_ACCEPTED = re.compile(r"\s*([a-z]{1,8})[^,;]*(?:;\s*q=([0-9.]{1,5}))?", re.IGNORECASE | re.ASCII)


class _PageResource(LeafResource):
    content_type = "text/html; charset=utf-8"

    def __init__(self, path: Path, access: TokenAuth | None) -> None:
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
    def __init__(self, path: Path, access: TokenAuth | None) -> None:
        super().__init__(access)
        self.content_type = _TYPES[path.suffix]
        self._cached = _CACHED.get(path.suffix)
        self._content = path.read_bytes()

    def answer(self, request: Request) -> bytes:
        if self._cached:
            request.setHeader("cache-control", self._cached)
        return self._content


class _SlashRedirect(LeafResource):
    """The address with a slash at its end, from which the page would not find its files."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def answer(self, request: Request) -> bytes:
        _, _, query = request.uri.partition(b"?")
        request.setHeader(b"location", f"../{self._name}".encode() + (b"?" + query if query else b""))
        return fault(request, 308, f"the page is /{self._name}")


def wallboard(access: TokenAuth) -> TreeResource:
    """Return what is served at /wallboard."""
    return _screen("wallboard", _STATIC / "wallboard" / "wallboard.html", access)


def agent() -> TreeResource:
    """Return what is served at /agent."""
    return _screen("agent", _STATIC / "people" / "agent.html")


def follow_ups() -> TreeResource:
    """Return what is served at /follow-ups."""
    return _screen("follow-ups", _STATIC / "people" / "follow-ups.html")


def fonts() -> TreeResource:
    """Return what is served at /fonts."""
    return TreeResource(None, **_files(_STATIC / "fonts"))


def _screen(name: str, page: Path, access: TokenAuth | None = None) -> TreeResource:
    folder = TreeResource(_PageResource(page, access), **_files(page.parent, access))
    folder.putChild(b"", _SlashRedirect(name))
    return folder


def _files(folder: Path, access: TokenAuth | None = None) -> dict[str, _FileResource]:
    return {path.name: _FileResource(path, access) for path in folder.iterdir() if path.suffix in _TYPES}


def chosen_language(request: Request) -> "Language":
    """Return the language that the address asks for, else the one that the browser likes best."""
    asked = _asked(request, b"lang", _DIRECTIONS)
    language = asked or _accepted(request.getHeader("accept-language") or "")
    return "fa" if language == "fa" else "en"


def _asked(request: Request, name: bytes, known: tuple[str, ...] | dict[str, str]) -> str:
    """Return a word of the address if it is a known one, else an empty text."""
    word = (request.args or {}).get(name, [b""])[-1].decode("ascii", "replace")
    return word if word in known else ""


def _accepted(header: str) -> str:
    """Return the language that a browser likes best of those that we have (RFC 9110, 12.5.4)."""
    liked: dict[str, float] = {}
    for part in header.split(",")[:20]:
        if found := _ACCEPTED.match(part):
            try:
                liked.setdefault(found[1].lower(), float(found[2] or 1))
            except ValueError:
                continue
    return max(_DIRECTIONS, key=lambda language: liked.get(language, 0.0))
