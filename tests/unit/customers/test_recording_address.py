"""Addresses of recordings on another machine."""

from zoneinfo import ZoneInfo

import pytest

from cc_bridge.customers.recording_address import (
    CALL_FIELDS,
    COMMENT_FIELDS,
    address,
    check_template,
    comment_url,
    fields_of_call,
)

FIELDS = fields_of_call("main", "17.5", "17.5", "sales", 1_795_368_600.0, ZoneInfo("Asia/Tehran"))


def test_the_start_of_the_call_is_in_local_time():
    template = "https://pbx.example/{year}/{month}/{day}/{hour}{minute}{second}-{uniqueid}.wav?q={queue}"
    check_template(template, CALL_FIELDS)
    assert address(template, FIELDS) == "https://pbx.example/2026/11/22/210000-17.5.wav?q=sales"


def test_a_value_stays_one_part_of_the_address():
    hostile = dict.fromkeys(CALL_FIELDS, "../x?a=b&c#d <\"'>%{pbx}")
    found = address("https://pbx.example/{uniqueid}", hostile)
    assert found == "https://pbx.example/..%2Fx%3Fa%3Db%26c%23d%20%3C%22%27%3E%25%7Bpbx%7D"


def test_a_comment_has_the_name_of_its_file():
    template = "http://pbx.example:8080/{pbx}/{file}"
    check_template(template, COMMENT_FIELDS)
    assert comment_url(template, "main", "/var/spool/x/17.5-a-comment.wav") == (
        "http://pbx.example:8080/main/17.5-a-comment.wav"
    )
    assert comment_url("", "main", "/x/y.wav") == ""


@pytest.mark.parametrize(
    "template", ["", "https://pbx.example/{uniqueid}", "http://[::1]:80/{pbx}/{call_id}"]
)
def test_a_template(template):
    check_template(template, CALL_FIELDS)


@pytest.mark.parametrize(
    "template",
    [
        "whsec_x",
        "https://pbx.example/",
        "https://pbx.example/{file}",
        "https://pbx.example/{}",
        "https://pbx.example/{uniqueid.__class__}",
        "https://pbx.example/{uniqueid!r}",
        "https://pbx.example/{uniqueid:>9}",
        "https://pbx.example/{uniqueid",
        "https://{pbx}.example/{uniqueid}",
        "https://{uniqueid}",
        "{uniqueid}",
        "javascript:alert({uniqueid})",
        "ftp://pbx.example/{uniqueid}",
        "https://user:secret@pbx.example/{uniqueid}",
        "https://pbx.example /{uniqueid}",
        "https://pbx.example/{uniqueid}/a b",
        "https://pbx.example/{uniqueid}/\n",
        "https:///{uniqueid}",
    ],
)
def test_a_faulty_template(template):
    with pytest.raises(ValueError, match=r"must|is not a template"):
        check_template(template, CALL_FIELDS)
