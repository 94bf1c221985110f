"""Words, numbers and dates as people read them, in English or Persian, by either calendar. Pure.

The other modules here write by it; `texts.toml` holds the words. The trap: in Persian text a number is read
from left to right among words that are not, so whoever writes HTML isolates it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cc_bridge.kpis.catalogue import KPIS, Kpi
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.calendar import Days, day_of, persian
from cc_bridge.reports.figures import Cell, Column, Highlight, KeyKind, ReportRow
from cc_bridge.reports.query import Dimension, Group
from cc_bridge.surveys.business_hours import WEEKDAYS

__all__ = [
    "LANGUAGES",
    "Digits",
    "Language",
    "Localization",
    "answer_labels",
    "catalogue",
    "kpi_of",
    "score_labels",
]

Language = Literal["en", "fa"]
Digits = Literal["latin", "persian"]
LANGUAGES: tuple[Language, ...] = ("en", "fa")

_PERSIAN = str.maketrans("0123456789.,%", "۰۱۲۳۴۵۶۷۸۹٫٬٪")  # noqa: RUF001 - typography for readers
_KPIS = {kpi.name: kpi for kpis in KPIS.values() for kpi in kpis}
_MINUTE = 60
_ISOLATE, _LEFT_TO_RIGHT, _END = "\u2068", "\u2066", "\u2069"  # Unicode's marks for text within other text


@cache
def catalogue() -> Mapping[Language, Mapping[str, Any]]:
    """Return the words by language and part; the labels of scores are columns and words too."""
    found: Any = tomllib.loads((Path(__file__).parent / "texts.toml").read_text(encoding="utf-8"))
    for words in found.values():
        for kind in words["kinds"].values():
            words["columns"] |= kind["scores"]
            words["words"] |= kind["scores"]
    texts: Mapping[Language, Mapping[str, Any]] = found
    return texts


def kpi_of(column: Column) -> Kpi | None:
    """Return what the catalogue of kpis says of a column."""
    return _KPIS[column.kpi] if column.kpi else None


def score_labels(score: str) -> dict[Language, str]:
    """Return what a score is, in a word or two, in each language."""
    return {language: Localization(language).short(score) for language in LANGUAGES}


def answer_labels(kind: str, value: int) -> dict[Language, str]:
    """Return one answer as people say it, in each language with its own digits."""
    return {
        language: Localization(language, "persian" if language == "fa" else "latin").answer(kind, value)
        for language in LANGUAGES
    }


@dataclass(frozen=True, slots=True)
class Localization:
    """One reader's language, calendar and digits."""

    language: Language = "en"
    digits: Digits = "latin"
    days: Days = field(default_factory=Days)
    bands: tuple[int, ...] = ()

    @property
    def direction(self) -> str:
        return "rtl" if self.language == "fa" else "ltr"

    def text(self, part: str, name: str) -> str:
        """Return a word of the catalogue; what it does not know, such as a new reason, as it is."""
        words: Mapping[str, str] = catalogue()[self.language][part]
        return words.get(name, name)

    def label(self, column: Column) -> str:
        return self.text("columns", column.name)

    def answer(self, kind: str, value: int) -> str:
        """Return one answer as people say it, `2 of 5`; its value alone for an unknown kind."""
        text: str = catalogue()[self.language]["kinds"].get(kind, {}).get("answer", "{n}")
        return text.format(n=self.figures_of(str(value)))

    def short(self, score: str) -> str:
        """Return what a score is, in a word or two to stand beside its figure."""
        kinds: Mapping[str, Any] = catalogue()[self.language]["kinds"]
        return next((kind["short"] for kind in kinds.values() if score in kind["scores"]), score)

    def figures_of(self, text: str) -> str:
        """Return a text with its digits as wished."""
        return text.translate(_PERSIAN) if self.digits == "persian" else text

    # -- numbers

    def value(self, unit: Unit, value: float) -> str:
        """Return a number without n and interval."""
        if unit is Unit.SECONDS:
            text = _minutes(value)
        elif unit is Unit.TIME:
            minutes = round(value / _MINUTE)
            text = f"{minutes // _MINUTE:,}:{minutes % _MINUTE:02}"
        else:
            sign = "+" if unit is Unit.POINTS else ""
            text = f"{value:{sign},.{unit.decimals}f}".replace("-", "−")  # noqa: RUF001 - typography for readers
            if unit is Unit.PERCENT:
                text += "%" if self.digits == "persian" else " %"
        return self.figures_of(text)

    def tick(self, unit: Unit, value: float) -> str:
        """Return a number at an axis, with no more decimals than it needs."""
        if unit in {Unit.SECONDS, Unit.TIME}:
            return self.value(unit, value)
        percent = "" if unit is not Unit.PERCENT else "%" if self.digits == "persian" else " %"
        return self.figures_of(f"{value:g}".replace("-", "−") + percent)  # noqa: RUF001 - typography for readers

    def cell(self, unit: Unit, cell: Cell) -> str:
        """Return the number, or that there is none or too few to say."""
        if cell is None:
            return self.text("page", "no_data")
        if not cell.enough:
            return self.text("page", "too_few")
        return self.value(unit, cell.value)

    def details(self, unit: Unit, cell: Cell) -> str:
        """Return interval and n, as far as there are any."""
        if cell is None:
            return ""
        parts = []
        if cell.enough and cell.low is not None and cell.high is not None:
            low, high = (self.value(unit, bound).removesuffix(" %") for bound in (cell.low, cell.high))
            parts.append(f"{low}–{high}")  # noqa: RUF001 - typography for readers
        if cell.n is not None:
            parts.append(f"n={self.figures_of(f'{cell.n:,}')}")
        return ", ".join(parts)

    def full(self, unit: Unit, cell: Cell) -> str:
        details = self.details(unit, cell)
        return self.cell(unit, cell) + (f" ({details})" if details else "")

    # -- keys and sentences

    def key(self, kind: Dimension | KeyKind, key: Group) -> str:
        """Return what a row stands for."""
        match kind:
            case Dimension.DAY:
                return self.date(day_of(int(key)))
            case Dimension.WEEKDAY:
                return self.text("weekdays", WEEKDAYS[int(key)])
            case Dimension.HOUR:
                return self.figures_of(f"{key:02}:00–{int(key) + 1:02}:00")  # noqa: RUF001 - typography for readers
            case Dimension.WAIT_BAND:
                return self._band(int(key))
            case Dimension.STAGE:
                return self.text("stages", str(key) or "none")
            case KeyKind.WORD:
                return self.text("words", str(key))
            case _:
                return str(key) or self.text("page", "none")

    def unit(self, column: Column, row: ReportRow) -> Unit:
        return row.unit or column.unit

    def sentence(self, finding: Highlight) -> str:
        """Return a finding as a sentence."""
        keys = {name: self.key(kind, key) for name, (kind, key) in finding.keys.items()}
        figures = {name: self.full(unit, figure) for name, (unit, figure) in finding.figures.items()}
        parts = keys | figures
        if self.direction == "rtl":  # each keeps its own order
            parts = {name: f"{_ISOLATE}{part}{_END}" for name, part in parts.items()}
            parts |= {name: f"{_LEFT_TO_RIGHT}{figure}{_END}" for name, figure in figures.items()}
        return self.text("findings", finding.sentence).format_map(parts)

    def date(self, day: date) -> str:
        year, month, number = persian(day) if self.days.kind == "persian" else (day.year, day.month, day.day)
        between = "/" if self.days.kind == "persian" else "-"  # as each is written
        return self.figures_of(between.join((f"{year:04}", f"{month:02}", f"{number:02}")))

    def instant(self, at: float) -> str:
        there = datetime.fromtimestamp(at, self.days.zone)
        return f"{self.date(there.date())} {self.figures_of(f'{there:%H:%M}')}"

    def _band(self, number: int) -> str:
        if number < 0:
            return self.text("page", "none")
        bounds = [_minutes(bound) for bound in self.bands]
        if number == 0:
            text = f"≤ {bounds[0]}"
        elif number == len(bounds):
            text = f"> {bounds[-1]}"
        else:
            text = f"{bounds[number - 1]}–{bounds[number]}"  # noqa: RUF001 - typography for readers
        return self.figures_of(text)


def _minutes(seconds: float) -> str:
    """Return minutes and seconds; a wait under ten seconds has its tenths."""
    if 0 < abs(seconds) < 10 and round(seconds, 1) != round(seconds):  # noqa: PLR2004 - the ten
        return f"0:{seconds:04.1f}" if seconds > 0 else f"−0:{-seconds:04.1f}"  # noqa: RUF001 - typography for readers
    whole = round(abs(seconds))
    return f"{'−' if seconds < 0 else ''}{whole // _MINUTE}:{whole % _MINUTE:02}"  # noqa: RUF001 - typography for readers
