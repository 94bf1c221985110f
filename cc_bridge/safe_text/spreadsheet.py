"""Cells of a CSV file that every spreadsheet shows as text and never runs as a formula. Pure.

Spreadsheets differ by program and country. Some ignore blanks before a formula. Some accept the full-width
signs of East Asian keyboards. Some divide a row at semicolons, although the file has commas between its
cells. A formula can then start in the middle of a cell.
"""

import re
from unicodedata import category

__all__ = ["as_cell"]

_SEPARATOR = re.compile(r"([;\t\r\n])")
_SIGNS = frozenset("=+-@＝＋－＠﹦﹢﹣﹫\N{MINUS SIGN}")  # noqa: RUF001 - usual, full-width, small
_UNSEEN = frozenset("CZ")  # main categories of Unicode: control and format characters, spaces


def as_cell(text: str) -> str:
    """Return a text as a cell, with an apostrophe before each part that a spreadsheet could run as a formula.

    The parts are those between semicolons, tabs and line ends. A text that starts with one of these signs
    gets an apostrophe too.
    """
    parts = _SEPARATOR.split(text)  # every second part is a separator
    safe = "".join(f"'{part}" if _is_formula(part) else part for part in parts)
    return f"'{safe}" if _SEPARATOR.match(text) else safe


def _is_formula(text: str) -> bool:
    """Return whether the first visible character of a text is a sign that starts a formula.

    A quotation mark is skipped like an invisible character, because it can be the one that encloses the cell.
    """
    visible = (sign for sign in text if category(sign)[0] not in _UNSEEN and sign != '"')
    return next(visible, "") in _SIGNS
