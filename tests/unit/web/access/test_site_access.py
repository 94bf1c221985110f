"""The sender of a request: program, user of a proxy, session, wall screen, or an unknown visitor."""

import pytest

from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.access.visitor import Refusal, Role, Visitor
from cc_bridge.web.page_site import PageSite
from cc_bridge.web.proxies import TrustedProxies
from cc_bridge.web.resources import LeafResource, TreeResource
from support.http_client import Browsing
from support.site_access import access, users

TOKEN = "a-token-of-the-house"
QUEUES = {"sara": ("sales",), "ali": ("tech",)}
GUEST = CookieNames().guest
PROXY = "192.0.2.80"


class Asked(LeafResource):
    methods = (b"GET", b"POST")

    def __init__(self, checks):
        super().__init__()
        self.checks, self.found, self.key = checks, None, None

    def answer(self, request):
        self.found = self.checks.site.visitor(request)
        self.key = self.checks.site.form_key(request)
        return b""


class Guarded(LeafResource):
    methods = (b"GET", b"POST")

    def answer(self, request):
        return b"in"


class Browser(Browsing):
    def __init__(self, token="", people=None, address="192.0.2.7", **rules):
        self.checks = access(token, people, queues_of=lambda name: QUEUES.get(name, ()), **rules)
        self.page = Asked(self.checks)
        self.address = address
        root = TreeResource(
            None, asked=self.page, wall=Guarded(self.checks.wall), persons=Guarded(self.checks.persons)
        )
        self.site = PageSite(root, proxies=TrustedProxies([PROXY]))

    def visitor(self, **headers):
        assert self.ask("/asked", **headers).code == 200
        return self.page.found

    def session(self, name):
        return {"Cookie": f"{CookieNames().session}={self.checks.site.sessions.start(name)}"}


def test_a_program_with_the_token_may_do_everything():
    browser = Browser(TOKEN, users(sara="lead"))
    assert browser.visitor(Authorization=f"Bearer {TOKEN}") == Visitor("", Role.ADMIN)
    assert browser.visitor(Authorization=f"Bearer {TOKEN}x") == Refusal(
        401, "this is not the token of http.token"
    )
    assert browser.ask("/persons", "POST", token=TOKEN).code == 200


@pytest.mark.parametrize(
    ("role", "queues"), [("viewer", ()), ("lead", ("sales",)), ("admin", None)],
)  # fmt: skip
def test_a_session_has_the_role_of_the_configuration(role, queues):
    browser = Browser(TOKEN, users(sara=role))
    assert browser.visitor(**browser.session("sara")) == Visitor("sara", Role(role), queues, can_log_out=True)


def test_a_changed_role_holds_for_an_open_session():
    browser = Browser(TOKEN, users(sara="admin"))
    session = browser.session("sara")
    browser.checks.rules = Browser(TOKEN, users(sara="viewer")).checks.rules
    assert browser.visitor(**session).role is Role.VIEWER


def test_a_lead_without_a_queue_sees_no_queue():
    browser = Browser(TOKEN, users(reza="lead"))
    visitor = browser.visitor(**browser.session("reza"))
    assert visitor.queues == ()
    assert not visitor.sees("sales")


def test_the_wall_screen_sees_figures_only():
    browser = Browser(TOKEN)
    shown = browser.ask(f"/wall?token={TOKEN}").headers["set-cookie"].partition(";")[0]
    visitor = browser.visitor(Cookie=shown)
    assert (visitor.role, visitor.queues, visitor.can_log_in) == (Role.VIEWER, (), True)
    assert browser.ask("/wall", Cookie=shown).code == 200
    assert browser.ask("/persons", Cookie=shown).code == 401
    assert browser.ask(f"/persons?token={TOKEN}").code == 401
    assert isinstance(browser.visitor(), Refusal)


def test_nothing_configured_shows_figures_on_this_machine_and_says_why_no_more():
    browser = Browser(address="127.0.0.1")
    assert browser.visitor().role is Role.VIEWER
    assert (browser.ask("/wall").code, browser.ask("/persons").code) == (200, 403)
    assert b"[users.NAME], http.token or" in browser.ask("/persons").body
    assert browser.visitor(Host="evil.example.com").code == 403  # a name that was made to lead here
    assert Browser(host="0.0.0.0").visitor().code == 403


def test_with_users_nobody_is_let_in_without_a_log_in():
    browser = Browser(people=users(sara="lead"), address="127.0.0.1")
    assert browser.visitor() == Refusal(401, browser.visitor().text)
    assert [browser.ask(path).code for path in ("/wall", "/persons")] == [401, 401]


# -- the header of a proxy


def by_proxy(**options):
    rules = {"user_header": "X-Forwarded-User"} | options
    return Browser(people=users(sara="lead", ali="admin"), address=PROXY, **rules)


def test_a_trusted_proxy_names_the_user():
    browser = by_proxy()
    assert browser.visitor(X_Forwarded_User="x") is not None  # an underscore is another header
    browser = by_proxy()
    assert browser.visitor(**{"X-Forwarded-User": "Sara"}) == Visitor("sara", Role.LEAD, ("sales",))
    assert browser.ask("/persons", **{"X-Forwarded-User": "sara"}).code == 200
    assert browser.ask("/wall", **{"X-Forwarded-User": "sara"}).code == 200


def test_another_peer_names_nobody():
    browser = by_proxy()
    assert browser.ask("/persons", address="192.0.2.7", **{"X-Forwarded-User": "ali"}).code == 401
    # The peer behind the trusted proxy is not the proxy itself: only the other end of the connection counts.
    headers = {"X-Forwarded-User": "ali", "X-Forwarded-For": PROXY}
    assert browser.ask("/persons", address="192.0.2.7", **headers).code == 401


def test_without_the_option_the_header_means_nothing():
    browser = by_proxy(user_header="")
    assert browser.ask("/persons", **{"X-Forwarded-User": "ali"}).code == 401


def test_a_user_whom_only_the_proxy_knows_has_the_default_role_or_none():
    stranger = {"X-Forwarded-User": "stranger@example.com"}
    refused = by_proxy().visitor(**stranger)
    assert (refused.code, "http.user_header_role" in refused.text) == (403, True)
    assert by_proxy(user_header_role=Role.VIEWER).visitor(**stranger).role is Role.VIEWER
    assert by_proxy(user_header_role=Role.LEAD).visitor(**stranger).queues == ()


@pytest.mark.parametrize(
    "name",
    ["", " ", "ali,sara", "ali\x00", "ali sara", "<script>", "x" * 300, "سارا".encode().decode("latin-1")],
)
def test_a_name_that_no_user_can_have_is_refused(name):
    assert by_proxy(user_header_role=Role.ADMIN).ask("/persons", **{"X-Forwarded-User": name}).code in (
        400,
        403,
    )


def test_two_names_are_refused_since_one_may_be_of_the_peer():
    browser = by_proxy()
    headers = {"X-Forwarded-User": "sara\r\nX-Forwarded-User: ali"}
    assert browser.ask("/persons", **headers).code == 403


def test_a_proxy_that_also_sends_its_own_bearer_token_is_understood():
    headers = {"X-Forwarded-User": "sara", "Authorization": "Bearer of-the-identity-provider"}
    browser = Browser(TOKEN, users(sara="lead"), PROXY, user_header="X-Forwarded-User")
    assert browser.visitor(**headers).name == "sara"
    assert browser.ask("/persons", "POST", **headers).code == 403  # it is no program: the header is missing
    assert browser.ask("/persons", "POST", **headers, **{"X-CC-Bridge": "x"}).code == 200


def test_a_change_needs_the_header_that_other_sites_cannot_send():
    browser = Browser(TOKEN, users(sara="lead"))
    session = browser.session("sara")
    assert browser.ask("/persons", "POST", **session).code == 403
    assert browser.ask("/persons", "POST", **session, **{"X-CC-Bridge": "x"}).code == 200
    foreign = {"X-CC-Bridge": "x", "Sec-Fetch-Site": "cross-site"}
    assert browser.ask("/persons", "POST", **session, **foreign).code == 403


# -- form keys


def test_each_session_and_user_has_a_form_key_of_its_own():
    browser = Browser(TOKEN, users(sara="lead", ali="lead"))

    def key(**headers):
        browser.visitor(**headers)
        return browser.page.key

    sara, ali = key(**browser.session("sara")), key(**browser.session("ali"))
    assert len({sara, ali, key(Cookie=f"{GUEST}=abc"), key(Cookie=f"{GUEST}=abd")}) == 4
    assert (key(), key(Cookie=f"{GUEST}={'x' * 65}"), key(Authorization=f"Bearer {TOKEN}")) == ("",) * 3
    proxy = by_proxy()
    proxy.visitor(**{"X-Forwarded-User": "sara"})
    assert len(proxy.page.key) == 64
