"""The range of bytes that a player asks for."""

import pytest

from cc_bridge.web.byte_ranges import UnsatisfiableRange, byte_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=0-", (0, 99)),
        ("bytes=0-0", (0, 0)),
        ("bytes=10-19", (10, 19)),
        ("bytes = 10 - 19", (10, 19)),
        ("bytes=90-200", (90, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-500", (0, 99)),
        ("bytes=-", None),
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", None),
        ("seconds=0-1", None),
        ("bytes=1x-2", None),
        ("bytes=-1-2", None),
        ("bytes=\u06f1-\u06f2", None),
        (f"bytes={'9' * 30}-", None),
    ],
)
def test_a_range(header, expected):
    assert byte_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=999999999999999-", "bytes=-0"])
def test_a_range_without_a_byte(header):
    with pytest.raises(UnsatisfiableRange):
        byte_range(header, 100)


def test_an_empty_file_has_no_range():
    assert byte_range("", 0) is None
    with pytest.raises(UnsatisfiableRange):
        byte_range("bytes=0-", 0)
