"""The language and the colour theme of a visitor.

The URL names both, as `?lang=` and `?theme=`. The choice is kept in cookies, so that links need not name it.
Without a choice, the language is the one that the browser prefers.
"""

import re
from typing import NamedTuple

from twisted.web.http import Request

from cc_bridge.reports.render.localization import LANGUAGES, Language
from cc_bridge.web.proxies import is_behind_tls

__all__ = ["DIRECTIONS", "THEMES", "Preferences", "preferences"]

DIRECTIONS = {"en": "ltr", "fa": "rtl"}
"""The direction of the text by language; the first language is the default."""

THEMES = ("light", "dark")
_ACCEPTED = re.compile(r"\s*([a-z]{1,8})[^,;]*(?:;\s*q=([0-9.]{1,5}))?", re.IGNORECASE | re.ASCII)
_YEAR = 365 * 86_400  # seconds
_COOKIES = {"lang": b"cc_bridge_language", "theme": b"cc_bridge_theme"}


class Preferences(NamedTuple):
    """The language and the colour theme of a visitor; an empty theme means that of the device."""

    language: Language
    theme: str


def preferences(request: Request) -> Preferences:
    """Return the visitor's language and theme; a choice in the URL is kept in a cookie."""
    language = _choice(request, "lang", LANGUAGES) or _accepted(request.getHeader("accept-language") or "")
    return Preferences("fa" if language == "fa" else "en", _choice(request, "theme", THEMES))


def _choice(request: Request, name: str, known: tuple[str, ...]) -> str:
    """Return the choice in the URL or in the cookie; empty if there is none that is known.

    A choice in the URL is stored in the cookie.
    """
    asked: str = (request.args or {}).get(name.encode(), [b""])[-1].decode("ascii", "replace")
    if asked in known:
        request.addCookie(
            _COOKIES[name],
            asked.encode(),
            path=b"/",
            max_age=str(_YEAR).encode(),
            secure=is_behind_tls(request),
            httpOnly=True,
            sameSite=b"lax",
        )
        return asked
    cookie: bytes = request.getCookie(_COOKIES[name]) or b""
    kept = cookie.decode("ascii", "replace")
    return kept if kept in known else ""


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
    return max(DIRECTIONS, key=lambda language: liked.get(language, 0.0))
