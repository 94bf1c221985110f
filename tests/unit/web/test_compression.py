"""Compression of pages and their files: who gets it, and that the secret of a form stays a secret."""

import gzip
import re

import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock

from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.compression import accepts_gzip, compressed
from cc_bridge.web.pages.page import PageHost, PageResource
from cc_bridge.web.pages.visit import FileAnswer, HtmlAnswer
from cc_bridge.web.server import site
from support.http_client import Browsing
from support.site_access import access, users

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.mark.parametrize(
    ("header", "yes"),
    [("gzip", True), ("gzip, deflate, br, zstd", True), ("deflate, GZIP;q=0.5", True), ("*", True),
     ("x-gzip", True),
     ("", False), ("br", False), ("gzip;q=0", False), ("gzip;q=0.000, *", False), ("*;q=0", False),
     ("identity;q=1, *;q=0", False), ("gzip;q=x", False), ("gzipped", False), ("," * 5000 + "gzip", False)],
)  # fmt: skip
def test_what_a_browser_accepts(header, yes):
    assert accepts_gzip(header) is yes


def test_what_is_short_or_gets_no_shorter_stays():
    assert compressed(b"x" * 1023) is None
    assert gzip.decompress(compressed(b"x" * 1024)) == b"x" * 1024
    assert compressed(gzip.compress(bytes(range(256)) * 40)) is None


class Page(PageResource):
    name = "home"

    def page(self, visit):
        kind = visit.argument("file")
        if kind:
            return FileAnswer(b"a,b\n" * 1000, kind, "calls.csv")
        return HtmlAnswer("error.html.j2", {"reason": "x" * 3000})


@pytest.fixture
def browser():
    checks = access(people=users(sara="lead"), user_header="Remote-User")
    host = PageHost(checks.site, lambda: 1e9, lambda work, *given: succeed(work(*given)), Clock())
    browser = Browsing()
    browser.address, browser.path = "127.0.0.1", "/calls"
    browser.site = site(
        lambda _accept: (b"a 1\n" * 5000, "text/plain"), dict, dict, checks.wall,
        lambda: {"queues": ["x" * 3000]}, None, pages={"calls": Page(host)},
    )  # fmt: skip
    return browser


SARA = {"Remote-User": "sara"}


def test_a_page_is_compressed_for_a_browser_that_accepts_it(browser):
    plain, short = browser.ask(**SARA), browser.ask(**SARA, **GZIP)
    assert ("content-encoding" in plain.headers, short.headers["content-encoding"]) == (False, "gzip")
    assert len(short.body) < len(plain.body) / 2
    assert gzip.decompress(short.body).startswith(b"<!doctype html>")
    assert short.headers["content-length"] == str(len(short.body))
    assert "Accept-Encoding" in plain.headers["vary"]
    head = browser.ask(method="HEAD", **SARA, **GZIP)
    assert (head.body, head.headers["content-encoding"]) == (b"", "gzip")


@pytest.mark.parametrize(
    ("kind", "is_short"), [("text/csv; charset=utf-8", True), ("application/x-xlsx", False)]
)
def test_a_file_is_compressed_if_it_is_a_text(browser, kind, is_short):
    answer = browser.ask(f"/calls?file={kind}".replace(" ", "%20"), **SARA, **GZIP)
    assert ("content-encoding" in answer.headers) is is_short
    assert (gzip.decompress(answer.body) if is_short else answer.body) == b"a,b\n" * 1000


def test_files_of_pages_are_compressed_and_fonts_are_not(browser):
    for path in ("/app/app.css", "/app/follow-ups.js", "/wallboard/wallboard.js"):
        short = browser.ask(path, **SARA, **GZIP)
        assert gzip.decompress(short.body) == browser.ask(path, **SARA).body
        assert short.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in browser.ask("/fonts/vazirmatn-5.3.0-arabic.woff2", **GZIP).headers


@pytest.mark.parametrize("path", ["/metrics", "/api/live", "/healthz", "/api/nothing"])
def test_nothing_else_is_compressed(browser, path):
    assert "content-encoding" not in browser.ask(path, **SARA, **GZIP).headers


def test_the_key_of_a_form_is_another_text_on_each_page(browser):
    checks = access(people=users(sara="lead"))
    host = PageHost(checks.site, lambda: 1e9, lambda work, *given: succeed(work(*given)), Clock())
    browser.site = site(lambda _: (b"", ""), dict, dict, checks.wall, dict, None, pages={"calls": Page(host)})
    session = {"Cookie": f"{CookieNames().session}={checks.site.sessions.start('sara')}"}
    keys = {re.search(rb'name="key" value="([^"]+)"', browser.ask(**session).body)[1] for _ in range(5)}
    assert len(keys) == 5
