"""Cells of a CSV file that every spreadsheet shows as text and never runs as a formula. Pure.

Spreadsheets differ by program and country. Some ignore blanks before a formula. Some accept the full-width
signs of East Asian keyboards. Some divide a line at semicolons, even inside a cell of a file with commas. A
formula can then start in the middle of a cell.
"""

import re
from unicodedata import category

__all__ = ["as_cell"]

_SEPARATOR = re.compile(r"([;\t\r\n])")
_SIGNS = frozenset("=+-@＝＋－＠﹦﹢﹣﹫\N{MINUS SIGN}")  # noqa: RUF001 - usual, full-width, small
_UNSEEN = frozenset("CZ")  # main categories of Unicode: control and format characters, spaces


def as_cell(text: str) -> str:
    """Return a text as a cell: an apostrophe stands wherever a formula or an escaped cell could start."""
    parts = _SEPARATOR.split(text)  # every second part is a separator
    safe = "".join(f"'{part}" if _is_formula(part) else part for part in parts)
    return f"'{safe}" if _SEPARATOR.match(text) else safe


def _is_formula(text: str) -> bool:
    """Return whether the first visible character of a text is a sign that starts a formula.

    A quotation mark counts as invisible, because it may only enclose the cell.
    """
    visible = (sign for sign in text if category(sign)[0] not in _UNSEEN and sign != '"')
    return next(visible, "") in _SIGNS
