"""The wallboard's page at /wallboard, and its files below: plain HTML, CSS and JavaScript.

The server chooses the language and the colours that were asked for, so that the page never shows another one
first; everything else is drawn in the browser from /api/live/events. The trap: what comes from the address
goes into the page, so only known words are let in.
"""

import re
from pathlib import Path
from string import Template

from twisted.web.http import Request

from cc_bridge.web.access import Access
from cc_bridge.web.page import Folder, Page, fault

__all__ = ["wallboard"]

_FILES = Path(__file__).with_name("wallboard")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_DIRECTIONS = {"en": "ltr", "fa": "rtl"}  # by language, the first is for browsers that know none of them
_THEMES = ("light", "dark")
_ACCEPTED = re.compile(r"\s*([a-z]{1,8})[^,;]*(?:;\s*q=([0-9.]{1,5}))?", re.IGNORECASE | re.ASCII)


class _Board(Page):
    content_type = "text/html; charset=utf-8"

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._template = Template((_FILES / "wallboard.html").read_text(encoding="utf-8"))

    def answer(self, request: Request) -> bytes:
        language = _asked(request, b"lang", _DIRECTIONS) or _accepted(
            request.getHeader("accept-language") or ""
        )
        theme = _asked(request, b"theme", _THEMES)
        request.setHeader("content-language", language)
        request.setHeader("vary", "Accept-Language")
        page = self._template.substitute(language=language, direction=_DIRECTIONS[language], theme=theme)
        return page.encode()


class _File(Page):
    def __init__(self, path: Path, access: Access) -> None:
        super().__init__(access)
        self.content_type = f"{_TYPES[path.suffix]}; charset=utf-8"
        self._content = path.read_bytes()

    def answer(self, request: Request) -> bytes:  # noqa: ARG002
        return self._content


class _Slash(Page):
    """The address with a slash at its end, from which the page would not find its files."""

    def answer(self, request: Request) -> bytes:
        _, _, query = request.uri.partition(b"?")
        request.setHeader(b"location", b"../wallboard" + (b"?" + query if query else b""))
        return fault(request, 308, "the page is /wallboard")


def wallboard(access: Access) -> Folder:
    """Return what is served at /wallboard."""
    files = (path for path in _FILES.iterdir() if path.suffix in _TYPES)
    folder = Folder(_Board(access), **{path.name: _File(path, access) for path in files})
    folder.putChild(b"", _Slash())
    return folder


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
