"""An agent's own page: access by link, the agent's own figures, and no figures of colleagues."""

import json
from base64 import urlsafe_b64encode
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from time import time

import pytest
from click.testing import CliRunner
from sqlalchemy import event, insert
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from cc_bridge.cli import main
from cc_bridge.records import AgentInterval, Answer, EndedBy, SurveyAttempt, SurveyDecision, Talk
from cc_bridge.reports.agent_page import as_json
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.render.localization import Localization
from cc_bridge.reports.source import AnswerCount
from cc_bridge.reports.team_average import COLLEAGUES, averages, ended_days
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.queries.agent_page import COMMENTS, read_agent_page
from cc_bridge.storage.schema.tables import row_of
from cc_bridge.web.access.agent_links import AgentLinks, BadLink
from cc_bridge.web.access.signatures import signed_values
from cc_bridge.web.access.token_auth import TokenAuth
from cc_bridge.web.agent_api import AgentResource
from cc_bridge.web.server import site
from cc_bridge.web.wallboard_stream import EventStream
from support.http_client import Browsing, Response
from support.scores import csat
from support.year_of_calls import LAST, ZONE, fill, midnight, records

TOKEN = "a-token-of-the-house"
NOW = 1_795_309_819.0
LINKS = AgentLinks(TOKEN, "main")
KEY = LINKS.sign("Sara", int(NOW) + 100)


class AgentSite(Browsing):
    """A client of one daemon's site, and the site."""

    path, token = "/api/agent", KEY

    def __init__(self, token=TOKEN):
        self.clock = Clock()
        self.now = NOW
        self.read = []
        self.found = lambda agent: succeed({"agent": agent})
        links = AgentLinks(token, "main") if token else None
        page = AgentResource(links, self._read, lambda: self.now, self.clock)
        stream = EventStream(lambda: 1, lambda: None, self.clock, 1)
        access = TokenAuth("127.0.0.1", token)
        self.site = site(lambda _accept: (b"", ""), dict, dict, access, dict, stream, agent=page)

    def _read(self, agent, days, language):
        self.read.append((agent, days, language))
        return self.found(agent)


@pytest.fixture
def agent_site():
    return AgentSite()


# -- links


def test_a_link_opens_the_page_of_its_agent(agent_site):
    response = agent_site.ask()
    assert (response.code, json.loads(response.body)) == (200, {"agent": "Sara", "link_ends": int(NOW) + 100})
    assert agent_site.read == [("Sara", 7, "en")]


@pytest.mark.parametrize("name", ["Sara", "سارا رضایی", "Agent.7", "a" * 128, "PJSIP/12", "x\ny"])
def test_any_name_comes_back_as_it_is(name):
    assert LINKS.verify(LINKS.sign(name, 200), 199.9) == (name, 200)


PAYLOAD, SIGNATURE = KEY.split(".")


def altered(*value):
    """Return Sara's link key with another payload and the old signature."""
    payload = urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{payload}.{SIGNATURE}"


@pytest.mark.parametrize(
    "key",
    ["", TOKEN, altered("Ali", int(NOW) + 100), altered("Sara", 9999999999), altered(), KEY[:-1], f"{KEY}0",
     "..", ".", f".{SIGNATURE}", f"{PAYLOAD}.", PAYLOAD, f"{PAYLOAD}.{SIGNATURE}.{SIGNATURE}", "é.1", "=.1",
     f"x.{SIGNATURE}", "A" * 1500,
     signed_values(TOKEN, "cc_bridge follow-ups session").dumps(["Sara", int(NOW) + 100]),
     AgentLinks("another-token-of-theirs", "main").sign("Sara", int(NOW) + 100),
     AgentLinks(TOKEN, "another").sign("Sara", int(NOW) + 100)],
)  # fmt: skip
def test_nothing_else_opens_it(agent_site, key):
    assert agent_site.ask(token=key).code == 401
    assert agent_site.read == []


def test_the_token_and_the_wall_screens_cookie_do_not_open_it(agent_site):
    cookie = agent_site.ask(f"/api/live?token={TOKEN}", token="").headers["set-cookie"].partition(";")[0]
    assert agent_site.ask("/api/live", token="", Cookie=cookie).code == 200
    assert agent_site.ask(token="", Cookie=cookie).code == 401
    assert agent_site.ask(f"/api/agent?token={TOKEN}", token="").code == 401


def test_a_link_ends(agent_site):
    agent_site.now = NOW + 99
    assert agent_site.ask().code == 200
    agent_site.now = NOW + 100
    assert (agent_site.ask().code, b"expired" in agent_site.ask().body) == (401, True)
    with pytest.raises(BadLink, match="expired"):
        LINKS.verify(KEY, NOW + 100)


def test_an_agent_in_the_address_changes_nothing(agent_site):
    assert json.loads(agent_site.ask("/api/agent?agent=Ali&days=1").body)["agent"] == "Sara"


def test_without_a_token_there_is_no_page():
    agent_site = AgentSite(token="")
    response = agent_site.ask()
    assert (response.code, b"http.token" in response.body) == (403, True)


def test_the_page_itself_holds_nothing(agent_site):
    kinds = {"": "html", "/agent.js": "javascript", "/people.css": "css"}
    for path, kind in kinds.items():
        response = agent_site.ask(f"/agent{path}", token="")
        assert response.code == 200
        assert response.headers["content-type"].startswith(f"text/{kind}")
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert response.headers["referrer-policy"] == "no-referrer"
    assert agent_site.ask("/agent/", token="").headers["location"] == "../agent"
    assert agent_site.read == []


# -- requests


def test_days_are_one_of_three(agent_site):
    codes = [agent_site.ask(f"/api/agent?days={days}").code for days in (1, 7, 30, 2, -1, "x", "9" * 400, "")]
    assert codes == [200, 200, 200, 400, 400, 400, 400, 200]
    assert [days for _, days, _ in agent_site.read] == [1, 7, 30, 7]


def test_the_language_is_asked_or_liked(agent_site):
    agent_site.ask("/api/agent?lang=fa")
    agent_site.ask(**{"Accept-Language": "fa-IR, en;q=0.5"})
    agent_site.ask("/api/agent?lang=")
    assert [language for *_, language in agent_site.read] == ["fa", "fa", "en"]
    refused = agent_site.ask("/api/agent?lang=xx")
    assert (refused.code, refused.body) == (400, b"lang: must be 'en' or 'fa'\n")


def test_only_reading_is_answered(agent_site):
    assert (agent_site.ask(method="POST").code, agent_site.ask("/api/agent/Ali").code) == (405, 404)


def test_the_log_does_not_say_who_looked(agent_site, logged):
    agent_site.found = lambda agent: fail(ValueError(agent))
    agent_site.ask()
    page_json = [line for line in map(formatEvent, logged) if line.startswith("agent's own page: ")]
    assert page_json == [
        "agent's own page: the request failed: ValueError; it is answered with status 503",
        "agent's own page: GET request from 192.0.2.7 answered with status 503 in 0 ms",
    ]
    assert not any("Sara" in line or KEY in line for line in map(formatEvent, logged))


def test_a_slow_database_is_not_waited_for(agent_site):
    agent_site.found = lambda _agent: Deferred()
    transport = agent_site.send()
    agent_site.clock.advance(4.9)
    assert transport.take() == b""
    agent_site.clock.advance(0.1)
    response = Response(transport.take())
    assert (response.code, response.headers["retry-after"]) == (503, "5")


def test_too_many_questions_are_refused_and_strangers_take_no_turn(agent_site):
    for _ in range(50):
        agent_site.ask(token=altered("Ali", 9999999999))
    assert [agent_site.ask().code for _ in range(22)] == [200] * 20 + [429] * 2


# -- the link's command


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "cc-bridge.toml"
    url = f"sqlite:///{tmp_path}/calls.sqlite"  # the file does not exist yet
    file.write_text(f'[pbx]\nname = "main"\n[http]\ntoken = "{TOKEN}"\n[storage]\nurl = "{url}"\n')
    return file


def link(*arguments):
    return CliRunner().invoke(main, ["agent", "link", *arguments])


def test_the_command_makes_a_link_that_opens(settings):
    done = link("سارا", "-c", str(settings), "--days", "30", "--url", "https://cc.example.com/")
    address, _, key = done.stdout.strip().partition("#")
    assert (done.exit_code, address) == (0, "https://cc.example.com/agent")
    agent, until = LINKS.verify(key, NOW)
    assert agent == "سارا"
    with pytest.raises(BadLink, match="expired"):
        LINKS.verify(key, until)


def test_the_address_is_that_of_the_daemon(settings):
    assert link("Sara", "-c", str(settings)).stdout.startswith("http://127.0.0.1:14574/agent#")


@pytest.fixture
def known(settings):
    """Store records of some agents, one of them on another PBX."""
    engine = open_database(f"sqlite:///{settings.parent}/calls.sqlite")
    here = time()
    talk = Talk("main", "1.1", "1.1", "1.2", "sales", "Sara", "PJSIP/201", here - 60, here, 0.0, 0,
                EndedBy.CALLER, None, None)  # fmt: skip
    there = {"reason": "", "queue": "", "flagged": False}
    fill(engine, [
        talk,
        replace(talk, call_id="1.3", agent="Old Hand", answered_at=here - 1e7),
        replace(talk, call_id="1.4", pbx="other", agent="Sarah"),
        AgentInterval("main", "سارا رضایی", "available", here - 60, here, **there),
        AgentInterval("main", "Maryam", "available", here - 60, here, **there),
    ])  # fmt: skip
    engine.dispose()
    return settings


@pytest.mark.parametrize("name", ["Sara", "Maryam", "Old Hand", "سارا رضایی"])
def test_an_agent_of_the_database_is_not_doubted(known, name):
    done = link(name, "-c", str(known))
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("sara", "'Sara'"),
        ("Sarah", "'Sara'"),
        ("سارا رضائی", "'سارا رضایی'"),
        ("maryem", "'Maryam'"),
        ("Bob", ""),
    ],
)
def test_a_name_that_nobody_has_is_doubted_and_gets_its_link(known, name, like):
    done = link(name, "-c", str(known))
    assert (done.exit_code, LINKS.verify(done.stdout.strip().partition("#")[2], NOW)[0]) == (0, name)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"warning: the PBX 'main' has no recorded agent {name!r}")
    assert f"; did you mean {like}" in line if like else line.endswith(repr(name))


def test_without_a_database_nothing_is_doubted_and_none_is_made(settings):
    done = link("Sara", "-c", str(settings))
    assert (done.exit_code, done.stderr) == (0, "")
    assert not (settings.parent / "calls.sqlite").exists()


def test_a_database_that_cannot_be_asked_stops_no_link(settings):
    (settings.parent / "calls.sqlite").write_text("no database" * 1000)
    done = link("Sara", "-c", str(settings))
    assert (done.exit_code, LINKS.verify(done.stdout.strip().partition("#")[2], NOW)[0]) == (0, "Sara")
    (line,) = done.stderr.splitlines()
    assert "cannot check whether the agent 'Sara' exists: file is not a database" in line


@pytest.mark.parametrize("arguments", [["Sara", "--days", "0"], [""], ["a\nb"], ["Sara", "--days", "400"]])
def test_what_cannot_be_meant_is_refused(settings, arguments):
    assert link(*arguments, "-c", str(settings)).exit_code == 2


def test_without_a_token_it_says_what_to_do(tmp_path):
    file = tmp_path / "cc-bridge.toml"
    file.write_text("")
    done = link("Sara", "-c", str(file))
    assert (done.exit_code, "http.token_file" in done.stderr) == (1, True)


# -- the agent's own figures


@pytest.fixture(scope="module")
def all_records():
    return list(records())


@pytest.fixture(scope="module")
def engine(all_records, tmp_path_factory):
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('own') / 'calls.sqlite'}")
    fill(engine, all_records)
    yield engine
    engine.dispose()


def asking(days=30, agent="Agent 2", **changes):
    first = LAST - timedelta(days - 1)
    return replace(ReportQuery(first, LAST, Dimension.AGENT, Days(ZONE), "main", agent=agent), **changes)


def page_json(engine, ask, language="en"):
    with engine.connect() as connection:
        return as_json(read_agent_page(connection, ask), Localization(language), NOW)


def named(figures):
    return {figure["name"]: figure for figure in figures}


@pytest.mark.parametrize("days", [1, 7, 30])
def test_it_counts_what_is_there(engine, all_records, days):
    ask = asking(days)
    page = page_json(engine, ask)

    def mine(of, at, **also):
        its = [each for each in all_records if isinstance(each, of) and each.agent == ask.agent]
        its = [each for each in its if ask.since <= getattr(each, at) < ask.until]
        return [each for each in its if all(getattr(each, name) == value for name, value in also.items())]

    talks = mine(Talk, "answered_at", partial=False)
    work = named(page["work"])
    assert work["talks"]["value"] == len(talks)
    assert work["talk_time"]["value"] == round(sum(talk.talk_seconds for talk in talks))
    funnel = named(page["funnel"])
    stages = Counter(entry.stage for entry in mine(SurveyDecision, "decided_at"))
    results = Counter(str(attempt.result) for attempt in mine(SurveyAttempt, "started_at"))
    assert funnel["invited"]["value"] == stages["invited"]
    assert funnel["complete"]["value"] == results["complete"]
    assert funnel["eligible"]["value"] == stages.total() - stages["not_eligible"]
    said = {each["reason"]: each["callers"] for each in page["reasons"] if each["step"] == "step_funnel"}
    assert said == {stage: n for stage, n in stages.items() if stage != "invited"}
    score = csat(Counter(answer.value for answer in mine(Answer, "answered_at", kind="csat")))
    shown = named(page["scores"]).get("csat")
    assert (shown is None) == (score is None)
    if score:
        assert (shown["n"], shown["enough"]) == (score.n, score.enough)
        wanted = (score.value, score.low, score.high) if score.enough else (None, None, None)
        for name, value in zip(("value", "low", "high"), wanted, strict=True):
            assert shown[name] == (None if value is None else pytest.approx(value, abs=0.001))


def test_it_reads_the_same_on_every_database(engine, all_records, database_url):
    wanted = [page_json(engine, asking(days)) for days in (1, 30)]
    server = open_database(database_url)
    try:
        fill(server, all_records)
        assert [page_json(server, asking(days)) for days in (1, 30)] == wanted
    finally:
        server.dispose()


def test_no_colleague_caller_or_call_is_in_it(engine):
    page = json.dumps(page_json(engine, asking()))
    assert "Agent 2" in page
    for word in ("Agent 1", "Agent 3", "Agent 7", "0912", "1795.", "PJSIP"):
        assert word not in page


def test_an_agent_without_anything_has_an_empty_page(engine):
    page = page_json(engine, asking(agent="Nobody"))
    assert (page["scores"], page["reasons"], page["comments"]) == ([], [], [])
    assert named(page["work"])["talks"]["value"] == 0


def test_labels_are_in_the_language(engine):
    english, persian = (named(page_json(engine, asking(), language)["work"]) for language in ("en", "fa"))
    assert (english["talks"]["label"], persian["talks"]["label"]) == ("Talks", "گفتگوها")


def test_another_pbxs_agent_of_that_name_is_somebody_else(engine):
    assert page_json(engine, asking(pbx="another"))["scores"] == []


def test_comments_are_told_of_and_not_named(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    at = midnight(LAST)
    made = [
        Answer("main", f"{n}", "comment", "comment", n, 1, at + n, queue="sales", agent="Agent 2",
               recording="/var/secret.wav" if n % 2 else "")
        for n in range(COMMENTS + 5)
    ]  # fmt: skip
    made.append(replace(made[-1], attempt_id="other", agent="Agent 1"))
    table = row_of(made[0])[0]
    with engine.begin() as connection:
        connection.execute(insert(table), [row_of(each)[1] for each in made])
    page = page_json(engine, asking())
    assert (len(page["comments"]), page["more_comments"]) == (COMMENTS, True)
    newest = page["comments"][0]
    assert (newest["queue"], newest["seconds"], newest["kept"]) == ("sales", COMMENTS + 4, False)
    assert newest["at"].endswith("+01:00")
    assert "secret" not in json.dumps(page)
    engine.dispose()


# -- the team's average


def answers(**given):
    """Return answer counts of the question `agent`: the number of fives for each agent."""
    return [AnswerCount(agent, "agent", "csat", 5, n) for agent, n in given.items()]


ENOUGH = {"a": 10, "b": 10, "c": 10, "d": 10}


def test_it_stands_there_with_enough_answers_of_enough_colleagues():
    assert averages("me", asking(), answers(me=5, **ENOUGH)) == {"csat": 100.0, "csat_mean": 5.0}
    assert len(ENOUGH) == COLLEAGUES


@pytest.mark.parametrize(
    "given",
    [{}, {"me": 500}, {"me": 50, "a": 50}, {"a": 10, "b": 10, "c": 20}, {"a": 4, "b": 4, "c": 3, "d": 3},
     {"a": 31, "b": 10, "c": 10, "d": 10}, {"a": 10, "b": 10, "c": 10, "d": 0, "me": 10}],
)  # fmt: skip
def test_it_is_left_out_where_it_would_tell_of_a_colleague(given):
    assert averages("me", asking(), answers(**given)) == {}


def test_every_kind_of_question_has_to_have_enough():
    rows = [*answers(**ENOUGH), AnswerCount("a", "rated", "nps", 9, 100)]
    assert set(averages("me", asking(), rows)) == {"csat", "csat_mean"}


def test_it_is_the_same_for_all_and_rounded():
    rows = [*answers(me=7, **ENOUGH), AnswerCount("a", "agent", "csat", 1, 3)]
    assert averages("me", asking(), rows) == averages("d", asking(), rows)
    assert averages("me", asking(), rows) == {"csat": 94.0, "csat_mean": 4.8}


def test_one_answer_more_cannot_be_seen_today():
    ask = asking(7)
    assert (ended_days(ask).until, ended_days(ask).since) == (midnight(LAST), ask.since)
    assert ended_days(ask).agent == ""
    assert ended_days(asking(1)) is None


def test_it_is_of_the_days_that_have_ended(engine):
    assert all(score["team"] is None for score in page_json(engine, asking(1))["scores"])
    scores = named(page_json(engine, asking(30))["scores"])
    assert 0 < scores["csat"]["team"] < 100
    assert scores["csat"]["team"] == round(scores["csat"]["team"])
    assert "nps" not in scores  # NPS rates the company


def test_every_question_finds_its_rows_by_an_index(engine):
    """The team's answers are found by time, queues by their index, all other rows by agent and time."""
    asked = []
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
        read_agent_page(connection, asking())
        plans = [
            [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            for statement, values in list(asked)
        ]
    of_tables = [line for plan in plans for line in plan if line.startswith(("SEARCH", "SCAN"))]
    names = "SEARCH queue_visits USING COVERING INDEX ix_queue_visits_queue_entered_at"
    of_tables = [line for line in of_tables if not line.startswith(names)]
    of_all = [line for line in of_tables if "agent=?" not in line and "pbx=? AND attempt_id=?" not in line]
    assert len(of_tables) > 8
    assert len(of_all) == 1
    assert "answered_at>? AND answered_at<?" in of_all[0]
