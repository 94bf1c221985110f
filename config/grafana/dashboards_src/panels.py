"""The kinds of panel. Each panel has a title, a unit, a description (`words`) and its queries.

Panels are laid out from left to right in the given order. A line has 24 columns, and `span` is the width of a
panel. Note: the SDK starts a new line only when a line is exactly full. The spans of a line must add
up to 24, with equal heights; a test checks for overlaps and gaps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    stat,
    statushistory,
    table as table_panel,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from cc_bridge.config import WallboardConfig
from dashboards_src.queries import PROMETHEUS, Sql

__all__ = [
    "FEW", "LIMITS", "PERCENT", "PLAIN", "Column", "Limits", "bars", "field", "grid", "less_is_worse",
    "lines", "more_is_worse", "table", "tile", "values",
]  # fmt: skip

Limits = Sequence[tuple[float | None, str]]
"""Pairs of a lower limit and the colour from that value up; the first limit is None, for all lower values."""
P = TypeVar("P", bound=Any)  # a panel builder; the SDK's kinds have the same methods, but no base class

PERCENT = "percentunit"
PLAIN: Limits = ((None, "text"),)
LIMITS = WallboardConfig()  # the default thresholds of the wallboard
_GREEN, _YELLOW, _RED = "green", "yellow", "red"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: heading, unit and colour limits."""

    heading: str
    unit: str = "short"
    limits: Limits = PLAIN


def more_is_worse(warning: float, critical: float) -> Limits:
    """Return the colours of a value that is worse the higher it is."""
    return (None, _GREEN), (warning, _YELLOW), (critical, _RED)


def less_is_worse(warning: float, critical: float) -> Limits:
    """Return the colours of a value that is worse the lower it is."""
    return (None, _RED), (critical, _YELLOW), (warning, _GREEN)


def values(words: Mapping[int, str]) -> ValueMap:
    """Return a value mapping that shows each of these whole numbers as a text."""
    return ValueMap({str(value): ValueMappingResult(text=text) for value, text in words.items()})


# NaN (from `promql.too_few`) and SQL null are shown as "too few".
FEW = SpecialValueMap(
    DashboardSpecialValueMapOptions(SpecialValueMatch.NULL_AND_NAN, ValueMappingResult(text="too few"))
)


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value, color) for value, color in limits]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _dressed(
    panel: P,
    title: str,
    unit: str,
    words: str,
    targets: Sequence[Any],
    span: int,
    height: int,
    limits: Limits,
) -> P:
    """Set the properties that all kinds of panel share, and return the panel."""
    source = targets[0].source if isinstance(targets[0], Sql) else PROMETHEUS
    for letter, target in zip("ABCDEFGHIJKLMNOP", targets, strict=False):
        panel.with_target(target.ref_id(letter))
    panel.title(title).description(words).unit(unit).datasource(source).span(span).height(height)
    panel.thresholds(_thresholds(limits)).no_value("no data")
    return panel


def _count(panel: P, *names: str) -> P:
    """Show the series with these names as plain counts, also if the panel has another unit."""
    for name in names:
        panel.override_by_name(
            name,
            [
                DynamicConfigValue("unit", "short"),
                DynamicConfigValue("decimals", 0),
                DynamicConfigValue("thresholds", _thresholds(PLAIN).build()),
            ],
        )
    return panel


# -- panels


def tile(
    title: str,
    unit: str,
    words: str,
    *targets: Any,
    limits: Limits = PLAIN,
    span: int = 4,
    mapping: Any = None,
    decimals: int | None = None,
) -> stat.Panel:
    """Return a panel with one large number; a second series named n is shown as a count."""
    panel = _dressed(stat.Panel(), title, unit, words, targets, span, 4, limits)
    panel.color_mode(BigValueColorMode.VALUE).graph_mode(BigValueGraphMode.NONE)
    panel.text_mode(BigValueTextMode.AUTO).orientation(VizOrientation.VERTICAL)
    panel.reduce_options(common.ReduceDataOptions().calcs(["last"]))  # NaN if there are too few answers
    panel.mappings([mapping or FEW])
    if decimals is not None:
        panel.decimals(decimals)
    return _count(panel, "n")


def lines(
    title: str,
    unit: str,
    words: str,
    *targets: Any,
    limits: Limits = PLAIN,
    span: int = 12,
    stacked: bool = False,
    signed: bool = False,
    step: str = "",
) -> timeseries.Panel:
    """Return a time series panel. `stacked` draws stacked bars; `step` is the smallest interval, such as 1h.

    The axis starts at 0 unless values are `signed`.
    """
    panel = _dressed(timeseries.Panel(), title, unit, words, targets, span, 8, limits)
    panel.fill_opacity(10).line_width(2).show_points(VisibilityMode.AUTO)
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel.legend(legend.show_legend(True))
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    if stacked:
        panel.draw_style(GraphDrawStyle.BARS).fill_opacity(70).line_width(0)
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    if not signed:
        panel.min(0)
    return panel.interval(step) if step else panel


def bars(
    title: str, unit: str, words: str, *targets: Any, span: int = 8, limits: Limits = PLAIN
) -> bargauge.Panel:
    """Return a panel with one horizontal bar for each series."""
    panel = _dressed(bargauge.Panel(), title, unit, words, targets, span, 8, limits)
    panel.orientation(VizOrientation.HORIZONTAL).show_unfilled(True).min(0)
    panel.reduce_options(common.ReduceDataOptions().calcs(["last"]))
    return panel.mappings([FEW])


def grid(title: str, unit: str, words: str, *targets: Any, step: str, span: int = 24) -> statushistory.Panel:
    """Return a status history: one cell for each series and step of time, coloured by value."""
    panel = _dressed(statushistory.Panel(), title, unit, words, targets, span, 8, PLAIN)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.CONTINUOUS_BL_YL_RD))
    panel.show_value(VisibilityMode.AUTO).decimals(0).interval(step)
    return panel


def field(title: str, unit: str, words: str, target: Any, *, span: int = 12, step: str = "") -> heatmap.Panel:
    """Return a heat map: one cell for each step of time and each bucket or SQL column."""
    panel = _dressed(heatmap.Panel(), title, unit, words, [target], span, 8, PLAIN)
    panel.calculate(False).color(
        heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(32)
    )
    panel.show_legend()
    return panel.interval(step) if step else panel


def table(
    title: str,
    words: str,
    columns: Mapping[str, Column],
    *targets: Any,
    span: int = 24,
    names: Mapping[str, str] | None = None,
) -> table_panel.Panel:
    """Return a table with one row for each set of labels, or for each row of an SQL query.

    `columns` maps names of values, such as "Value #A", to columns. `names` maps labels to headings.
    """
    panel = _dressed(table_panel.Panel(), title, "short", words, targets, span, 9, PLAIN)
    headings = {**(names or {}), **{value: column.heading for value, column in columns.items()}}
    panel.transformations(
        [
            DataTransformerConfig("merge", options={}),
            DataTransformerConfig(
                "organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {name: place for place, name in enumerate(headings)},
                    "renameByName": dict(headings),
                },
            ),
        ]
    )
    panel.mappings([FEW])
    for column in columns.values():
        look = [
            DynamicConfigValue("unit", column.unit),
            DynamicConfigValue("thresholds", _thresholds(column.limits).build()),
        ]
        if column.limits is not PLAIN:
            look.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
        if column.unit == "short":
            look.append(DynamicConfigValue("decimals", 0))
        panel.override_by_name(column.heading, look)
    return panel
