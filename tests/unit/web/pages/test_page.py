"""The base of the pages for persons: access, language, forms, errors."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from cc_bridge.errors import StorageError
from cc_bridge.web.access.form_keys import form_key
from cc_bridge.web.access.token_auth import TokenAuth
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.page import PageHost, PageResource
from cc_bridge.web.pages.rendered import texts
from cc_bridge.web.pages.visit import (
    FileAnswer,
    HtmlAnswer,
    PageError,
    RedirectAnswer,
    Refusal,
    is_own_path,
)
from cc_bridge.web.server import site
from support.http_client import Browsing

KEY = form_key("secret").encode()
ADMIN = Visitor("ali", Role.ADMIN)


class Access:
    """An access check that gives each request the same visitor."""

    def __init__(self, found):
        self.found = found

    def visitor(self, request):
        return self.found

    def form_key(self, request):
        return "secret"


class CallsPage(PageResource):
    """A page that answers as the test says, and notes its visits."""

    name = "home"
    role = Role.LEAD
    longest_path = 2
    accepts_form = True

    def __init__(self, host, answer):
        super().__init__(host)
        self.made = answer
        self.visits = []

    def page(self, visit):
        self.visits.append(visit)
        return self.made(visit)

    posted = page


class Browser(Browsing):
    def __init__(self, answer=lambda _visit: HtmlAnswer("home.html.j2"), visitor=ADMIN, **around):
        self.clock = Clock()
        now, in_thread = lambda: 1e9, lambda work, *given: succeed(work(*given))
        host = PageHost(Access(visitor), now, in_thread, self.clock, **around)
        self.calls = CallsPage(host, answer)
        self.site = site(
            lambda _accept: (b"", ""),
            dict,
            dict,
            TokenAuth("127.0.0.1", ""),
            dict,
            None,
            home=HomePage(host),
            pages={"calls": self.calls},
        )


def test_the_home_page_links_to_the_pages_of_the_visitor():
    page = Browser().ask("/").body.decode()
    for path in (
        "/wallboard",
        "/reports",
        "/calls",
        "/lost",
        "/follow-ups",
        "/customers",
        "/agents",
        "/system",
    ):
        assert f'href="{path}"' in page
    page = Browser(visitor=Visitor("sara", Role.VIEWER, ())).ask("/").body.decode()
    assert 'href="/reports"' in page
    assert 'href="/calls"' not in page


def test_the_pages_link_to_the_dashboards_if_their_address_is_configured():
    page = Browser(links=lambda: {"grafana": "https://grafana.example.com/?a=1&b=2"}).ask("/").body.decode()
    assert 'href="https://grafana.example.com/?a=1&amp;b=2" rel="noreferrer">Dashboards</a>' in page
    assert "Dashboards" not in Browser().ask("/").body.decode()


def test_a_configured_notice_is_on_every_page_in_its_language():
    browser = Browser(notice={"en": "Made <up>", "fa": "ساختگی"}.get)
    for path in ("/", "/calls"):
        assert '<p class="banner">Made &lt;up&gt;</p>' in browser.ask(path).body.decode()
    assert "ساختگی" in browser.ask("/?lang=fa").body.decode()
    assert "banner" not in Browser().ask("/").body.decode()


def test_the_language_of_the_url_is_kept():
    answer = Browser().ask("/?lang=fa&theme=dark")
    assert '<html lang="fa" dir="rtl" data-asked="dark">' in answer.body.decode()
    again = Browser().ask("/", Cookie="cc_bridge_language=fa; cc_bridge_theme=dark")
    assert '<html lang="fa" dir="rtl" data-asked="dark">' in again.body.decode()
    assert (
        '<html lang="en" dir="ltr" data-asked="">'
        in Browser().ask("/?lang=x", Cookie="cc_bridge_theme=x").body.decode()
    )


def test_both_languages_have_the_same_texts():
    english, persian = texts()["en"], texts()["fa"]
    assert {page: set(words) for page, words in english.items()} == {
        page: set(words) for page, words in persian.items()
    }


def test_a_page_gets_path_arguments_and_time():
    browser = Browser()
    assert browser.ask("/calls/pbx%201/17.5?queue=a&queue=%D9%81&x=").code == 200
    (visit,) = browser.calls.visits
    assert visit.path == ("pbx 1", "17.5")
    assert visit.arguments == {"queue": ("a", "ف"), "x": ("",)}
    assert (visit.argument("queue"), visit.argument("x", "y"), visit.argument("z")) == ("ف", "y", "")
    assert visit.now == 1e9
    assert browser.ask("/calls/1/2/3").code == 404


def test_a_visitor_of_too_low_a_role_gets_403():
    answer = Browser(visitor=Visitor("sara", Role.VIEWER, ())).ask("/calls")
    assert answer.code == 403
    assert "for the role lead or higher" in answer.body.decode()


def test_a_browser_that_is_not_known_is_sent_to_the_log_in():
    browser = Browser(visitor=Refusal(401, "log in"))
    answer = browser.ask("/calls?queue=a&x=%2F", Accept="text/html")
    assert (answer.code, answer.headers["location"]) == (303, "/login?next=%2Fcalls%3Fqueue%3Da%26x%3D%252F")
    assert browser.ask("/calls").code == 401
    assert Browser(visitor=Refusal(403, "no")).ask("/calls", Accept="text/html").code == 403


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"key=KEY&text=a%2Bb", {}, 200),
        (b"key=KEY&text=x", {"Sec-Fetch-Site": "same-origin"}, 200),
        (b"key=KEY&text=x", {"Sec-Fetch-Site": "cross-site"}, 403),
        (b"key=other&text=x", {}, 403),
        (b"text=x", {}, 403),
        (b"key=KEY&" + b"x" * 16_400, {}, 413),
        (b"key=KEY" + b"&x=1" * 101, {}, 403),
    ],
)
def test_only_a_form_of_the_own_session_is_accepted(body, headers, code):
    browser = Browser()
    assert browser.ask("/calls", "POST", body.replace(b"KEY", KEY), **headers).code == code
    assert bool(browser.calls.visits) == (code == 200)
    if body.endswith(b"a%2Bb"):
        assert browser.calls.visits[0].form == {"key": KEY.decode(), "text": "a+b"}


@pytest.mark.parametrize(
    ("path", "address"),
    [("/calls?x=\\&y=%2F", "/calls?x=%5C&y=%2F"), ("/calls?a=<b>'\"", "/calls?a=<b>'\"")],
)
def test_the_address_of_a_visit_is_a_path_of_this_site(path, address):
    browser = Browser()
    assert browser.ask(path).code == 200
    assert browser.calls.visits[0].address == address


@pytest.mark.parametrize(
    ("address", "is_own"),
    [("/", True), ("/calls?a=b#c", True), ("//evil", False), ("/\\evil", False), ("/a\\b", False),
     ("", False),      ("/a\tb", False), ("http://evil", False), ("/" + "x" * 2048, False), ("/\xe9", False)],
)  # fmt: skip
def test_addresses_of_other_sites_are_known(address, is_own):
    assert is_own_path(address) is is_own


def test_files_and_redirects():
    browser = Browser(lambda _visit: FileAnswer(b"\xef\xbb\xbfa", "text/csv; charset=utf-8", "calls.csv"))
    answer = browser.ask("/calls")
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    assert answer.body == b"\xef\xbb\xbfa"
    answer = Browser(lambda _visit: RedirectAnswer("/lost?queue=a")).ask("/calls")
    assert (answer.code, answer.headers["location"]) == (303, "/lost?queue=a")


def refused(_visit):
    raise PageError(400, "from must be a date <b>")


def test_errors_are_pages():
    answer = Browser(refused).ask("/calls")
    assert answer.code == 400
    assert "from must be a date &lt;b&gt;" in answer.body.decode()
    answer = Browser(lambda _visit: fail(StorageError("0912"))).ask("/calls")
    assert answer.code == 503
    assert "0912" not in answer.body.decode()


def test_a_database_that_does_not_answer_gets_503():
    browser = Browser(lambda _visit: Deferred())
    transport = browser.send("/calls")
    assert transport.take() == b""
    browser.clock.advance(21)
    assert transport.take().startswith(b"HTTP/1.1 503 ")
    transport.end()


def test_a_value_is_escaped_and_a_persian_number_isolated():
    browser = Browser(lambda _visit: HtmlAnswer("error.html.j2", {"reason": "<b>12 ثانیه"}))
    assert "&lt;b&gt;\u206612\u2069 ثانیه" in browser.ask("/calls?lang=fa").body.decode()


def test_the_link_to_the_other_language_keeps_the_filters():
    page = Browser().ask("/calls?queue=a%26b&from=2026-11-01&lang=en").body.decode()
    assert 'href="/calls?queue=a%26b&amp;from=2026-11-01&amp;lang=fa"' in page
