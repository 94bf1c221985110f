"""The list of follow-ups: access, protection from other sites, and two users of the same button."""

import json
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.config import Config
from cc_bridge.customers.spoken_comment import StoredComment
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.follow_up_api import FollowUpApi
from cc_bridge.errors import FollowUpError, StorageError
from cc_bridge.follow_ups.follow_up import LONGEST_TEXT, Action, FollowUp, FollowUpState
from cc_bridge.records import CustomerNumber
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.follow_ups import one, opened
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.web.access.cookies import CookieNames
from cc_bridge.web.follow_up_api import ActionResult, FollowUpList, FollowUpsResource
from cc_bridge.web.server import site
from cc_bridge.web.wallboard_stream import EventStream
from support.http_client import Browsing, Response
from support.reactor_loop import result_of, until
from support.site_access import access

TOKEN = "a-token-of-the-house"
NUMBER = "09121234567"
NOW = 1_795_309_819.0
AT = "/api/follow-ups"
OURS = {"X-CC-Bridge": "follow-ups"}


def follow_up(name="f1aa", **changes):
    values = {
        "follow_up_id": name, "pbx": "main", "reason": "low_rating", "caller_key": "989121234567",
        "number": NUMBER, "queue": "sales", "agent": "Sara", "call_id": "17.1", "detail": "csat=1",
        "owner": "sara", "opened_at": NOW - 7200, "due_at": NOW - 60,
    }  # fmt: skip
    return FollowUp(**(values | changes))


LISTED = FollowUpList((follow_up(),), {"989121234567": "زهرا"})


class DaemonSite(Browsing):
    """A client of one daemon's site, and the site."""

    path, token = AT, TOKEN

    def __init__(self, token=TOKEN):
        self.clock = Clock()
        self.now = NOW
        self.read, self.moves = [], []
        self.listed = lambda: succeed(LISTED)
        self.moved = lambda: succeed(ActionResult("", LISTED))
        checks = access(token, now=lambda: self.now)
        pages = FollowUpsResource(
            checks.persons,
            self._read,
            self._move,
            lambda: self.now,
            lambda: ZoneInfo("Asia/Tehran"),
            self.clock,
        )
        stream = EventStream(lambda: 1, lambda: None, self.clock, 1)
        self.site = site(
            lambda _accept: (b"", ""),
            dict,
            dict,
            checks.wall,
            dict,
            stream,
            **{"follow-ups": pages},
        )
        self.session = f"{CookieNames().session}={checks.site.sessions.start('')}" if token else ""

    def _read(self, owner, states, queues):
        self.read.append((owner, set(states), queues))
        return self.listed()

    def _move(self, *move):
        self.moves.append(move)
        return self.moved()

    def take(self, **options):
        return self.ask(f"{AT}/f1aa/take", "POST", {"by": "Ali"}, **options)


@pytest.fixture
def daemon_site():
    return DaemonSite()


def test_a_follow_up_has_the_title_of_its_queue_in_each_language(daemon_site):
    (shown,) = json.loads(daemon_site.ask().body)["follow_ups"]
    assert (shown["queue"], shown["queue_title"]) == ("sales", {"en": "sales", "fa": "sales"})


# -- access


def test_without_a_token_in_the_configuration_it_is_closed_on_this_machine_too():
    daemon_site = DaemonSite(token="")
    assert [daemon_site.ask(token=token).code for token in ("", TOKEN)] == [403, 403]
    assert daemon_site.take(token="").code == 403


def test_a_program_with_the_token_gets_in(daemon_site):
    assert (daemon_site.ask().code, daemon_site.take().code) == (200, 200)
    assert daemon_site.ask(token="another-token-of-theirs").code == 401
    assert daemon_site.ask(f"{AT}?token={TOKEN}", token="").code == 401


def test_the_cookie_of_the_wall_screen_does_not_do(daemon_site):
    cookie = daemon_site.ask(f"/api/live?token={TOKEN}", token="").headers["set-cookie"].partition(";")[0]
    assert daemon_site.ask("/api/live", token="", Cookie=cookie).code == 200
    assert daemon_site.ask(token="", Cookie=cookie).code == 401


# -- a page of another site in a logged-in browser


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-CC-Bridge": ""}]
    + [OURS | {"Sec-Fetch-Site": comes_from} for comes_from in ("cross-site", "same-site", "none")],
)
def test_another_site_changes_nothing(daemon_site, headers):
    cookie = daemon_site.session
    assert daemon_site.take(token="", Cookie=cookie, **headers).code == 403
    assert daemon_site.moves == []
    assert daemon_site.take(token="", Cookie=cookie, **OURS).code == 200


def test_nobody_is_allowed_to_ask_from_elsewhere(daemon_site):
    response = daemon_site.ask(f"{AT}/f1aa/take", "OPTIONS", token="", Origin="https://elsewhere.example")
    assert response.code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]


# -- the list


def test_the_list_is_told(daemon_site):
    response = daemon_site.ask()
    told = json.loads(response.body)
    (one_told,) = told["follow_ups"]
    assert (told["version"], told["more"], response.headers["content-type"]) == (1, False, "application/json")
    assert (one_told["id"], one_told["name"], one_told["number"]) == ("f1aa", "زهرا", NUMBER)
    assert (one_told["state"], one_told["overdue"]) == ("open", True)
    assert one_told["due_at"] == "2026-11-22T04:39:19+03:30"
    assert one_told["taken_at"] is None
    assert "caller_key" not in one_told
    assert told["user"] == {"name": "", "role": "admin"}
    assert daemon_site.read == [("", {FollowUpState.OPEN, FollowUpState.TAKEN}, None)]


def test_the_list_can_be_of_one_owner_and_of_some_states(daemon_site):
    daemon_site.ask(f"{AT}?owner=sara&state=done,dismissed")
    daemon_site.ask(f"{AT}?owner=%3Cb%3E&state=open&state=taken")
    assert daemon_site.read == [
        ("sara", {FollowUpState.DONE, FollowUpState.DISMISSED}, None),
        ("<b>", {FollowUpState.OPEN, FollowUpState.TAKEN}, None),
    ]
    assert daemon_site.ask(f"{AT}?state=lost").code == 400


# -- actions


@pytest.mark.parametrize("move", list(Action))
def test_a_move_is_passed_on(daemon_site, move):
    response = daemon_site.ask(f"{AT}/f1aa/{move.value}", "POST", {"by": "Ali", "text": "called\nback"})
    assert (response.code, json.loads(response.body)["id"]) == (200, "f1aa")
    assert daemon_site.moves == [("f1aa", move, "Ali", "called\nback", None)]


def test_who_comes_second_is_told_who_was_first(daemon_site):
    taken = FollowUpList((follow_up(state=FollowUpState.TAKEN, taken_by="Sara", taken_at=NOW),), {})
    daemon_site.moved = lambda: succeed(ActionResult("follow-up f1aa is already taken, by Sara", taken))
    response = daemon_site.take()
    told = json.loads(response.body)
    assert (response.code, told["error"]) == (409, "follow-up f1aa is already taken, by Sara")
    assert told["follow_up"]["taken_by"] == "Sara"


def test_what_is_not_there_or_not_meant(daemon_site):
    daemon_site.moved = lambda: succeed(ActionResult("there is no follow-up f9", None))
    assert daemon_site.ask(f"{AT}/f9aa/take", "POST", {"by": "Ali"}).code == 404
    daemon_site.moved = lambda: fail(FollowUpError("your name is missing: enter it"))
    response = daemon_site.take()
    assert (response.code, response.body) == (400, b"your name is missing: enter it\n")


@pytest.mark.parametrize(
    ("path", "method", "code"),
    [(f"{AT}/f1aa", "GET", 404), (f"{AT}/f1aa/take", "GET", 405), (f"{AT}/f1aa/open", "POST", 404),
     (f"{AT}/f1aa/take/more", "POST", 404), (f"{AT}/session", "POST", 404), (f"{AT}//take", "POST", 400),
     (AT, "POST", 405)],
)  # fmt: skip
def test_there_is_nothing_else(daemon_site, path, method, code):
    assert daemon_site.ask(path, method).code == code


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[]", b'"x"', b"[" * 4000, b"\xff", {"by": 1}, {"by": "x", "owner": "y"}, {"by": None}],
)
def test_what_cannot_be_meant_is_refused(daemon_site, body):
    assert daemon_site.ask(f"{AT}/f1aa/take", "POST", body).code == 400
    assert daemon_site.moves == []


def test_a_body_has_a_bound(daemon_site):
    longest = {"by": "x" * 64, "text": "\U0001f600" * LONGEST_TEXT}
    assert daemon_site.ask(f"{AT}/f1aa/done", "POST", longest).code == 200
    assert daemon_site.ask(f"{AT}/f1aa/done", "POST", b" " * 16_385).code == 413


def test_the_log_holds_no_number_and_no_name(daemon_site, logged):
    daemon_site.ask()
    daemon_site.take()
    daemon_site.listed = lambda: fail(ValueError(NUMBER))
    daemon_site.ask()
    told = [line for line in map(formatEvent, logged) if line.startswith("follow-up")]
    assert told == [
        "follow-ups: GET request from 192.0.2.7 answered with status 200 in 0 ms",
        "follow-up: POST request from 192.0.2.7 answered with status 200 in 0 ms",
        "follow-ups: the request failed: ValueError; it is answered with status 503",
        "follow-ups: GET request from 192.0.2.7 answered with status 503 in 0 ms",
    ]
    assert not any(word in "".join(map(formatEvent, logged)) for word in (NUMBER[1:], "زهرا", "Ali", TOKEN))


def test_a_slow_database_is_not_waited_for(daemon_site):
    daemon_site.listed = daemon_site.moved = Deferred
    asking = [daemon_site.send(), daemon_site.send(f"{AT}/f1aa/take", "POST", {"by": "Ali"})]
    daemon_site.clock.advance(5)
    assert [Response(transport.take()).code for transport in asking] == [503, 503]


def test_too_many_questions_are_refused_and_strangers_take_no_turn(daemon_site):
    for _ in range(50):
        daemon_site.ask(token="")
    assert [daemon_site.ask().code for _ in range(22)] == [200] * 20 + [429] * 2


# -- with a database


@pytest.fixture
def api(tmp_path):
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    engine = open_database(url)
    for number, name in enumerate(("f1aa", "f2aa", "f3aa")):
        due_at = NOW + 600 - 500 * number
        made = follow_up(name, caller_key=f"98912{number}", due_at=due_at, owner=f"o{number}")
        assert opened(engine, made, made.caller_key, [made.caller_key])
    table, row = row_of(CustomerNumber("989120", "C-1", "زهرا", NOW))
    with engine.begin() as connection:
        connection.execute(insert(table), [row])
    config = Config(http={"token": TOKEN}, storage={"url": url})
    until(lambda: True)  # starts the reactor
    context = Context.of(config, reactor)
    api = FollowUpApi(context, lambda: NOW, None)
    api.startService()
    api.engine = engine
    yield api
    api.stopService()
    context.database.close()
    engine.dispose()


def stored(api, name):
    with api.engine.connect() as connection:
        return one(connection, name)


def test_the_list_has_names_and_the_soonest_first(api):
    listed = result_of(api.list("", {FollowUpState.OPEN, FollowUpState.TAKEN}))
    assert [each.follow_up_id for each in listed.follow_ups] == ["f3aa", "f2aa", "f1aa"]
    assert (listed.names, listed.more) == ({"989120": "زهرا"}, False)
    assert len(result_of(api.list("o1", {FollowUpState.OPEN})).follow_ups) == 1


def test_a_move_is_stored(api):
    moved = result_of(api.apply("f1aa", Action.TAKE, "Ali", ""))
    assert (moved.refused, moved.now.follow_ups[0].taken_by) == ("", "Ali")
    result_of(api.apply("f1aa", Action.DONE, "Ali", "called back"))
    done = result_of(api.list("", {FollowUpState.DONE})).follow_ups[0]
    assert (done.closed_by, done.outcome, done.closed_at) == ("Ali", "called back", NOW)


def test_of_two_who_press_at_once_one_is_late(api):
    both = [api.apply("f1aa", Action.TAKE, name, "") for name in ("Ali", "Sara")]
    first, second = sorted((result_of(each) for each in both), key=lambda moved: moved.refused)
    assert (first.refused, "already" in second.refused) == ("", True)
    assert second.now.follow_ups[0].taken_by == first.now.follow_ups[0].taken_by


def test_what_is_not_there_is_not_there(api):
    for name in ("nothing", "f1a", "f1aa%", "%", "x" * 5000):
        assert result_of(api.apply(name, Action.TAKE, "Ali", "")).now is None


@pytest.mark.parametrize(
    ("move", "by", "text"),
    [(Action.TAKE, " ", ""), (Action.DONE, "Ali", " "), (Action.DISMISS, "Ali", ""),
     (Action.TAKE, "x" * 65, ""), (Action.DONE, "Ali", "x" * 1001)],
)  # fmt: skip
def test_what_cannot_be_stored_is_told_before(api, move, by, text):
    with pytest.raises(FollowUpError):
        result_of(api.apply("f1aa", move, by, text))
    assert result_of(api.list("o0", {FollowUpState.OPEN})).follow_ups


def test_nothing_is_read_after_the_end(api):
    api.stopService()
    with pytest.raises(StorageError):
        result_of(api.list("", {FollowUpState.OPEN}))


def test_a_follow_up_has_the_addresses_of_its_pages():
    browser = DaemonSite()
    said = StoredComment("main", "17.1-a", "comment", "sales", "Sara", NOW, 14, "/x/y.wav")
    hostile = follow_up("f2bb", call_id="../<b>", caller_key="98 9/..")
    found = FollowUpList((follow_up(), hostile), {}, comments={("main", "17.1"): said}, plays=False)
    browser.listed = lambda: succeed(found)
    first, second = json.loads(browser.ask().body)["follow_ups"]
    assert (first["customer_page"], first["call_page"]) == ("/customers/989121234567", "/calls/main/17.1")
    assert (first["comment"], first["plays"]) == ("/comments/main/17.1-a/comment", False)
    assert (second["customer_page"], second["call_page"]) == (
        "/customers/98%209%2F..",
        "/calls/main/..%2F%3Cb%3E",
    )
    assert second["comment"] == ""
