"""The CSV reader of a CRM's table with the columns number, customer_id and name. Pure.

The table is read line by line. The separator is a comma, a semicolon or a tab, whichever is most frequent in
the first line. Spreadsheets may add a byte order mark, use other digits, write a number as 9.12E+09 or drop
its first 0. Only a cell that cannot be a number any more is a fault.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import category

from cc_bridge.errors import CcBridgeError

__all__ = ["COLUMNS", "LONGEST", "CsvFault", "CsvLine", "NotATable", "check", "read"]

COLUMNS = ("number", "customer_id", "name")
LONGEST = {"number": 40, "customer_id": 64, "name": 128}  # characters: widths of the SQL columns

_CONTROLS = {"Cc", "Cs"}  # not Cf: Persian names contain the zero-width non-joiner


class NotATable(CcBridgeError):
    """Error: the file as a whole is not a readable table."""


@dataclass(frozen=True, slots=True)
class CsvLine:
    """A valid line: one number of one customer."""

    line: int  # in the file, from 1
    number: str
    customer_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CsvFault:
    """A line that is left out. The reason contains no value of the line, since it is printed and logged."""

    line: int
    reason: str


def read(lines: Iterable[bytes]) -> Iterator[CsvLine | CsvFault]:
    """Yield each line of the table, valid or faulty; raise NotATable if the file is not a readable table."""
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
    """Return the reason why a customer's id and name cannot be stored; empty if they can."""
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
