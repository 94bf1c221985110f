"""Digests: their due times, the same figures as in the reports, and mails without any other content."""

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from email import policy
from email.parser import BytesParser
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given, settings, strategies as st
from sqlalchemy import insert

from cc_bridge.cli import main
from cc_bridge.config.report_parameters import localization, report_query
from cc_bridge.customers.lost_calls import lost_calls
from cc_bridge.digest.builder import build_digest, build_mail, digest_timer, owned_queues
from cc_bridge.digest.content import DigestName, FollowUpSummary, digest
from cc_bridge.digest.email import MailHeaders, as_mail, plain
from cc_bridge.digest.schedule import DigestTimer, Frequency, period_of
from cc_bridge.kpis.units import Unit
from cc_bridge.records import QueueVisit
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.figures import Figure, apart
from cc_bridge.reports.lost_call_callbacks import BY, callback_table
from cc_bridge.reports.query import Dimension
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.contacts_by_caller import contacts
from cc_bridge.storage.queries.lost_calls import lost_between
from cc_bridge.storage.reports import SqlSource, reading
from cc_bridge.storage.schema.tables import metadata, row_of
from support.digest_fixtures import MONDAY, configured, filled
from support.year_of_calls import CHANGED, ZONE, records

PERSIAN = {"language": "fa", "calendar": "persian", "digits": "persian", "first_weekday": "sat"}
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Berlin", "Asia/Tehran", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca",
        "Pacific/Apia", "UTC",
    )
]  # fmt: skip


# -- due times


timers = st.builds(
    DigestTimer,
    st.sampled_from(Frequency),
    st.builds(Days, st.sampled_from(ZONES), st.integers(0, 6), st.sampled_from(["gregorian", "persian"])),
    st.integers(0, 6),
    st.integers(0, 23),
)
instants = st.floats(
    datetime(1995, 1, 1, tzinfo=ZONE).timestamp(), datetime(2037, 12, 31, tzinfo=ZONE).timestamp()
)


@settings(max_examples=300)
@given(timers, instants)
def test_due_instants_follow_each_other_and_their_periods_too(timer, now):
    due, period = timer.due(now)
    following = timer.next_due(now)
    assert due <= now < following
    assert timer.due(due)[0] == due
    assert timer.due(following) == (following, timer.due(following)[1])
    after = timer.due(following)[1]
    assert period.last < timer.days.today(due)
    assert after.first == period.last + timedelta(1) or (
        timer.days.zone.key == "Pacific/Apia"
    )  # the clocks skip a whole day
    assert timer.next_due(due - 1) == due
    there = datetime.fromtimestamp(due, timer.days.zone)
    assert there.hour == timer.hour or there.hour == timer.hour + 1  # clocks skip an hour
    if timer.every is not Frequency.DAY:
        assert period.before_last == period.first - timedelta(1)


@settings(max_examples=200)
@given(timers, instants)
def test_every_day_is_in_one_period_of_its_kind(timer, now):
    day = timer.days.today(now)
    period = period_of(timer.every, day, timer.days)
    assert period.first <= day <= period.last
    assert period_of(timer.every, period.first, timer.days) == period
    assert period_of(timer.every, period.last, timer.days) == period


BERLIN, FROM_SATURDAY, IN_IRAN = Days(ZONE), Days(ZONE, 5), Days(ZONE, 5, "persian")


@pytest.mark.parametrize(
    ("timer", "now", "due", "days"),
    [
        # Clocks are set back on 2026-10-25 at three: the hour before repeats, and is due once.
        ((Frequency.DAY, BERLIN, 0, 2), "2026-10-25T02:30+01:00", "2026-10-25T02:00+02:00", "10-24 10-24"),
        # Clocks are set forward on 2026-03-29: two o'clock does not exist.
        ((Frequency.DAY, BERLIN, 0, 2), "2026-03-29T03:00+02:00", "2026-03-29T03:00+02:00", "03-28 03-28"),
        ((Frequency.WEEK, BERLIN, 0, 7), "2027-01-03T12:00+01:00", "2026-12-28T07:00+01:00", "12-21 12-27"),
        (
            (Frequency.WEEK, FROM_SATURDAY, 0, 7),
            "2027-01-04T07:00+01:00",
            "2027-01-04T07:00+01:00",
            "12-26 01-01",
        ),
        ((Frequency.MONTH, BERLIN, 0, 7), "2027-01-01T07:00+01:00", "2027-01-01T07:00+01:00", "12-01 12-31"),
        ((Frequency.MONTH, IN_IRAN, 0, 7), "2026-03-25T07:00+01:00", "2026-03-21T07:00+01:00", "02-20 03-20"),
    ],
)
def test_clock_changes_and_years_ends(timer, now, due, days):
    at, period = DigestTimer(*timer).due(datetime.fromisoformat(now).timestamp())
    assert at == datetime.fromisoformat(due).timestamp()
    assert f"{period.first:%m-%d} {period.last:%m-%d}" == days


def test_a_day_is_compared_with_that_of_the_week_before():
    period = period_of(Frequency.DAY, date(2026, 11, 16), Days())
    assert (period.before_first, period.before_last) == (date(2026, 11, 9), date(2026, 11, 9))


# -- content


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('digest') / 'calls.sqlite'}"
    filled(url).dispose()
    return url


@pytest.fixture
def engine(url):
    engine = open_database(url)
    yield engine
    engine.dispose()


def of(engine, config, owner="", day=MONDAY):
    timer = digest_timer(config)
    return build_digest(engine, config, owner, timer.due(day)[1], day, DigestName.WEEK)


def parsed(engine, config, owner="", address="board@example.com"):
    mail = build_mail(config, of(engine, config, owner), owner, address, "<one@example.com>", MONDAY)
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    assert mail.isascii()
    return BytesParser(policy=policy.default).parsebytes(mail)


def rows(body):
    """Return the cells of the rows of the mail's tables as plain text, by the row's heading."""
    found = {}
    for row in re.findall(r"<tr>\s*(<th[^>]*scope=\"row\".*?)</tr>", body, re.DOTALL):
        cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        name, *values = (" ".join(re.sub("<[^>]*>", " ", cell).split()) for cell in cells)
        found[name] = values
    return found


@pytest.mark.parametrize("words", [{}, PERSIAN], ids=["en", "fa"])
@pytest.mark.parametrize("owner", ["", "sara"])
def test_the_mail_says_what_the_reports_say(engine, url, owner, words, monkeypatch):
    config = configured(url, reports=words)
    body = parsed(engine, config, owner).get_body(("html",)).get_content()
    shown, wording = rows(body), localization(config)
    period = digest_timer(config).due(MONDAY)[1]
    queues = [f"--queue={queue}" for queue in owned_queues(config, owner, ())] if owner else []
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", url)
    monkeypatch.setenv("CC_BRIDGE_GENERAL__TIME_ZONE", str(ZONE))
    monkeypatch.setattr("time.time", lambda: MONDAY)

    def report_totals(name, first, last):
        """Return the totals of a report from the command."""
        asked = ["report", name, "--from", str(first), "--to", str(last), "--format", "json", *queues]
        result = CliRunner().invoke(main, asked)
        assert result.exit_code == 0, result.output
        tables = json.loads(result.stdout)["tables"]
        units = {column["name"]: column["unit"] for table in tables for column in table["columns"]}
        return {
            name: (units[name], cell) for table in tables for name, cell in (table["total"] or {}).items()
        }

    compared = 0
    spans = ((period.first, period.last), (period.before_first, period.before_last))
    for place, span in enumerate(spans):
        for report in ("service", "voice", "lost"):
            for name, (unit, cell) in report_totals(report, *span).items():
                label = wording.text("words", name)
                if label not in shown or cell is None:
                    continue
                figure = Figure(**{"n": None, "low": None, "high": None} | cell)
                expected = wording.full(Unit(unit), figure).replace(" (", " ").replace(")", "")
                assert shown[label][place] == wording.isolated(" ".join(expected.split())), (name, span)
                compared += 1
    assert compared > 30


@pytest.mark.parametrize("words", [{}, PERSIAN], ids=["en", "fa"])
def test_a_mail_has_two_forms_and_the_whole_report(engine, url, words):
    config = configured(url, reports=words)
    mail = parsed(engine, config, "sara", "sara@example.com")
    assert (mail["From"], mail["To"]) == ("cc_bridge <bridge@example.com>", "sara@example.com")
    assert mail["Date"].datetime.timestamp() == MONDAY
    title = "گزارش هفتگی" if words else "Weekly digest"
    dates = ("۱۴۰۵/۰۸/۱۶", "۱۴۰۵/۰۸/۲۲") if words else ("2026-11-09", "2026-11-15")
    assert mail["Subject"].startswith(title)
    assert all(day in mail["Subject"] for day in dates)
    text, body = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert title in text
    assert f'dir="{"rtl" if words else "ltr"}"' in body
    for cells in rows(body).values():
        for cell in cells:
            for part in cell.split():
                assert part in text
    (attached,) = mail.iter_attachments()
    assert attached.get_filename().endswith(".html")
    assert attached.get_content_type() == "text/html"
    for page in (body, attached.get_content()):
        assert not re.search(r"https?://|<script|<img|<link|url\(|@import", page)
    assert "<style" not in body  # mail programs remove it


def test_what_differs_is_called_out_and_nothing_else(engine, url):
    config = configured(url)
    ask = report_query(config, CHANGED, CHANGED + timedelta(18))
    before = replace(ask, first=CHANGED - timedelta(19), last=CHANGED - timedelta(1))
    with reading(engine) as connection:
        found = digest(
            DigestName.SPAN, ask, before, SqlSource(connection, ask), SqlSource(connection, before), []
        )
    called = {
        (finding.sentence, finding.keys["measure"][1])
        for finding in found.brief.findings
        if finding.sentence in ("rose", "fell")
    }
    assert ("fell", "wait_mean") in called
    assert ("rose", "service_level_no_short") in called
    rows = [row for table in found.brief.tables[:-1] for row in table.rows]
    compared = [
        row for row in rows if all(cell and cell.enough and cell.low is not None for cell in row.cells)
    ]
    assert len(compared) > 5
    for row in rows:
        differs = apart(*row.cells, len(compared))
        assert differs == any(name == row.keys[0] for _, name in called)


def test_too_few_are_compared_with_nothing(engine, url):
    config = configured(url, reports={"min_sample_size": 10_000})
    found = of(engine, config)
    assert found.brief.findings == ()
    assert "too few" in plain(found, localization(config), "", "file.html")


def test_an_owner_is_told_of_own_queues_only(engine, url):
    config = configured(url)
    sara, ali = (
        rows(parsed(engine, config, owner).get_body(("html",)).get_content()) for owner in ("sara", "ali")
    )
    assert {"sales", "second"} <= sara.keys()
    assert "support" in ali
    assert not {"support", "=billing"} & sara.keys()
    everybody = configured(url, queues={}, owner_addresses={})
    everybody = everybody.model_copy(
        update={"queue_defaults": everybody.queue_defaults.model_copy(update={"owner": "sara"})}
    )
    assert owned_queues(everybody, "sara", {"sales", "new"}) == ("new", "sales")
    assert (
        of(engine, configured(url, queues={"sales": {"owner": "ali"}}, owner_addresses={}), "nobody") is None
    )


def test_without_any_call_there_is_a_mail_that_says_so(tmp_path):
    url = f"sqlite:///{tmp_path}/empty.sqlite"
    engine = open_database(url)
    text = parsed(engine, configured(url), "sara").get_body(("plain",)).get_content()
    engine.dispose()
    assert "Offered\n    This period: 0" in text.replace("\r\n", "\n")


def test_follow_ups_are_told_with_the_time_to_close(engine, url):
    config = configured(url)
    ask = report_query(config, date(2026, 11, 9), date(2026, 11, 15))
    before = replace(ask, first=date(2026, 11, 2), last=date(2026, 11, 8))
    with reading(engine) as connection:
        sources = SqlSource(connection, ask), SqlSource(connection, before)
        found = digest(DigestName.WEEK, ask, before, *sources, [], FollowUpSummary(7, 2, 5, 5400.0, 0, None))
    (table,) = (table for table in found.brief.tables if table.name == "digest_follow_ups")
    shown = {row.keys[0]: [cell and (cell.value, cell.n) for cell in row.cells] for row in table.rows}
    assert shown == {
        "follow_ups_open": [(7, None), None],
        "follow_ups_overdue": [(2, None), None],
        "follow_ups_closed": [(5, None), (0, None)],
        "follow_ups_close_median": [(5400.0, 5), None],
    }
    assert "Median time to close\n    This period: 1 h 30 (n=5)" in plain(
        found, localization(config), "", "x"
    )


# -- hostile names, and nothing of callers


HOSTILE = "x\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script>\u2028end"


def test_names_from_the_pbx_make_no_header_and_no_markup(tmp_path):
    url = f"sqlite:///{tmp_path}/calls.sqlite"
    engine = open_database(url)
    at = MONDAY - 4 * 86_400
    with engine.begin() as connection:
        visit = QueueVisit("p", "1", "1", HOSTILE, at, at + 9, "answered", "a", "b", 1, "", "", "", False, "")
        connection.execute(insert(row_of(visit)[0]).values(row_of(visit)[1]))
    config = configured(
        url, queues={HOSTILE: {"owner": "sara"}}, owner_addresses={"sara": "sara@example.com"}
    )
    for owner in ("", "sara"):
        mail = parsed(engine, config, owner)
        assert "Bcc" not in mail
        assert not mail.defects
        for part in mail.walk():
            if part.get_content_type() == "text/html":
                assert "<script" not in part.get_content()
        text = mail.get_body(("plain",)).get_content()
        assert not any(line.startswith("Bcc") for line in text.splitlines())
    engine.dispose()


@pytest.mark.parametrize("word", ["sara\r\nBcc: evil@example.com", "\u2028x", "نام"])
def test_no_word_can_make_a_header(engine, url, word):
    config = configured(url)
    envelope = MailHeaders("bridge@example.com", word, "sara@example.com", "<one@example.com>", MONDAY)
    mail = BytesParser(policy=policy.default).parsebytes(
        as_mail(of(engine, config), localization(config), word, envelope)
    )
    assert "Bcc" not in mail
    assert (mail["To"], mail.defects) == ("sara@example.com", [])


def test_nothing_of_callers_is_in_a_mail(tmp_path):
    url = f"sqlite:///{tmp_path}/calls.sqlite"
    engine = open_database(url)
    with engine.begin() as connection:
        for record in records():
            if not hasattr(record, "caller_number"):
                continue
            report_totals = replace(
                record, caller_number="+989121234567", caller_name="Zahra Karimi", caller_key="k-secret"
            )
            connection.execute(insert(row_of(report_totals)[0]).values(row_of(report_totals)[1]))
            if record.call_id == "1795.900":
                break
    config = configured(url)
    for part in parsed(engine, config).walk():
        if part.get_content_maintype() == "text":
            assert not re.search("9121234567|Zahra|Karimi|k-secret", part.get_content())
    engine.dispose()


# -- lost calls, in the report too


def rounded(figure):
    return f"{float(figure[0]):.6f}"


TIMES = ("entered_at", "answered_at", "started_at", "decided_at", "ended_at")


@pytest.mark.parametrize("by", BY)
def test_lost_calls_are_counted_as_they_were_managed(engine, url, by):
    config = configured(url)
    ask = replace(report_query(config, date(2026, 11, 9), date(2026, 11, 15)), by=by)
    with engine.connect() as connection:
        table = callback_table(ask, lost_between(connection, ask.since, ask.until, MONDAY))
        own = [
            call
            for theirs in contacts(connection, ask.since - 86_400, MONDAY)
            for call in lost_calls(theirs, MONDAY)
            if ask.since <= call.entered_at < ask.until
        ]
    became = Counter(call.managed for call in own if call.decided)
    for name in ("recalled", "self_served", "not_managed"):
        assert table.cell(table.total, name).value == became[name]
        assert sum(table.cell(row, name).value for row in table.rows) == became[name]
    assert table.cell(table.total, "recall_open").value == sum(not call.decided for call in own)
    assert table.cell(table.total, "lost_calls").value == became.total() > 0
    keys = {row.keys[0] for row in table.rows}
    if by is Dimension.QUEUE:
        assert keys == {call.queue for call in own}
    elif by is Dimension.HOUR:
        assert keys == {datetime.fromtimestamp(call.entered_at, ZONE).hour for call in own}
    else:
        assert len(keys) == len(table.rows) > 0


def test_the_report_lost_shows_them(url, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", url)
    for by, shown in (("queue", True), ("language", False)):
        result = CliRunner().invoke(main, ["report", "lost", "--from", "2026-11-09", "--by", by])
        assert result.exit_code == 0, result.output
        assert ("Results of lost calls" in result.stdout) == shown


def test_a_queue_that_was_renamed_has_one_row_in_each_table_of_the_digest(engine, url, tmp_path):
    """The database has the queue as `SALES` until the middle of the week, the configuration as `sales`."""
    renamed = filled(f"sqlite:///{tmp_path / 'renamed.sqlite'}")
    with renamed.begin() as connection:
        for table in metadata.sorted_tables:
            at = next((table.c[name] for name in TIMES if name in table.c), None)
            if at is not None and "queue" in table.c:
                earlier = table.c.queue == "sales", at < MONDAY - 4 * 86_400
                connection.execute(table.update().where(*earlier).values(queue="SALES"))
    for owner in ("", "sara"):
        found, same = (of(each, configured(url), owner).whole.tables for each in (renamed, engine))
        assert "recalls" in {table.name for table in found}
        for one, other in zip(found, same, strict=True):  # a sum of two sums differs in the last digits
            assert re.sub(r"\d+\.\d+", rounded, repr(one)) == re.sub(r"\d+\.\d+", rounded, repr(other))
    renamed.dispose()


def test_a_period_before_the_first_record_has_no_figures(engine, url):
    """The database begins on 7 October, a Wednesday."""
    config = configured(url)
    ask = report_query(config, date(2026, 10, 5), date(2026, 10, 11))
    before = replace(ask, first=date(2026, 9, 28), last=date(2026, 10, 4))
    with reading(engine) as connection:
        sources = SqlSource(connection, ask), SqlSource(connection, before)
        found = digest(DigestName.WEEK, ask, before, *sources, [], FollowUpSummary(7, 2, 5, 5400.0, 0, None))
        rows = [row for table in found.brief.tables[:-1] for row in table.rows]
        assert len(rows) > 10
        assert {row.cells[1] for row in rows} == {None}
        text = plain(found, localization(config), "", "file.html")
        assert "begins on 2026-10-07: the days before it were not observed" in text
        assert "begins on 2026-10-07: the earlier span was not observed, so nothing is compared" in text
        later = replace(ask, first=date(2026, 10, 12), last=date(2026, 10, 18))
        found = digest(DigestName.WEEK, later, ask, SqlSource(connection, later), sources[0], [])
        text = plain(found, localization(config), "", "file.html")
        assert "the earlier span is only partly covered" in text
        assert found.brief.tables[0].rows[0].cells[1].value > 0
