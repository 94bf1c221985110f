"""The committed dashboards, and their queries as Grafana sends them, for tests."""

import json
import re
from dataclasses import dataclass

from support.paths import ROOT

__all__ = ["BOARDS", "FOLDER", "Query", "filled", "panels", "queries"]

FOLDER = ROOT / "config" / "grafana"
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))}


@dataclass(frozen=True)
class Query:
    """One query of a panel."""

    board: str
    panel: dict
    target: dict

    @property
    def text(self):
        return self.target.get("expr") or self.target["rawSql"]

    def __str__(self):
        return f"{self.board}: {self.panel['title']} {self.target['refId']}"


def panels(board):
    """Return the panels of a dashboard, without its row headings."""
    return [panel for panel in BOARDS[board]["panels"] if panel["type"] != "row"]


def queries(kind):
    """Return all queries of all dashboards of one kind: `expr` for PromQL, `rawSql` for SQL."""
    return [
        Query(board, panel, target)
        for board in BOARDS
        for panel in panels(board)
        for target in panel["targets"]
        if kind in target
    ]


# Characters that Grafana's Prometheus source escapes in values inside regular expressions.
_SPECIAL = re.compile(r"[\\^$.*+?()|{}\[\]/]")


def filled(text, chosen, window=600, *, mysql=False):
    """Return a query as Grafana sends it: `chosen` has the values of each variable, `window` is in seconds.

    `mysql` selects the form in which Grafana's MySQL source sends times. An unknown variable raises KeyError.
    """
    since, until = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
    own = {
        "__range": f"{window}s",
        "__rate_interval": "15s",
        "__interval": "15s",
        "__timezone": "Asia/Tehran",
    }
    span = "FROM_UNIXTIME(946684800) AND FROM_UNIXTIME(2147483647)" if mysql else f"'{since}' AND '{until}'"
    text = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {span}", text)

    def value(found):
        name, form = found["name"] or found["plain"], found["form"]
        if name in own:
            return own[name]
        values = chosen[name]
        if form == "sqlstring":
            return ",".join("'" + each.replace("'", "''") + "'" for each in values)
        escaped = [_SPECIAL.sub(lambda special: "\\\\" + special[0], each) for each in values]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    return re.sub(r"\$(?:\{(?P<name>\w+)(?::(?P<form>\w+))?\}|(?P<plain>\w+))", value, text)
