"""The filter of a list of calls in one sentence, and the words of its rows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.call_filter import AGENTS_SPOKEN, CallFilter, ListCondition, ListKind, RowKey
from cc_bridge.reports.listed_call import GivenAnswer
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.render.bidi import END, ISOLATE
from cc_bridge.reports.render.localization import Localization
from cc_bridge.safe_text.printable import printable

__all__ = ["CallWords"]

_OUTCOMES = {ListKind.VISITS, ListKind.LOST_CALLS}


@dataclass(frozen=True, slots=True)
class CallWords:
    """The words of a list in the visitor's language.

    wording: language, digits and calendar
    texts: the texts of the page `calls`: name -> text
    ask: the query of the list, with the settings of the queues
    """

    wording: Localization
    texts: Mapping[str, str]
    ask: ReportQuery

    def count(self, number: int) -> str:
        """Return a number of rows as text."""
        return self.wording.value(Unit.COUNT, number)

    def seconds(self, seconds: float | None) -> str:
        """Return a duration as text; empty for None."""
        return "" if seconds is None else self.wording.value(Unit.SECONDS, seconds)

    def queue(self, name: str) -> str:
        """Return the title of a queue, or its name if it has no title; empty for no queue."""
        return self.wording.key(Dimension.QUEUE, name) if name else ""

    def word(self, kind: ListKind, word: str) -> str:
        """Return a stored word, such as an outcome, in the visitor's language."""
        return printable(self._ring(word) if kind is ListKind.RINGS else self._word(word))

    def question(self, name: str) -> str:
        """Return the title of a question, or its id if it has no title."""
        return printable(self.wording.questions.get(name) or name)

    def answer(self, answer: GivenAnswer) -> str:
        """Return an answer as text, such as `4 of 5`."""
        if answer.kind == "comment":
            return self.texts["comment"].format(time=self.seconds(answer.value))
        if answer.kind in {"yes_no", "choice"}:
            label = self.texts.get(f"answer_{answer.label}", answer.label)
            return printable(label) or self.wording.figures_of(str(answer.value))
        return self.wording.answer(answer.kind, answer.value)

    def sentence(self, wanted: CallFilter, count: int) -> str:
        """Return what is listed as one sentence, such as `12 visits of queue sales, answered, 2026-11-01`."""
        what = self._what(wanted, count) + self._of_queues(wanted)
        return self._list([what, *self._limits(wanted), self._days(wanted)])

    def marks(self, wanted: CallFilter, marked: int) -> str:
        """Return what is marked as one sentence; empty for a list without marks."""
        conditions = self._list(self._condition(wanted.kind, each) for each in wanted.marks)
        return self.texts["marked"].format(n=self.count(marked), which=conditions) if wanted.marks else ""

    # -- the parts of the sentence

    def _what(self, wanted: CallFilter, count: int) -> str:
        number = "one" if count == 1 else "many"
        return self.texts[f"{wanted.kind}_{number}"].format(n=self.count(count))

    def _of_queues(self, wanted: CallFilter) -> str:
        key = wanted.key(Dimension.QUEUE)
        queues = (str(key),) if key is not None else self.ask.queues
        if not queues:
            return ""
        names = self._list(self._isolated(self.wording.key(Dimension.QUEUE, queue)) for queue in queues)
        text = self.texts["of_queue" if len(queues) == 1 else "of_queues"]
        return text.format(queues=names)

    def _limits(self, wanted: CallFilter) -> Iterator[str]:
        if wanted.agent:
            yield self.texts["of_agent"].format(agent=self._isolated(printable(wanted.agent)))
        yield from (self._row(row) for row in wanted.rows if row.by != Dimension.QUEUE or row.others)
        yield from (self._condition(wanted.kind, each) for each in wanted.conditions)
        if wanted.pbx:
            yield self.texts["of_pbx"].format(pbx=self._isolated(printable(wanted.pbx)))

    def _row(self, row: RowKey) -> str:
        if row.by == AGENTS_SPOKEN:
            value = self.wording.text("words", f"agents_{row.key}")
        else:
            value = self.wording.key(Dimension(row.by), row.key)
        text = self.texts["row_others" if row.others else "row"]
        return text.format(by=self.wording.text("by", row.by), key=self._isolated(value))

    def _condition(self, kind: ListKind, condition: ListCondition) -> str:
        name, values = condition
        if name == "in-time":
            return self._in_time(*values[:1])
        found = [self.texts.get(f"{name}_{value}") or self._value(kind, name, value) for value in values]
        return self.texts.get(f"is_{name}", "{value}").format(value=self.texts["or"].join(found))

    def _in_time(self, value: str) -> str:
        """Return the condition of the service level: with its seconds, if all listed queues have the same."""
        queues = self.ask.queues or tuple(self.ask.settings)
        thresholds = {self.ask.of(queue).threshold for queue in queues}
        if not self.ask.queues:
            thresholds.add(self.ask.others.threshold)
        if len(thresholds) != 1:
            return self.texts[f"in-time_{value}"]
        return self.texts[f"in-time_{value}_T"].format(time=self.seconds(thresholds.pop()))

    def _value(self, kind: ListKind, name: str, value: str) -> str:
        if name == "question":
            return self._isolated(self.question(value))
        if name == "kind":
            scores = self.wording.text("columns", value)
            return scores if scores != value else self.texts.get(f"kind_{value}", value)
        if name == "value":
            return self.wording.figures_of(value)
        word = self.word(kind, value)
        return self._isolated(word[:1].lower() + word[1:])

    def _days(self, wanted: CallFilter) -> str:
        first, last = (self.wording.date(day) for day in (wanted.first, wanted.last))
        name = "on_day" if wanted.first == wanted.last else "on_days"
        return self.texts[name].format(first=self._isolated(first), last=self._isolated(last))

    def _ring(self, word: str) -> str:
        return self.texts.get(f"ring_{word}", word)

    def _word(self, word: str) -> str:
        """Return the text of this page for a word, else that of the reports' columns, else their word."""
        outcome = self.wording.text("columns", f"outcome_{word}")
        if outcome != f"outcome_{word}":
            return outcome
        return self.texts.get(f"word_{word}") or self.wording.text("words", word)

    def _list(self, parts: Iterable[str]) -> str:
        return self.wording.text("page", "comma").join(parts)

    def _isolated(self, text: str) -> str:
        """Return a name that keeps its own direction within a sentence."""
        return f"{ISOLATE}{self.wording.isolated(text)}{END}"
