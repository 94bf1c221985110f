"""The language and the colour theme of a visitor.

The URL names both, as `?lang=` and `?theme=`. The choice is kept in cookies, so that links need not name it.
Without a choice, the language is the one that the browser prefers.
"""

from typing import NamedTuple

from twisted.web.http import Request

from cc_bridge.reports.render.localization import LANGUAGES, Language
from cc_bridge.web.proxies import is_behind_tls
from cc_bridge.web.static_pages import chosen_language

__all__ = ["THEMES", "Preferences", "preferences"]

THEMES = ("light", "dark")
_YEAR = 365 * 86_400  # seconds
_COOKIES = {"lang": b"cc_bridge_language", "theme": b"cc_bridge_theme"}


class Preferences(NamedTuple):
    """The language and the colour theme of a visitor; an empty theme means that of the device."""

    language: Language
    theme: str


def preferences(request: Request) -> Preferences:
    """Return the visitor's language and theme; a choice in the URL is kept in a cookie."""
    language = _choice(request, "lang", LANGUAGES) or chosen_language(request)
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
