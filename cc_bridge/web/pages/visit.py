"""A visit of a page, and the answers to it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cc_bridge.reports.render.localization import Language
from cc_bridge.web.access.visitor import Refusal, Visitor

__all__ = [
    "Answer",
    "Cookie",
    "FileAnswer",
    "HtmlAnswer",
    "PageError",
    "PageVisit",
    "RedirectAnswer",
    "Refusal",
    "SoundAnswer",
    "is_own_path",
]

_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2047}")  # printable ASCII without a backslash


def is_own_path(address: str) -> bool:
    """Return whether an address is a path of this site.

    Browsers read `//host` as an address of another site, also with a backslash, a tab or a line break in it.
    """
    return _OWN_PATH.fullmatch(address) is not None


class PageError(Exception):
    """A request that gets an error page; `code` is the HTTP status, `text` the reason for the visitor."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class PageVisit:
    """One request for a page.

    path: the parts of the URL path after the page's own path
    arguments: the values of each argument in the query of the URL
    form: the last value of each field of a posted form; empty for a request without a form
    now: the PBX's clock in UTC seconds since the epoch
    form_key: the value of the hidden field `key` in each form; each page has another one
    address: path and query of the request, as in the browser's address bar; `/` if it is no path of this site
    peer: the network address of the visitor
    """

    visitor: Visitor
    language: Language
    theme: str
    path: tuple[str, ...]
    arguments: Mapping[str, tuple[str, ...]]
    form: Mapping[str, str]
    now: float
    form_key: str
    address: str
    peer: str = "?"

    def argument(self, name: str, default: str = "") -> str:
        """Return the last value of an argument; `default` if it is missing or empty."""
        return (self.arguments.get(name) or (default,))[-1] or default

    def need(self, queue: str) -> None:
        """Raise PageError (403) if the visitor may not see agents, calls and customers of this queue."""
        if not self.visitor.sees(queue):
            raise PageError(403, "this queue belongs to another lead")


class Cookie(NamedTuple):
    """A cookie for the browser, valid for `seconds`; None means until the browser is closed."""

    name: str
    value: str
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class HtmlAnswer:
    """A page: the name of its template, and the values of the template's variables.

    retry_after: the seconds after which the browser may ask again; 0 means immediately
    """

    template: str
    values: Mapping[str, object] = field(default_factory=dict)
    code: int = 200
    cookies: tuple[Cookie, ...] = ()
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """A file that the browser saves under the name `name`."""

    content: bytes
    content_type: str
    name: str


@dataclass(frozen=True, slots=True)
class SoundAnswer:
    """A sound file, which the browser plays; a player may ask for a part of it."""

    content: bytes
    content_type: str = "audio/wav"


@dataclass(frozen=True, slots=True)
class RedirectAnswer:
    """The address to show next: a path on this site, or a whole address from the configuration."""

    location: str
    cookies: tuple[Cookie, ...] = ()


Answer = HtmlAnswer | FileAnswer | SoundAnswer | RedirectAnswer
