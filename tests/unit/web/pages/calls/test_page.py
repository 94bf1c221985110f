"""The page /calls: its filter, sentence, table, file, and whose calls a visitor may see."""

import csv
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from io import StringIO

import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from cc_bridge.kpis.units import Unit
from cc_bridge.queue_names import QueueMap
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.call_filter import CallFilter, ListKind
from cc_bridge.reports.listed_call import CallListPart, GivenAnswer, ListedCall, StoredWord
from cc_bridge.reports.query import BANDS, QueueSettings, ReportQuery
from cc_bridge.reports.render.localization import Localization
from cc_bridge.web.access.token_auth import TokenAuth
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.pages.calls.page import CallListSettings, CallsPage, CallTree
from cc_bridge.web.pages.calls.view import PAGE_SIZE
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.server import site
from support.http_client import Browsing

ADMIN = Visitor("ali", Role.ADMIN)
SARA = Visitor("sara", Role.LEAD, ("sales", "Billing"))
NOW = 1793577600.0  # 2026-11-02 00:00 UTC
SETTINGS = QueueMap({"sales": QueueSettings(threshold=30.0), "support": QueueSettings()})
ANSWERS = (
    GivenAnswer("satisfaction", "csat", 4),
    GivenAnswer("solved", "yes_no", 1, "yes"),
    GivenAnswer("reason", "choice", 2, "bill"),
)
CALL = ListedCall(
    NOW - 90_000, "main", "17.5/x", "sales", "09121234567", "98912", "<b>Sara</b>", ("Ali Rezaei",),
    (StoredWord("outcome", "answered"),), 12.0, 65.0, ANSWERS, marked=True,
)  # fmt: skip


@dataclass
class Reader:
    """A database with `part` in each list; it notes what is read."""

    part: CallListPart
    read: list = field(default_factory=list)

    def calls(self, ask, wanted, skip, most):
        self.read.append((ask, wanted, skip, most))
        return self.part

    def queues(self):
        return ["billing", "sales", "support"]


class Access:
    def __init__(self, visitor):
        self.found = visitor

    def visitor(self, request):
        return self.found

    def form_key(self, request):
        return ""


def seconds(number, language="en"):
    digits = "persian" if language == "fa" else "latin"
    return re.sub("[\u2066-\u2069]", "", Localization(language, digits).value(Unit.SECONDS, number))


class OneCall(Resource):
    """The page of one call; it returns the path that it got."""

    isLeaf = True

    def render(self, request):
        return b" ".join(request.postpath)


class Browser(Browsing):
    def __init__(self, visitor=ADMIN, part=None, calendar="gregorian"):
        self.reader = Reader(part or CallListPart(1, 1, (CALL,)))
        host = PageHost(Access(visitor), lambda: NOW, lambda work, *given: succeed(work(*given)), Clock())
        days = Days(UTC, kind=calendar)

        def query(first, last, queues):
            return ReportQuery(first, last, days=days, queues=queues, settings=SETTINGS)

        def wording(_ask, language):
            digits = "persian" if language == "fa" else "latin"
            titles = QueueMap({"sales": "Sales, Berlin"}), {"satisfaction": "Satisfaction"}
            return Localization(language, digits, days, BANDS, *titles, {("reason", "bill"): "The bill"})

        page = CallsPage(
            host,
            CallListSettings(query, wording, lambda: days),
            lambda what: succeed(None).addCallback(lambda _: what(self.reader)),
        )
        self.site = site(
            lambda _accept: (b"", ""), dict, dict, TokenAuth("127.0.0.1", ""), dict, None,
            pages={"calls": CallTree(page, OneCall())},
        )  # fmt: skip

    def text(self, query="", **headers):
        answer = self.ask(f"/calls{query}", **headers)
        assert answer.code == 200, answer.body
        return re.sub("[\u2066-\u2069]", "", answer.body.decode())


def test_the_sentence_says_what_is_listed():
    query = "?from=2026-11-01&to=2026-11-07&queue=sales&outcome=answered&in-time=yes"
    part = CallListPart(12, 0, (CALL,))
    limits = f"answered, after at most {seconds(30)}"
    sentence = f"12 visits of queue Sales, Berlin, {limits}, 2026-11-01 to 2026-11-07"
    assert f"<b>{sentence}</b>" in Browser(part=part).text(query)
    persian = Browser(part=part, calendar="persian").text(f"{query}&lang=fa")
    time = seconds(30, "fa")
    sentence = f"۱۲ ورود در صف Sales, Berlin، پاسخ‌داده، با انتظار حداکثر {time}، از ۱۴۰۵/۰۸/۱۰ تا ۱۴۰۵/۰۸/۱۶"  # noqa: RUF001
    assert f"<b>{sentence}</b>" in persian


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("row=hour:9&in-time=no", "1 visit, hour: 09:00–10:00, not in time by the service level"),  # noqa: RUF001
        (
            "list=talks&row=agent:Ali&whole=yes&pbx=main",
            "1 talk, agent: Ali, observed from start to end, PBX main",
        ),
        ("list=answers&kind=csat&not=wait-band:0", f"1 answer, wait time: all but ≤ {seconds(20)}, CSAT"),
        ("list=attempts&reason=complete&row=queue:x", "1 survey of queue x, ended: complete"),
        (
            "list=lost-calls&decided=yes&result=recalled",
            "1 lost call of a known caller, lost at least 24 h ago, called back",
        ),
        ("list=calls&several=queues,agents", "1 call, with several queues or with several agents"),
        ("list=rings&outcome=no_answer,declined", "1 ring, no answer or declined"),
    ],
)
def test_each_kind_of_list_has_its_sentence(query, sentence):
    page = Browser().text(f"?from=2026-11-01&{query}")
    assert f"<b>{sentence}, 2026-11-01 to 2026-11-02</b>" in page


def test_without_days_the_list_has_the_last_seven():
    assert "<b>1 visit, 2026-10-27 to 2026-11-02</b>" in Browser().text()
    assert "<b>1 visit, 2026-10-30</b>" in Browser().text("?to=2026-10-30&from=2026-10-30")


def test_the_table_has_the_call_with_its_customer():
    page = Browser().text()
    assert '<a href="/calls/main/17.5%2Fx">2026-10-31 23:00</a>' in page
    assert '<a class="phone" href="tel:09121234567">09121234567</a>' in page
    name = "&lt;b&gt;Sara&lt;/b&gt;"
    assert f'<a href="/customers/98912" aria-label="History: {name}"><bdi>{name}</bdi></a>' in page
    for cell in ("<bdi>Ali Rezaei</bdi>", "Answered", seconds(12), seconds(65)):
        assert cell in page
    answers = re.sub(r"<(?!br)[^>]+>", "", page)
    assert "Satisfaction: 4 of 5<br>solved: Yes<br>reason: The bill" in answers
    assert "Counted" not in page


@pytest.mark.parametrize(
    ("number", "key", "shown"),
    [
        ("09121234567", "98912", "09121234567"),
        ("", "98912", "98912"),
        ("8d969eef6ecad3c29a3a629280e686cf", "8d969eef6ecad3c29a3a629280e686cf", "8d969eef…"),
    ],
)
def test_a_customer_without_a_name_is_shown_by_the_number(number, key, shown):
    page = Browser(
        part=CallListPart(1, 0, (replace(CALL, customer="", number=number, caller_key=key),))
    ).text()
    assert f'<a href="/customers/{key}" aria-label="History: {shown}"><bdi>{shown}</bdi></a>' in page


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("98912123xxxx", ">98912123xxxx</bdi>"),
        ("8d969eef6ecad3c29a3a629280e686cf", ">8d969eef6ecad3c2…</bdi>"),
        ("+98 (912) 123-4567", 'href="tel:+989121234567">+98 (912) 123-4567</a>'),
        ("", '<span class="quiet">no number</span>'),
        (None, '<span class="quiet">not known yet</span>'),
    ],
)
def test_only_a_whole_number_can_be_dialled(number, shown):
    call = ListedCall(NOW, "main", "1", "sales", number)
    page = Browser(part=CallListPart(1, 0, (call,))).text()
    assert shown in page
    assert ("tel:" in page) == (number or "").startswith("+")
    assert ("no record of the whole call" in page) == (number is None)
    assert Browser(part=CallListPart(1, 0, (call,))).ask("/calls?format=csv").code == 200


def test_the_rows_of_the_numerator_are_marked():
    other = ListedCall(NOW, "main", "2", "sales")
    page = Browser(part=CallListPart(2, 1, (CALL, other))).text(
        "?outcome=answered,abandoned&mark=outcome:answered&mark=in-time:yes&queue=sales"
    )
    assert f"Marked: 1 of them (answered, after at most {seconds(30)})" in page
    assert page.count("✓") == 1


def test_a_long_list_has_pages():
    browser = Browser(part=CallListPart(2 * PAGE_SIZE + 1, 0, (CALL,)))
    page = browser.text("?list=attempts&reason=complete&page=2&from=2026-11-01")
    assert browser.reader.read[0][2:] == (PAGE_SIZE, PAGE_SIZE)
    assert "Page 2 of 3" in page
    found = re.findall(r'rel="(?:prev|next)" href="([^"]*)"', page)
    rest = "/calls?list=attempts&amp;from=2026-11-01&amp;to=2026-11-02&amp;reason=complete&amp;page="
    assert found == [f"{rest}1", f"{rest}3"]
    last = browser.text("?page=3")
    assert 'rel="next"' not in last


def test_the_form_keeps_the_filter():
    page = Browser().text(
        "?from=2026-11-01&row=queue:sales&row=hour:9&outcome=answered,abandoned&in-time=yes&mark=outcome:answered"
        "&agent=A%22b"
    )
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page))
    assert hidden == {"row": "hour:9", "in-time": "yes", "mark": "outcome:answered"}
    assert '<option value="sales" selected>Sales, Berlin</option>' in page
    assert '<option value="answered,abandoned" selected>Several</option>' in page
    assert 'name="agent" size="14" value="A&#34;b"' in page
    several = Browser().text("?queue=sales&queue=support")
    assert re.findall(r'type="hidden" name="queue" value="([^"]*)"', several) == ["sales", "support"]
    assert '<select name="queue">' not in several


def test_the_file_has_the_rows_and_starts_with_a_byte_order_mark():
    browser = Browser(
        part=CallListPart(1, 1, (ListedCall(NOW, "=main", "1", "=sales", "+98", marked=True), CALL))
    )
    answer = browser.ask("/calls?format=csv&from=2026-11-01&mark=outcome:answered")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="visits-2026-11-01-2026-11-02.csv"'
    assert answer.body.startswith("\ufeffat,".encode())
    first, second = csv.DictReader(StringIO(answer.body.decode("utf-8-sig")))
    assert (first["queue"], first["pbx"], first["counted"]) == ("'=sales", "'=main", "yes")
    assert second == {
        "at": "2026-10-31T23:00:00.000+00:00", "list": "visits", "pbx": "main", "call_id": "17.5/x",
        "queue": "sales", "agents": "Ali Rezaei", "number": "09121234567", "customer": "<b>Sara</b>",
        "result": "answered",
        "wait_seconds": "12.000", "talk_seconds": "65.000",
        "answers": "satisfaction=4, solved=1, reason=2", "counted": "yes",
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "list=x", "from=x", "from=2026-11-09&to=2026-11-01", "outcome=x", "row=hour", "row=hour:x", "row=x:1",
        "list=calls&agent=x", "list=calls&row=agent:x", "in-time=maybe", "mark=x:1", "mark=outcome",
        "page=0", "page=-1", "page=x", "page=1111111", "queue=%00", "row=day:99999999", "row=part:1",
        "list=lost-calls&row=language:fa", "list=answers&value=11", "outcome=answered,", "to=1899-12-31",
    ],
)  # fmt: skip
def test_a_wrong_filter_gets_400_with_a_sentence(query):
    browser = Browser()
    answer = browser.ask(f"/calls?{query}")
    assert answer.code == 400
    assert not browser.reader.read


def test_a_lead_sees_only_the_own_queues():
    browser = Browser(SARA)
    assert "The list has only the queues whose owner you are." in browser.text("?outcome=answered")
    assert browser.reader.read[0][0].queues == SARA.queues
    assert "1 visit of the queues Sales, Berlin, Billing" in browser.text()
    options = re.findall(r'<option value="([^"]*)"[^>]*>', browser.text())
    assert "support" not in options
    assert {"sales", "Billing"} <= set(options)
    for query in ("?queue=SALES", "?row=queue:billing"):
        assert "whose owner you are" not in browser.text(query)
    for query in (
        "queue=support",
        "queue=sales&queue=support",
        "row=queue:support",
        "row=queue:",
        "format=csv&queue=support",
    ):
        browser.reader.read.clear()
        assert browser.ask(f"/calls?{query}").code == 403
        assert not browser.reader.read


def test_who_is_no_lead_or_leads_no_queue_sees_nothing():
    for visitor in (Visitor("ali", Role.VIEWER, ()), Visitor("ali", Role.LEAD, ())):
        browser = Browser(visitor)
        assert browser.ask("/calls").code == 403
        assert browser.ask("/calls?row=hour:9").code == 403
        assert not browser.reader.read


def test_the_page_of_one_call_gets_the_path_below():
    assert Browser().ask("/calls/pbx%201/17.5").body == b"pbx 1 17.5"


def test_an_empty_list_says_so():
    page = Browser(part=CallListPart(0, 0, ())).text("?queue=support")
    assert "0 visits of queue support" in page
    assert "Nothing to show" in page
    assert "csv" not in page


@pytest.mark.parametrize("kind", ListKind)
def test_each_kind_of_list_is_shown_in_both_languages(kind):
    call = ListedCall(
        NOW,
        "main",
        "1",
        "sales",
        words=(StoredWord("outcome", "unknown_word"),),
        answers=(GivenAnswer("q", "choice", 3, "x"),),
    )
    for language in ("en", "fa"):
        page = Browser(part=CallListPart(1, 0, (call,))).text(f"?list={kind}&lang={language}")
        assert page.count("<th ") == page.count("<td ")
    assert (
        CallFilter(date(2026, 11, 1), date(2026, 11, 1), kind)
        .to_query()
        .startswith("from" if kind is ListKind.VISITS else f"list={kind}")
    )
