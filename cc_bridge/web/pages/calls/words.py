"""The filter of a list of calls in one sentence. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cc_bridge.reports.call_filter import AGENTS_SPOKEN, CallFilter, ListCondition, ListKind, RowKey
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.render.bidi import END, ISOLATE
from cc_bridge.safe_text.printable import printable
from cc_bridge.web.pages.shown import Shown

__all__ = ["FilterSentence"]

# The kinds of the words that are the values of a condition, by the kind of list and the condition.
_KINDS: Mapping[tuple[ListKind, str], str] = {
    (ListKind.VISITS, "outcome"): "outcome",
    (ListKind.RINGS, "outcome"): "ring",
    (ListKind.DECISIONS, "stage"): "stage",
    (ListKind.ATTEMPTS, "result"): "survey",
    (ListKind.ATTEMPTS, "reason"): "reason",
    (ListKind.LOST_CALLS, "result"): "managed",
}


@dataclass(frozen=True, slots=True)
class FilterSentence:
    """The maker of the sentence that says what is listed.

    shown: the visitor's language, with the texts of the page `calls`
    ask: the query of the list, with the settings of the queues
    """

    shown: Shown
    ask: ReportQuery

    def of(self, wanted: CallFilter, count: int) -> str:
        """Return what is listed, such as `12 visits of queue sales, answered, 2026-11-01 to 2026-11-07`."""
        number = "one" if count == 1 else "many"
        what = self._text(f"{wanted.kind}_{number}", n=self.shown.count(count))
        return self._list([what + self._of_queues(wanted), *self._limits(wanted), self._days(wanted)])

    def of_marks(self, wanted: CallFilter, marked: int) -> str:
        """Return which rows are marked; empty for a list without marks."""
        conditions = self._list(self._condition(wanted.kind, each) for each in wanted.marks)
        return self._text("marked", n=self.shown.count(marked), which=conditions) if wanted.marks else ""

    def _of_queues(self, wanted: CallFilter) -> str:
        key = wanted.key(Dimension.QUEUE)
        queues = (str(key),) if key is not None else self.ask.queues
        names = self._list(self._isolated(self._key(Dimension.QUEUE, queue)) for queue in queues)
        return self._text("of_queue" if len(queues) == 1 else "of_queues", queues=names) if queues else ""

    def _limits(self, wanted: CallFilter) -> Iterator[str]:
        if wanted.agent:
            yield self._text("of_agent", agent=self._isolated(printable(wanted.agent)))
        yield from (self._row(row) for row in wanted.rows if row.by != Dimension.QUEUE or row.others)
        yield from (self._condition(wanted.kind, each) for each in wanted.conditions)
        if wanted.pbx:
            yield self._text("of_pbx", pbx=self._isolated(printable(wanted.pbx)))

    def _row(self, row: RowKey) -> str:
        if row.by == AGENTS_SPOKEN:
            value = self.shown.wording.text("words", f"agents_{row.key}")
        else:
            value = self._key(Dimension(row.by), row.key)
        by = self.shown.wording.text("by", row.by)
        return self._text("row_others" if row.others else "row", by=by, key=self._isolated(value))

    def _condition(self, kind: ListKind, condition: ListCondition) -> str:
        name, values = condition
        if name == "in-time" and len(values) == 1:
            return self._in_time(values[0])
        found = [self._value(kind, name, value) for value in values]
        return self.shown.words.get(f"is_{name}", "{value}").format(value=self._text("or").join(found))

    def _in_time(self, value: str) -> str:
        """Return the condition of the service level in words.

        They contain the threshold if all listed queues have the same one.
        """
        thresholds = {self.ask.of(queue).threshold for queue in self.ask.queues or self.ask.settings}
        if not self.ask.queues:
            thresholds.add(self.ask.others.threshold)
        if len(thresholds) != 1:
            return self._text(f"in-time_{value}")
        return self._text(f"in-time_{value}_T", time=self.shown.time(thresholds.pop()))

    def _value(self, kind: ListKind, name: str, value: str) -> str:
        """Return the text of one value of a condition."""
        match name:
            case "question":
                return self._isolated(self.shown.question(value))
            case "value":
                return self.shown.wording.figures_of(value)
            case "kind":
                return self.shown.word(value, "kind")
        if (kind, name) not in _KINDS:
            return self._text(f"{name}_{value}")
        word = self.shown.word(value, _KINDS[kind, name])
        return self._isolated(word[:1].lower() + word[1:])

    def _days(self, wanted: CallFilter) -> str:
        first, last = (self._isolated(self.shown.wording.date(day)) for day in (wanted.first, wanted.last))
        return self._text("on_day" if wanted.first == wanted.last else "on_days", first=first, last=last)

    def _text(self, name: str, **values: str) -> str:
        return self.shown.words[name].format_map(values)

    def _key(self, by: Dimension, key: str | int) -> str:
        return self.shown.wording.key(by, key)

    def _list(self, parts: Iterable[str]) -> str:
        return self.shown.wording.text("page", "comma").join(parts)

    def _isolated(self, text: str) -> str:
        """Return a name that keeps its own direction within the sentence."""
        return f"{ISOLATE}{self.shown.wording.isolated(text)}{END}"
