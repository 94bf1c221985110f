"""Instants, durations, names and words as a page shows them to its visitor. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.kpis.question_kinds import RATING_KINDS
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.query import Dimension
from cc_bridge.reports.render.bidi import END, LEFT_TO_RIGHT
from cc_bridge.reports.render.localization import Localization
from cc_bridge.safe_text.printable import printable

__all__ = ["Shown", "StoredAnswer", "tel"]

_NOT_DIALLED = re.compile(r"[^0-9+*#]")
_DETAILS = (
    (re.compile(r"waited (\d+) s"), "waited"),
    (re.compile(r"spoke (\d+) s"), "spoke"),
    (re.compile(r"abandoned again after ([\d.]+) h"), "again"),
    (re.compile(r"([a-z0-9_]+)=no"), "said_no"),
)


def tel(number: str) -> str:
    """Return the digits of a number for a `tel:` link; empty for a masked, hashed or withheld number."""
    return "" if re.search(r"[A-Za-z]", number) else _NOT_DIALLED.sub("", number)


class StoredAnswer(Protocol):
    """An answer in a survey as a record has it: the question's id and kind, the value and its label."""

    @property
    def question(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def value(self) -> int: ...
    @property
    def label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """The form in which a page shows values to its visitor.

    wording: the visitor's language, digits and calendar
    words: the texts that several pages share, and those of this page if it needs more: name -> text
    """

    wording: Localization
    words: Mapping[str, str]

    def at(self, at: float) -> str:
        """Return the date and the time of an instant, in UTC seconds since the epoch."""
        day, _, time = self.wording.instant(at).partition(" ")
        if self.wording.direction == "rtl":  # the hyphens of a date would change its order
            return f"{LEFT_TO_RIGHT}{day}{END} {LEFT_TO_RIGHT}{time}{END}"
        return f"{day} {time}"

    def clock(self, at: float) -> str:
        """Return the time of day of an instant, with seconds."""
        there = datetime.fromtimestamp(at, self.wording.days.zone)
        return self.wording.figures_of(f"{there:%H:%M:%S}")

    def time(self, seconds: float) -> str:
        """Return a duration in seconds as text."""
        return self.wording.value(Unit.SECONDS, seconds)

    def count(self, number: float) -> str:
        """Return a number of things as text."""
        return self.wording.value(Unit.COUNT, number)

    def queue(self, name: str) -> str:
        """Return the title of a queue, or its name if it has no title; empty for no queue."""
        return self.wording.key(Dimension.QUEUE, name) if name else ""

    def question(self, name: str) -> str:
        """Return the title of a question, or its id if it has no title."""
        return printable(self.wording.questions.get(name) or name)

    def word(self, name: str, kind: str = "") -> str:
        """Return a stored word, such as an outcome, in the visitor's language.

        `kind` is the kind of the word, such as `outcome`. The word is looked up in this order: `KIND_NAME` in
        the texts of the pages, `KIND_NAME` in the column labels of the reports, `NAME` in the words of the
        reports. A word that none of them has is shown as it is stored.
        """
        key = f"{kind}_{name}"
        found = self.words.get(key) or self.wording.text("columns", key)
        return printable(found if found != key else self.wording.text("words", name))

    def answer(self, given: StoredAnswer) -> str:
        """Return a survey answer as text, such as `2 of 5`."""
        if given.kind == "comment":
            return self.time(given.value)
        if given.kind == "yes_no":
            return self.words["yes" if given.value else "no"]
        if given.kind in RATING_KINDS:
            return self.wording.answer(given.kind, given.value)
        return self.wording.choice(given.question, given.label) or self.wording.figures_of(str(given.value))

    def detail(self, follow_up: FollowUp) -> str:
        """Return the cause of a follow-up in words, such as `waited 1:05` or `2 of 5`."""
        if follow_up.rating is not None:
            return self.wording.answer(*follow_up.rating)
        for pattern, name in _DETAILS:
            if found := pattern.fullmatch(follow_up.detail):
                return self.words[name].format(value=self._value(name, found[1]))
        return printable(follow_up.detail)

    def _value(self, name: str, value: str) -> str:
        if name == "said_no":
            return self.question(value)
        return self.wording.figures_of(value) if name == "again" else self.time(float(value))
