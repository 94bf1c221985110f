"""Every route of the daemon's site: the roles that may open it, and the persons that it shows.

The routes are read from the tree of the site's resources, so a new one fails here until ROUTES has its entry.
Each route for programs is in the document /api/openapi.json, with the role that it demands.
A visitor without a log-in opens only what is documented as open. A lead who asks for another lead's queue
gets 403, or an answer without the persons of that queue.
"""

import json
import re
from dataclasses import replace
from io import BytesIO
from time import time
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import quote
from zipfile import ZipFile

import pytest
from sqlalchemy import insert
from twisted.internet import reactor

from cc_bridge.config import Config
from cc_bridge.daemon.bridge import Bridge
from cc_bridge.follow_ups.follow_up import FollowUp
from cc_bridge.records import Answer, Call, CustomerNumber, Direction, EndedBy, Outcome, QueueVisit, Talk
from cc_bridge.reports.registry import REPORTS
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.follow_ups import opened
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.web.access.agent_links import AgentLinks
from cc_bridge.web.access.visitor import Role
from cc_bridge.web.openapi.admission import Admission
from cc_bridge.web.openapi.operations import OPERATIONS
from cc_bridge.web.pages.page import PageResource
from cc_bridge.web.resources import TreeResource, _NotFound
from support.http_client import Response, sent
from support.reactor_loop import until
from support.site_access import quick_hash

TOKEN = "a-token-of-the-house"
NOW = 1_795_309_819.0  # on 2026-11-22

# Persons of the queue tech, which belongs to Ali, and of the queue sales, which belongs to Sara.
OTHERS = ("Omid Techniker", "09125550001", "Kundin Tech", "tech-comment")
OWN = ("Mina Verkauf", "09125550002", "Kunde Sales", "sales-comment")


DAYS = "from=2026-11-20&to=2026-11-25"


class Route(NamedTuple):
    """The access to a route.

    least: "open", "viewer", "lead", "admin", or "link" for the signed link of an agent
    foreign: requests of a lead for another's queue or persons, each a path, or a method and a path
    own: the same for the own queue; the answer has a person of it
    """

    least: str
    foreign: tuple = ()
    own: tuple = ()


# Each report in each format. Reports about agents are refused, or are limited to the lead's queues.
REPORT_PAGES = tuple(
    f"/reports/{name}?{DAYS}{more}"
    for name in REPORTS
    for more in ("", "&queue=tech", "&queue=TECH", "&by=agent", "&format=json", "&format=csv", "&format=xlsx")
)
_SPAN = "from=2026-11-20&to=2026-11-24"
_LISTS = ("visits", "calls", "talks", "answers", "lost-calls")

ROUTES = {
    "/": Route("viewer", foreign=("/",)),
    "/login": Route("open"),
    "/logout": Route("viewer"),
    "/calls": Route(
        "lead",
        foreign=(
            *(f"/calls?{_SPAN}&list={kind}" for kind in _LISTS),
            *(f"/calls?{_SPAN}&format=csv{more}" for more in ("", "&queue=tech", "&row=queue:tech")),
            f"/calls?{_SPAN}&queue=tech",
            f"/calls?{_SPAN}&queue=sales&queue=tech",
            f"/calls?{_SPAN}&row=queue:tech",
        ),
        own=(f"/calls?{_SPAN}", f"/calls?{_SPAN}&queue=Sales", f"/calls?{_SPAN}&list=talks&format=csv"),
    ),
    "/metrics": Route("open"),
    "/healthz": Route("open"),
    "/readyz": Route("open"),
    "/wallboard": Route("viewer", foreign=("/wallboard?queue=tech",)),
    "/agent": Route("open"),
    "/follow-ups": Route("lead", foreign=("/follow-ups?owner=ali",)),
    "/lost": Route(
        "lead",
        foreign=(f"/lost?{DAYS}", f"/lost?queue=tech&{DAYS}", f"/lost?format=csv&{DAYS}"),
        own=(f"/lost?queue=sales&{DAYS}", f"/lost?format=csv&{DAYS}"),
    ),
    "/reports": Route("viewer", foreign=("/reports",)),
    "/reports/*": Route("viewer", foreign=REPORT_PAGES),
    "/calls/*": Route(
        "lead",
        foreign=("/calls/main/c-tech", "/calls/main/c-tech-lost"),
        own=("/calls/main/c-sales",),
    ),
    "/comments": Route("lead", foreign=("/comments",)),
    "/comments/*": Route("lead", foreign=("/comments/main/a-tech/agent",)),
    "/customers": Route("lead", foreign=("/customers?q=Kund",), own=("/customers?q=Kund",)),
    "/customers/*": Route("lead", foreign=("/customers/989125550001",), own=("/customers/989125550002",)),
    "/agents": Route(
        "lead",
        foreign=(f"/agents?{DAYS}", f"/agents?queue=tech&{DAYS}"),
        own=(f"/agents?queue=sales&{DAYS}",),
    ),
    "/agents/*": Route(
        "lead",
        foreign=(f"/agents/Omid%20Techniker?{DAYS}",),
        own=(f"/agents/Mina%20Verkauf?{DAYS}",),
    ),
    "/system": Route("admin"),
    "/api/agent/comments/*": Route("link"),
    "/api/openapi.json": Route("open"),
    "/api/live": Route("viewer", foreign=("/api/live?queue=tech",)),
    "/api/live/events": Route("viewer"),
    "/api/agent": Route("link"),
    "/api/customers/*": Route(
        "lead",
        foreign=("/api/customers/09125550001", ("PUT", "/api/customers/09125550001")),
        own=("/api/customers/09125550002",),
    ),
    "/api/follow-ups": Route(
        "lead",
        foreign=("/api/follow-ups", "/api/follow-ups?owner=ali", "/api/follow-ups?state=open,done&owner="),
        own=("/api/follow-ups", "/api/follow-ups?owner=sara"),
    ),
    "/api/follow-ups/*": Route(
        "lead",
        foreign=tuple(("POST", f"/api/follow-ups/ftech/{action}") for action in ("take", "done", "dismiss")),
        own=(("POST", "/api/follow-ups/fsales/take"),),
    ),
}
# Files without data, which are open, and the files of the wallboard.
OPEN_FILES = ("/app/", "/fonts/", "/agent/", "/follow-ups/")
WALL_FILES = "/wallboard/"


def walked(resource, path=""):
    """Yield each path of the tree with its resource; `*` means further parts of a path."""
    if isinstance(resource, PageResource):
        yield path or "/", resource
        if resource.longest_path:
            yield f"{path}/*", resource
    elif isinstance(resource, TreeResource):
        if not isinstance(resource._own, _NotFound):
            yield from walked(resource._own, path)
        if type(resource).getChild is not TreeResource.getChild:
            yield f"{path}/*", resource
    else:
        yield path or "/", resource
    for name, child in sorted(resource.children.items()):
        yield from walked(child, f"{path}/{name.decode()}")


class Site:
    """The site of a whole daemon whose database has persons of two leads."""

    def __init__(self, folder):
        until(lambda: True)  # starts the reactor
        url = f"sqlite:///{folder / 'calls.sqlite'}"
        hashes = {"password_hash": quick_hash()}
        config = Config(
            pbx={"name": "main"},
            http={"token": TOKEN, "port": 0},
            agi={"port": 0},
            storage={"url": url, "journal_file": folder / "journal.sqlite"},
            callers={"country_code": "98"},
            users={name: {"role": role} | hashes for name, role in ROLES.items()},
            queues={"sales": {"owner": "sara"}, "tech": {"owner": "ali"}},
        )
        fill(url)
        self.bridge = bridge = Bridge(config, reactor)
        self.services = bridge.customers, bridge.agent_api, bridge.follow_up_api, bridge.pages
        for service in self.services:
            service.startService()
        self.site = bridge.http.site
        self.routes = dict(walked(self.site.resource))

    def ask(self, request, user="", body=b'{"text": "x"}', **headers):
        """Return the answer to a path, or to a method and a path, as a user or without a log-in."""
        method, path = ("GET", request) if isinstance(request, str) else request
        body = body if method in ("POST", "PUT") and path.startswith("/api") else b""
        fields = {"Content-Length": len(body), "X-CC-Bridge": "test"} | headers
        if user:
            site = self.bridge.access.site
            fields["Cookie"] = f"{site.rules().cookies.session}={site.sessions.start(user)}"
        transport = sent(self.site, f"{method} {path} HTTP/1.0", fields, body, "192.0.2.7")
        until(lambda: b"\r\n\r\n" in transport.value())
        response = Response(transport.take())
        if not transport.disconnected:
            transport.end()
        return response

    def close(self):
        for service in self.services:
            service.stopService()
        self.bridge._database.close()


ROLES = {"vera": "viewer", "sara": "lead", "ali": "lead", "boss": "admin"}


def persons(queue, marks, owner):
    """Return the records of one call, and its follow-up, whose persons have these marks."""
    agent, number, name, comment = marks
    key = "98" + number[1:]
    call = f"c-{queue}"
    at = NOW - 7200
    visit = QueueVisit(
        "main", call, call, queue, at, at + 20, Outcome.ANSWERED, agent, "PJSIP/1", 1, number, name, "en",
        False, "AgentConnect", caller_key=key,
    )  # fmt: skip
    lost = replace(
        visit, call_id=f"{call}-lost", uniqueid=f"{call}-lost", entered_at=at + 600, left_at=at + 700,
        outcome=Outcome.ABANDONED, agent=None, interface=None,
    )  # fmt: skip
    records = [
        visit,
        lost,
        Talk("main", call, call, f"{call}-a", queue, agent, "PJSIP/1", at + 20, at + 80, 0.0, 0,
             EndedBy.AGENT, None, None),
        Call("main", call, call, Direction.IN, at, at + 90, number, name, "100", "en", queue, True, 1, 1,
             20.0, 60.0, False),
        Answer("main", f"a-{queue}", "agent", "csat", 1, 1, at + 85, queue=queue, agent=agent,
               interface="PJSIP/1"),
        CustomerNumber(key, f"C-{queue}", name, at),
    ]  # fmt: skip
    low = FollowUp(
        f"f{queue}", "main", "low_rating", key, number, queue, agent, call, comment, owner, at, NOW + 3600
    )
    return records, (low, replace(low, follow_up_id=f"g{queue}", reason="comment"))


def fill(url):
    engine = open_database(url)
    for queue, marks, owner in (("sales", OWN, "sara"), ("tech", OTHERS, "ali")):
        records, follow_ups = persons(queue, marks, owner)
        with engine.begin() as connection:
            for record in records:
                table, row = row_of(record)
                connection.execute(insert(table), [row])
        for each in follow_ups:
            assert opened(engine, each, each.caller_key, [each.caller_key])
    engine.dispose()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    here = Site(tmp_path_factory.mktemp("routes"))
    yield here
    here.close()


def for_programs(resource, path=""):
    """Yield each path for programs, its resource, and the operations that it answers."""
    if isinstance(resource, TreeResource):
        for name, child in resource.children.items():
            yield from for_programs(child, f"{path}/{name.decode()}")
        if not isinstance(resource._own, _NotFound):
            yield from for_programs(resource._own, path)
        if type(resource).getChild is not TreeResource.getChild:
            yield from for_programs(
                resource.getChild(b"x", SimpleNamespace(prepath=[b"calls", b"x"], postpath=[])), f"{path}/*"
            )
    elif path.startswith("/api/") or resource.content_type == "application/json" or resource.operations:
        yield path, resource


def test_the_document_has_each_route_for_programs_and_no_other(site):
    found = dict(for_programs(site.site.resource))
    assert [path for path, resource in found.items() if not resource.operations] == []
    answered = {each.name: each for resource in found.values() for each in resource.operations}
    assert answered == {each.name: each for each in OPERATIONS}
    for path, resource in found.items():
        for each in resource.operations:
            documented = re.sub(r"\{\w+\}", "*", each.path)
            assert documented in (path, f"{path}/*"), "the path of a page names its parts"
            assert documented == path or isinstance(resource, PageResource)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_the_document_has_the_role_that_a_route_demands(site, operation):
    example = {name: quote(info.examples[0], safe="") for name, info in operation.parts.model_fields.items()}
    path = operation.path.format(**example)
    least_rank = operation.access.role.rank if operation.access.role else 0
    users = [user for user, role in ROLES.items() if Role(role).rank < least_rank]
    for user in users:
        assert site.ask((operation.method, path), user).code == 403, user
    allowed = site.ask((operation.method, path), "boss").code
    if operation.access.role:
        assert allowed not in (401, 403)
        assert site.ask((operation.method, path)).code == 401
    (route,) = (
        route
        for known, route in ROUTES.items()
        if known == re.sub(r"\{\w+\}", "*", operation.path)
        or (known == "/api/follow-ups/*" and operation.path.startswith("/api/follow-ups/"))
    )
    least = {
        Admission.SCRAPER: "open",
        Admission.WALL: "viewer",
        Admission.AGENT_LINK: "link",
        Admission.SIGNED_ADDRESS: "link",
    }
    documented = least.get(operation.access, operation.access.value[0])
    assert documented == route.least or operation.method == "PUT"


def is_file(path):
    return path.startswith(OPEN_FILES) or path.startswith(WALL_FILES)


def samples(path):
    """Return requests for a route."""
    return (*ROUTES[path].own, *ROUTES[path].foreign) or (path,)


def test_every_route_has_an_entry(site):
    found = {path for path in site.routes if not is_file(path)}
    assert found == set(ROUTES), (
        "a new route needs an entry in ROUTES: who may open it, and whose persons it shows"
    )


def test_a_route_for_leads_or_with_further_parts_is_tried_with_the_queue_of_another(site):
    assert [path for path, route in ROUTES.items() if route.least == "lead" and not route.foreign] == []
    pages = [path for path, page in site.routes.items() if isinstance(page, PageResource) and "*" in path]
    assert [path for path in pages if not ROUTES[path].foreign] == []


def test_files_are_open_except_those_of_the_wallboard(site):
    files = [path for path in site.routes if is_file(path)]
    assert len(files) > 10
    for path in files:
        expected = (
            401 if path.startswith(WALL_FILES) and path != WALL_FILES else 308 if path.endswith("/") else 200
        )
        assert site.ask(path).code == expected, path


@pytest.mark.parametrize("path", ROUTES)
def test_without_a_log_in_only_open_routes_answer(site, path):
    for sample in samples(path):
        code = site.ask(sample).code
        if ROUTES[path].least == "open":
            assert code in (200, 503), sample
            continue
        assert code == 401, sample
        in_browser = site.ask(sample, Accept="text/html")
        if isinstance(sample, str) and not path.startswith("/api/"):
            assert in_browser.code == 303, sample
            assert in_browser.headers["location"].startswith("/login?next=%2F")


@pytest.mark.parametrize("path", [path for path, route in ROUTES.items() if route.least in ("lead", "admin")])
def test_who_has_too_low_a_role_is_refused(site, path):
    for user in ("vera",) if ROUTES[path].least == "lead" else ("vera", "sara"):
        for sample in samples(path):
            assert site.ask(sample, user).code == 403, (user, sample)


def marks_in(answer, marks):
    """Return the marks of persons that an answer has, in its text or in the values of its JSON."""
    body = answer.body.decode("utf-8", "replace")
    if answer.body.startswith(b"PK"):  # a spreadsheet
        with ZipFile(BytesIO(answer.body)) as parts:
            body = "".join(parts.read(name).decode() for name in parts.namelist())
    if "json" in answer.headers.get("content-type", ""):
        body = json.dumps(json.loads(body), ensure_ascii=False)
    return [mark for mark in marks if mark in body]


@pytest.mark.parametrize("sample", [sample for route in ROUTES.values() for sample in route.foreign])
def test_a_lead_gets_no_person_of_the_queue_of_another(site, sample):
    answer = site.ask(sample, "sara", Accept="text/html")
    assert answer.code in (200, 400, 403, 404)
    asked = [mark for mark in OTHERS if mark.lstrip("0") in str(sample)]  # the page says a typed number back
    assert marks_in(answer, [mark for mark in OTHERS if mark not in asked]) == []
    assert site.ask(sample, "vera").code in (200, 400, 403)


@pytest.mark.parametrize("path", [path for path, route in ROUTES.items() if route.own])
def test_a_lead_gets_the_persons_of_the_own_queue_and_an_administrator_all(site, path):
    for sample in ROUTES[path].own:
        answer = site.ask(sample, "sara")
        assert answer.code == 200, sample
        assert marks_in(answer, OWN) != []
    with_persons = [each for each in ROUTES[path].foreign if isinstance(each, str)]
    for sample in with_persons:
        answer = site.ask(sample, "boss")
        assert (answer.code, marks_in(answer, OTHERS) != []) == (200, True), sample


@pytest.mark.parametrize("more", ["", "&format=json", "&format=csv", "&format=xlsx", "&by=agent"])
def test_the_report_about_agents_has_those_of_the_own_queues(site, more):
    report = f"/reports/agents?{DAYS}{more}"
    answers = {user: site.ask(report, user) for user in ("boss", "sara", "ali")}
    assert [answer.code for answer in answers.values()] == [200] * 3
    shown = {user: set(marks_in(answer, (*OWN, *OTHERS))) for user, answer in answers.items()}
    assert shown == {"boss": {OWN[0], OTHERS[0]}, "sara": {OWN[0]}, "ali": {OTHERS[0]}}
    assert site.ask(report, "vera").code == 403
    for queue in ("tech", "TECH"):
        assert site.ask(f"{report}&queue={queue}", "sara").code == 403


def test_a_lead_who_names_another_lead_or_changes_what_is_of_another_is_refused(site):
    assert site.ask("/api/follow-ups?owner=ali", "sara").code == 403
    refused = [("PUT", "/api/customers/09125550001"), ("PUT", "/api/customers/09125550002")]
    for sample in refused:
        assert site.ask(sample, "sara", b'{"name": "x"}').code == 403
    assert site.ask(("POST", "/api/follow-ups/gtech/done"), "ali").code == 200
    for action in ("take", "done", "dismiss"):  # the refusal must not show the follow-up, as 409 does
        answer = site.ask(("POST", f"/api/follow-ups/gtech/{action}"), "sara")
        assert (answer.code, marks_in(answer, OTHERS)) == (403, [])


def test_no_follow_up_of_another_was_changed(site):
    for action in ("take", "done", "dismiss"):
        assert site.ask(("POST", f"/api/follow-ups/ftech/{action}"), "sara").code == 403
    listed = json.loads(site.ask("/api/follow-ups?owner=ali&state=open,taken,done,dismissed", "ali").body)
    (found,) = [each for each in listed["follow_ups"] if each["id"] == "ftech"]
    assert (found["state"], found["taken_by"]) == ("open", "")


def test_the_name_of_the_session_is_the_one_that_acts(site):
    assert json.loads(site.ask("/api/follow-ups", "sara").body)["user"] == {"name": "sara", "role": "lead"}
    taken = json.loads(site.ask(("POST", "/api/follow-ups/gsales/take"), "sara", b'{"by": "Ali"}').body)
    assert (taken["id"], taken["taken_by"]) == ("gsales", "sara")


def test_a_new_owner_holds_at_once(site):
    access, before = site.bridge.access, site.bridge.access.config
    changed = before.model_copy(
        update={"queues": {"tech": before.queue("sales"), "sales": before.queue("tech")}}
    )
    access.reconfigure(changed)
    try:
        assert marks_in(site.ask("/api/follow-ups", "sara"), OTHERS) != []
        assert marks_in(site.ask("/api/follow-ups", "sara"), OWN) == []
    finally:
        access.reconfigure(before)


def test_an_administrator_sees_the_state_of_the_daemon(site):
    answer = site.ask("/system?lang=en", "boss")
    assert answer.code == 200
    told = answer.body.decode()
    for text in ("Link to the PBX", "not connected yet", "Records that wait", "Deletion of old records"):
        assert text in told


def test_an_agents_link_opens_no_other_route(site):
    key = AgentLinks(TOKEN, "main").sign(OTHERS[0], int(time()) + 1000)
    assert site.ask("/api/agent", Authorization=f"Bearer {key}").code == 200
    for path in ("/api/follow-ups", "/api/customers/09125550001", "/api/live", "/"):
        assert site.ask(path, Authorization=f"Bearer {key}").code == 401
