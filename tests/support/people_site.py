"""A site with the pages about persons over a small database, for tests: two queues with different owners."""

from types import SimpleNamespace

from sqlalchemy import insert
from twisted.internet.defer import fail, maybeDeferred, succeed
from twisted.internet.task import Clock

from cc_bridge.config import Config
from cc_bridge.config.customers import make_numbers
from cc_bridge.daemon.services.call_pages import calls_page
from cc_bridge.daemon.services.people_pages import PeoplePages
from cc_bridge.records import (
    Answer,
    Call,
    CustomerNumber,
    Direction,
    EndedBy,
    Gap,
    GapReason,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyAttempt,
    SurveyDecision,
    SurveyResult,
    Talk,
    Transfer,
    Trigger,
)
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.web.access.token_auth import TokenAuth
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.pages.system import SystemFact, SystemState
from cc_bridge.web.server import site
from support.http_client import Browsing
from support.service_context import context

__all__ = [
    "ADMIN",
    "ALI",
    "HOSTILE",
    "MARYAM",
    "NOW",
    "SARA",
    "SHARED",
    "VIEWER",
    "PeopleSite",
    "config",
    "records",
]

NOW = 1_795_368_600.0  # 2026-11-22 17:30 UTC
MARYAM, REZA, SHARED = "989121110001", "989121110002", "982188880000"
HOSTILE = "<img src=x onerror=alert(1)>"

ADMIN = Visitor("admin", Role.ADMIN)
SARA = Visitor("sara", Role.LEAD, ("sales",))
ALI = Visitor("ali", Role.LEAD, ("support",))
VIEWER = Visitor("vali", Role.VIEWER, ())

FORM_KEY = "form-key"


def config(folder, **more):
    return Config(
        pbx={"name": "main"},
        http={"token": "a-token-of-the-house"},
        callers={"country_code": "98"},
        customers={"shared_numbers": ["+98 21 8888 0000"]},
        general={"time_zone": "Europe/Berlin"},
        survey={"recordings_directory": str(folder)},
        queues={
            "sales": {"owner": "sara", "title": {"en": "Sales desk", "fa": "فروش"}},
            "support": {"owner": "ali"},
        },
        **more,
    )


def lost(call, key, at, queue="sales", wait=95.0, outcome=Outcome.ABANDONED, number=None):
    number = f"+{key}" if number is None and key else number or ""
    yield QueueVisit("main", call, call, queue, at, at + wait, outcome, None, None, 1, number, "", "fa",
                     ringing=True, decided_by="x", caller_key=key)  # fmt: skip
    yield Call("main", call, call, Direction.IN, at, at + wait, number, "", "600", "fa", queue, False, 1, 0,
               wait, 0.0, False, key)  # fmt: skip


def answered(call, key, at, folder, agent="Sara A"):
    """Yield the records of a call from sales to support, with a survey and a spoken comment."""
    number = f"+{key}" if key else ""
    yield Call("main", call, call, Direction.IN, at, at + 400, number, "", "600", "fa", "sales", True, 2, 2,
               41.0, 215.0, False, key)  # fmt: skip
    yield QueueVisit("main", call, call, "sales", at + 1, at + 42, Outcome.ANSWERED, agent, "PJSIP/1", 2,
                     number, "", "fa", False, "x", caller_key=key)  # fmt: skip
    yield Ring("main", call, call, f"{call}r", "sales", "Idle Ida", "PJSIP/9", at + 2, at + 22,
               RingOutcome.NO_ANSWER)  # fmt: skip
    yield Ring("main", call, call, f"{call}s", "sales", agent, "PJSIP/1", at + 22, at + 42,
               RingOutcome.ANSWERED)  # fmt: skip
    yield Talk("main", call, call, f"{call}t", "sales", agent, "PJSIP/1", at + 42, at + 222, 12.0, 1,
               EndedBy.TRANSFER, Transfer.ATTENDED, "support")  # fmt: skip
    yield QueueVisit("main", call, call, "support", at + 222, at + 230, Outcome.ANSWERED, "Reza R", "PJSIP/2",
                     1, number, "", "fa", False, "x", caller_key=key)  # fmt: skip
    yield Talk("main", call, call, f"{call}u", "support", "Reza R", "PJSIP/2", at + 230, at + 265, 0.0, 0,
               EndedBy.AGENT, None, None)  # fmt: skip
    yield SurveyDecision("main", call, call, "support", "Reza R", "PJSIP/2", at + 265, "csat", Trigger.QUEUE,
                         "invited", key)  # fmt: skip
    yield SurveyAttempt("main", f"{call}-a", call, call, "support", "Reza R", "PJSIP/2", "csat", 1, "fa",
                        at + 266, at + 300, SurveyResult.PARTIAL, "hung_up", caller_key=key)  # fmt: skip
    about = {"queue": "support", "agent": "Reza R", "interface": "PJSIP/2"}
    yield Answer("main", f"{call}-a", "agent", "csat", 2, 1, at + 270, **about)
    yield Answer("main", f"{call}-a", "comment", "comment", 14, 1, at + 290,
                 recording=f"{folder}/{call}-a-comment.wav", **about)  # fmt: skip


def records(folder):
    yield from lost("1.1", MARYAM, NOW - 3 * 3600)
    yield from lost("1.2", REZA, NOW - 2 * 3600, "support", 30.0, Outcome.TIMED_OUT)
    yield from lost("1.3", "", NOW - 3600, wait=7.0)
    yield from lost("1.4", SHARED, NOW - 1800)
    yield from answered("2.1", MARYAM, NOW - 86_400, folder)
    yield CustomerNumber(MARYAM, "C-17", f"Maryam {HOSTILE}", NOW - 1e6)
    yield CustomerNumber(REZA, "C-18", "رضا کریمی", NOW - 1e6)
    yield Gap("main", NOW - 7200, NOW - 7100, GapReason.LINK_LOST, 3)


class _Reads:
    """A read pool that reads in the test's thread."""

    def __init__(self, engine):
        self.engine = engine

    def read(self, what):
        try:
            with self.engine.connect() as connection:
                return succeed(what(connection))
        except Exception as error:
            return fail(error)


class _Access:
    visitor_now = ADMIN

    def visitor(self, _request):
        return self.visitor_now

    def form_key(self, _request):
        return FORM_KEY


class PeopleSite(Browsing):
    """A browser of the pages; `visitor` is who asks."""

    def __init__(self, engine, folder, *, fill=True, **more):
        self.opened = []
        if fill:
            with engine.begin() as connection:
                for record in records(folder):
                    table, row = row_of(record)
                    connection.execute(insert(table), [row])
        self._access = _Access()
        clock = Clock()
        around = context(config(folder, **more), engine=engine)
        host = PageHost(self._access, lambda: NOW, maybeDeferred, clock)
        reads = _Reads(engine)
        calls = calls_page(host, reads, lambda: around.config)
        pages = SimpleNamespace(reads=reads, host=host, calls=calls, resources={})
        numbers = make_numbers(around.config)
        self.service = PeoplePages(around, pages, numbers, lambda: NOW, self.state, self.opened.append)
        self.resources = pages.resources
        self.site = site(
            lambda _: (b"", ""), dict, dict, TokenAuth("127.0.0.1", ""), dict, None,
            home=HomePage(host), pages=pages.resources,
        )  # fmt: skip

    @staticmethod
    def state():
        return SystemState(
            {"ami": "", "storage": "the disk is full"},
            {"daemon": (SystemFact("version", "1.0"), SystemFact("started_at", NOW - 60, "instant"))},
        )

    def page(self, path, visitor=ADMIN, **options):
        """Return the response to `visitor`."""
        self._access.visitor_now = visitor
        return self.ask(path, **options)

    def text(self, path, visitor=ADMIN, **options):
        return self.page(path, visitor, **options).body.decode()
