"""Fuzzing of `customer import`: any file gives numbers that can be stored, faults by line, or one error."""

from unicodedata import category

from cc_bridge.customers.csv_import import LONGEST, LONGEST_LINE, CsvFault, NotATable, read
from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.privacy.caller_keys import CallerKeys
from fuzz.inputs import corpus_of
from fuzz.parsers import fuzz

TOKENS = [
    b",", b";", b"\t", b'"', b'""', b"'", b"\n", b"\r\n", b"\r", b"sep=;\n", b"sep=,\n",
    b'"sep=\t"\n', b"sep=\xff\n", b"number,customer_id,name\n", b"number;customer_id;name\n",
    b"+989121234567", b"09121234567", b"0912123456.0", b"9.12E+09", b"021/88000014", b'="0912"',
    b"=1+1", b"@", b"-", b"\0", b"\xff", b"x" * 200, b"1" * 50, b"x" * 70_000,
    "۰۹۱۲۱۲۳۴۵۶۷".encode(), "علی‌رضا".encode(), "\u202e\x1b[2J".encode(), "\ufeff".encode(),
    "\u066b".encode(),
]  # fmt: skip
NUMBERS = [
    NumberKeys(CallerKeys("plain", b"", "98")),
    NumberKeys(CallerKeys("hashed", b"a secret of 16 c.", "")),
]


def lines_of(data):
    """Yield the lines as the command reads them: a longer line is cut one byte after the limit."""
    while data:
        end = min(data.find(b"\n") + 1 or len(data), LONGEST_LINE + 1)
        yield data[:end]
        data = data[end:]


def check(data, _chance):
    reason, last = "", 0
    try:
        for found in read(lines_of(data)):
            assert last < found.line <= data.count(b"\n") + data.count(b"\r") + 1
            last = found.line
            if isinstance(found, CsvFault):
                assert found.reason.isprintable()
                continue
            assert found.customer_id or found.name
            for name in ("customer_id", "name"):
                value = getattr(found, name)
                assert len(value) <= LONGEST[name]
                assert not any(category(sign) in {"Cc", "Cs"} for sign in value)
            for numbers in NUMBERS:
                assert len(numbers.key(found.number)) <= 128
                numbers.is_shared(found.number)
    except NotATable as error:
        reason = str(error)
    assert "\n" not in reason


def test_no_file_stops_the_import():
    assert fuzz(check, corpus_of("customer_import"), TOKENS) > 100
