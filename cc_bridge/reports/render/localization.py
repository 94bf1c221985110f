"""Localisation: words, numbers and dates in English or Persian, in the Gregorian or Persian calendar. Pure.

The words are in `texts.toml`. Note: a number within Persian text is written from left to right. So a renderer
must isolate each number from the direction of the text around it, see `isolated`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cc_bridge.kpis.catalogue import KPIS, Kpi
from cc_bridge.kpis.question_kinds import SCORES
from cc_bridge.kpis.units import Unit, half_up
from cc_bridge.queue_names import QueueMap
from cc_bridge.reports.calendar import Days, day_of, persian
from cc_bridge.reports.figures import Cell, Column, Highlight, KeyKind, ReportRow
from cc_bridge.reports.query import INTERVALS, Dimension, Group
from cc_bridge.reports.render.bidi import END, ISOLATE, isolated_numbers
from cc_bridge.reports.render.durations import duration, short_duration
from cc_bridge.safe_text.printable import printable
from cc_bridge.surveys.business_hours import WEEKDAYS

__all__ = [
    "LANGUAGES",
    "Digits",
    "Language",
    "Localization",
    "answer_labels",
    "catalogue",
    "digits_of",
    "kpi_of",
    "score_labels",
    "time_of_day",
]

Language = Literal["en", "fa"]
Digits = Literal["latin", "persian"]
LANGUAGES: tuple[Language, ...] = ("en", "fa")

_PERSIAN = str.maketrans("0123456789.,%", "۰۱۲۳۴۵۶۷۸۹٫٬٪")  # noqa: RUF001 - typography for readers
_KPIS = {kpi.name: kpi for kpis in KPIS.values() for kpi in kpis}
_MINUTE = 60
# The columns whose n counts answers, and not calls.
_OF_ANSWERS = {*SCORES, "score", "low", "low_of_others"}
_OF_LOW_RATINGS = ("more_low", "fewer_low")  # highlights that compare shares of low ratings


@cache
def catalogue() -> Mapping[Language, Mapping[str, Any]]:
    """Return the words of texts.toml: language -> part of the file -> name of the text -> text.

    The file has the labels of scores in the part `kinds`. The result also has them in the parts `columns` and
    `words`.
    """
    found: Any = tomllib.loads((Path(__file__).parent / "texts.toml").read_text(encoding="utf-8"))
    for words in found.values():
        for kind in words["kinds"].values():
            words["columns"] |= kind["scores"]
            words["words"] |= kind["scores"]
    texts: Mapping[Language, Mapping[str, Any]] = found
    return texts


def kpi_of(column: Column) -> Kpi | None:
    """Return the KPI that defines a column; None if the column has its own formula instead."""
    return _KPIS[column.kpi] if column.kpi else None


def score_labels(score: str) -> dict[Language, str]:
    """Return the short label of the score called `score`: language -> label."""
    return {language: Localization(language).short(score) for language in LANGUAGES}


def digits_of(language: Language) -> Digits:
    """Return the digits that readers of a language expect."""
    return "persian" if language == "fa" else "latin"


def answer_labels(kind: str, value: int) -> dict[Language, str]:
    """Return the label of an answer, such as `2 of 5`, in each language: language -> label.

    `kind` is the kind of the question, `value` is the answer. The Persian label has Persian digits.
    """
    return {
        language: Localization(language, digits_of(language)).answer(kind, value) for language in LANGUAGES
    }


@dataclass(frozen=True, slots=True)
class Localization:
    """The language, calendar and digits of one reader."""

    language: Language = "en"
    digits: Digits = "latin"
    days: Days = field(default_factory=Days)
    bands: tuple[int, ...] = ()
    titles: QueueMap[str] = field(default_factory=QueueMap)  # of the queues that have one, by name
    questions: Mapping[str, str] = field(default_factory=dict)  # titles of the questions, by id
    choices: Mapping[tuple[str, str], str] = field(default_factory=dict)  # titles, by question id and label

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "fa" else "ltr"

    def text(self, part: str, name: str) -> str:
        """Return the text called `name`, in the reader's language, from a part of texts.toml.

        If texts.toml has no such text, the result is `name` itself. So a new word, such as a new reason, is
        shown untranslated.
        """
        words: Mapping[str, str] = catalogue()[self.language][part]
        return words.get(name, name)

    def sheet(self, table: str) -> str:
        """Return the title of a table, shortened to at most 31 characters for the name of a sheet."""
        short = self.text("sheets", table)
        return short if short != table else self.text("tables", table)

    def label(self, column: Column) -> str:
        """Return the heading of a column in the reader's language."""
        return self.text("columns", column.name)

    def meaning(self, column: Column) -> str:
        """Return what the figures of a column mean, in words."""
        return self.text("meanings", column.name)

    def isolated(self, text: str) -> str:
        """Return a text in the reader's language, with each number isolated if the language is right-to-left.

        An isolated number and its sign are drawn as in left-to-right text. Other text is returned unchanged.
        """
        return isolated_numbers(text) if self.direction == "rtl" else text

    def answer(self, kind: str, value: int) -> str:
        """Return the label of an answer, such as `2 of 5`.

        `kind` is the kind of the question. If texts.toml has no such kind, the label is the answer's value
        alone.
        """
        text: str = catalogue()[self.language]["kinds"].get(kind, {}).get("answer", "{n}")
        return text.format(n=self.figures_of(str(value)))

    def choice(self, question: str, label: str) -> str:
        """Return the title of a choice of a question, or the choice's label if it has no title."""
        return printable(self.choices.get((question, label)) or label)

    def short(self, score: str) -> str:
        """Return the short label of a score, or the score's name if texts.toml has no such score."""
        kinds: Mapping[str, Any] = catalogue()[self.language]["kinds"]
        return next((kind["short"] for kind in kinds.values() if score in kind["scores"]), score)

    def figures_of(self, text: str) -> str:
        """Return a text in which the digits 0 to 9 are replaced by the reader's digits."""
        return text.translate(_PERSIAN) if self.digits == "persian" else text

    # -- numbers

    def value(self, unit: Unit, value: float) -> str:
        """Return a number as text in its unit, such as `12.5 %` or `1 min 05`.

        The sample size and the confidence interval are not included.
        """
        if unit in {Unit.SECONDS, Unit.TIME}:
            text = duration(value, self.language, whole_minutes=unit is Unit.TIME)
        else:
            sign = "+" if unit is Unit.POINTS else ""
            text = f"{half_up(value, unit.decimals):{sign}z,f}".replace("-", "−")  # noqa: RUF001 - typography for readers
            if unit is Unit.PERCENT:
                text += "%" if self.digits == "persian" else " %"
        return self.figures_of(text)

    def tick(self, unit: Unit, value: float) -> str:
        """Return the text of a number at the axis of a chart, with no more decimals than necessary."""
        if unit in {Unit.SECONDS, Unit.TIME}:
            return self.figures_of(short_duration(value, self.language))
        percent = "" if unit is not Unit.PERCENT else "%" if self.digits == "persian" else " %"
        return self.figures_of(f"{value:g}".replace("-", "−") + percent)  # noqa: RUF001 - typography for readers

    def cell(self, unit: Unit, cell: Cell, *, signed: bool = False) -> str:
        """Return the text of a figure: its number, or the words for "no data" or "too few".

        If `signed` is true, the figure is a difference of two numbers in the unit, see `difference`.
        """
        if cell is None:
            return self.text("page", "no_data")
        if not cell.enough:
            return self.text("page", "too_few")
        return self.difference(unit, cell.value) if signed else self.value(unit, cell.value)

    def difference(self, unit: Unit, difference: float) -> str:
        """Return the difference of two numbers in a unit as text, such as `+12.5 points`.

        It has a sign unless it is shown as 0. A difference of shares is in points.
        """
        in_points = unit in {Unit.PERCENT, Unit.POINTS}
        shown_as = Unit.POINTS if in_points else unit
        size = self.value(shown_as, abs(difference)).removeprefix("+")
        zero = self.value(shown_as, 0.0).removeprefix("+")
        sign = "" if size == zero else "+" if difference > 0 else "−"  # noqa: RUF001 - typography for readers
        return self.text("page", "points").format(n=f"{sign}{size}") if in_points else f"{sign}{size}"

    def details(self, unit: Unit, cell: Cell, column: str = "") -> str:
        """Return the confidence interval and the sample size (n) of a figure as text.

        The text is empty if the figure has neither. `column` is the name of the figure's column. It decides
        whether n counts answers or cases; empty means cases.
        """
        if cell is None:
            return ""
        parts = []
        if cell.enough and cell.low is not None and cell.high is not None:
            parts.append(self.range(self.value(unit, cell.low), self.value(unit, cell.high)))
        if cell.n is not None:
            counted = self.text("page", "answers" if column in _OF_ANSWERS else "cases")
            parts.append(counted.format(n=self.figures_of(f"{cell.n:,}")))
        return (" · " if self.language == "fa" else ", ").join(parts)

    def range(self, low: str, high: str) -> str:
        """Return the text of a range between two numbers, such as `3.2 to 4.3` or `4 to 5 s`.

        A unit of both numbers is written once.
        """
        number, _, unit = high.partition(" ")
        if unit == "%":
            low, high = low.removesuffix(" %"), number
        elif unit and not any(sign.isdigit() for sign in unit):
            low = low.removesuffix(f" {unit}")
        return self.text("page", "range").format(low=low, high=high)

    def unobserved(self, seconds: float) -> str:
        """Return the sentence that the PBX was not observed for some time; empty for less than a second."""
        if seconds < 1:
            return ""
        return self.text("page", "unobserved").format(time=self.isolated(self.value(Unit.TIME, seconds)))

    def begins(self, day: date | None) -> str:
        """Return the sentence that the days before the first record are not observed; empty for None.

        `day` is the day of the first record.
        """
        return self.text("page", "begins").format(day=self.isolated(self.date(day))) if day else ""

    def begins_before(self, day: date | None, last: date) -> str:
        """Return the sentence that an earlier span, for comparison, starts before the first record.

        `day` is the day of the first record, and `last` is the last day of the earlier span. The sentence
        says whether the span is partly observed or not at all. It is empty if `day` is None.
        """
        if day is None:
            return ""
        sentence = self.text("page", "before_unknown" if day > last else "before_partly")
        return sentence.format(day=self.isolated(self.date(day)))

    def full(self, unit: Unit, cell: Cell, column: str = "") -> str:
        """Return the text of a figure, with its confidence interval and sample size (n) in brackets.

        The text of a figure that has neither is returned without brackets. `column` is the name of the
        figure's column, see `details`.
        """
        details = self.details(unit, cell, column)
        return self.cell(unit, cell) + (f" ({details})" if details else "")

    # -- keys and sentences

    def key(self, kind: Dimension | KeyKind, key: Group) -> str:
        """Return a row's key as text for the reader, such as a translated weekday or a formatted date.

        Unprintable characters of a name are escaped.
        """
        match kind:
            case Dimension.DAY:
                return self.date(day_of(int(key)))
            case Dimension.WEEKDAY:
                return self.text("weekdays", WEEKDAYS[int(key)])
            case Dimension.HOUR | Dimension.HALF_HOUR | Dimension.QUARTER_HOUR:
                minutes = INTERVALS[kind]
                ends = (time_of_day(minutes * (int(key) + step)) for step in (0, 1))
                return self.figures_of(self.range(*ends))
            case Dimension.WAIT_BAND:
                return self._band(int(key))
            case Dimension.QUEUE:
                return printable(self.titles.get(str(key), str(key))) or self.text("page", "no_queue")
            case Dimension.STAGE:
                return self.text("stages", str(key) or "none")
            case KeyKind.QUESTION:
                return printable(self.questions.get(str(key)) or str(key))
            case KeyKind.WORD:
                return printable(self.text("words", str(key)))
            case Dimension.AGENT:
                return printable(str(key)) or self.text("page", "no_agent")
            case _:
                return printable(str(key)) or self.text("page", "unknown")

    def unit(self, column: Column, row: ReportRow) -> Unit:
        return row.unit or column.unit

    def sentence(self, finding: Highlight) -> str:
        """Return a highlight as a sentence in the reader's language."""
        keys = {name: self.key(kind, key) for name, (kind, key) in finding.keys.items()}
        figures = {
            name: self.full(unit, figure, _column_of(finding, name))
            for name, (unit, figure) in finding.figures.items()
        }
        parts = keys | figures
        if self.direction == "rtl":  # isolate each part, so that it keeps its own direction
            parts = {name: f"{ISOLATE}{self.isolated(part)}{END}" for name, part in parts.items()}
        return self.text("findings", finding.sentence).format_map(parts)

    def date(self, day: date) -> str:
        year, month, number = persian(day) if self.days.kind == "persian" else (day.year, day.month, day.day)
        between = "/" if self.days.kind == "persian" else "-"  # the separator that each calendar uses
        return self.figures_of(between.join((f"{year:04}", f"{month:02}", f"{number:02}")))

    def instant(self, at: float) -> str:
        there = datetime.fromtimestamp(at, self.days.zone)
        return f"{self.date(there.date())} {self.figures_of(f'{there:%H:%M}')}"

    def _band(self, number: int) -> str:
        if number < 0:
            return self.text("page", "unknown")
        bounds = [duration(bound, self.language) for bound in self.bands]
        if number == 0:
            text = self.text("page", "up_to").format(high=bounds[0])
        elif number == len(bounds):
            text = self.text("page", "over").format(low=bounds[-1])
        else:
            text = self.range(bounds[number - 1], bounds[number])
        return self.figures_of(text)


def time_of_day(minute: int) -> str:
    """Return a minute of the day, 0 to 1440, as text such as `09:15`."""
    return f"{minute // _MINUTE:02}:{minute % _MINUTE:02}"


def _column_of(finding: Highlight, name: str) -> str:
    """Return the column from which a highlight has the figure called `name`.

    The column decides whether the n of the figure counts answers or cases.
    """
    if finding.sentence in _OF_LOW_RATINGS:
        return "low"
    _, measure = finding.keys.get("measure", (None, name))
    return str(measure)
