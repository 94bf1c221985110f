"""A short text of the configuration, in one language for all readers or in several languages."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from cc_bridge.reports.render.localization import LANGUAGES, Language
from cc_bridge.safe_text.printable import printable

__all__ = ["ShortTexts", "text_in"]

_LONGEST = 64  # characters


def text_in(texts: Mapping[Language, str], language: str) -> str:
    """Return the text in this language, otherwise in the first language that has one, otherwise ""."""
    by_language = {str(key): text for key, text in texts.items()}
    return by_language.get(language) or next(iter(by_language.values()), "")


def _by_language(text: object) -> object:
    """Return a table of a text in each language; a table is returned unchanged.

    A single text is used for every language. An empty text becomes an empty table.
    """
    if isinstance(text, str):
        return dict.fromkeys(LANGUAGES, text) if text else {}
    if not isinstance(text, Mapping):
        raise ValueError('must be a text, or a table such as { en = "Sales", fa = "..." }')  # noqa: TRY004
    return text


def _one_line(texts: Mapping[Language, str]) -> Mapping[Language, str]:
    """Raise ValueError unless each text is one line without surrounding spaces."""
    for text in texts.values():
        if not 0 < len(text) <= _LONGEST or text != text.strip() or text != printable(text):
            raise ValueError(f"must be one line of 1 to {_LONGEST} characters, without spaces at its ends")
    return texts


ShortTexts = Annotated[
    dict[Language, str],
    BeforeValidator(_by_language),
    AfterValidator(_one_line),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST}),
]
"""Language -> text; in the file a text, which is the same in all languages, or a table of the languages."""
