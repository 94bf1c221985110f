# ruff: noqa: RUF001 - Persian digits and typography are the subject
"""The texts of the reports: complete in both languages, and in words that a team lead knows."""

import re

import pytest

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Figure
from cc_bridge.reports.query import BANDS, Dimension
from cc_bridge.reports.render.localization import LANGUAGES, Localization, catalogue


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_column_has_a_meaning_without_code(language):
    words = catalogue()[language]
    assert set(words["meanings"]) == set(words["columns"])
    for name, meaning in words["meanings"].items():
        assert not re.search(r"[_\[\]/]|queues\.", meaning), name


def test_few_answers_are_called_the_same_everywhere():
    assert catalogue()["fa"]["page"]["too_few"] == "پاسخ ناکافی"
    assert "بسیار کم" not in str(catalogue()["fa"])


def test_an_interval_and_its_answers_in_persian():
    figure = Figure(3.7, n=29, low=3.2, high=4.3)
    persian = Localization("fa", "persian")
    assert persian.details(Unit.MEAN, figure, "csat_mean") == "۳٫۲۰ تا ۴٫۳۰ · ۲۹ پاسخ"
    assert persian.details(Unit.SECONDS, Figure(65, n=29), "wait_mean") == "۲۹ مورد"
    assert Localization().details(Unit.MEAN, figure) == "3.20–4.30, n=29"


def test_ranges_of_keys():
    persian = Localization("fa", "persian", bands=BANDS)
    assert persian.key(Dimension.HOUR, 8) == "۰۸:۰۰ تا ۰۹:۰۰"
    assert persian.key(Dimension.WAIT_BAND, 0).startswith("تا ")
    assert persian.key(Dimension.WAIT_BAND, len(BANDS)).startswith("بیش از ")
    assert Localization().key(Dimension.HOUR, 8) == "08:00–09:00"


def test_two_columns_of_one_report_have_different_labels():
    columns = catalogue()["fa"]["columns"]
    assert columns["rings_missed"] != columns["declined"]
