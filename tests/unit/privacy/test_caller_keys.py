"""A caller has one key for all notations of the number. A caller with a withheld number has no key."""

import pytest
from hypothesis import given, strategies as st

from cc_bridge.privacy.caller_keys import CallerKeys, normalise, shown

SECRET = b"a secret of the house"


@pytest.mark.parametrize(
    "number",
    [
        "09121234567",
        "+989121234567",
        "00989121234567",
        "989121234567",
        "۰۹۱۲۱۲۳۴۵۶۷",  # Persian digits
        "٠٩١٢١٢٣٤٥٦٧",  # Arabic-Indic ones
        "+۹۸۹۱۲۱۲۳۴۵۶۷",
        "０９１２１２３４５６７",  # noqa: RUF001 - full-width ones, as from a form
        "0912 123 4567",
        "0912-123-45-67",
        "(0912) 123.45/67",
        "+98 (0) 912 1234567",
        "+98 0912 123 4567",
        "0098 0912 123 4567",
        "\u200e+98 912 123 4567\u202c",  # with marks of text direction, as copied from a page
        " +98\u00a0912 1234567 ",
    ],
)
def test_one_caller_of_iran(number):
    assert normalise(number, "98") == "989121234567"


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("09121234567", "09121234567"),
        ("+989121234567", "989121234567"),
        ("00989121234567", "989121234567"),
        ("+39 06 1234567", "39061234567"),  # in Italy the 0 is part of the number
    ],
)
def test_without_a_country_only_what_is_sure(number, digits):
    assert normalise(number) == digits


@pytest.mark.parametrize("country", ["", "98"])
@pytest.mark.parametrize("extension", ["201", "7", "9805"])
def test_an_extension_stays_as_it_is(extension, country):
    assert normalise(extension, country) == extension


def test_another_country_keeps_its_number():
    for number in ("+4930123456", "004930123456"):
        assert normalise(number, "98") == "4930123456"


@pytest.mark.parametrize(
    "number",
    [
        "", " ", "anonymous", "Anonymous", "unknown", "<unknown>", "restricted", "private", "unavailable",
        "0", "0000000000", "+0", "00", "-", "+", "s", "ناشناس", "anonymous@anonymous.invalid",
        "anonymous123", "sip:201@host", "9" * 21, "\u06f0" * 12,
    ],
)  # fmt: skip
@pytest.mark.parametrize("country", ["", "98"])
def test_what_is_withheld_or_no_number_has_no_key(number, country):
    assert normalise(number, country) == ""
    assert CallerKeys("hashed", SECRET, country).key(number) == ""


@given(st.text(max_size=60), st.sampled_from(["", "1", "49", "98", "995"]))
def test_whatever_a_caller_sends_the_key_is_digits(number, country):
    key = normalise(number, country)
    assert key == "" or (key.isascii() and key.isdigit())
    assert len(key) <= 23


@given(st.from_regex(r"[1-9][0-9]{6,11}", fullmatch=True), st.sampled_from(["1", "49", "98", "995"]))
def test_every_way_to_write_a_national_number_is_the_same(number, country):
    ways = {f"0{number}", f"+{country}{number}", f"00{country}{number}", f"+{country}0{number}"}
    assert {normalise(way, country) for way in ways} == {country + number}


@given(st.from_regex(r"[1-9][0-9]{6,11}", fullmatch=True), st.sampled_from(["1", "49", "98"]))
def test_a_key_is_its_own_key(number, country):
    key = normalise(f"+{country}{number}", country)
    assert normalise(key, country) == key


def test_a_plain_key_is_the_number():
    assert CallerKeys(country="98").key("0912 1234567") == "989121234567"


def test_a_hashed_key_is_the_same_for_the_same_caller_alone():
    """The key equals `openssl dgst -sha256 -hmac`. It must never change, since stored rows contain it."""
    keys = CallerKeys("hashed", SECRET, "98")
    key = keys.key("09121234567")
    assert key == keys.key("+98 912 123 4567") == "e1e22aef4eb379a096ff38bb931bb5ad"
    assert key != keys.key("09121234568")
    assert "912" not in CallerKeys("hashed", SECRET).key("912")


def test_another_secret_makes_another_key():
    assert CallerKeys("hashed", SECRET).key("201") != CallerKeys("hashed", SECRET + b"!").key("201")


def test_the_secret_is_not_shown():
    assert "secret" not in repr(CallerKeys("hashed", SECRET))


def test_people_are_shown_the_begin_of_a_hash_and_all_of_a_number():
    key = CallerKeys("hashed", SECRET).key("09121234567")
    assert shown(key) == f"{key[:8]}…"
    assert shown("989121234567") == "989121234567"
    assert shown("9" * 20) == "9" * 20


def test_a_masked_number_hides_its_last_four_digits():
    keys = CallerKeys("masked", SECRET, "98")
    ways = ("09121234567", "+98 912 123 4567", "۰۹۱۲۱۲۳۴۵۶۷")
    assert {keys.stored(way) for way in ways} == {"98912123xxxx"}
    assert keys.stored("201") == "xxx"
    assert keys.stored("ali@example.com") == ""
    assert keys.key("09121234567") == CallerKeys("hashed", SECRET, "98").key("09121234567")


def test_what_is_stored_of_a_number_is_what_the_mode_says():
    assert CallerKeys(country="98").stored("+98 912 1234567") == "+98 912 1234567"
    hashed = CallerKeys("hashed", SECRET, "98")
    assert hashed.stored("09121234567") == hashed.key("+989121234567")


def test_a_caller_is_known_by_the_key_of_now_and_by_the_hash():
    plain = CallerKeys("plain", SECRET, "98")
    assert plain.known_by("0912 1234567") == ("989121234567", plain.hashed("09121234567"))
    assert CallerKeys(country="98").known_by("09121234567") == ("989121234567",)
    assert len(CallerKeys("masked", SECRET, "98").known_by("09121234567")) == 1
    assert plain.known_by("anonymous") == ()
