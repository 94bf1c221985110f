"""A table of numbers, ids and names from a CRM, as CSV, read line by line. Pure.

`customer import` reads it. The separator is a comma, a semicolon or a tab, as the first line has it. The
trap: spreadsheets are careless. They write a mark before the first letter, their own digits, a number as
9.12E+09, and drop its first 0; only what cannot be a number any more is a fault.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import category

from cc_bridge.errors import CcBridgeError

__all__ = ["COLUMNS", "LONGEST", "CsvFault", "CsvLine", "NotATable", "check", "read"]

COLUMNS = ("number", "customer_id", "name")
LONGEST = {"number": 40, "customer_id": 64, "name": 128}  # characters; the columns of the database

_CONTROLS = {"Cc", "Cs"}  # and not Cf: Persian names are written with a joiner that has no width


class NotATable(CcBridgeError):
    """The file as a whole cannot be read."""


@dataclass(frozen=True, slots=True)
class CsvLine:
    """One customer's number."""

    line: int  # in the file, from 1
    number: str
    customer_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CsvFault:
    """A line that is left out; the reason names no value, since it is printed and logged."""

    line: int
    reason: str


def read(lines: Iterable[bytes]) -> Iterator[CsvLine | CsvFault]:
    """Yield each line of the table. Raises NotATable."""
    texts = _texts(lines)
    first = next(texts, "")
    separator = max(",;\t", key=first.count)
    names = [name.strip().lower() for name in next(csv.reader([first], delimiter=separator), [])]
    if missing := [name for name in COLUMNS if name not in names]:
        raise NotATable(
            f"the first line must name the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}"
        )
    places = [names.index(name) for name in COLUMNS]
    table = csv.reader(texts, delimiter=separator)
    try:
        for cells in table:
            if not any(cell.strip() for cell in cells):
                continue
            yield _line(table.line_num + 1, cells, places)
    except csv.Error as error:
        raise NotATable(f"line {table.line_num + 1}: {error}") from error


def check(customer_id: str, name: str) -> str:
    """Return why this cannot be stored of a customer, or an empty text."""
    for what, value in (("customer_id", customer_id), ("name", name)):
        if len(value) > LONGEST[what]:
            return f"{what} is longer than {LONGEST[what]} characters"
        if any(category(sign) in _CONTROLS for sign in value):
            return f"{what} has control characters"
    return "" if customer_id or name else "neither customer_id nor name"


def _line(number: int, cells: list[str], places: list[int]) -> CsvLine | CsvFault:
    if len(cells) <= max(places):
        return CsvFault(number, "too few columns")
    values = [cells[place].strip() for place in places]
    if len(values[0]) > LONGEST["number"]:
        return CsvFault(number, "not a phone number")
    reason = check(*values[1:])
    return CsvFault(number, reason) if reason else CsvLine(number, *values)


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise NotATable(f"line {number} is not UTF-8: save the table as CSV UTF-8") from error
