r"""Text for people: no character controls a terminal, starts a line or changes the order of the text. Pure.

Characters that are not printable are escaped: a line break becomes \n, and U+202E becomes \u202e. These are
control characters, such as the ESC of terminal commands, and format characters, such as those that reverse
the direction of a text. Two format characters stay, because words of Persian and other scripts contain them:
the zero-width joiner and non-joiner. Spaces of all widths stay too.
"""

import json
from unicodedata import category

__all__ = ["LONGEST_LINE", "json_text", "one_line", "printable", "printable_lines", "shortened"]

_JOINERS = "\u200c\u200d"

LONGEST_LINE = 1000
"""Characters of the longest line of an error text, which can quote a value of any length."""

_LONGEST_VALUE = 200


def printable(text: str) -> str:
    """Return one line of text, in which each character that is not printable is escaped."""
    if text.isprintable():
        return text
    return "".join(
        sign if _is_printable(sign) else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def printable_lines(text: str) -> str:
    """Return a text of several lines; its line breaks stay, and other unprintable characters are escaped."""
    return "\n".join(map(printable, text.replace("\r\n", "\n").split("\n")))


def one_line(text: str) -> str:
    """Return a text in one line, without white space at its ends.

    Each run of white space and unprintable characters is replaced by a single blank.
    """
    return " ".join("".join(sign if _is_printable(sign) else " " for sign in text).split())


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as JSON text, whose strings hold unprintable characters as JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    return "".join(
        sign if sign == "\n" or _is_printable(sign) else json.dumps(sign)[1:-1].replace("\x7f", r"\u007f")
        for sign in text
    )


def shortened(text: str, longest: int = _LONGEST_VALUE) -> str:
    """Return a text of at most `longest` characters; a longer text is cut and ends in `...`."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _is_printable(sign: str) -> bool:
    return sign.isprintable() or sign in _JOINERS or category(sign) == "Zs"
