"""Numbers in all notations, tables of a CRM, the answer to the dialplan, and the order of a history."""

from io import BytesIO

import pytest
from hypothesis import given, strategies as st

from cc_bridge.customers.csv_import import CsvFault, CsvLine, NotATable, check, read
from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.customers.profile import VARIABLES, Priorities, Profile, variables
from cc_bridge.customers.timeline import (
    CustomerIdentity,
    Timeline,
    TimelineRating,
    TimelineTalk,
    TimelineVisit,
    as_json,
)
from cc_bridge.privacy.caller_keys import CallerKeys

SECRET = b"a secret of the house"
IRAN = NumberKeys(CallerKeys(country="98"))
TABLE = "number,customer_id,name\n"


# -- numbers


@pytest.mark.parametrize(
    "written",
    ["09121234567", "+989121234567", "00989121234567", "989121234567", "9121234567", "0912 123 4567",
     "(0912) 123-4567", "+98 (0)912 123 4567", "۰۹۱۲۱۲۳۴۵۶\u06f7", "\u202a+98 912 123 4567\u202c"],
)  # fmt: skip
def test_one_customer_however_the_number_is_written(written):
    assert IRAN.key(written) == "989121234567"
    assert "989121234567" in IRAN.keys(written)


def test_a_network_that_leaves_the_zero_out_is_found_too():
    assert CallerKeys(country="98").key("9121234567") in IRAN.keys("+98 912 123 4567")


@pytest.mark.parametrize("sent", ["09121234567", "+989121234567", "9121234567"])
def test_without_a_country_code_the_region_is_enough(sent):
    numbers = NumberKeys(CallerKeys(), "IR")
    assert CallerKeys().key(sent) in numbers.keys("+98 912 123 4567")


@pytest.mark.parametrize(
    ("country", "region", "sent", "asked"),
    [("1", "", "2125550123", "+1 212 555 0123"), ("", "IT", "0612345678", "+39 06 1234 5678"),
     ("", "IT", "+390612345678", "06 1234 5678"), ("44", "", "02079460000", "+44 20 7946 0000")],
)  # fmt: skip
def test_other_countries_have_other_ways(country, region, sent, asked):
    keys = CallerKeys(country=country)
    assert keys.key(sent) in NumberKeys(keys, region).keys(asked)


@pytest.mark.parametrize(
    "number", ["", "anonymous", "<unknown>", "0000", "9.12E+09", "+1 800 FLOWERS", "\u0660"]
)
def test_what_is_no_number_is_nobodys(number):
    assert IRAN.keys(number) == ()
    assert IRAN.key(number) == ""
    assert not IRAN.is_shared(number)


def test_an_extension_stays_what_it_is():
    assert IRAN.keys("201") == ("201",)


def test_a_number_abroad_is_not_taken_for_one_at_home():
    """Without its plus, +44 20... has the digits of a home number without its leading 0."""
    assert "2079460000" not in IRAN.keys("+44 20 7946 0000")
    assert NumberKeys(CallerKeys(), "DE").keys("+49 98 9121234567") == ("49989121234567", "0989121234567")


@pytest.mark.parametrize("mode", ["masked", "hashed"])
def test_hidden_numbers_have_hidden_keys(mode):
    keys = CallerKeys(mode, SECRET, "98")
    found = NumberKeys(keys).keys("0912 123 4567")
    assert keys.key("+989121234567") in found
    assert not any("912" in key for key in found if len(key) != 32)


def test_a_shared_number_is_shared_in_every_writing():
    numbers = NumberKeys(CallerKeys(country="98"), shared=["021 2345 6789"])
    assert numbers.is_shared("+982123456789")
    assert not numbers.is_shared("+982123456780")


@given(st.text(max_size=40))
def test_no_text_breaks_it(text):
    keys = IRAN.keys(text)
    assert len(keys) <= 8
    assert bool(keys) == bool(IRAN.key(text))
    assert IRAN.key(text) in keys or not keys


@given(st.from_regex(r"9[0-9]{9}", fullmatch=True), st.from_regex(r"9[0-9]{9}", fullmatch=True))
def test_two_mobile_numbers_share_no_key(one, other):
    if one != other:
        assert not {*IRAN.keys(f"0{one}")} & {*IRAN.keys(f"+98{other}")}


# -- tables


def table(text, encoding="utf-8"):
    return list(read(text.encode(encoding).splitlines(keepends=True)))


def test_a_table_of_a_spreadsheet():
    text = 'Name;NUMBER;customer_id;city\r\n"کریمی‌نژاد; زهرا";۰۹۱۲۱۲۳۴۵۶۷;C-1;تهران\r\n\r\nAli;0912;C-2;\r\n'
    assert table(text, "utf-8-sig") == [
        CsvLine(2, "۰۹۱۲۱۲۳۴۵۶\u06f7", "C-1", "کریمی‌نژاد; زهرا"),
        CsvLine(4, "0912", "C-2", "Ali"),
    ]


def test_a_name_may_have_two_lines_and_the_next_line_keeps_its_number():
    first, second = table(TABLE + '1234567,C-1,"a b"\n1234568,C-2,x\n')
    assert (first.line, second.line) == (2, 3)


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=|", "sep=\t"])
def test_the_separator_line_of_a_spreadsheet_is_passed_over(line):
    sign = line.replace('"', "")[-1]
    text = f"{line}\r\nnumber,customer_id,name\r\n09120000001,C1,Ali\r\n".replace(",", sign)
    assert table(text, "utf-8-sig") == [CsvLine(3, "09120000001", "C1", "Ali")]


@pytest.mark.parametrize(
    ("cell", "number"),
    [("9120000015.0", "9120000015"), ("09120000016.00", "09120000016"), ("+989120000015.0", "+989120000015"),
     ("9120000015.000000", "9120000015"), ("۹۱۲۰۰۰۰۰۱\u06f5\u066b\u06f0", "9120000015"),
     ("9120000015,0", "9120000015"),
     ("201.0", "201"), ("021.88000014", "021.88000014"), ("01.23.45.67.80", "01.23.45.67.80"),
     ("8001.0000", "8001.0000"), ("021/88000014", "021/88000014"), ("(021) 88 00 00 14", "(021) 88 00 00 14"),
     ("+98 (0)21 8800 0014", "+98 (0)21 8800 0014"), ("+7 495 123-45-67", "+7 495 123-45-67"),
     ("0912123 4567", "0912123 4567"), ("0 9 1 2 0 0 0 0 0 1 5", "0 9 1 2 0 0 0 0 0 1 5"),
     ("\u202a+98 912 123 4567\u202c", "\u202a+98 912 123 4567\u202c")],
)  # fmt: skip
def test_a_number_of_a_spreadsheet_is_that_number(cell, number):
    assert table(f'{TABLE}"{cell}",C,\n') == [CsvLine(2, number, "C", "")]


@pytest.mark.parametrize(
    "cell",
    ["09120000001,09120000002", "09120000001;09120000002", "09120000001 / 09120000002",
     "88000014/88000015", "8800 0014 / 8800 0015", "88000014-88000015", "88000014 88000015",
     "+98912000001+98912000002", "09120000001\n0912", "02188000014#5", "02188000014*5",
     "02188000014;5", "02188000014 (5)", "021-88000014-5", "88000014-15", "02188000014/15",
     "02188000014 123", "0912 000 0001 021 8800 0014", "۰۲۱۸۸۰۰۰۰۱۴-\u06f7", "021-88000014&15"],
)  # fmt: skip
def test_two_numbers_or_an_extension_are_a_fault(cell):
    assert table(f'{TABLE}"{cell}",C,\n')[0].reason == (
        "the field has more than one number, or a number with an extension"
    )


@pytest.mark.parametrize("cell", ["9120000015.5", "02188000014,5", "9120000015,50", "021.5"])
def test_a_fraction_of_a_number_is_a_fault(cell):
    assert table(f'{TABLE}"{cell}",C,\n') == [CsvFault(2, "the number has a decimal fraction")]


@pytest.mark.parametrize(
    "cell", ["", "9.12E+09", "02188000014 ext 5", "02188000014x5", "۰۲۱ داخلی \u06f7", "-"]
)
def test_what_is_no_number_is_a_fault(cell):
    assert table(f'{TABLE}"{cell}",C,\n') == [CsvFault(2, "not a phone number")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [("0912", "too few columns"), ("0912,,", "neither customer_id nor name"),
     (f"0912,{'x' * 65},", "longer than 64"), (f"0912,,{'x' * 129}", "longer than 128"),
     ("0912,,a\x07b", "control characters"),
     (f"{'9' * 41},C,", "not a phone number")],
)  # fmt: skip
def test_a_faulty_line_is_told_without_its_values(line, reason):
    good, bad = table(TABLE + "0912,C-1,\n" + line + "\n")
    assert isinstance(good, CsvLine)
    assert isinstance(bad, CsvFault)
    assert bad.line == 3
    assert reason in bad.reason
    assert "912" not in bad.reason


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"", "missing: number, customer_id, name"), (b"number,name\n", "missing: customer_id"),
     (TABLE.encode() + b"0912,C,\xd2\xe5\xd1\xc7\n", "line 2 is not UTF-8"),
     (TABLE.encode() + b'0912,C,"' + b"x" * 200_000, "line 2 is longer than 64 KiB"),
     (TABLE.encode() + b"0912,C,a\rb\n", "line 2: new-line character seen in unquoted field$"),
     (TABLE.encode() + b'0912,C,"' + b"x\n" * 70_000, "line [0-9]+: field larger"),
     (b"number,customer_id,name\r0912,C,a\r", "lines end with a carriage return alone"),
     (b"number,customer_id,name," + b"x" * 200_000, "line 1 is longer than 64 KiB"),
     (b'sep="\r\nnumber,customer_id,name\n', "missing: number, customer_id, name"),
     (b"sep=;", "missing: number, customer_id, name")],
)  # fmt: skip
def test_what_is_no_table_says_why(data, says):
    with pytest.raises(NotATable, match=says):
        list(read(BytesIO(data)))


@given(st.binary(max_size=200))
def test_no_bytes_break_it(data):
    try:
        lines = list(read(BytesIO(TABLE.encode() + data)))
    except NotATable:
        return
    for line in lines:
        assert isinstance(line, CsvFault) or not check(line.customer_id, line.name)


# -- the answer to the dialplan


def test_a_stranger_has_the_priority_of_everybody():
    told = variables(Profile(), Priorities(2, 10, 5))
    assert tuple(told) == VARIABLES
    assert tuple(told.values()) == ("", "", "0", "", "0")


@pytest.mark.parametrize(
    ("rating", "lost", "priority"),
    [(None, False, 0), (2, False, 10), (1, True, 10), (3, False, 0), (3, True, 5), (None, True, 5)],
)  # fmt: skip
def test_who_goes_first(rating, lost, priority):
    profile = Profile(rating, 3, lost, "fa")
    assert variables(profile, Priorities(2, 10, 5))["CCB_PRIORITY"] == str(priority)


@pytest.mark.parametrize(
    ("stored", "told"),
    [("fa", "fa"), ("en_US", "en_US"), ("", ""), ("../../x", ""), ("${SHELL(id)}", ""), ("fa\n", "")],
)  # fmt: skip
def test_a_language_looks_like_one(stored, told):
    assert variables(Profile(language=stored), Priorities())["CCB_LANGUAGE"] == told


# -- a history


def test_a_history_begins_with_the_newest_and_is_json():
    visit = TimelineVisit(100.0, "main", "1", "sales", "answered", 5.12345, "Sara")
    talk = TimelineTalk(105.1, "main", "1", "in", "sales", "Sara", 60.0, 0.0, "caller", "")
    rating = TimelineRating(170.0, "main", "1", "csat", "agent", "csat", 4, "", "sales", "Sara", "", "a-1")
    told = as_json(Timeline.of(CustomerIdentity("C-1", "Zahra", 2), [visit, rating, talk], more=True))
    assert [entry["kind_of_entry"] for entry in told["timeline"]] == ["rating", "talk", "visit"]
    assert told["timeline"][2]["at"] == "1970-01-01T00:01:40.000Z"
    assert told["timeline"][2]["wait_seconds"] == 5.123
    assert (told["customer_id"], told["name"], told["numbers"], told["more"]) == ("C-1", "Zahra", 2, True)
