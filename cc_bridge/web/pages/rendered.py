"""The renderer of the pages: jinja2 templates with the navigation and the texts of the visitor's language.

jinja2 escapes every value, because names of queues and agents come from the PBX, and numbers from callers.
In a right-to-left language, each number in a text is isolated from the direction of the text around it. The
signs of isolation must not be in an address or in the value of a field. So templates pass such a value
through the filter `attribute`, which adds no signs.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from cc_bridge.reports.render.chart_geometry import CHART_STYLE
from cc_bridge.reports.render.localization import Language, Localization, digits_of
from cc_bridge.web.pages.navigation import visible
from cc_bridge.web.pages.visit import PageVisit

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["rendered", "texts"]

_FOLDER = Path(__file__).parent


@cache
def texts() -> Mapping[Language, Mapping[str, Mapping[str, str]]]:
    """Return the texts of texts.toml: language -> page -> name of the text -> text."""
    found: Any = tomllib.loads((_FOLDER / "texts.toml").read_text(encoding="utf-8"))
    words: Mapping[Language, Mapping[str, Mapping[str, str]]] = found
    return words


@cache
def _environment(language: Language) -> "Environment":
    """Return the templates for one language."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - 3 MB, for visitors
    from markupsafe import Markup, escape  # noqa: PLC0415

    wording = Localization(language, digits_of(language))

    def isolated(value: object) -> object:
        plain = isinstance(value, str) and not isinstance(value, Markup)
        return wording.isolated(str(value)) if plain else value

    environment = Environment(
        finalize=isolated,
        loader=FileSystemLoader([_FOLDER / "templates", CHART_STYLE.parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["attribute"] = escape
    return environment


def rendered(
    template: str,
    page: str,
    visit: PageVisit,
    values: Mapping[str, object],
    links: Mapping[str, str],
    notice: str,
) -> bytes:
    """Return a page as HTML.

    `page` is the name of the page in texts.toml. `values` are the variables of this template. Each template
    also has these variables:

    words: the texts of this page
    common: the texts of all pages
    visit: the visit
    items: the pages in the navigation
    links: the addresses of other sites
    notice: a text at the top of all pages
    same_page: a function that returns the address of this page with another argument
    """
    words = texts()[visit.language]
    html = (
        _environment(visit.language)
        .get_template(template)
        .render(
            {
                "page": page,
                "words": words.get(page, {}),
                "common": words["common"],
                "navigation": words["navigation"],
                "direction": "rtl" if visit.language == "fa" else "ltr",
                "visit": visit,
                "items": visible(visit.visitor),
                "links": links,
                "notice": notice,
                "same_page": lambda **changed: same_page(visit.address, **changed),
                **values,
            }
        )
    )
    return html.encode("utf-8", "replace")


def same_page(address: str, **changed: str) -> str:
    """Return the address of a page with other values of some arguments."""
    path, _, query = address.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in changed]
    return f"{path}?{urlencode([*kept, *changed.items()])}"
