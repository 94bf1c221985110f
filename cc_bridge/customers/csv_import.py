"""The reader of a CSV file that a CRM exports, with the columns number, customer_id and name. Pure.

The table is read line by line. A first line such as `sep=;` names the separator. Otherwise the separator is a
comma, a semicolon or a tab, whichever is most frequent in the header line.

Spreadsheets may add a byte order mark, use the digits of another script, drop the first 0 of a number, or
write the number as 9120000015.0. All of these are accepted. A cell is faulty if it does not hold exactly one
complete number: 9.12E+09, two numbers, or a number with an extension.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import category

from cc_bridge.errors import CcBridgeError
from cc_bridge.privacy.caller_keys import folded

__all__ = ["COLUMNS", "LONGEST", "LONGEST_LINE", "CsvFault", "CsvLine", "NotATable", "check", "read"]

COLUMNS = ("number", "customer_id", "name")
LONGEST = {"number": 40, "customer_id": 64, "name": 128}  # characters: widths of the SQL columns

LONGEST_LINE = 64 * 1024  # bytes

_SEPARATOR_LINE = re.compile(r'"?sep=([^"])"?', re.IGNORECASE)
# A number that a spreadsheet holds as a decimal fraction. A fraction of zeros is dropped.
_WHOLE_DECIMAL = re.compile(r"(\+?[0-9]+)[.]0{1,2}|(\+?[0-9]{7,})(?:[.]0+|,0{1,2})")
_DECIMAL = re.compile(r"\+?[0-9]+[.][0-9]{1,2}|\+?[0-9]{7,},[0-9]{1,2}")
_MOST_DIGITS = 17  # 15 of E.164, and the prefix 00
_AREA_DIGITS = 5  # the longest area code before a slash, as in 021/88000014
_FEWEST_DIGITS = 7  # of a number without its area code; a number in groups has shorter ones
_BEFORE_EXTENSION = {1: 3, 2: 8, 3: 10, 4: 10}  # the shortest group before an extension of 1 to 4 digits
_MORE = re.compile(r"[,;#*&:|\\\n\r]")  # separate two numbers, or a number from its extension
_CONTROLS = {"Cc", "Cs"}  # not Cf: Persian names contain the zero-width non-joiner


class NotATable(CcBridgeError):
    """Error: the file as a whole cannot be read as a table; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class CsvLine:
    """A valid line of the table: one phone number, and the id and name of its customer."""

    line: int  # in the file, from 1
    number: str
    customer_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CsvFault:
    """A faulty line of the table, which is not imported.

    `reason` contains no value of the line, since it is printed and logged, and the values are personal data.
    """

    line: int
    reason: str


def read(lines: Iterable[bytes]) -> Iterator[CsvLine | CsvFault]:
    """Yield each line of the table below the header, as a valid or a faulty line; empty lines are left out.

    Raise NotATable if the file as a whole cannot be read as a table.
    """
    texts = _texts(lines)
    header = next(texts, "")
    lines_before = 1
    separator = ""
    if named := _SEPARATOR_LINE.fullmatch(header.rstrip("\r\n")):
        separator = named[1]
        header = next(texts, "")
        lines_before = 2
    if "\r" in header.rstrip("\r\n"):
        raise NotATable("the lines end with a carriage return alone: save the table as CSV UTF-8")
    try:
        table = csv.reader(texts, delimiter=separator or max(",;\t", key=header.count))
        names = [name.strip().lower() for name in next(csv.reader([header], table.dialect), [])]
    except (csv.Error, ValueError, TypeError) as error:  # a quotation mark cannot be a separator
        raise NotATable(f"the header line cannot be read: {error}") from error
    if missing := [name for name in COLUMNS if name not in names]:
        raise NotATable(
            f"the first line must name the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}"
        )
    places = [names.index(name) for name in COLUMNS]
    try:
        for cells in table:
            if any(cell.strip() for cell in cells):
                yield _line(lines_before + table.line_num, cells, places)
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]  # what follows is for programmers
        raise NotATable(f"line {lines_before + table.line_num}: {reason}") from error


def check(customer_id: str, name: str) -> str:
    """Return the reason why the id and name of a customer cannot be stored; empty if they can be stored."""
    for what, value in (("customer_id", customer_id), ("name", name)):
        if len(value) > LONGEST[what]:
            return f"{what} is longer than {LONGEST[what]} characters"
        if any(category(sign) in _CONTROLS for sign in value):
            return f"{what} has control characters"
    return "" if customer_id or name else "neither customer_id nor name"


def _line(line: int, cells: list[str], places: list[int]) -> CsvLine | CsvFault:
    """Return one line of the table with its values, or a CsvFault with the reason why it is faulty.

    `line` is the line's number. `places` are the positions of number, customer_id and name in `cells`.
    """
    if len(cells) <= max(places):
        return CsvFault(line, "too few columns")
    number, customer_id, name = (cells[place].strip() for place in places)
    reason = "not a phone number" if len(number) > LONGEST["number"] else _number_fault(number)
    reason = reason or check(customer_id, name)
    return CsvFault(line, reason) if reason else CsvLine(line, _without_fraction(number), customer_id, name)


def _without_fraction(number: str) -> str:
    """Return a number without the fraction that a spreadsheet may add: 9120000015 for 9120000015.0.

    A text without such a fraction is returned unchanged.
    """
    decimal = _WHOLE_DECIMAL.fullmatch(_plain(number))
    return decimal[1] or decimal[2] if decimal else number


def _number_fault(number: str) -> str:
    """Return the reason why a cell does not hold exactly one phone number; empty if it may hold one."""
    text = _plain(number)
    if _WHOLE_DECIMAL.fullmatch(text):
        return ""
    if _DECIMAL.fullmatch(text):
        return "the number has a decimal fraction"
    several = "the field has more than one number, or a number with an extension"
    groups = re.findall(r"[0-9]+", text)
    if not groups or any(sign.isalpha() for sign in text):
        return "not a phone number"
    if (
        _MORE.search(text)
        or text.count("+") > 1
        or sum(map(len, groups)) > _MOST_DIGITS
        or sum(len(group) >= _FEWEST_DIGITS for group in groups) > 1
    ):
        return several
    before, slash, _ = text.partition("/")
    if slash and (text.count("/") > 1 or sum(sign.isdecimal() for sign in before) > _AREA_DIGITS):
        return several
    return several if _is_extension(groups) else ""


def _is_extension(groups: list[str]) -> bool:
    """Return whether the last group of digits in a cell is an extension and not a part of the number.

    `groups` are the groups of digits, in the order of the cell. An extension has 1 to 4 digits, and the
    groups before it have at least 7 digits together. The group directly before the extension must have at
    least 3 digits if the extension has one digit, 8 if it has two, and 10 if it has three or four.
    """
    *before, last = groups
    if not before or sum(map(len, before)) < _FEWEST_DIGITS:
        return False
    return len(before[-1]) >= _BEFORE_EXTENSION.get(len(last), _MOST_DIGITS + 1)


def _plain(number: str) -> str:
    """Return the text of a cell with the digits 0 to 9 and without invisible characters.

    The marks by which a spreadsheet keeps a number as text are removed too: `="..."` and a leading
    apostrophe.
    """
    visible = "".join(sign for sign in folded(number) if category(sign) != "Cf").strip()
    visible = visible.replace("\u066b", ".")  # the Arabic decimal separator
    quoted = re.fullmatch(r'="(.*)"', visible, re.DOTALL)
    return quoted[1] if quoted else visible.removeprefix("'")


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines as text; raise NotATable for a line that is too long or not in UTF-8."""
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            raise NotATable(
                f"line {number} is longer than {LONGEST_LINE // 1024} KiB: the file is not a table"
            )
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise NotATable(f"line {number} is not UTF-8: save the table as CSV UTF-8") from error
        yield text
