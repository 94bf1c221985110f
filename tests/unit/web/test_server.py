"""The site over a transport in memory: access, headers for browsers, and the event stream."""

import json
import re
from hashlib import sha256

import pytest
from twisted.internet.task import Clock
from twisted.web.test.requesthelper import DummyRequest

from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.access.token_auth import TokenAuth, is_loopback
from cc_bridge.web.server import _MetricsResource, site
from cc_bridge.web.wallboard_stream import EventStream
from support.http_client import Response, sent
from support.paths import ROOT

TOKEN = "a-token-of-the-house"
WALL = CookieNames().wall
FONTS = ROOT / "cc_bridge/web/static/fonts"
GUARDED = ["/wallboard", "/wallboard/wallboard.js", "/api/live", "/api/live/events"]
FONT = "/fonts/vazirmatn-5.3.0-arabic.woff2"
OPEN = ["/metrics", "/healthz", "/readyz", "/fonts/vazirmatn.css"]


class DaemonSite:
    """One daemon's site."""

    def __init__(self, host="127.0.0.1", token="", most=2):
        self.clock = Clock()
        self.board = {"version": 1, "waiting": 0}
        self.renewed = 0
        self.stream = EventStream(lambda: most, self.renew, self.clock, 1000)
        self.site = site(
            lambda _accept: (b"a 1\n", "text/plain; version=0.0.4"),
            dict,
            lambda: {"ami": "down"},
            TokenAuth(host, token),
            lambda: self.board,
            self.stream,
        )
        self.transports = []

    def renew(self):
        self.renewed += 1
        self.stream.publish(self.board)

    def ask(self, path, method="GET", *, version="1.1", **headers):
        """Send a request and return the transport."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = sent(self.site, f"{method} {path} HTTP/{version}", fields)
        self.transports.append(transport)
        return transport

    def get(self, path, method="GET", **headers):
        return Response(self.ask(path, method, **headers).take())

    def close(self):
        self.stream.close()
        for transport in self.transports:
            if not transport.disconnected:
                transport.end()


@pytest.fixture
def daemon_site():
    houses = []

    def daemon_site(**settings):
        houses.append(DaemonSite(**settings))
        return houses[-1]

    yield daemon_site
    for each in houses:
        each.close()


# -- access


@pytest.mark.parametrize(
    ("host", "yes"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.5", False), ("pbx.example.com", False), ("", False),
     ("localhost.example.com", False)],
)  # fmt: skip
def test_loopback(host, yes):
    assert is_loopback(host) is yes


@pytest.mark.parametrize("path", GUARDED)
def test_on_loopback_this_machine_needs_no_token(daemon_site, path):
    assert daemon_site().get(path).code == 200
    assert daemon_site().get(path, Host="[::1]:14574").code == 200


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("name", ["evil.example.com", "evil.example.com:14574", "", "localhost.evil.com"])
def test_a_name_that_was_made_to_lead_here_is_refused(daemon_site, path, name):
    refused = daemon_site().get(path, Host=name)
    assert refused.code == 403
    assert b"http.token" in refused.body


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.5", "::"])
def test_other_machines_are_refused_without_a_token_and_told_how(daemon_site, path, host):
    refused = daemon_site(host=host).get(path)
    assert refused.code == 403
    assert b"http.token" in refused.body


@pytest.mark.parametrize("path", OPEN)
def test_what_others_scrape_stays_open(daemon_site, path):
    for settings in ({"host": "0.0.0.0"}, {"token": TOKEN}):
        assert daemon_site(**settings).get(path, Host="10.0.0.5").code in (200, 503)


@pytest.mark.parametrize("path", GUARDED)
def test_the_token_opens_and_a_wrong_one_does_not(daemon_site, path):
    guarded = daemon_site(host="0.0.0.0", token=TOKEN)
    assert guarded.get(path, Host="wall").code == 401
    for wrong in ("", TOKEN[:-1], TOKEN + "x", "%ff", TOKEN.upper()):
        assert guarded.get(f"{path}?token={wrong}").code == 401
        assert guarded.get(path, Authorization=f"Bearer {wrong}").code == 401
        assert guarded.get(path, Cookie=f"{WALL}={wrong}").code == 401
    assert guarded.get(path, Authorization=f"Basic {TOKEN}").code == 401
    assert guarded.get(path, Cookie=f"{WALL}={TOKEN}").code == 401
    assert guarded.get(path, Authorization=f"Bearer {TOKEN}").code == 200
    assert guarded.get(f"{path}?token={TOKEN}").code == 200


def test_a_browser_gets_a_cookie_for_the_token_and_needs_it_no_more(daemon_site):
    guarded = daemon_site(host="0.0.0.0", token=TOKEN)
    shown = guarded.get(f"/wallboard?token={TOKEN}").headers["set-cookie"]
    cookie, *attributes = shown.split("; ")
    assert TOKEN not in shown
    assert {each.lower() for each in attributes} >= {"httponly", "samesite=strict", "path=/"}
    assert guarded.get("/api/live", Cookie=f"other=1; {cookie}").code == 200
    # The cookie is valid in each daemon with the same token, so also after a restart.
    assert daemon_site(host="0.0.0.0", token=TOKEN).get("/api/live", Cookie=cookie).code == 200
    # Until version 0.1.0 the cookie of all daemons had this name; wall screens keep it for a year.
    earlier = f"cc_bridge={cookie.partition('=')[2]}"
    assert guarded.get("/api/live", Cookie=earlier).code == 200
    assert daemon_site(host="0.0.0.0", token=TOKEN + "2").get("/api/live", Cookie=cookie).code == 401
    assert "set-cookie" not in guarded.get("/api/live", Authorization=f"Bearer {TOKEN}").headers


def test_the_wallboard_has_the_language_that_was_chosen_on_another_page(daemon_site):
    page = daemon_site().get("/wallboard", Cookie="cc_bridge_language=fa; cc_bridge_theme=dark")
    assert b'<html lang="fa" dir="rtl" data-asked="dark">' in page.body


def test_behind_a_proxy_with_tls_the_cookie_stays_behind_tls(daemon_site):
    guarded = daemon_site(host="0.0.0.0", token=TOKEN)
    path = f"/wallboard?token={TOKEN}"
    assert "Secure" not in guarded.get(path).headers["set-cookie"]
    assert "Secure" not in guarded.get(path, X_Forwarded_Proto="http").headers["set-cookie"]
    assert "Secure" in guarded.get(path, X_Forwarded_Proto="https").headers["set-cookie"]


# -- pages


@pytest.mark.parametrize("path", [*GUARDED[:-1], *OPEN])
def test_head_is_get_without_its_body(daemon_site, path):
    whole, head = daemon_site().get(path), daemon_site().get(path, "HEAD")
    assert (head.code, head.body) == (whole.code, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body))
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_a_head_of_the_stream_does_not_listen(daemon_site):
    here = daemon_site()
    head = here.get("/api/live/events", "HEAD")
    assert (head.code, head.headers["content-type"], here.stream.listening) == (200, "text/event-stream", 0)


@pytest.mark.parametrize("path", [*GUARDED, *OPEN])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_refused(daemon_site, path, method):
    refused = daemon_site().get(path, method)
    assert (refused.code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert refused.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/metrics/x", "/wallboard/", "/wallboard/../../etc/passwd", "/wallboard/wallboard.html",
     "/wallboard/wallboard.js/x", "/api", "/api/", "/api/live/x", "/api/live/events/x", "//", "/%00",
     "/%2e%2e/"],
)  # fmt: skip
def test_what_is_not_there_is_a_line_of_text(daemon_site, path):
    missing = daemon_site().get(path)
    assert missing.code == (308 if path == "/wallboard/" else 404)
    assert missing.headers["content-type"] == "text/plain; charset=utf-8"
    assert b"<" not in missing.body


def test_a_slash_too_many_leads_back(daemon_site):
    assert daemon_site().get("/wallboard/?lang=fa").headers["location"] == "../wallboard?lang=fa"


@pytest.mark.parametrize("path", [*GUARDED, *OPEN, "/nothing"])
def test_an_address_that_is_too_long_is_refused(daemon_site, path):
    for length in (3000, 20_000):  # beyond 16 KiB, no page is asked
        assert daemon_site().get(f"{path}?{'x' * length}").code == 414


@pytest.mark.parametrize("path", [*GUARDED, *OPEN, "/nothing"])
def test_browsers_are_told_to_be_careful(daemon_site, path):
    headers = daemon_site().get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "Twisted" not in headers["server"]


def test_a_font_is_kept_by_the_browser_and_nothing_else_is(daemon_site):
    here = daemon_site(host="0.0.0.0", token=TOKEN)
    font = here.get(FONT)
    assert (font.code, font.headers["content-type"]) == (200, "font/woff2")
    assert font.body.startswith(b"wOF2")
    assert font.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert font.headers["x-content-type-options"] == "nosniff"
    assert "font-src 'self';" in font.headers["content-security-policy"]
    for fault in (here.get(f"{FONT}/x"), here.get("/fonts/vazirmatn.woff2"), here.get(FONT, "POST")):
        assert (fault.code >= 400, fault.headers["cache-control"]) == (True, "no-store")


def test_the_font_is_the_one_that_its_readme_names():
    readme = (FONTS / "README.md").read_text()
    (version,) = re.findall(r"`@fontsource-variable/vazirmatn` ([\d.]+)\.", readme)
    named = dict(re.findall(r"^\| `([\w.-]+)` \| `files/[\w.-]+` \| `(\w{64})` \|$", readme, re.MULTILINE))
    assert named == {file.name: sha256(file.read_bytes()).hexdigest() for file in FONTS.glob("*.woff2")}
    assert all(f"-{version}-" in name for name in named)
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONTS / "OFL.txt").read_text()


def test_each_font_that_the_style_sheet_names_is_served(daemon_site):
    here = daemon_site()
    css = here.get("/fonts/vazirmatn.css").body.decode()
    named = re.findall(r"""url\((.*?)\)""", css)
    assert sorted(named) == sorted(f'"{file.name}"' for file in FONTS.glob("*.woff2"))
    for name in named:
        assert here.get(f"/fonts/{name[1:-1]}").code == 200
    assert not re.search(r"https?:|@import|local\(|data:", css)


def test_the_page_holds_nothing_inline_and_nothing_from_elsewhere(daemon_site):
    here = daemon_site()
    page = here.get("/wallboard").body.decode()
    files = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(files) == 8
    for file in files:
        assert here.get(f"/{file}").code == 200
    assert not re.search(r"<style|style=|<script>| on\w+=|https?:", page)
    for file in ("/wallboard/wallboard.js", "/wallboard/wallboard.css"):
        assert not re.search(rb"https?://|@import|url\(|eval|innerHTML", here.get(file).body)


@pytest.mark.parametrize(
    ("query", "accepted", "language", "direction"),
    [
        ("", "", "en", "ltr"),
        ("", "fa-IR,fa;q=0.9,en-US;q=0.8", "fa", "rtl"),
        ("", "de-DE,de;q=0.9,en;q=0.5,fa;q=0.4", "en", "ltr"),
        ("", "de,fa;q=0.1", "fa", "rtl"),
        ("", "*;q=x, ;;;,,fa;q=9.9.9.9,", "en", "ltr"),
        ("?lang=fa", "en", "fa", "rtl"),
        ("?lang=en", "fa", "en", "ltr"),
        ("?lang=%22%3E%3Cscript%3E", "fa", "fa", "rtl"),
    ],
)
def test_the_language_is_the_one_asked_for_or_what_the_browser_likes_best(
    daemon_site, query, accepted, language, direction
):
    page = daemon_site().get(f"/wallboard{query}", Accept_Language=accepted)
    assert f'<html lang="{language}" dir="{direction}"' in page.body.decode()
    assert page.headers["content-language"] == language
    assert b"<script>" not in page.body


def test_only_known_colours_come_into_the_page(daemon_site):
    assert b'data-asked="dark"' in daemon_site().get("/wallboard?theme=dark").body
    assert b'data-asked=""' in daemon_site().get("/wallboard?theme=%22onload=alert(1)").body


def test_a_page_of_metrics_is_kept_ten_times_as_long_as_it_took():
    clock, made = Clock(), []

    def scrape(accept):
        made.append(accept)
        clock.advance(0.5)
        return b"page %d\n" % len(made), "text/plain"

    resource = _MetricsResource(scrape, clock.seconds)

    def get(accept=""):
        request = DummyRequest([b"metrics"])
        request.requestHeaders.setRawHeaders("accept", [accept])
        return resource.answer(request)

    assert get() == get() == b"page 1\n"
    clock.advance(4.9)
    assert get() == b"page 1\n"
    clock.advance(0.2)
    assert get() == b"page 2\n"
    openmetrics = "application/openmetrics-text; version=1.0.0"
    assert get(openmetrics) == b"page 3\n"
    assert (get(), get(openmetrics), get("application/openmetrics-text; version=9.9")) == (
        b"page 2\n",
        b"page 3\n",
        b"page 3\n",
    )


@pytest.mark.parametrize("version", ["1.x", "x", "1.0.x", ".", "\\xff"])
def test_a_version_that_cannot_be_read_gets_the_plain_page_of_metrics(version):
    resource = _MetricsResource(lambda accept: (accept.encode(), ""), lambda: 0.0)
    request = DummyRequest([b"metrics"])
    accept = f"application/openmetrics-text; version={version}"
    request.requestHeaders.setRawHeaders("accept", [accept])
    page = resource.answer(request)
    content_type = request.responseHeaders.getRawHeaders("content-type")[0]
    assert (page == b"") == content_type.startswith("text/plain")


def test_the_json_is_that_of_this_moment(daemon_site):
    here = daemon_site()
    here.board = {"queue": "فروش", "hostile": "</script>\n\u2028"}
    answer = here.get("/api/live")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == here.board
