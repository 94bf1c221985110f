"""Cells of CSV that no spreadsheet of any country runs as a formula."""

import csv
from io import StringIO
from unicodedata import category, normalize

import pytest
from hypothesis import given, strategies as st

from cc_bridge.safe_text.spreadsheet import as_cell


@pytest.mark.parametrize("sign", [*"=+-@", *"＝＋－＠", *"﹦﹢﹣﹫", "\u2212"])  # noqa: RUF001 - full-width and small signs
@pytest.mark.parametrize(
    "before", ["", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u200f", "\x00", "\x0b", '"', ' " ']
)
def test_a_formula_is_text_in_every_country(before, sign):
    assert as_cell(f"{before}{sign}cmd|' /C calc'!A0") == f"'{before}{sign}cmd|' /C calc'!A0"
    for separator in ";\t\n\r":
        assert as_cell(f"a{separator}{before}{sign}1") == f"a{separator}'{before}{sign}1"


@pytest.mark.parametrize("text", ["\tx", "\rx", "\nx", ";x", "\t=1", ";=1"])
def test_a_cell_does_not_start_with_a_separator(text):
    assert as_cell(text).startswith("'")


@pytest.mark.parametrize(
    "text", ["", "sales", "sales = 5", "a;b", "0912+5", "sara@example.com", "فروش", "'=1", "a, =1"]
)
def test_a_text_is_not_changed(text):
    assert as_cell(text) == text


@given(st.text(st.sampled_from("=+-@＝＠ab \t\r\n;,\"'\u200f\u3000")))  # noqa: RUF001 - full-width signs
def test_no_part_of_a_file_is_a_formula_however_it_is_divided(text):
    """Divide the line as a spreadsheet with another separator does."""
    out = StringIO()
    csv.writer(out).writerow(["x", as_cell(text)])
    for delimiter in ";\t":
        for row in csv.reader(StringIO(out.getvalue(), newline=""), delimiter=delimiter):
            for cell in row[1:]:
                visible = [sign for sign in cell if category(sign)[0] not in "CZ" and sign != '"']
                assert not visible or normalize("NFKC", visible[0]) not in "=+-@"
