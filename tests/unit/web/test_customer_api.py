"""/api/customers over a transport in memory: access, answers, stored data, and a slow database."""

import json

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.customers.number_keys import NumberKeys
from cc_bridge.customers.timeline import CustomerIdentity, Timeline, TimelineVisit
from cc_bridge.privacy.caller_keys import CallerKeys
from cc_bridge.web.customer_api import CustomersResource
from cc_bridge.web.server import site
from cc_bridge.web.wallboard_stream import EventStream
from support.http_client import Browsing, Response
from support.site_access import access

TOKEN = "a-token-of-the-house"
NUMBER = "09121234567"
AT = f"/api/customers/{NUMBER}"
HISTORY = Timeline.of(
    CustomerIdentity("C-1", "زهرا"),
    [TimelineVisit(100.0, "main", "1", "sales", "abandoned", 5.0, "", "open", "", None)],
)


class DaemonSite(Browsing):
    """A client of one daemon's site, and the site."""

    path, token = AT, TOKEN

    def __init__(self, token=TOKEN):
        self.clock = Clock()
        self.read, self.stored = [], []
        self.history = lambda: succeed(HISTORY)
        self.storing = lambda: succeed(None)
        numbers = NumberKeys(CallerKeys(country="98"), shared=["02123456789"])
        checks = access(token)
        customers = CustomersResource(numbers, self._read, self._store, checks.persons, self.clock)
        stream = EventStream(lambda: 1, lambda: None, self.clock, 1)
        self.site = site(
            lambda _accept: (b"", ""), dict, dict, checks.wall, dict, stream, customers=customers
        )

    def _read(self, keys):
        self.read.append(keys)
        return self.history()

    def _store(self, *told):
        self.stored.append(told)
        return self.storing()

    def put(self, told, path=AT):
        return self.ask(path, "PUT", told)


@pytest.fixture
def daemon_site():
    return DaemonSite()


# -- access


def test_without_a_token_in_the_configuration_it_is_closed_on_this_machine_too():
    daemon_site = DaemonSite(token="")
    assert [daemon_site.ask(token=token).code for token in ("", TOKEN)] == [403, 403]
    assert daemon_site.ask("/api/live", token="").code == 200


@pytest.mark.parametrize("path", [AT, f"{AT}?token={TOKEN}", "/api/customers/x"])
def test_only_a_program_with_the_token_gets_in(daemon_site, path):
    assert daemon_site.ask(path, token="").code == 401
    assert daemon_site.ask(path, token="another-token-of-theirs").code == 401
    assert daemon_site.read == []


def test_the_cookie_of_the_wall_screen_does_not_do(daemon_site):
    cookie = daemon_site.ask(f"/api/live?token={TOKEN}", token="").headers["set-cookie"].partition(";")[0]
    assert daemon_site.ask("/api/live", token="", Cookie=cookie).code == 200
    assert daemon_site.ask(token="", Cookie=cookie).code == 401


def test_the_log_says_who_asked_and_not_for_whom(daemon_site, logged):
    daemon_site.ask()
    for _ in range(50):
        daemon_site.ask(token="")
    daemon_site.put({"name": "زهرا"})
    told = [line for line in map(formatEvent, logged) if line.startswith("customer: ")]
    assert told == [
        "customer: GET request from 192.0.2.7 answered with status 200 in 0 ms",
        (
            "customer: 1 requests were refused since the last such line, the last one from 192.0.2.7 with"
            " status 401"
        ),
        "customer: PUT request from 192.0.2.7 answered with status 204 in 0 ms",
    ]
    assert NUMBER[1:] not in "".join(map(formatEvent, logged))


# -- answers


@pytest.mark.parametrize("number", [NUMBER, "+989121234567", "%2B989121234567", "%DB%B0912-123-45%2067"])
def test_a_history_is_told_however_the_number_is_written(daemon_site, number):
    response = daemon_site.ask(f"/api/customers/{number}")
    assert (response.code, response.headers["content-type"]) == (200, "application/json")
    told = json.loads(response.body)
    assert (told["customer_id"], told["name"]) == ("C-1", "زهرا")
    assert told["timeline"][0]["outcome"] == "abandoned"
    assert "989121234567" in daemon_site.read[0]


@pytest.mark.parametrize(
    ("path", "code"),
    [("/api/customers", 404), ("/api/customers/", 404), ("/api/customers/anonymous", 404),
     (f"{AT}/visits", 404), ("/api/customers/+982123456789", 409), ("/api/customers/%FF%FE", 404)],
)  # fmt: skip
def test_what_is_no_customer(daemon_site, path, code):
    assert daemon_site.ask(path).code == code
    assert daemon_site.read == []


def test_nothing_else_is_done(daemon_site):
    response = daemon_site.ask(AT, "DELETE")
    assert (response.code, response.headers["allow"]) == (405, "GET, HEAD, PUT")
    assert daemon_site.ask("/api/live", "PUT").code == 405


# -- stored data


def test_a_crm_tells_id_and_name(daemon_site):
    response = daemon_site.put({"customer_id": " C-1 ", "name": "زهرا"}, "/api/customers/0912%20123%204567")
    assert (response.code, response.body) == (204, b"")
    assert not {"content-type", "content-length", "transfer-encoding"} & response.headers.keys()
    assert daemon_site.stored == [("989121234567", "C-1", "زهرا")]


@pytest.mark.parametrize(
    "told",
    [b"", b"[", b"[]", b"{}", b'"x"', b"[" * 4000, b"\xff", {"name": 1}, {"name": "x", "age": 3},
     {"name": " "}, {"name": "x" * 129}, {"customer_id": "x" * 65}, {"name": "a\nb"}, {"name": "\ud800"}],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(daemon_site, told):
    assert daemon_site.put(told).code == 400
    assert daemon_site.stored == []


def test_a_body_has_a_bound(daemon_site):
    assert daemon_site.put(b" " * 4097).code == 413


# -- a slow, missing or overloaded database


def test_it_is_answered_when_the_database_answers(daemon_site):
    slow = Deferred()
    daemon_site.history = lambda: slow
    transport = daemon_site.send()
    assert transport.take() == b""
    slow.callback(HISTORY)
    assert Response(transport.take()).code == 200
    assert not daemon_site.clock.getDelayedCalls()


def test_whoever_asks_waits_five_seconds_and_no_longer(daemon_site):
    daemon_site.history = daemon_site.storing = Deferred
    asking = [daemon_site.send(), daemon_site.send(AT, "PUT", b'{"name": "x"}')]
    daemon_site.clock.advance(4.9)
    assert [transport.take() for transport in asking] == [b"", b""]
    daemon_site.clock.advance(0.1)
    responses = [Response(transport.take()) for transport in asking]
    assert [(response.code, response.headers["retry-after"]) for response in responses] == [(503, "5")] * 2


def test_an_error_is_told_without_what_it_says(daemon_site, logged):
    daemon_site.history = lambda: fail(ValueError(NUMBER))
    assert daemon_site.ask().code == 503
    assert NUMBER not in "".join(map(formatEvent, logged))


def test_who_leaves_before_the_answer_breaks_nothing(daemon_site):
    slow = Deferred()
    daemon_site.history = lambda: slow
    transport = daemon_site.send()
    transport.abortConnection()
    slow.callback(HISTORY)
    assert not daemon_site.clock.getDelayedCalls()
    assert daemon_site.ask("/api/live").code == 200


def test_too_many_questions_are_refused_until_some_time_has_passed(daemon_site):
    codes = [daemon_site.ask().code for _ in range(22)]
    assert codes == [200] * 20 + [429] * 2
    daemon_site.clock.advance(1)
    assert [daemon_site.ask().code for _ in range(6)] == [200] * 5 + [429]
    assert daemon_site.ask(token="").code == 401


def test_a_stranger_takes_nobodys_turn(daemon_site):
    for _ in range(50):
        daemon_site.ask(token="")
    assert daemon_site.ask().code == 200
