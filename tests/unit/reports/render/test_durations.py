"""Durations with units in English and Persian."""

# ruff: noqa: RUF001 - typography of reports

import pytest

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Figure
from cc_bridge.reports.render.durations import duration, short_duration
from cc_bridge.reports.render.localization import Localization


@pytest.mark.parametrize(
    ("seconds", "english", "persian"),
    [
        (0, "0 s", "0 ثانیه"),
        (0.02, "0 s", "0 ثانیه"),
        (0.2, "0.2 s", "0.2 ثانیه"),
        (4.9, "4.9 s", "4.9 ثانیه"),
        (5, "5 s", "5 ثانیه"),
        (9.96, "10 s", "10 ثانیه"),
        (42.4, "42 s", "42 ثانیه"),
        (59.6, "1 min", "1 دقیقه"),
        (65, "1 min 05", "1 دقیقه و 5 ثانیه"),
        (120, "2 min", "2 دقیقه"),
        (3599.4, "59 min 59", "59 دقیقه و 59 ثانیه"),
        (3599.6, "1 h", "1 ساعت"),
        (3900, "1 h 05", "1 ساعت و 5 دقیقه"),
        (5_000_000, "1,388 h 53", "1,388 ساعت و 53 دقیقه"),
        (-4.9, "−4.9 s", "−4.9 ثانیه"),
        (-65, "−1 min 05", "−1 دقیقه و 5 ثانیه"),
    ],
)
def test_a_duration_has_its_units(seconds, english, persian):
    assert duration(seconds, "en") == english
    assert duration(seconds, "fa") == persian


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.5, "2.5 s"), (59, "59 s"), (65, "1 min"), (100, "2 min"), (3570, "1 h"), (3900, "1 h 05")],
)
def test_a_total_of_many_calls_is_rounded_to_minutes(seconds, text):
    assert duration(seconds, "en", whole_minutes=True) == text


def test_persian_digits_and_the_unit_of_a_range():
    persian = Localization("fa", "persian")
    assert persian.value(Unit.SECONDS, 4.9) == "۴٫۹ ثانیه"
    assert persian.value(Unit.TIME, 3900) == "۱ ساعت و ۵ دقیقه"
    figure = Figure(5.2, 20, 4.4, 6.1)
    assert Localization().details(Unit.SECONDS, figure) == "4.4–6.1 s, n=20"
    assert Localization().details(Unit.SECONDS, Figure(60, 20, 44, 76)) == "44 s–1 min 16, n=20"
    assert Localization().details(Unit.SECONDS, Figure(120, 20, 60, 180)) == "1–3 min, n=20"
    assert Localization().details(Unit.PERCENT, Figure(50, 20, 30, 70)) == "30.0–70.0, n=20"
    assert persian.details(Unit.SECONDS, figure).startswith("۴٫۴ تا ۶٫۱ ثانیه")


def test_a_time_without_observation_is_told_from_a_second_on():
    assert Localization().unobserved(0.0) == Localization().unobserved(0.4) == ""
    assert "not observed for 1 s of" in Localization().unobserved(1)
    assert "not observed for 12 min of" in Localization().unobserved(720)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (2.5, "2.5 s"),
        (75, "75 s"),
        (120, "2 min"),
        (225, "3.75 min"),
        (7200, "2 h"),
        (9000, "2.5 h"),
    ],
)
def test_at_an_axis_a_duration_has_one_unit(seconds, text):
    assert Localization().tick(Unit.SECONDS, seconds) == text
    assert short_duration(225, "fa") == "3.75 دقیقه"
