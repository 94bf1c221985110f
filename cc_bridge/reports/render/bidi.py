"""Isolation of numbers in right-to-left text, by the invisible characters of Unicode. Pure.

Without isolation, the text around a number decides on which side its sign is drawn. For example, the sign of
`12 %` is drawn on the left after a Persian word, but on the right at the start of a line. Two numbers can
exchange their places too.
"""

import re

__all__ = ["END", "ISOLATE", "LEFT_TO_RIGHT", "isolated_numbers"]

ISOLATE, LEFT_TO_RIGHT, END = "\u2068", "\u2066", "\u2069"  # Unicode isolates: FSI, LRI, PDI

_DIGIT = "0-9\u06f0-\u06f9"
_PARTS = re.compile(
    "[\u2066-\u2068][^\u2069]*\u2069|"  # a part that is isolated already
    f"[+\u2212-]?[{_DIGIT}](?:[{_DIGIT}.,:/'\u066b\u066c-]*[{_DIGIT}])?(?:\\s?[%\u066a])?"
)


def isolated_numbers(text: str) -> str:
    """Return a text in which each number, with its sign and per cent sign, is isolated.

    A date such as 2026-11-01 is isolated as a whole. A part of the text that is isolated already stays
    unchanged.
    """
    return _PARTS.sub(_isolated, text)


def _isolated(found: re.Match[str]) -> str:
    part = found[0]
    return part if part[0] in {ISOLATE, LEFT_TO_RIGHT, "\u2067"} else f"{LEFT_TO_RIGHT}{part}{END}"
