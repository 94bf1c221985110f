"""The catalogue of metrics as a page, `config/metrics.md`, with the rules, alerts and panels that use each.

Pure. `cc-bridge metrics` prints it, from the files in `config/prometheus/` and `config/grafana/`; after a
change to any of them run `cc-bridge metrics > config/metrics.md`.

The trap: a record such as `queue:cc_bridge_visits:increase5m` has a metric's name inside and is none. Who
uses the record does not count as using the metric; the record itself does.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cc_bridge.metrics.families import FAMILIES, PREFIX, SIZES, MetricFamily

__all__ = ["metrics_in", "page", "records_in", "uses_in_dashboard", "uses_in_rules"]

_METRIC = re.compile(rf"(?<![:\w]){PREFIX}\w+\b(?!:)")
_RECORD = re.compile(rf"\b\w+:{PREFIX}\w+:\w+")
_RULE = re.compile(
    r"^ *- (record|alert): (\S+)\n(.*?)(?=^ *- (?:record|alert|name):|\Z)", re.MULTILINE | re.DOTALL
)
_EXPR = re.compile(r"^ *expr:(.*?)(?=^ *(?:for|labels|annotations|#)|\Z)", re.MULTILINE | re.DOTALL)
_PART = re.compile(r"_(bucket|sum|count)$")
_WINDOW = re.compile(r"\d+[mhd]$")

Uses = Mapping[str, list[str]]
"""Where a metric is used, in words, by its name."""

_INTRO = """\
# Every metric

Written by `cc-bridge metrics`: change the words in the code, who uses what in the rules and dashboards. Each
metric has the label `pbx` besides those here; callers are never in a label, agents only with
`metrics.agents = true`. The series of a queue in the configuration exist at 0 from the start, those of
another one from the PBX's first list of its queues. Counters count from the start of the daemon; a restart of
Asterisk does not disturb them. What the numbers mean for the contact centre is in [measures.md](measures.md).

How many series there can be: """

_OUTRO = """\
Besides these there are `process_*` and `python_*`, by prometheus_client: `process_start_time_seconds` is what
the alert CcBridgeRestarting looks at."""


def metrics_in(text: str) -> set[str]:
    """Return the metrics of ours that an expression names; of a histogram's series the histogram."""
    known = {family.exposed_name for families in FAMILIES.values() for family in families}
    named: set[str] = set(_METRIC.findall(text))
    return {name if name in known else _PART.sub("", name) for name in named}


def records_in(text: str) -> set[str]:
    """Return the recorded series that an expression names."""
    return set(_RECORD.findall(text))


def uses_in_rules(rules: str) -> Iterator[tuple[str, str]]:
    """Yield metric and user for each rule of a file of Prometheus; the windows of a record are one user."""
    for kind, name, body in _RULE.findall(rules):
        user = f"`{_WINDOW.sub('', name)}`" if kind == "record" else f"alert {name}"
        for metric in metrics_in("".join(_EXPR.findall(body))):
            yield metric, user


def uses_in_dashboard(dashboard: str) -> Iterator[tuple[str, str]]:
    """Yield metric and user for each panel of a dashboard of Grafana, as it is exported."""
    board = json.loads(dashboard)
    for metric in metrics_in(json.dumps(board.get("templating", {}))):
        yield metric, f"dashboard {board.get('title')}"
    for panel in _panels(board):
        for target in panel.get("targets", []):
            for metric in metrics_in(target.get("expr", "")):
                yield metric, f"panel {board.get('title')}: {panel.get('title')}"


def _panels(part: Any) -> Iterator[dict[str, Any]]:
    for panel in part.get("panels", []):
        yield panel
        yield from _panels(panel)  # of a row that is folded


def page(uses: Iterable[tuple[str, str]]) -> str:
    """Return the catalogue as Markdown."""
    users: dict[str, set[str]] = {}
    for metric, user in uses:
        users.setdefault(metric, set()).add(user)
    sizes = "; ".join(f"`{name}` are {words}" for name, words in SIZES.items())
    parts = [f"{_INTRO}{sizes}."]
    for heading, families in FAMILIES.items():
        rows = [_row(family, sorted(users.get(family.exposed_name, ()))) for family in families]
        parts += [
            f"## {heading}",
            _table(("metric", "type", "labels", "unit", "meaning", "series at most", "used by"), rows),
        ]
    return "\n\n".join([*parts, _OUTRO]) + "\n"


def _row(family: MetricFamily, users: list[str]) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    used = ", ".join(users) or family.use
    return (
        f"`{family.exposed_name}`",
        family.kind,
        labels,
        family.unit,
        family.help,
        f"`{family.series}`",
        used,
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ("---",) * len(head), *rows])
