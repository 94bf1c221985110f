# ruff: noqa: RUF001 - Persian digits and typography are the subject
"""The texts of the reports: complete in both languages, and in words that a team lead knows."""

import re

import pytest

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Figure, Highlight, KeyKind
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


@pytest.mark.parametrize(
    ("sentence", "keys", "answers", "cases"),
    [
        ("claims_less", {"key": (Dimension.QUEUE, "sales")}, ["csat"], ["level"]),
        ("rose", {"measure": (KeyKind.WORD, "csat")}, ["before", "after"], []),
        ("rose", {"measure": (KeyKind.WORD, "service_level")}, [], ["before", "after"]),
        (
            "more_low",
            {"factor": (KeyKind.WORD, "wait"), "key": (Dimension.QUEUE, "sales")},
            ["own", "others"],
            [],
        ),
    ],
)
def test_a_finding_says_whether_its_numbers_count_answers_or_cases(sentence, keys, answers, cases):
    figures = {name: (Unit.PERCENT, Figure(50.0, n=29, low=40.0, high=60.0)) for name in answers + cases}
    text = Localization("fa", "persian").sentence(Highlight(sentence, keys, figures))
    text = re.sub("[\u2066-\u2069]", "", text)
    assert (text.count("۲۹ پاسخ"), text.count("۲۹ مورد")) == (len(answers), len(cases))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_name_of_a_sheet_is_a_whole_title(language):
    """A spreadsheet allows 31 characters."""
    words = catalogue()[language]
    tables = [table for table in words["tables"] if not table.startswith("digest")]
    assert max(len(Localization(language).sheet(table)) for table in tables) <= 31
    assert max(map(len, words["titles"].values())) <= 29


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (Unit.MEAN, 887 / 200, "4.44"),  # 4.435, whose binary number is lower
        (Unit.MEAN, 4.125, "4.13"),
        (Unit.MEAN, 4.4349999, "4.44"),  # 4.435 in JSON, CSV and XLSX
        (Unit.MEAN, 4.434999, "4.43"),
        (Unit.PERCENT, 12.25, "12.3 %"),
        (Unit.POINTS, -0.04, "+0.0"),
        (Unit.POINTS, -0.05, "−0.1"),
        (Unit.COUNT, 1234.5, "1,235"),
        (Unit.SECONDS, 0.25, "0.3 s"),
        (Unit.SECONDS, 62.5, "1 min 03"),
    ],
)
def test_a_number_is_rounded_as_people_and_browsers_do(unit, value, text):
    assert Localization().value(unit, value) == text


@pytest.mark.parametrize(
    ("kind", "key", "text"),
    [
        (Dimension.AGENT, "", "no agent"),
        (Dimension.QUEUE, "", "no queue"),
        (Dimension.WAIT_BAND, -1, "unknown"),
        (Dimension.LANGUAGE, "", "unknown"),
    ],
)
def test_the_label_of_a_row_without_a_key(kind, key, text):
    assert Localization(bands=BANDS).key(kind, key) == text


@pytest.mark.parametrize(
    ("unit", "difference", "english", "persian"),
    [
        (Unit.PERCENT, 12.46, "+12.5 points", "+۱۲٫۵ واحد"),
        (Unit.POINTS, -3.0, "−3.0 points", "−۳٫۰ واحد"),
        (Unit.MEAN, 0.004, "0.00", "۰٫۰۰"),
        (Unit.SECONDS, -65.0, "−1 min 05", "−۱ دقیقه و ۵ ثانیه"),
        (Unit.COUNT, 1200.0, "+1,200", "+۱٬۲۰۰"),
    ],
)
def test_a_difference_has_a_sign_and_a_unit(unit, difference, english, persian):
    assert Localization().difference(unit, difference) == english
    assert Localization("fa", "persian").difference(unit, difference) == persian


def test_ranges_of_keys():
    persian = Localization("fa", "persian", bands=BANDS)
    assert persian.key(Dimension.HOUR, 8) == "۰۸:۰۰ تا ۰۹:۰۰"
    assert persian.key(Dimension.WAIT_BAND, 0).startswith("تا ")
    assert persian.key(Dimension.WAIT_BAND, len(BANDS)).startswith("بیش از ")
    assert Localization().key(Dimension.HOUR, 8) == "08:00–09:00"


def test_two_columns_of_one_report_have_different_labels():
    columns = catalogue()["fa"]["columns"]
    assert columns["rings_missed"] != columns["declined"]
