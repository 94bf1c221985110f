"""The levels of a heat map: equal parts of the range of the figures that are shown."""

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Column, Figure
from cc_bridge.reports.heat_map import HeatMap, HeatMeasure

COLUMN = Column("offered", Unit.COUNT)


def levels(*values):
    cells = tuple(value if isinstance(value, Figure | None) else Figure(value) for value in values)
    heat = HeatMap(HeatMeasure.OFFERED, COLUMN, ((0, cells),))
    return [heat.level(cell) for cell in cells]


def test_the_levels_divide_the_range():
    assert levels(10.0, 11.9, 12.0, 15.0, 18.0, 20.0, None) == [1, 1, 2, 3, 5, 5, 0]


def test_too_few_has_no_level_and_no_part_in_the_range():
    assert levels(1.0, 2.0, Figure(100.0, 3, enough=False)) == [1, 5, 0]


def test_equal_figures_have_the_highest_level():
    assert levels(7.0, 7.0) == [5, 5]
    assert levels(None) == [0]
