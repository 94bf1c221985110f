"""Sessions, form keys and passwords: what ends a session, and forged cookies and keys."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given, strategies as st

from cc_bridge.web.access.agent_links import AgentLinks
from cc_bridge.web.access.form_keys import form_key, is_form_key
from cc_bridge.web.access.passwords import hash_password, is_password
from cc_bridge.web.access.rules import AccessRules, User, user_name
from cc_bridge.web.access.sessions import SESSION_SECONDS, Sessions
from cc_bridge.web.access.visitor import Role
from support.site_access import PASSWORD, quick_hash, users

TOKEN = "a-token-of-the-house"


class Here:
    """The sessions of one daemon, whose rules, key and time may change."""

    def __init__(self, people=None, token=TOKEN):
        self.now, self.key = 1e9, token or "key of the first start"
        self.rules = AccessRules(token=token, users=users(sara="lead") if people is None else people)
        self.sessions = Sessions(lambda: self.rules, lambda: self.key, lambda: self.now)

    def user(self, cookie):
        return self.sessions.user(cookie.encode())


def test_a_session_lasts_twelve_hours():
    here = Here()
    cookie = here.sessions.start("sara")
    here.now += SESSION_SECONDS - 1
    assert here.user(cookie) == "sara"
    here.now += 1
    assert here.user(cookie) is None


def test_a_session_survives_a_restart_with_the_same_token_only():
    cookie = Here().sessions.start("sara")
    again = Here()
    again.rules = AccessRules(token=TOKEN, users={"sara": User(Role.LEAD, quick_hash())})
    assert again.user(cookie) == "sara"
    again.key = "another-token-of-theirs"
    assert again.user(cookie) is None


def test_a_new_password_ends_the_sessions_of_this_user_only():
    here = Here(users(sara="lead", ali="admin"))
    sara, ali = here.sessions.start("sara"), here.sessions.start("ali")
    here.rules = AccessRules(
        token=TOKEN, users=here.rules.users | {"sara": User(Role.LEAD, quick_hash("new"))}
    )
    assert (here.user(sara), here.user(ali)) == (None, "ali")


def test_a_user_who_has_left_the_configuration_has_no_session():
    here = Here(users(sara="lead", ali="admin"))
    cookie = here.sessions.start("sara")
    here.rules = AccessRules(token=TOKEN, users=users(ali="admin"))
    assert here.user(cookie) is None


def test_the_session_of_the_token_ends_when_there_are_users():
    here = Here({})
    cookie = here.sessions.start("")
    assert here.user(cookie) == ""
    here.rules = AccessRules(token=TOKEN, users=users(sara="viewer"))
    assert here.user(cookie) is None


def test_no_cookie_of_ones_own_making_does():
    here = Here()
    value, _, mark = here.sessions.start("sara").partition(".")
    other = urlsafe_b64encode(b'["sara",9999999999,"0"]').rstrip(b"=").decode()
    made = ["", ".", value, f"{other}.{mark}", f"{value}.", f".{mark}", f"x{value}.{mark}", "9" * 5000, "ك.ك",
            f"{value}.{'0' * 43}", AgentLinks(TOKEN, "main").sign("sara", 9999999999)]  # fmt: skip
    assert [here.user(cookie) for cookie in made] == [None] * len(made)


@given(st.binary(max_size=300))
def test_no_cookie_at_all_raises(cookie):
    assert Here().sessions.user(cookie) is None


def test_a_form_key_differs_each_time_and_fits_its_secret():
    keys = {form_key("secret") for _ in range(5)}
    assert len(keys) == 5
    assert all(is_form_key(key, "secret") for key in keys)
    assert not any(is_form_key(key, "other") or is_form_key(f"{key}0", "secret") for key in keys)
    assert (form_key(""), is_form_key("", ""), is_form_key("", "secret")) == ("", False, False)


@given(st.text(max_size=80))
def test_no_form_key_of_ones_own_making_does(key):
    assert not is_form_key(key, "5f1d" * 16)


def test_a_password_has_a_hash_with_a_salt():
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert is_password(PASSWORD, first)
    assert not is_password(f"{PASSWORD}x", first)
    assert not is_password("", first)


def test_a_letter_with_an_accent_is_the_same_however_it_is_typed():
    assert is_password("Zoe\u0308-is-here", hash_password("Zo\u00eb-is-here"))


@pytest.mark.parametrize("password", ["\ud800" * 20, "x" * 20_000, "\x00", "گذرواژهٔ من"])
def test_any_text_can_be_compared(password):
    assert not is_password(password, quick_hash())


@pytest.mark.parametrize(
    ("text", "name"),
    [("sara", "sara"), (" Sara\n", "sara"), ("s@x.com", "s@x.com"), ("", ""), ("a" * 65, ""), ("a,b", ""),
     ("سارا", ""), ("a\r\nx", ""), ("-a", ""), ("a" * 100_000, "")],
)  # fmt: skip
def test_names_are_compared_in_lower_case(text, name):
    assert user_name(text) == name
