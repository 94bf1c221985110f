# ruff: noqa: RUF001 - Persian digits and typography are the subject
"""Numbers in right-to-left text: each is isolated once, with its sign and per cent sign."""

import pytest

from cc_bridge.reports.render.bidi import isolated_numbers
from cc_bridge.reports.render.localization import Localization


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("رضایت", "رضایت"),
        ("۶۶٫۴٪ تا ۶۹٫۸٪ · ۲٬۹۹۵ پاسخ", "[۶۶٫۴٪] تا [۶۹٫۸٪] · [۲٬۹۹۵] پاسخ"),
        ("نمره \u2212۴۹٫۲", "نمره [\u2212۴۹٫۲]"),
        ("+5 %", "[+5 %]"),
        ("۱–۵", "[۱]–[۵]"),
        ("در ۱۴۰۵/۰۸/۲۶ ۱۸:۲۰.", "در [۱۴۰۵/۰۸/۲۶] [۱۸:۲۰]."),
        ("از ۲۰۲۶-۱۱-۰۱ تا ۲۰۲۶-۱۱-۲۹", "از [۲۰۲۶-۱۱-۰۱] تا [۲۰۲۶-۱۱-۲۹]"),
        ("صف \u2068Sales 2\u2069 و ۳", "صف \u2068Sales 2\u2069 و [۳]"),
    ],
)
def test_each_number_is_isolated(text, shown):
    expected = shown.replace("[", "\u2066").replace("]", "\u2069")
    assert isolated_numbers(text) == expected
    assert isolated_numbers(expected) == expected


def test_only_right_to_left_text_is_changed():
    assert Localization("en").isolated("5 %") == "5 %"
    assert Localization("fa").isolated("۵٪") == "\u2066۵٪\u2069"
