"""A list of calls as a CSV file. Pure."""

import csv
from datetime import UTC, datetime
from io import StringIO

from cc_bridge.reports.call_filter import ListKind
from cc_bridge.reports.listed_call import CallListPart
from cc_bridge.safe_text.spreadsheet import as_cell

__all__ = ["as_csv"]

_HEADER = (
    "at", "list", "pbx", "call_id", "queue", "agents", "number", "customer", "result", "wait_seconds",
    "talk_seconds", "answers", "counted",
)  # fmt: skip
_MARK = "\ufeff"  # byte-order mark: without it, a spreadsheet reads the bytes in a legacy encoding


def as_csv(part: CallListPart, kind: ListKind, *, has_marks: bool) -> bytes:
    """Return the rows as CSV in UTF-8 with a byte-order mark; instants are in UTC, and words are as stored.

    An answer is written as question=value. With `has_marks`, the column `counted` says which rows are in the
    numerator of the share that the list belongs to.
    """
    out = StringIO()
    lines = csv.writer(out)
    lines.writerow(_HEADER)
    for call in part.rows:
        lines.writerow(
            (
                datetime.fromtimestamp(call.at, UTC).isoformat(timespec="milliseconds"),
                kind,
                as_cell(call.pbx),
                as_cell(call.call_id),
                as_cell(call.queue),
                as_cell(", ".join(call.agents)),
                as_cell(call.number or ""),
                as_cell(call.customer),
                as_cell(", ".join(word.name for word in call.words)),
                _rounded(call.wait_seconds),
                _rounded(call.talk_seconds),
                as_cell(", ".join(f"{each.question}={each.value}" for each in call.answers)),
                ("no", "yes")[call.marked] if has_marks else "",
            )
        )
    return (_MARK + out.getvalue()).encode("utf-8", "replace")


def _rounded(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"
