"""The reader of survey files and prompt catalogues: TOML into checked, immutable objects. Pure.

All faults of a file are reported together, each with its line. `tomllib` does not keep line numbers, so
`_lines` searches the text for the line of each table and key. `_lines` does not parse values. So a fault
inside a list that is written on several lines is reported with the line where the list starts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from operator import itemgetter
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from cc_bridge.errors import SurveyError
from cc_bridge.safe_text.printable import LONGEST_LINE, shortened
from cc_bridge.safe_text.text_files import parse_toml
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["Identifier", "KeyPath", "LanguageCode", "SurveyTable", "TomlFault", "faulty", "read_toml"]

Identifier = Annotated[
    str, text_like(r"[a-z][a-z0-9_]{0,31}", "a letter a-z, then up to 31 of the characters a-z 0-9 _")
]
"""The id of a survey, question or prompt, which is also a file name, a metric label and a key in SQL."""

LanguageCode = Annotated[
    str, text_like(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?", "the code of a language, such as fa or en_GB")
]
"""Asterisk's name of a language, which is also its sound folder: `fa`, `en_GB`."""

KeyPath = tuple[int | str, ...]
"""The keys from the top of the file to a value: `("questions", 1, "ask")`."""

TomlFault = tuple[KeyPath, str]
"""A fault: the path of the faulty value, and the text of the error."""

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*"
_HEADER = re.compile(rf"\s*(\[\[?){_DOTTED}\]")
_ENTRY = re.compile(rf"{_DOTTED}=")


class SurveyTable(BaseModel):
    """Base class of the classes that describe a TOML table of a survey file or prompt catalogue.

    Unknown keys and values of a wrong type are errors.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


_AnyTable = TypeVar("_AnyTable", bound=SurveyTable)


def read_toml(model: type[_AnyTable], text: str, file: str) -> _AnyTable:
    """Parse a TOML text into an object of the class `model`.

    `file` is the file's name for error messages. Raise SurveyError with one line for each fault.
    """
    try:
        content = parse_toml(text)
    except ValueError as error:  # its text names line and column
        line = re.search(r"line (\d+)", str(error))
        raise SurveyError(f"{file}:{line[1] if line else 1}: {error}") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise faulty(file, text, (_fault(model, found) for found in error.errors())) from error


def faulty(file: str, text: str, faults: Iterable[TomlFault]) -> SurveyError:
    """Return a SurveyError with one line for each fault, in the order of the file's lines.

    A line has the form `FILE:LINE: PATH: TEXT`; PATH is the place of the faulty key, such as
    `questions.0.kind`.
    """
    lines = dict(_lines(text))
    found = sorted(((_line_of(path, lines), path, text) for path, text in faults), key=itemgetter(0))
    return SurveyError(
        "\n".join(
            shortened(f"{file}:{line}: {'.'.join(map(str, path))}: {text}", LONGEST_LINE)
            for line, path, text in found
        )
    )


def _fault(model: type[SurveyTable], found: ErrorDetails) -> TomlFault:
    """Convert a pydantic error into a fault: the path of the faulty key in the file, and a text.

    `model` is the class that describes the file. If the key is unknown, the text suggests the most similar
    key that this class allows at the same place.
    """
    tables: list[type[SurveyTable]] = [model]
    path: KeyPath = ()
    for step in found["loc"]:
        fields = [table.model_fields[step] for table in tables if step in table.model_fields]
        kinds = [table for table in tables if step in _kinds(table)]
        if fields:
            tables = [inner for field in fields for inner in _tables_in(field.annotation)]
        elif kinds:  # pydantic's path contains the table's `kind`, which is not a key of the file
            tables = kinds
            continue
        path += (step,)
    if found["type"] != "extra_forbidden":
        return path, found["msg"].removeprefix("Value error, ")
    known = {key for table in tables for key in table.model_fields}
    similar = get_close_matches(str(path[-1]), known, n=1)
    return path, f"unknown key{f', did you mean {similar[0]!r}?' if similar else ''}"


def _kinds(table: type[SurveyTable]) -> tuple[Any, ...]:
    return get_args(table.model_fields["kind"].annotation) if "kind" in table.model_fields else ()


def _tables_in(annotation: Any) -> Iterator[type[SurveyTable]]:
    if isinstance(annotation, type) and issubclass(annotation, SurveyTable):
        yield annotation
    for part in get_args(annotation):
        yield from _tables_in(part)


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """Return the line of the value at `path`; for a missing value, the line of the table that lacks it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _lines(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Yield the path of each table and key in a TOML text with its line number, which starts from 1."""
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    quotes = ""  # of the multi-line string around this line, empty outside
    for number, line in enumerate(text.split("\n"), start=1):
        if not quotes:
            if header := _HEADER.match(line):
                table = _inside_lists(_keys(header[2]), counts, new=header[1] == "[[")
                yield table, number
            elif entry := _ENTRY.match(line):
                yield table + _keys(entry[1]), number
        for mark in re.findall(r'"""|' + "'''", line):
            quotes = {"": mark, mark: ""}.get(quotes, quotes)


def _inside_lists(keys: KeyPath, counts: dict[KeyPath, int], *, new: bool) -> KeyPath:
    """Return the path of a table, given the keys of its header in the file.

    In the path, the name of each list of tables is followed by the index of the table: the first header
    `[[questions]]` has the path `questions.0`. `new` is True for a header in double brackets, which starts
    another table of a list. `counts` maps the path of each list to the index of its last table; it is
    updated.
    """
    path: KeyPath = ()
    for depth, key in enumerate(keys, start=1):
        path += (key,)
        if new and depth == len(keys):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path += (counts[path],)
    return path


def _keys(dotted: str) -> KeyPath:
    return tuple(key.strip("\"'") for key in re.findall(_KEY, dotted))
