"""The agent's page and the follow-up list with its buttons, in a real browser.

This process serves the browser's requests from a database of some weeks; see chromium.py.
"""

import pytest
from sqlalchemy import insert
from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context
from cc_bridge.daemon.services.access import Access
from cc_bridge.daemon.services.agent_api import AgentApi
from cc_bridge.daemon.services.follow_up_api import FollowUpApi
from cc_bridge.daemon.services.pages import Pages
from cc_bridge.follow_ups.follow_up import Action, FollowUp, FollowUpState
from cc_bridge.records import Answer, CustomerNumber
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.follow_ups import moved, one, opened
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.web.access.agent_links import AgentLinks
from cc_bridge.web.server import site
from cc_bridge.web.wallboard_stream import EventStream
from integration.web.test_wallboard_chromium import FAINT
from support.chromium import browser
from support.isolates import NOT_ISOLATED
from support.reactor_loop import result_of, until
from support.site_access import PASSWORD, quick_hash
from support.year_of_calls import LAST, fill, midnight, records

__all__ = ["browser"]

pytestmark = pytest.mark.chromium

TOKEN = "a-token-of-the-house"
NOW = midnight(LAST) + 70_000
HOSTILE = "<img src=x onerror=alert(1)>"
ALARM = "!document.getElementById('alarm').hidden"
SHOWN = "!document.getElementById('figures').hidden"
LISTED = "document.querySelectorAll('#list li').length"
LOG_IN = "document.getElementById('password') !== null"

# Finds boxes that leave the screen to a side.
WIDE = """
[...document.querySelectorAll("body *:not(.skip)")].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width && (box.left < -1 || box.right > innerWidth + 1);
}).map((element) => [element.className || element.tagName, element.textContent.slice(0, 40)])
"""


class Desk:
    """A site with the agent's page and the follow-up list, and its database."""

    def __init__(self, url, **options):
        until(lambda: True)  # starts the reactor
        config = Config(
            pbx={"name": "main"},
            http={"token": TOKEN},
            storage={"url": url},
            general={"time_zone": "Europe/Berlin"},
            **options,
        )
        self.now = NOW
        self._context = Context.of(config, reactor)
        access = Access(self._context, self._now, lambda _config: ())
        agent = AgentApi(self._context, self._now)
        follow_ups = FollowUpApi(self._context, self._now, access.persons)
        own = Pages(self._context, self._now, access)
        self._apis = agent, follow_ups, own
        for api in self._apis:
            api.startService()
        stream = EventStream(lambda: 1, lambda: None, reactor, 1)
        pages = site(
            lambda _: (b"", "text/plain"), dict, dict, access.wall, dict, stream, home=own.home,
            pages=own.resources, agent=agent.resource,
            **{"follow-ups": follow_ups.resource},
        )  # fmt: skip
        self._port = reactor.listenTCP(0, pages, interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"

    def _now(self):
        return self.now

    def agent(self, name="Agent 2", more="", seconds=5 * 86_400):
        return f"{self.url}/agent{more}#{AgentLinks(TOKEN, 'main').sign(name, int(NOW + seconds))}"

    def close(self):
        for api in self._apis:
            api.stopService()
        self._context.database.close()
        result_of(maybeDeferred(self._port.stopListening))


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    """Return the engine of a database with some weeks of calls and with comments."""
    url = f"sqlite:///{tmp_path_factory.mktemp('people') / 'calls.sqlite'}"
    engine = open_database(url)
    fill(engine, records())
    about = {"agent": "Agent 2", "interface": "PJSIP/2"}
    kept = about | {"recording": "x"}
    comments = [
        Answer("main", "c1", "comment", "comment", 14, 1, NOW - 4000, queue="sales", **kept),
        Answer("main", "c2", "comment", "comment", 6, 1, NOW - 90_000, queue=HOSTILE, **about),
        Answer(
            "main", "c3", "comment", "comment", 31, 1, NOW - 200_000, queue="پشتیبانی", recording="x", **about
        ),
    ]
    table = row_of(comments[0])[0]
    with engine.begin() as connection:
        connection.execute(insert(table), [row_of(each)[1] for each in comments])
    yield engine
    engine.dispose()


@pytest.fixture
def desk(weeks):
    desk = Desk(str(weeks.url))
    yield desk
    desk.close()


def quiet(page, desk):
    """Assert that the console has no error and that all requests went to the daemon.

    The icons of a player are data: addresses of the browser.
    """
    assert page.errors == []
    assert page.requests
    assert [url for url in page.requests if not url.startswith((desk.url, "data:"))] == []


# -- an agent's own page


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_an_agent_reads_their_own_page(browser, desk, tmp_path, language, scheme, width):
    page = browser.page(width=width, height=1100 if width > 400 else 2400, scheme=scheme, languages=language)
    page.open(desk.agent())
    page.wait(SHOWN)
    page.value("document.querySelector('[data-days=\"30\"]').click()")
    page.wait("told.days === 30")
    page.picture(tmp_path / "agent.png")
    assert page.value("document.documentElement.dataset.theme") == scheme
    assert page.value("document.dir") == {"en": "ltr", "fa": "rtl"}[language]
    assert page.value("document.querySelector('[aria-pressed=true]').dataset.days") == "30"
    assert page.value(NOT_ISOLATED) == []
    page.wait(f"{FAINT}.length === 0")
    page.ready()
    assert page.fonts() == {("Vazirmatn", True)}
    for font in page.each_font():
        assert page.value(WIDE) == [], font
    text = page.text("main")
    assert {"en": "Spoken comments", "fa": "نظر مشتریان"}[language] in text
    assert {"en": "Team", "fa": "میانگین گروه"}[language] in page.text("[data-name=csat]")
    digits = "0123456789" if language == "en" else "۰۱۲۳۴۵۶۷۸۹"
    assert {each for each in page.text("#scores") + page.text("#work b") if each.isdigit()} - set(digits) <= (
        set("0123456789")  # digits in labels of the catalogue, such as "CES, 1-7"
    )
    assert "NaN" not in text
    assert "undefined" not in text
    quiet(page, desk)
    page.close()


def test_today_has_no_team_and_few_answers_no_score(browser, desk):
    page = browser.page()
    page.open(desk.agent())
    page.wait(SHOWN)
    page.value("document.querySelector('[data-days=\"1\"]').click()")
    page.wait("told.days === 1")
    assert "Team" not in page.text("#scores")
    assert "a score needs 15" in page.text("#scores")
    assert page.value("document.querySelectorAll('#comments tbody tr').length") == 1
    quiet(page, desk)
    page.close()


def test_a_queue_is_text_whatever_it_holds(browser, desk):
    page = browser.page()
    page.open(desk.agent())
    page.wait(SHOWN)
    page.wait("document.querySelectorAll('#comments tbody tr').length === 3")
    assert HOSTILE in page.value("document.getElementById('comments').textContent")
    assert page.value("document.querySelectorAll('#comments img').length") == 0
    quiet(page, desk)
    page.close()


def test_another_key_opens_nothing(browser, desk):
    page = browser.page()
    good = desk.agent()
    page.open(f"{good[:-5]}{'1' if good[-5] == '0' else '0'}{good[-4:]}")
    page.wait(ALARM)
    assert "not valid" in page.text("#alarm")
    assert page.value("document.getElementById('figures').hidden")
    page.value(f"location.hash = {good.partition('#')[2]!r}")  # the valid link, in the same tab
    page.wait(f"{SHOWN} && document.getElementById('alarm').hidden")
    page.close()
    page = browser.page()
    page.open(desk.agent(seconds=-1))
    page.wait(ALARM)
    assert "has expired" in page.text("#alarm")
    page.close()
    page = browser.page(languages="fa")
    page.open(f"{desk.url}/agent")
    page.wait(ALARM)
    assert "پیوند شخصی شما" in page.text("#alarm")
    page.close()


def test_the_key_is_told_to_nobody(browser, desk):
    page = browser.page()
    page.open(desk.agent())
    page.wait(SHOWN)
    key = desk.agent().partition("#")[2]
    assert not any(key in url.partition("#")[0] for url in page.requests)
    assert page.value("document.cookie + JSON.stringify(localStorage)").count(key) == 0
    page.close()


# -- the list of follow-ups


@pytest.fixture
def listed(weeks):
    """Replace all follow-ups by the test's own."""
    with weeks.begin() as connection:
        connection.exec_driver_sql("DELETE FROM follow_ups")
        connection.exec_driver_sql("DELETE FROM customers")
    for number, (reason, detail, queue, owner) in enumerate(
        [("low_rating", "csat=1", "sales", "sara"),
         ("abandoned_twice", "abandoned again after 3.5 h", "پشتیبانی", "ali"),
         ("long_wait", "waited 612 s", HOSTILE, ""), ("comment", "spoke 14 s", "sales", "sara"),
         ("not_solved", "solved=no", "billing", "sara"), ("of_tomorrow", "x", "sales", "")],
    ):  # fmt: skip
        made = FollowUp(
            f"follow{number}", "main", reason, f"98912{number}", f"0912123456{number}", queue, "Sara Ahmadi",
            "17.1", detail, owner, NOW - 90_000, NOW - 7200 + 5000 * number,
        )  # fmt: skip
        assert opened(weeks, made, made.caller_key, [made.caller_key])
    customers = [
        CustomerNumber("989120", "C-1", "زهرا محمدی", NOW),
        CustomerNumber("989122", "C-2", HOSTILE, NOW),
    ]
    table = row_of(customers[0])[0]
    with weeks.begin() as connection:
        connection.execute(insert(table), [row_of(each)[1] for each in customers])
    return weeks


def stored(engine, name):
    with engine.connect() as connection:
        return one(connection, name)


def move(engine, name, *arguments):
    with engine.begin() as connection:
        moved(connection, name, *arguments, NOW)


def log_in(page, password=TOKEN, name=""):
    page.wait(LOG_IN)
    page.value(f"document.getElementById('password').value = {password!r}")
    if name:
        page.value(f"document.getElementById('name').value = {name!r}")
    page.value("document.querySelector('.log-in button').click()")


def entered(browser, desk, *, by="Ali", **options):
    """Return a page of a user who has logged in with the token and entered the name `by`."""
    page = browser.page(**options)
    page.open(f"{desk.url}/follow-ups")
    log_in(page)
    page.wait(f"document.getElementById('list') !== null && {LISTED}")
    if by:
        page.value(f"document.getElementById('by').value = {by!r}")
        page.value("document.getElementById('by').dispatchEvent(new Event('change'))")
    return page


def press(page, name, button):
    page.value(f"document.querySelector('[data-id={name}] [data-move={button}]').click()")


def said(page, name):
    return page.text(f"[data-id={name}]")


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_list_can_be_read(browser, desk, listed, tmp_path, language, scheme, width):
    move(listed, "follow3", Action.TAKE, "رضا", "")
    page = entered(browser, desk, width=width, height=1200, scheme=scheme, languages=language)
    press(page, "follow1", "finish")
    page.picture(tmp_path / "follow-ups.png")
    assert page.value("document.dir") == {"en": "ltr", "fa": "rtl"}[language]
    names = page.value("[...document.querySelectorAll('#list li')].map((each) => each.dataset.id)")
    assert names == [f"follow{number}" for number in range(6)]
    assert page.value("document.querySelectorAll('.late').length") == 2
    text = page.text("#list")
    details = {
        "en": ("1 of 5", "again after 3.5 h", "waited 10 min 12", "14 s", "no to"),
        "fa": ("دوباره پس از", "انتظار", "ثانیه", "پاسخ «خیر» به"),
    }
    for word in (*details[language], "09121234560", "زهرا محمدی", "Sara Ahmadi", "پشتیبانی", HOSTILE, "رضا"):
        assert word in text
    assert {"en": "Low rating", "fa": "امتیاز پایین"}[language] in said(page, "follow0")
    assert "of_tomorrow" in said(page, "follow5")
    assert page.value("document.querySelectorAll('#list img').length") == 0
    assert page.value(NOT_ISOLATED) == []
    page.wait(f"{FAINT}.length === 0")
    page.ready()
    assert page.fonts() == {("Vazirmatn", True)}
    for font in page.each_font():
        assert page.value(WIDE) == [], font
    quiet(page, desk)
    page.close()


def test_somebody_takes_one_and_is_done_with_it(browser, desk, listed):
    page = entered(browser, desk)
    press(page, "follow0", "take")
    page.wait("document.querySelector('[data-id=follow0]').dataset.state === 'taken'")
    assert (stored(listed, "follow0").state, stored(listed, "follow0").taken_by) == (
        FollowUpState.TAKEN,
        "Ali",
    )
    assert "Ali" in said(page, "follow0")
    assert page.value("document.querySelector('[data-id=follow0] [data-move=take]').hidden")
    press(page, "follow0", "finish")
    press(page, "follow0", "send")
    assert "Enter a text first" in said(page, "follow0")
    assert stored(listed, "follow0").state is FollowUpState.TAKEN
    page.value("document.querySelector('[data-id=follow0] textarea').value = 'called <b>back</b>'")
    press(page, "follow0", "send")
    page.wait("document.querySelector('[data-id=follow0]') === null")
    done = stored(listed, "follow0")
    assert (done.state, done.closed_by, done.outcome) == (FollowUpState.DONE, "Ali", "called <b>back</b>")
    page.value("document.getElementById('state').value = 'done,dismissed'")
    page.value("document.getElementById('state').dispatchEvent(new Event('change'))")
    page.wait("document.querySelector('.outcome') !== null")
    assert page.text(".outcome") == "called <b>back</b>"
    quiet(page, desk)
    page.close()


def test_one_is_dismissed_with_a_reason(browser, desk, listed):
    page = entered(browser, desk)
    press(page, "follow2", "dismiss")
    page.value("document.querySelector('[data-id=follow2] textarea').value = 'wrong number'")
    press(page, "follow2", "send")
    page.wait("document.querySelector('[data-id=follow2]') === null")
    assert stored(listed, "follow2").state is FollowUpState.DISMISSED
    quiet(page, desk)
    page.close()


def test_who_is_late_is_told_who_took_it(browser, desk, listed):
    page = entered(browser, desk)
    move(listed, "follow1", Action.TAKE, "Sara", "")
    press(page, "follow1", "take")
    page.wait("document.querySelector('[data-id=follow1] .complaint:not([hidden])') !== null")
    assert "Sara has taken this follow-up" in said(page, "follow1").translate({0x2068: None, 0x2069: None})
    assert stored(listed, "follow1").taken_by == "Sara"
    assert page.value("document.querySelector('[data-id=follow1]').dataset.state") == "taken"
    move(listed, "follow2", Action.DISMISS, "Sara", "twice")
    press(page, "follow2", "take")
    page.wait("document.querySelector('[data-id=follow2] .complaint:not([hidden])') !== null")
    page.value("ask()")
    page.wait("document.getElementById('count').textContent === '5 to call back'")
    assert "Sara has closed this follow-up" in said(page, "follow2").translate({0x2068: None, 0x2069: None})
    assert [error for error in page.errors if "409" not in error] == []
    page.close()


def test_nobody_takes_one_without_a_name(browser, desk, listed):
    page = entered(browser, desk, by="")
    press(page, "follow0", "take")
    assert "Enter your name" in said(page, "follow0")
    assert page.value("document.activeElement.id") == "by"
    assert stored(listed, "follow0").state is FollowUpState.OPEN
    page.close()


def test_what_is_written_stays_when_the_list_is_renewed(browser, desk, listed):
    page = entered(browser, desk)
    press(page, "follow4", "finish")
    page.value("document.querySelector('[data-id=follow4] textarea').value = 'half a sen'")
    move(listed, "follow0", Action.DONE, "Sara", "called")
    page.value("ask()")
    page.wait("document.querySelector('[data-id=follow0]') === null")
    assert page.value("document.querySelector('[data-id=follow4] textarea').value") == "half a sen"
    assert page.value("document.activeElement.tagName") == "TEXTAREA"
    page.close()


@pytest.mark.usefixtures("listed")
def test_another_token_opens_nothing_and_leaving_closes(browser, desk):
    page = browser.page()
    page.open(f"{desk.url}/follow-ups?owner=sara")
    log_in(page, "not-the-token-at-all")
    page.wait("document.querySelector('.problem') !== null")
    assert page.text(".problem") == "This name or password is wrong."
    log_in(page)
    page.wait(f"document.getElementById('list') !== null && {LISTED} === 3")  # Sara's follow-ups
    assert page.value("document.cookie") == ""
    page.value("document.querySelector('.log-out button').click()")
    page.wait(f"location.pathname === '/login' && {LOG_IN}")
    page.open(f"{desk.url}/follow-ups")
    page.wait(LOG_IN)
    page.close()


def test_a_session_that_ends_leads_to_the_log_in_and_back(browser, desk, listed):
    page = entered(browser, desk)
    desk.now = NOW + 13 * 3600
    press(page, "follow0", "take")
    page.wait(f"location.pathname === '/login' && {LOG_IN}")
    assert stored(listed, "follow0").state is FollowUpState.OPEN
    log_in(page)
    page.wait(f"location.pathname === '/follow-ups' && {LISTED} === 6")
    page.close()


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_a_lead_acts_by_the_name_of_the_log_in_on_the_own_queues(
    browser, weeks, listed, tmp_path, language, width
):
    sara = {"role": "lead", "password_hash": quick_hash()}
    desk = Desk(str(weeks.url), users={"sara": sara}, queues={"sales": {"owner": "sara"}})
    try:
        page = browser.page(width=width, height=900, languages=language)
        page.open(f"{desk.url}/follow-ups")
        page.wait(LOG_IN)
        page.picture(tmp_path / "login.png")
        assert page.value(NOT_ISOLATED) == []
        assert page.value(WIDE) == []
        log_in(page, PASSWORD, "Sara")
        page.wait(f"document.getElementById('list') !== null && {LISTED} === 3")  # of the queue sales
        assert page.text(".user") == "sara"
        assert page.value("document.getElementById('typed').hidden")
        page.picture(tmp_path / "follow-ups.png")
        assert page.value(WIDE) == []
        press(page, "follow0", "take")
        page.wait("document.querySelector('[data-id=follow0]').dataset.state === 'taken'")
        assert stored(listed, "follow0").taken_by == "sara"
        page.open(f"{desk.url}/")
        page.wait("document.querySelector('.user') !== null")
        page.picture(tmp_path / "home.png")
        assert page.value(WIDE) == []
        assert page.value(NOT_ISOLATED) == []
        page.wait(f"{FAINT}.length === 0")
        page.value("document.querySelector('.log-out button').click()")
        page.wait(f"location.pathname === '/login' && {LOG_IN}")
        quiet(page, desk)
        page.close()
    finally:
        desk.close()
