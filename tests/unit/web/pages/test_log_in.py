"""The pages /login and /logout: the right password, guesses, other sites, and where the log-in leads."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.config import Config
from cc_bridge.daemon.services.access import Access
from cc_bridge.web.access import log_in as log_in_module
from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.pages.follow_ups import FollowUpsPage
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.log_in import LogInPage, LogOutPage, own_path
from cc_bridge.web.pages.not_found import NotFoundPage
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.server import site
from support.http_client import Browsing, Response
from support.service_context import context
from support.site_access import PASSWORD, access, quick_hash, users

TOKEN = "a-token-of-the-house"
GUEST, SESSION = CookieNames().guest, CookieNames().session


class Browser(Browsing):
    """A browser that keeps its cookies, and the site."""

    def __init__(self, token=TOKEN, people=None, in_thread=None, checks=None, cookies=None, **rules):
        self.clock = Clock()
        self.now = 1e9
        self.checks = checks or access(token, people, lambda: self.now, in_thread=in_thread, **rules)
        host = PageHost(
            self.checks.site, lambda: self.now, lambda work, *given: succeed(work(*given)), self.clock
        )
        self.site = site(
            lambda _accept: (b"", ""), dict, dict, self.checks.wall, dict, None, home=HomePage(host),
            pages={
                "login": LogInPage(host, self.checks.site, self.checks.log_in),
                "logout": LogOutPage(host, self.checks.site),
                "follow-ups": FollowUpsPage(host),
            },
            missing=NotFoundPage(host),
        )  # fmt: skip
        self.cookies = {} if cookies is None else cookies

    def open(self, path, method="GET", body=b"", **headers):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)
        response = self.ask(path, method, body, Accept="text/html", Cookie=cookies, **headers)
        self.cookies |= {name: value for name, (value, _) in response.cookies.items()}
        return response

    def form(self, path="/login"):
        """Return the hidden fields of the page's form."""
        page = self.open(path).body.decode()
        return {
            name: unescape(value)
            for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
        }

    def post(self, path, fields, **headers):
        return self.open(path, "POST", urlencode(fields).encode(), **headers)

    def log_in(self, name="sara", password=PASSWORD, path="/login", **headers):
        return self.post("/login", self.form(path) | {"name": name, "password": password}, **headers)


@pytest.fixture
def browser():
    return Browser(people=users(sara="lead", ali="admin"))


def test_a_page_leads_to_the_log_in_and_the_log_in_back(browser):
    response = browser.open("/?x=1")
    assert (response.code, response.headers["location"]) == (303, "/login?next=%2F%3Fx%3D1")
    page = browser.open(response.headers["location"]).body.decode()
    assert '<input id="name" name="name"' in page
    assert 'href="/reports"' not in page
    done = browser.log_in(path=response.headers["location"])
    assert (done.code, done.headers["location"]) == (303, "/?x=1")
    page = browser.open("/?x=1").body.decode()
    assert '<bdi class="user">sara</bdi>' in page
    assert 'action="/logout"' in page
    assert browser.open("/login?next=/calls").headers["location"] == "/calls"  # there is nothing to do here


def test_the_cookies_are_for_this_site_only(browser):
    guest = browser.open("/login").cookies[GUEST]
    cookies = browser.log_in().cookies
    assert cookies[GUEST][0] == ""
    for value, rules in (guest, *cookies.values()):
        assert {"httponly", "samesite", "path"} <= rules.keys()
        assert (rules["samesite"], rules["path"], "sara" in value) == ("strict", "/", False)
    assert cookies[SESSION][1]["max-age"] == str(12 * 3600)


@pytest.mark.parametrize("other", [{"http": {"port": 9124}}, {"pbx": {"name": "second.pbx"}}])
def test_a_log_in_to_one_daemon_of_a_host_ends_no_session_of_another(other):
    """Browsers send a cookie to all ports of a host."""
    settings = {"pbx": {"name": "first"}, "http": {"port": 9123, "token": TOKEN}}
    second = {name: section | other.get(name, {}) for name, section in settings.items()}
    second["http"]["token"] = f"{TOKEN}-2"
    cookies = {}
    browsers = []
    for each in (settings, second):
        around = context(Config(**each), in_thread=lambda work, *given: succeed(work(*given)))
        browsers.append(Browser(checks=Access(around, lambda: 1e9, lambda _: ()), cookies=cookies))
    for browser, token in zip(browsers, (TOKEN, f"{TOKEN}-2"), strict=True):
        assert browser.open(f"/wallboard?token={token}").code == 200
        assert browser.log_in("", token).code == 303
    for browser in browsers:
        assert 'action="/logout"' in browser.open("/").body.decode()
    browsers[1].post("/logout", browsers[1].form("/logout"))
    assert browsers[1].open("/").code == 200  # the wall screen's cookie is left
    assert 'action="/logout"' not in browsers[1].open("/").body.decode()
    assert 'action="/logout"' in browsers[0].open("/").body.decode()
    browsers[0].post("/logout", browsers[0].form("/logout"))
    assert [browser.open("/wallboard").code for browser in browsers] == [200, 200]
    again = Access(context(Config(**settings)), lambda: 1e9, lambda _: ())
    assert again.site.rules().cookies == browsers[0].checks.site.rules().cookies


def test_behind_tls_the_cookie_stays_behind_tls():
    def rules(address):
        browser = Browser(people=users(sara="lead"))
        browser.address = address
        return browser.log_in(**{"X-Forwarded-Proto": "https"}).cookies[SESSION][1]

    assert "secure" in rules("127.0.0.1")
    assert "secure" not in rules("192.0.2.7")  # this peer is no proxy


@pytest.mark.parametrize(
    ("name", "password"),
    [("sara", "wrong"), ("sara", ""), ("nobody", PASSWORD), ("", PASSWORD), ("sara", PASSWORD + " "),
     ("sara", TOKEN), ("", TOKEN),
     ("<script>", "x"), ("sara\r\nSet-Cookie: a=b", PASSWORD), ("x" * 9000, "y"), ("proxied", PASSWORD)],
)  # fmt: skip
def test_a_wrong_name_or_password_gets_the_same_answer(browser, name, password):
    browser.checks.rules = access(TOKEN, browser.checks.rules.users | users(proxied="admin")).rules
    object.__setattr__(browser.checks.rules.users["proxied"], "password_hash", "")
    response = browser.log_in(name, password)
    assert response.code == 403
    assert b"This name or password is wrong." in response.body
    assert SESSION not in browser.cookies
    assert b"<script>" not in response.body.replace(b'<script src="/app/app.js" defer>', b"")


def test_an_unknown_name_takes_a_comparison_too(browser, monkeypatch):
    compared = []
    monkeypatch.setattr(log_in_module, "is_password", lambda *given: compared.append(given) or False)
    for name in ("nobody", "sara", "proxied", ""):
        browser.log_in(name, "guess")
    assert [password for password, _ in compared] == ["guess"] * 4
    hashes = {user.password_hash for user in browser.checks.rules.users.values()}
    assert {each for _, each in compared} <= hashes


def test_no_more_than_two_passwords_are_compared_at_a_time():
    started = []

    def in_thread(*_work):
        started.append(Deferred())
        return started[-1]

    browser = Browser(people=users(sara="lead"), in_thread=in_thread)
    fields = browser.form() | {"name": "sara", "password": PASSWORD}
    cookie = f"{GUEST}={browser.cookies[GUEST]}"
    waiting = [
        browser.send("/login", "POST", urlencode(fields).encode(), address=f"192.0.2.{number}", Cookie=cookie)
        for number in range(4)
    ]
    assert len(started) == 2
    started[0].callback(True)
    assert Response(waiting[0].take()).code == 303
    assert len(started) == 3


def test_guesses_are_limited_for_each_address_and_never_for_all(browser, logged):
    def guess(address, password="wrong"):
        browser.address = address
        return browser.log_in(password=password)

    answers = [guess("192.0.2.66") for _ in range(7)]
    assert [each.code for each in answers] == [403] * 5 + [429] * 2
    assert answers[-1].headers["retry-after"] == "5"
    assert "Too many attempts" in answers[-1].body.decode()
    assert browser.site.refused == {"rate_limit": 2}
    assert guess("192.0.2.66", PASSWORD).code == 429
    assert guess("192.0.2.7", PASSWORD).code == 303
    lines = [line for line in map(formatEvent, logged) if line.startswith("log-in")]
    assert lines == ["log-in: a wrong name or password from 192.0.2.66"] * 5 + ["log-in: sara from 192.0.2.7"]
    browser.clock.advance(5)
    browser.cookies.pop(SESSION)
    assert guess("192.0.2.66", PASSWORD).code == 303


def test_a_whole_office_behind_one_address_can_log_in(browser):
    for _ in range(20):
        browser.cookies.clear()
        assert browser.log_in().code == 303


# -- other sites


def test_a_form_of_another_site_logs_nobody_in(browser):
    fields = browser.form() | {"name": "sara", "password": PASSWORD}
    assert browser.post("/login", fields, **{"Sec-Fetch-Site": "cross-site"}).code == 403
    for key in ("", "x", fields["key"] + "0", Browser(people=users(sara="lead")).form()["key"]):
        assert browser.post("/login", fields | {"key": key}).code == 403
    browser.cookies[GUEST] = "another"
    assert browser.post("/login", fields).code == 403
    assert SESSION not in browser.cookies


def test_a_form_key_of_the_guest_is_worth_nothing_after_the_log_in(browser):
    guest = browser.form()["key"]
    browser.log_in()
    assert browser.post("/logout", {"key": guest}).code == 403


def test_log_out_ends_the_session_of_the_browser(browser):
    browser.log_in()
    key = browser.form("/")["key"]
    assert b"end your session" in browser.open("/logout").body
    assert browser.post("/logout", {"key": key}, **{"Sec-Fetch-Site": "cross-site"}).code == 403
    done = browser.post("/logout", {"key": key})
    assert (done.code, done.headers["location"]) == (303, "/login")
    assert browser.cookies[SESSION] == ""
    assert browser.open("/").code == 303


@pytest.mark.parametrize(
    ("address", "path"),
    [("/calls?queue=a&x=%2F", "/calls?queue=a&x=%2F"), ("/", "/"), ("", "/"), ("//evil.example", "/"),
     ("/\\evil.example", "/"), ("/\t/evil.example", "/"), ("/\n/evil", "/"), ("https://evil.example", "/"),
     ("javascript:alert(1)", "/"), ("evil", "/"), ("/calls\r\nSet-Cookie: a=b", "/"), ("/\u2028", "/"),
     ("/a\\b", "/"), ("/login?next=/", "/"), ("/logout", "/"), ("/loginx", "/loginx"),
     ("/" + "x" * 3000, "/"),
     ("http:/x", "/"), (" /calls", "/"), ("/calls#x", "/calls#x"), ("/%0d%0aa", "/%0d%0aa")],
)  # fmt: skip
def test_a_log_in_leads_only_to_this_site(browser, address, path):
    assert own_path(address) == path
    form = browser.form(f"/login?{urlencode({'next': address[:1500]})}")
    done = browser.post("/login", form | {"name": "sara", "password": PASSWORD, "next": address})
    assert done.headers["location"] == path
    assert "a=b" not in done.headers["set-cookie"]


def test_a_form_of_a_megabyte_is_refused(browser):
    assert browser.open("/login", "POST", b"name=" + b"x" * 1_000_000).code == 413


# -- with the token


def test_without_users_a_person_logs_in_with_the_token():
    browser = Browser()
    page = browser.open("/login").body.decode()
    assert 'id="name"' not in page
    assert "Token of the daemon" in page
    assert browser.log_in("", TOKEN[:-1]).code == 403
    assert browser.log_in("", TOKEN).code == 303
    page = browser.open("/").body.decode()
    assert 'href="/system"' in page
    assert 'action="/logout"' in page
    browser.checks.rules = access(TOKEN, users(sara="lead")).rules
    assert browser.open("/").code == 303  # with users, the session of the token has ended


def test_without_users_and_token_nobody_can_log_in():
    browser = Browser(token="")
    browser.address = "127.0.0.1"
    assert "no password to log in with" in browser.open("/login").body.decode()
    assert browser.post("/login", browser.form() | {"name": "", "password": ""}).code == 403
    page = browser.open("/").body.decode()
    assert 'href="/reports"' in page
    assert "/login" not in page


def test_a_user_of_the_proxy_has_a_name_and_no_log_out():
    browser = Browser(token="", people=users(sara="admin"), user_header="Remote-User")
    browser.address = "127.0.0.1"
    page = browser.open("/", **{"Remote-User": "sara"}).body.decode()
    assert '<bdi class="user">sara</bdi>' in page
    assert "/logout" not in page
    assert browser.open("/logout", **{"Remote-User": "sara"}).headers["location"] == "/"


def test_the_wall_screen_is_offered_a_log_in():
    browser = Browser(people=users(sara="lead"))
    browser.open(f"/wallboard?token={TOKEN}")
    assert 'href="/login?next=/' in browser.open("/").body.decode()
    assert browser.open("/follow-ups").headers["location"] == "/login?next=%2Ffollow-ups"


@pytest.mark.parametrize("path", ["/nothing", "/nothing/at/all", "/%00", "//evil.example", "/calls<script>"])
def test_a_browser_gets_a_page_for_an_unknown_address(browser, path):
    answer = browser.open(path)
    assert (answer.code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    page = answer.body.decode()
    assert "there is no such page" in page
    assert 'href="/login?next=' in page
    assert not re.search(r'(href|action)="(//|http)', page)
    assert browser.ask(path).headers["content-type"] == "text/plain; charset=utf-8"
    assert browser.ask(path, "POST", Accept="text/html").headers["content-type"].startswith("text/plain")


def test_an_unknown_address_of_the_api_is_a_line_of_text(browser):
    assert browser.open("/api/nothing").body == b"there is no such page\n"


def test_the_list_of_follow_ups_is_for_leads():
    browser = Browser(people={"sara": users(sara="viewer")["sara"]} | users(ali="lead"))
    browser.log_in("sara")
    assert browser.open("/follow-ups").code == 403
    browser.cookies.clear()
    browser.log_in("ali")
    assert browser.open("/follow-ups").code == 200


def test_a_password_that_was_hashed_elsewhere_with_other_parameters_works():
    people = users(sara="lead")
    object.__setattr__(people["sara"], "password_hash", quick_hash(memory=64))
    assert Browser(people=people).log_in().code == 303


def test_the_page_is_in_persian_too():
    page = Browser(people=users(sara="lead")).open("/login?lang=fa").body.decode()
    assert "گذرواژه" in page
    assert 'value="/"' in page
