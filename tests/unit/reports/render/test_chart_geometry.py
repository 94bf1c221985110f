"""Charts of a report: an empty one has a message in place of an axis."""

from datetime import date

import pytest

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Column, Figure, Report, ReportRow, ReportTable
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.render.chart_geometry import charts
from cc_bridge.reports.render.html import as_html
from cc_bridge.reports.render.localization import Localization

COLUMN = Column("abandonment", Unit.PERCENT, kpi="abandonment", has_n=True, has_interval=True)
FEW = Figure(50.0, 4, 15.0, 85.0, enough=False)


def table(by, *cells):
    rows = tuple(ReportRow((number if by is Dimension.HOUR else f"q{number}",), (cell,))
                 for number, cell in enumerate(cells))  # fmt: skip
    return ReportTable("service", ((by.value, by),), (COLUMN,), rows, None, ("abandonment",))


@pytest.mark.parametrize("by", [Dimension.QUEUE, Dimension.HOUR])
def test_a_chart_without_a_figure_says_so(by):
    (chart,) = charts(table(by, FEW, None), Localization())
    assert chart.message == "No row has enough calls or answers for a chart."
    assert (chart.bars, chart.ticks) == ((), ())
    made = table(by, FEW, None)
    day = date(2026, 11, 1)
    page = as_html(Report("service", ReportQuery(day, day, by), (made,)), Localization(), 1_795_900_000.0)
    (svg,) = page.partition("<svg")[2].partition("</svg>")[:1]
    assert chart.message in svg
    assert "<line" not in svg


@pytest.mark.parametrize("by", [Dimension.QUEUE, Dimension.HOUR])
def test_a_figure_of_zero_is_drawn(by):
    (chart,) = charts(table(by, Figure(0.0, 20, 0.0, 16.1), FEW), Localization())
    assert chart.message == ""
    assert len(chart.bars) == 2
    assert len(chart.ticks) == 5
