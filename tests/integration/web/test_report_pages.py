"""The pages of the reports: the same figures as `cc-bridge report`, who sees them, and the files to save."""

import csv
import json
import re
from datetime import datetime
from html.parser import HTMLParser
from io import BytesIO, StringIO
from types import SimpleNamespace
from unittest.mock import patch

import openpyxl
import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock

from cc_bridge.cli import main
from cc_bridge.config.report_parameters import localization
from cc_bridge.daemon.services.call_pages import calls_page
from cc_bridge.daemon.services.report_pages import report_pages
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import Figure
from cc_bridge.reports.registry import REPORTS
from cc_bridge.storage.migrate import open_database
from cc_bridge.web.access.visitor import Role, Visitor
from cc_bridge.web.pages.home import HomePage
from cc_bridge.web.pages.page import PageHost
from cc_bridge.web.server import site
from support.http_client import Browsing
from support.report_site import NOW, QUEUES, SPAN, settings
from support.year_of_calls import CHANGED, FIRST, LAST, fill, records

ADMIN = Visitor("ali", Role.ADMIN)
SARA = Visitor("sara", Role.LEAD, ("sales",))
VIEWER = Visitor("eva", Role.VIEWER, ())
EVERY = [(name, by) for name, kind in REPORTS.items() for by in kind.by]
ISOLATES = re.compile("[\u2066-\u2069]")


class Tables(HTMLParser):
    """The figures of a page: for each table the texts of its rows, each cell as (text, small texts, link)."""

    def __init__(self, page):
        super().__init__()
        self.tables = {}
        self._rows = self._cell = None
        self._small = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        match tag:
            case "table":
                self._rows = self.tables.setdefault(dict(attributes).get("data-table", "heat"), [])
            case "tr" if self._rows is not None:
                self._rows.append([])
            case "td":
                self._cell, self._href = ["", ""], ""
            case "a" if self._cell is not None:
                self._href = dict(attributes)["href"]
            case "small":
                self._small = True

    def handle_endtag(self, tag):
        match tag:
            case "table":
                self._rows = None
            case "td":
                texts = (" ".join(ISOLATES.sub("", text).split()) for text in self._cell)
                self._rows[-1].append((*texts, self._href))
                self._cell = None
            case "small":
                self._small = False

    def handle_data(self, data):
        if self._cell is not None:
            self._cell[self._small] += data


class Access:
    def __init__(self, visitor):
        self._visitor = visitor

    def visitor(self, request):
        return self._visitor

    def form_key(self, request):
        return ""


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('reports') / 'calls.sqlite'}")
    fill(engine, records())
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def as_visitor(engine):
    """Return a function that returns a browser of the reports as a certain visitor."""
    config = settings(str(engine.url))

    class Pool:
        def read(self, what):
            with engine.connect() as connection:
                return succeed(what(connection))

    def browsing(visitor=ADMIN, given=config, pool=None):
        host = PageHost(Access(visitor), lambda: NOW, maybeDeferred, Clock())
        browser = Browsing()
        reads = pool or Pool()
        pages = {
            "reports": report_pages(host, reads, 2, lambda: given),
            "calls": calls_page(host, reads, lambda: given),
        }
        stream = SimpleNamespace(connect=None)
        browser.site = site(
            lambda _: (b"", ""), dict, dict, None, dict, stream, home=HomePage(host), pages=pages
        )
        return browser

    return browsing


@pytest.fixture(scope="module")
def command(engine, tmp_path_factory):
    """Return a function that runs `cc-bridge report ... --format json`."""
    file = tmp_path_factory.mktemp("command") / "cc-bridge.toml"
    queues = "".join(
        f"[queues.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in its.items())
        for name, its in QUEUES.items()
    )
    url = json.dumps(str(engine.url))
    file.write_text(f'[storage]\nurl = {url}\n[general]\ntime_zone = "Europe/Berlin"\n{queues}')

    def run(*arguments):
        with patch("time.time", lambda: NOW):
            found = CliRunner().invoke(main, ["report", "-c", str(file), *map(str, arguments)])
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout)

    return run


def address(name, by, *more):
    changed = f"&at={CHANGED}" if name == "change" else ""
    return f"/reports/{name}?{SPAN}&by={by}{changed}" + "".join(f"&{each}" for each in more)


def expected(table, wording):
    """Return the texts of the figures of a table of the JSON output."""
    rows = [*table["rows"], *([table["total"]] if table["total"] else [])]
    columns = [one for one in table["columns"] if any(row[one["name"]] for row in rows)]
    return [
        [
            wording.cell(
                Unit(row.get("unit", one["unit"])),
                figure(row[one["name"]]),
                signed=one["name"] == "difference",
            )
            for one in columns
        ]
        for row in rows
    ]


def figure(found):
    return found and Figure(
        found["value"], found.get("n"), found.get("low"), found.get("high"), found["enough"]
    )


@pytest.mark.parametrize(("name", "by"), EVERY)
def test_the_figures_are_those_of_the_command(as_visitor, command, name, by):
    span = ("--from", FIRST, "--to", LAST, "--by", by, "--format", "json")
    printed = command(name, *span, *(("--at", CHANGED) if name == "change" else ()))
    browser = as_visitor()
    got = browser.ask(address(name, by, "format=json"))
    assert got.headers["content-type"] == "application/json"
    assert json.loads(got.body) | {"made_at": ""} == printed | {"made_at": ""}
    config = settings("sqlite:////none.sqlite")
    for language in ("en", "fa"):
        wording = localization(config, None, language, "persian" if language == "fa" else "latin")
        page = browser.ask(address(name, by, f"lang={language}"))
        assert page.code == 200
        tables = Tables(page.body.decode()).tables
        for table in printed["tables"]:
            if table["rows"]:
                shown = [[text for text, *_ in row] for row in tables[table["name"]] if row]
                texts = [[" ".join(text.split()) for text in row] for row in expected(table, wording)]
                assert shown == texts, (table["name"], language)


def test_a_span_is_a_day_week_or_month_of_the_calendar(as_visitor, engine):
    def days(query, **changes):
        browser = as_visitor(given=settings(str(engine.url), **changes))
        found = json.loads(browser.ask(f"/reports/lost?format=json&{query}").body)
        return found["from"], found["to"]

    assert days("") == ("2026-11-01", "2026-11-16")  # this month until today
    assert days("span=week") == ("2026-11-16", "2026-11-16")
    assert days("span=month&from=2026-10-20") == ("2026-10-01", "2026-10-31")
    assert days("span=month&to=2026-10-20") == ("2026-10-01", "2026-10-31")
    assert days("span=month&from=2026-10-01&to=2026-10-31") == ("2026-10-01", "2026-10-31")
    assert days("span=day&from=2026-10-20") == ("2026-10-20", "2026-10-20")
    assert days("from=2026-10-20&to=1405/08/03") == ("2026-10-20", "2026-10-25")
    persian = {"reports": {"calendar": "persian", "first_weekday": "sat"}}
    assert days("span=month&from=2026-10-10", **persian) == ("2026-09-23", "2026-10-22")
    assert days("span=week&from=2026-10-25", **persian) == ("2026-10-24", "2026-10-30")


@pytest.mark.parametrize(
    ("path", "code", "says"),
    [
        ("/reports/nothing", 404, "there is no report"),
        ("/reports/service?by=agent", 400, "by: choose one of queue, hour,"),
        ("/reports/service?span=month&from=2026-10-01&to=2026-10-15", 400, "leave out span for both"),
        ("/reports/service?span=year", 400, "span: must be"),
        ("/reports/service?from=2026-13-01", 400, "from: "),
        ("/reports/service?from=2026-11-02&to=2026-11-01", 400, "is after the last"),
        ("/reports/service?from=1990-01-01&to=2026-11-01", 400, "at most 3660 days"),
        ("/reports/change?from=2026-11-01&to=2026-11-01", 400, "the day of the change"),
        ("/reports/service?format=csv&table=x", 400, "table: choose one of service, waits"),
        ("/reports/service?queue=" + 129 * "x", 400, "at most 128 characters"),
    ],
)
def test_a_wrong_choice_is_told(as_visitor, path, code, says):
    answer = as_visitor().ask(path)
    assert (answer.code, says in ISOLATES.sub("", answer.body.decode())) == (code, True)


def test_the_list_has_every_report_that_the_visitor_may_see(as_visitor):
    for visitor, hidden in ((ADMIN, set()), (SARA, set()), (VIEWER, {"agents"})):
        page = as_visitor(visitor).ask("/reports?queue=sales&by=day").body.decode()
        found = set(re.findall(r'href="/reports/([a-z-]+)\?queue=sales"', page))
        assert found == set(REPORTS) - hidden


def test_a_viewer_sees_no_person(as_visitor):
    browser = as_visitor(VIEWER)
    assert browser.ask(f"/reports/agents?{SPAN}").code == 403
    assert browser.ask(f"/reports/voice?{SPAN}&by=agent").code == 403
    for form in ("", "&format=json", "&format=csv"):
        for name in REPORTS:
            if name != "agents":
                answer = browser.ask(f"/reports/{name}?{SPAN}{form}")
                assert answer.code == 200
                assert b"Agent 7" not in answer.body
    assert browser.ask(f"/reports/causes?{SPAN}&format=csv&table=by_agent").code == 400


def test_a_lead_sees_the_agents_of_the_own_queues(as_visitor, command):
    browser = as_visitor(SARA)
    of_sales = command(
        "voice", "--from", FIRST, "--to", LAST, "--by", "agent", "--queue", "sales", "--format", "json"
    )
    for queue in ("", "&queue=sales", "&queue=SALES"):
        found = json.loads(browser.ask(f"/reports/voice?{SPAN}&by=agent&format=json{queue}").body)
        assert found["tables"] == of_sales["tables"]
    assert json.loads(browser.ask(f"/reports/agents?{SPAN}&format=json").body)["queues"] == ["sales"]
    for path in ("voice?by=agent&", "agents?"):
        assert browser.ask(f"/reports/{path}{SPAN}&queue=support").code == 403
        assert browser.ask(f"/reports/{path}{SPAN}&queue=sales&queue=support").code == 403
    assert browser.ask(f"/reports/service?{SPAN}&queue=support").code == 200  # figures without persons
    assert b"Agent 7" not in browser.ask(f"/reports/causes?{SPAN}").body
    assert b"Agent 7" not in browser.ask(f"/reports/causes?{SPAN}&queue=support").body
    assert b"Agent 7" in browser.ask(f"/reports/causes?{SPAN}&queue=sales").body
    nobody = as_visitor(Visitor("tom", Role.LEAD, ()))
    assert nobody.ask(f"/reports/agents?{SPAN}").code == 403


def test_the_filter_of_a_lead_offers_own_and_chosen_queues(as_visitor):
    def offered(visitor, more=""):
        page = as_visitor(visitor).ask(f"/reports/service?{SPAN}{more}").body.decode()
        return re.findall(r'<option value="(\w+)"', page.partition('<select name="queue">')[2])

    assert offered(SARA) == ["sales"]
    assert offered(SARA, "&queue=support") == ["sales", "support"]
    for visitor in (ADMIN, VIEWER):
        assert offered(visitor) == ["sales", "second", "support"]


@pytest.mark.parametrize(("name", "by"), EVERY)
def test_a_spreadsheet_has_the_numbers_and_their_types(as_visitor, name, by):
    browser = as_visitor()
    answer = browser.ask(address(name, by, "format=xlsx"))
    assert answer.headers["content-disposition"].endswith(f'{name}-{FIRST}-{LAST}.xlsx"')
    book = openpyxl.load_workbook(BytesIO(answer.body))
    printed = json.loads(browser.ask(address(name, by, "format=json")).body)
    tables = printed["tables"]
    cover, *sheets = book.worksheets
    assert len({sheet.title for sheet in book}) == len(tables) + 1
    assert len(sheets) == len(tables)
    assert datetime(FIRST.year, FIRST.month, FIRST.day) in [row[1].value for row in cover.iter_rows()]  # noqa: DTZ001
    for sheet, table in zip(sheets, tables, strict=True):
        heading = [cell.value for cell in sheet[1]]
        rows = [*table["rows"], *([table["total"]] if table["total"] else [])]
        assert sheet.max_row == 1 + len(rows)
        for column in table["columns"]:
            if not any(row[column["name"]] for row in rows):
                continue
            place = heading.index(column["label"]) if heading.count(column["label"]) == 1 else None
            for line, row in enumerate(rows, 2):
                found = row[column["name"]]
                if place is None or found is None:
                    continue
                cell = sheet.cell(line, 1 + place)
                assert cell.data_type == ("n" if found["enough"] else "s")
                assert cell.value == (found["value"] if found["enough"] else "too few")
        for cells in sheet.iter_rows():
            assert not [cell for cell in cells if cell.data_type == "f"]
        if by == "day" and table["keys"] == ["day"]:
            assert isinstance(sheet.cell(2, 1).value, datetime)
            assert sheet.cell(2, 1).number_format == "yyyy-mm-dd"


def test_a_persian_spreadsheet_runs_from_right_to_left(as_visitor, engine):
    browser = as_visitor(given=settings(str(engine.url), reports={"calendar": "persian"}))
    answer = browser.ask(f"/reports/service?{SPAN}&by=day&format=xlsx&lang=fa&compare=1&heat=offered")
    book = openpyxl.load_workbook(BytesIO(answer.body))
    assert all(sheet.sheet_view.rightToLeft for sheet in book)
    sheet = book.worksheets[1]
    assert sheet.cell(2, 1).value == datetime(2026, 10, 8)  # noqa: DTZ001
    assert sheet.cell(2, 2).value == "۱۴۰۵/۰۷/۱۶"  # noqa: RUF001
    heat = book.worksheets[-1]
    assert (heat.max_row, heat.max_column) == (8, 25)
    offered = sum(heat.cell(row, column).value or 0 for row in range(2, 9) for column in range(2, 26))
    assert offered == sheet.cell(sheet.max_row, 1 + [cell.value for cell in sheet[1]].index("ارائه‌شده")).value


def test_a_csv_has_a_byte_order_mark_and_no_formula(as_visitor):
    browser = as_visitor()
    weeks = "from=2026-10-31&to=2026-11-13"
    text = browser.ask(f"/reports/service?{weeks}&format=csv&compare=1").body.decode()
    assert text[0] == "\ufeff"
    rows = list(csv.DictReader(StringIO(text[1:])))
    assert [row["queue"] for row in rows] == ["'=billing", "sales", "second", "support"]
    for row in rows:
        assert int(row["visits"]) - int(row["visits_before"]) == int(row["visits_change"])
    waits = browser.ask(f"/reports/service?{SPAN}&format=csv&table=waits").body.decode()
    assert waits.splitlines()[0].startswith("\ufeffqueue,wait_mean,")


def test_a_page_compares_with_the_span_before(as_visitor):
    browser = as_visitor()
    path = "/reports/service?from=2026-10-31&to=2026-11-13"
    now = json.loads(browser.ask(f"{path}&format=json").body)["tables"][0]["total"]
    before = json.loads(browser.ask("/reports/service?from=2026-10-17&to=2026-10-30&format=json").body)
    before = before["tables"][0]["total"]
    *_, total = Tables(browser.ask(f"{path}&compare=1").body.decode()).tables["service"]
    visits, level = total[0][1], total[6][1]
    change = now["visits"]["value"] - before["visits"]["value"]
    assert f"{change:+,.0f}".replace("-", "−") in visits  # noqa: RUF001
    assert f"before {before['visits']['value']:,}" in visits
    assert "▲" not in visits  # the number of calls differs by chance alone
    assert "▲ rose:" in level  # from the day of the planted change waits are shorter
    assert f"before {before['service_level_no_short']['value']:.1f} %" in level


def test_a_difference_has_its_sign_and_unit(as_visitor):
    page = as_visitor().ask(address("change", "queue")).body.decode()
    found = {row[0][0].rpartition(" ")[2]: row[2][0] for row in Tables(page).tables["change"] if row}
    assert {"%", "s"} <= found.keys()
    for unit, difference in found.items():
        expected = "points" if unit == "%" else unit if unit == "s" else r"\S+"
        assert re.fullmatch(rf"[+−]\S+ {expected}|[+−]\d\.\d\d", difference), difference  # noqa: RUF001
    assert "Answered yes" in page
    book = openpyxl.load_workbook(
        BytesIO(as_visitor().ask(address("change", "queue", "format=xlsx")).body)
    ).worksheets[1]
    assert book.cell(2, book.max_column).number_format == "+0.0;-0.0;0.0"


def test_days_before_the_first_record_are_not_compared(as_visitor, command):
    """The database begins on 7 October."""
    browser = as_visitor()
    partly = browser.ask("/reports/service?from=2026-10-12&to=2026-10-19&compare=1").body.decode()
    assert "begins on 2026-10-07: the earlier span is only partly covered" in partly
    assert "the days before it" not in partly
    *_, total = Tables(partly).tables["service"]
    assert re.fullmatch(r"n=[\d,]+|before [\d,]+", total[0][1])
    assert re.search(r"[+−]\S+ points; before \S+ %", total[6][1])  # noqa: RUF001
    nothing = "/reports/service?from=2026-10-01&to=2026-10-20&compare=1"
    page = browser.ask(nothing).body.decode()
    assert "begins on 2026-10-07: the earlier span was not observed" in page
    assert ("An arrow marks" in partly, "An arrow marks" in page) == (True, False)
    assert "begins on 2026-10-07: the days before it were not observed" in page
    assert not [cell for row in Tables(page).tables["service"] for cell in row if "before" in cell[1]]
    book = openpyxl.load_workbook(BytesIO(browser.ask(f"{nothing}&format=xlsx").body))
    assert "begins on 2026-10-07: the earlier span" in str([row[0].value for row in book.worksheets[0]])
    (row, *_) = csv.DictReader(StringIO(browser.ask(f"{nothing}&format=csv").body.decode()[1:]))
    assert (row["visits_before"], row["visits_change"]) == ("", "")
    for first, begins in (("2026-10-01", "2026-10-07"), ("2026-10-07", None)):
        assert (
            command("service", "--from", first, "--to", "2026-10-20", "--format", "json")["begins"] == begins
        )


def test_the_heat_map_has_each_hour_of_the_week(as_visitor):
    browser = as_visitor()
    for measure in ("offered", "service_level", "abandonment", "rating"):
        page = browser.ask(f"/reports/service?{SPAN}&heat={measure}").body.decode()
        rows = [row for row in Tables(page).tables["heat"] if row]
        assert [len(row) for row in rows] == [24] * 7
        if measure == "offered":
            hours = json.loads(browser.ask(f"/reports/service?{SPAN}&by=hour&format=json").body)
            hours = {row["hour"]: row["offered"]["value"] for row in hours["tables"][0]["rows"]}
            sums = [sum(int(row[hour][0] or 0) for row in rows) for hour in range(24)]
            assert sums == [hours[hour] for hour in range(24)]


@pytest.mark.parametrize("name", ["service", "voice", "lost", "journey", "agents"])
def test_each_number_of_calls_opens_a_list_of_that_many(as_visitor, name):
    browser = as_visitor()
    tables = Tables(browser.ask(f"/reports/{name}?{SPAN}&heat=offered").body.decode()).tables
    counts = [
        (int(text.replace(",", "")), href)
        for table, rows in tables.items()
        for row in (rows[::3] if table == "heat" else rows)
        for text, details, href in row
        if href and not details and text.replace(",", "").isdecimal()
    ]
    assert len(counts) > 10
    for number, href in counts[::9]:
        rows = list(csv.reader(StringIO(browser.ask(f"{href}&format=csv").body.decode())))
        assert len(rows) - 1 == number, href


def test_only_visitors_who_may_see_the_calls_get_links(as_visitor):
    def links(visitor, path):
        tables = Tables(as_visitor(visitor).ask(f"/reports/{path}").body.decode()).tables
        return {href for rows in tables.values() for row in rows for *_, href in row if href}

    assert links(ADMIN, f"service?{SPAN}")
    assert not links(VIEWER, f"service?{SPAN}")
    of_sara = links(SARA, f"service?{SPAN}")
    assert of_sara
    assert all("row=queue%3Asales" in href for href in of_sara)
    browser = as_visitor(SARA)
    of_agents, by_hour = links(SARA, f"agents?{SPAN}"), links(SARA, f"lost?{SPAN}&by=hour&queue=sales")
    for hrefs in (of_sara, of_agents, by_hour):
        assert [browser.ask(href).code for href in sorted(hrefs)[:5]] == [200] * 5


def test_many_visitors_wait_for_their_turn(as_visitor, engine):
    """The pool refuses a third read at the same time; the requests wait instead."""
    running, ended = [], []

    class Slow:
        def read(self, what):
            assert len(running) < 2
            with engine.connect() as connection:
                made = what(connection)
            done = Deferred()
            running.append((done, made))
            return done.addCallback(lambda answer: (ended.append(1), answer)[1])

    browser = as_visitor(pool=Slow())
    sent = [browser.send(f"/reports/lost?{SPAN}&format=json") for _ in range(5)]
    while running:
        done, made = running.pop(0)
        done.callback(made)
    assert len(ended) == 5
    assert all(b"200 OK" in each.take() for each in sent)
