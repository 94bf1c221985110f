"""`cc-bridge doctor` against a fake PBX, one fault at a time; tests/pbx has the real one."""

import json
import re
import socket
import sqlite3
import ssl
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import DefaultOpenSSLContextFactory

from cc_bridge import resource_path
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS
from cc_bridge.cli import main
from cc_bridge.config import AmiConfig, Config
from cc_bridge.config.surveys import SurveyConfig
from cc_bridge.doctor import (
    agi_server,
    daemon,
    database,
    duplicate_daemon,
    manager,
    runner,
    survey_routing,
    webhooks,
)
from cc_bridge.doctor.check_result import (
    CheckResult,
    CheckStatus,
    as_json,
    as_text,
    exit_code,
    fail,
    ok,
    skip,
    warn,
)
from cc_bridge.doctor.events import held_back
from cc_bridge.doctor.originate import place_test_call
from cc_bridge.doctor.session import ManagerSession
from cc_bridge.records import EndedBy, NotRoutedCall, ObservationWatermark, Talk
from cc_bridge.storage.migrate import open_database
from cc_bridge.storage.pipeline.sql_sink import SqlSink
from cc_bridge.storage.schema.tables import row_of
from support.fake_manager import Pbx
from support.reactor_loop import result_of, until
from unit.ami.test_tls import certificate

WELL = {CheckStatus.OK, CheckStatus.SKIP}


@pytest.fixture
def pbx():
    answering = Pbx()
    yield answering
    until(lambda: all(session.gone for session in answering.sessions))
    result_of(answering.listening.stopListening())


@pytest.fixture
def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def nobody_answers(_host, _port):
    raise ConnectionRefusedError


@pytest.fixture
def doctor(pbx, tmp_path, free_port, monkeypatch):
    """Return a function that examines and gives the findings; keywords change sections."""
    open_database(f"sqlite:///{tmp_path}/calls.sqlite").dispose()
    # Another program of this machine may listen on the default port.
    monkeypatch.setattr(runner.agi_server, "check", partial(agi_server.check, ask_server=nobody_answers))

    def examine(sounds=None, **sections):
        given = {
            "ami": {"port": pbx.port, "secret": "s3cret"},
            "http": {"port": free_port},
            "storage": {"url": f"sqlite:///{tmp_path}/calls.sqlite"},
        }
        for name, values in sections.items():
            given[name] = given[name] | values if name in given else values
        findings = []
        examination = runner.DoctorRun(Config(**given), None, reactor, findings.append, sounds_folder=sounds)
        result_of(Deferred.fromCoroutine(examination.run()), 30)
        return findings

    return examine


def unwell(findings):
    return {each.name: each.level for each in findings if each.level not in WELL}


def named(findings, name):
    (found,) = [each for each in findings if each.name == name]
    return found


def test_all_is_well(doctor):
    findings = doctor()
    assert unwell(findings) == {}
    assert exit_code(findings) == 0
    assert {each.name for each in findings if each.level is CheckStatus.SKIP} == {
        "daemon",
        "prompts",
        "callback.privileges",
    }


# -- the manager interface


def test_what_is_not_asterisk(pbx, doctor, monkeypatch):
    monkeypatch.setattr(runner, "_ANSWER_SECONDS", 0.3)
    pbx.banner = "SSH-2.0-OpenSSH_9.2"
    findings = doctor()
    assert unwell(findings) == {"ami.connection": CheckStatus.FAIL}
    assert "nothing that looks like Asterisk" in named(findings, "ami.connection").seen


def test_a_pbx_that_stops_answering(pbx, doctor, monkeypatch):
    monkeypatch.setattr(runner, "_ANSWER_SECONDS", 0.3)
    pbx.silent_about.add("CoreSettings")
    findings = doctor()
    assert unwell(findings) == {"ami.answers": CheckStatus.FAIL}
    assert "did not answer CoreSettings in 0.3 s" in named(findings, "ami.answers").seen
    assert named(findings, "database").level is CheckStatus.OK


def test_a_refused_login_names_all_three_reasons(pbx, doctor):
    pbx.secret_fits = False
    findings = doctor()
    assert unwell(findings) == {"ami.login": CheckStatus.FAIL}
    assert "the user name, the secret or the address" in named(findings, "ami.login").seen


@pytest.mark.parametrize("host", ["pbx.example", "localhost"])
def test_a_certificate(doctor, tmp_path, host):
    pem, key = certificate(host)
    both = tmp_path / "both.pem"
    both.write_bytes(key + pem)
    (tmp_path / "ca.pem").write_bytes(pem)

    class Greets(Protocol):
        def connectionMade(self):
            self.transport.write(b"Asterisk Call Manager/11.0.0\r\n")
            self.transport.loseConnection()

    context = DefaultOpenSSLContextFactory(str(both), str(both))
    port = reactor.listenSSL(0, Factory.forProtocol(Greets), context, interface="127.0.0.1")
    tls = {"host": "localhost", "port": port.getHost().port, "tls": True}
    findings = doctor(ami={**tls, "tls_ca_file": str(tmp_path / "ca.pem")})
    result_of(port.stopListening())
    if host == "localhost":  # TLS succeeds, but then the server hangs up
        assert unwell(findings) == {"ami.answers": CheckStatus.FAIL}
    else:
        assert unwell(findings) == {"ami.tls": CheckStatus.FAIL}
        assert "must be for 'localhost'" in named(findings, "ami.tls").advice


def test_plain_text_through_a_network():
    (reached, plain) = manager.connected_results(AmiConfig(host="10.0.0.5"), "11.0.0")
    assert (reached.level, plain.level, plain.name) == (CheckStatus.OK, CheckStatus.WARN, "ami.tls")


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("16.28.0~dfsg-0+deb11u4", CheckStatus.OK),
        ("certified/18.9-cert5", CheckStatus.OK),
        ("22.10.1", CheckStatus.OK),
        ("18", CheckStatus.OK),
        ("GIT-20-a1b2c3", CheckStatus.OK),
        ("13.38.3", CheckStatus.FAIL),
        ("11.25.3", CheckStatus.FAIL),
        ("certified/13.21-cert6", CheckStatus.FAIL),
        ("23.4.1", CheckStatus.WARN),
        ("GIT-master-4f2d9a1", CheckStatus.WARN),
    ],
)
def test_the_version(pbx, doctor, version, level):
    pbx.version = version
    found = named(doctor(), "asterisk.version")
    assert found.level is level
    assert version in found.seen
    assert level is CheckStatus.OK or "16 to 22" in found.advice


@pytest.mark.parametrize(
    ("ahead", "level"),
    [(0.4, CheckStatus.OK), (-5.0, CheckStatus.WARN), (5.0, CheckStatus.WARN), (90.0, CheckStatus.FAIL)],
)
def test_the_clock(pbx, doctor, ahead, level):
    pbx.clock_ahead = ahead
    findings = doctor()
    assert named(findings, "clock").level is level
    assert unwell(findings).keys() <= {"clock"}


def test_events_without_an_instant(pbx, doctor):
    pbx.stamps = False
    assert unwell(doctor()) == {"ami.timestamps": CheckStatus.WARN}


def test_no_event_filter(pbx, doctor):
    pbx.passes = re.compile("")
    findings = doctor()
    assert unwell(findings) == {"ami.filter": CheckStatus.WARN}
    line = int(re.search(r"from line (\d+)", named(findings, "ami.filter").advice)[1])
    shipped_file = resource_path("config/asterisk/manager.d/cc_bridge.conf").read_text().splitlines()
    assert shipped_file[line - 1].startswith("eventfilter = ^Event: (Queue")


def test_a_filter_that_keeps_back_what_is_needed(pbx, doctor):
    pbx.passes = re.compile("$^")
    findings = doctor()
    assert unwell(findings) == {"ami.events": CheckStatus.FAIL}
    assert "VarSet" in named(findings, "ami.events").seen


def test_the_shipped_filters_keep_nothing_back():
    text = resource_path("config/asterisk/manager.d/cc_bridge.conf").read_text()
    filters = re.findall(r"^eventfilter = (.+)$", text, re.MULTILINE)
    assert len(filters) == 4
    assert held_back(filters, WANTED_FOR_DIRECT_CALLS) == []
    assert held_back(filters[:2], WANTED) == ["Newexten"]
    assert held_back([*filters, "!^Event: Hold"], WANTED) == ["Hold"]
    assert held_back([], WANTED) == []


@pytest.mark.parametrize("secret_fits", [True, False])
def test_a_refused_test_call_is_no_failed_login(pbx, secret_fits):
    pbx.secret_fits = secret_fits
    config = Config(ami={"port": pbx.port}, callback={"enabled": True, "secret": "s3cret"})
    call = place_test_call(config, ManagerSession(reactor, 5), reactor, 5)
    found = result_of(Deferred.fromCoroutine(call), 30)
    assert found.level is CheckStatus.FAIL
    assert ("refuses the test call" in found.seen) == secret_fits
    assert ("with the secret of callback.secret_file" in found.advice) != secret_fits


def test_more_rights_than_needed(pbx, doctor):
    pbx.actions |= {"Command": "command,all", "ModuleLoad": "system,all", "Reload": "system,config,all"}
    findings = doctor()
    assert unwell(findings) == {"ami.least": CheckStatus.WARN}
    assert "command, system (3 actions" in named(findings, "ami.least").seen


@pytest.mark.parametrize(
    ("rights", "level"),
    [
        ({"Originate": "originate,all"}, CheckStatus.OK),
        ({}, CheckStatus.FAIL),
        ({"Originate": "originate,all", "Command": "command,all"}, CheckStatus.WARN),
    ],
)
def test_the_user_that_dials(pbx, doctor, rights, level):
    pbx.actions_of["cc_bridge_callback"] = {"Ping": "<none>", **rights}
    findings = doctor(callback={"enabled": True, "secret": "s3cret"})
    assert named(findings, "callback.privileges").level is level
    assert unwell(findings).keys() <= {"callback.privileges"}


def test_a_pbx_that_shows_no_files(pbx, doctor):
    pbx.settings.clear()  # as without func_config: every value is empty
    findings = doctor()
    assert unwell(findings) == {}
    skipped = {each.name for each in findings if each.level is CheckStatus.SKIP}
    assert {"ami.read", "queues.interface", "queues.wrapuptime"} <= skipped


# -- queues and dialplan


def test_queues(pbx, doctor):
    pbx.queues = {"sales": [], "support": ["PJSIP/1"]}
    pbx.settings[("queues.conf", "support", "strategy")] = "ringall"
    pbx.settings[("queues.conf", "support", "wrapuptime")] = "15"
    findings = doctor(queues={"suport": {}, "zzz": {}, "SALES": {}}, wallboard={"queues": ["Sales"]})
    assert unwell(findings) == {
        "queues.configured": CheckStatus.FAIL,
        "queues.members": CheckStatus.WARN,
        "queues.interface": CheckStatus.WARN,
        "queues.wrapuptime": CheckStatus.WARN,
    }
    near, far = [each for each in findings if each.name == "queues.configured"]
    assert "did you mean 'support'?" in near.advice
    assert "queue show" in far.advice
    assert named(findings, "queues.wrapuptime").seen == "support: 15 s on the PBX, 0 s in cc-bridge.toml"


def test_a_queue_that_cannot_be_seen_hides_no_other(pbx, doctor):
    pbx.queues = {"sales": ["PJSIP/1"], "support": ["PJSIP/1"], "realtime": ["PJSIP/1"]}
    pbx.settings[("queues.conf", "support", "strategy")] = "ringall"
    assert [
        (each.level, each.seen.partition(":")[0]) for each in doctor() if each.name == "queues.interface"
    ] == [
        (CheckStatus.WARN, "setinterfacevar is not set for support"),
        (CheckStatus.SKIP, "setinterfacevar is not visible for realtime"),
    ]
    pbx.settings[("queues.conf", "support", "setinterfacevar")] = "yes"
    assert unwell(doctor()) == {}


# A space, and a zero-width non-joiner as in many Persian words.
@pytest.mark.parametrize("name", ["فروش تهران", "پشتیبانی\u200cفنی", "sales/2 (new)", "a,b"])
def test_queues_of_any_name(pbx, doctor, name):
    pbx.queues = {name: ["PJSIP/1"]}
    pbx.settings[("queues.conf", name, "strategy")] = "ringall"
    plain = not set(name) & set(",()")  # these end an argument of a dialplan function
    found = named(doctor(), "queues.interface")
    assert found.level is (CheckStatus.WARN if plain else CheckStatus.SKIP)
    assert name in found.seen
    assert name in as_text(found)
    pbx.settings[("queues.conf", name, "setinterfacevar")] = "yes"
    assert named(doctor(), "queues.interface").level is (CheckStatus.OK if plain else CheckStatus.SKIP)


def test_on_freepbx_the_advice_is_freepbxs(pbx, doctor):
    pbx.lacks.clear()  # its contexts are there, and ours for it
    pbx.queues |= {"600": ["Local/1001@from-queue/n"], "default": []}
    pbx.settings[("queues.conf", "600", "strategy")] = "ringall"
    pbx.stamps = False
    pbx.passes = re.compile("")  # as a user of Asterisk Manager Users, who has no event filter
    findings = doctor()
    assert unwell(findings) == {
        "queues.interface": CheckStatus.WARN,
        "ami.timestamps": CheckStatus.WARN,
        "ami.filter": CheckStatus.WARN,
    }
    assert "in [cc_bridge] of manager_cc_bridge.conf" in named(findings, "ami.filter").advice
    assert "[600](+) and setinterfacevar=yes" in named(findings, "queues.interface").advice
    assert "queues_post_custom.conf" in named(findings, "queues.interface").advice
    assert "[general](+) of manager_custom.conf" in named(findings, "ami.timestamps").advice
    assert "default" not in named(findings, "queues").seen  # FreePBX's empty queue
    pbx.lacks.add("cc-bridge-freepbx-queue")
    found = named(doctor(), "dialplan.contexts")
    assert (found.level, found.seen) == (CheckStatus.FAIL, "missing: cc-bridge-freepbx-queue")
    assert "extensions_custom.conf" in found.advice
    assert unwell(doctor(queues={"default": {}}))["queues.members"] is CheckStatus.WARN


@pytest.mark.parametrize(
    ("told", "agi", "level"),
    [
        ("", {}, CheckStatus.OK),
        ("", {"port": 14575}, CheckStatus.FAIL),
        ("127.0.0.1:14575", {"port": 14575}, CheckStatus.OK),
        ("10.0.0.9:14573", {}, CheckStatus.FAIL),  # the daemon listens on loopback
        ("10.0.0.9:14573", {"host": "0.0.0.0"}, CheckStatus.OK),
        ("10.0.0.9:14573", {"host": "10.0.0.8"}, CheckStatus.WARN),
        ("[::1]:14573", {"host": "::1"}, CheckStatus.OK),
        ("127.0.0.1:4573", {"port": 4573}, CheckStatus.OK),  # both sides have this port
        ("127.0.0.1", {"port": 4573}, CheckStatus.OK),
    ],
)
def test_where_the_dialplan_leads(pbx, doctor, told, agi, level):
    pbx.variables["CCB_AGI"] = told
    findings = doctor(agi=agi)
    assert named(findings, "dialplan.CCB_AGI").level is level
    assert unwell(findings).keys() <= {"dialplan.CCB_AGI", "dialplan.CCB_AGI_SECRET"}


@pytest.mark.parametrize("told", ["127.0.0.1:4573", "127.0.0.1", "[::1]"])
def test_a_dialplan_that_leads_to_freepbxs_own_server(pbx, doctor, told):
    pbx.variables["CCB_AGI"] = told
    found = named(doctor(), "dialplan.CCB_AGI")
    assert found.level is CheckStatus.FAIL
    assert "cc_bridge listens on 127.0.0.1:14573; 4573 is the port of FreePBX's own FastAGI" in found.seen
    assert "CCB_AGI=127.0.0.1:14573" in found.advice


@pytest.mark.parametrize(
    ("missing", "level"), [("cc-bridge-survey", CheckStatus.FAIL), ("cc-bridge-doctor", CheckStatus.WARN)]
)
def test_a_context_that_is_missing(pbx, doctor, missing, level):
    pbx.lacks.add(missing)
    assert unwell(doctor()) == {"dialplan.contexts": level}


# -- this machine


def test_prompts_of_another_survey(doctor, tmp_path):
    english = tmp_path / "sounds" / "en"
    english.mkdir(parents=True)
    findings = doctor(sounds=tmp_path / "sounds", queues={"sales": {"survey": "full"}})
    assert {"prompts.csat.en", "prompts.csat.fa", "prompts.full.en", "prompts.full.fa"} == unwell(
        findings
    ).keys()
    assert "cc_bridge/comment_ask" in named(findings, "prompts.full.en").seen
    (english / "cc_bridge").mkdir()
    (english / "cc_bridge/goodbye.gsm").write_bytes(bytes(33))
    assert "goodbye" not in named(doctor(sounds=tmp_path / "sounds"), "prompts.csat.en").seen


def test_files_that_everybody_can_read(doctor, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    secret.chmod(0o644)
    given = {"secret": "", "secret_file": str(secret)}
    assert unwell(doctor(ami=given)) == {"secrets.permissions": CheckStatus.WARN}
    secret.chmod(0o640)
    assert unwell(doctor(ami=given)) == {}


def test_no_secret(pbx, doctor):
    pbx.secret_fits = False
    assert unwell(doctor(ami={"secret": ""})) == {"secrets": CheckStatus.FAIL, "ami.login": CheckStatus.FAIL}


def test_a_survey_that_does_not_exist(doctor):
    findings = doctor(queues={"sales": {"survey": "nps"}})
    assert unwell(findings) == {"surveys": CheckStatus.FAIL}


def test_a_database_that_has_no_folder(doctor):
    findings = doctor(storage={"url": "sqlite:////no/such/folder/x.sqlite"})
    assert unwell(findings) == {"database": CheckStatus.FAIL}


@pytest.mark.parametrize(
    ("name", "ago", "goes_on", "found"),
    [
        ("pbx", 3, True, ["database.daemons"]),
        ("pbx", 3, False, []),
        ("pbx", 60, True, []),
        ("other", 3, True, []),
    ],
)
def test_another_daemon_that_observes_this_pbx(free_port, tmp_path, name, ago, goes_on, found):
    url = f"sqlite:///{tmp_path}/calls.sqlite"
    other = SqlSink(lambda: open_database(url))

    def mark(at):
        other.write([row_of(ObservationWatermark(name, at))])

    now = time.time()
    mark(now - ago)
    config = Config(pbx={"name": "pbx"}, http={"port": free_port}, storage={"url": url})
    told = duplicate_daemon.check(config, lambda seconds: mark(now - ago + seconds) if goes_on else None)
    assert [each.name for each in told] == found
    other.close()


def ended(n, ended_by=EndedBy.AGENT, queue="sales", pbx="pbx", ago=3600, **more):
    """Return the talk of the nth call of a queue; the first call is the oldest."""
    at = time.time() - ago + n
    who = ("Alice", "PJSIP/alice")
    return Talk(pbx, f"{n}.1", f"{n}.1", f"{n}.2", queue, *who, at, at, 0, 0, ended_by, None, None, **more)


def missed(n, queue="sales", pbx="pbx", ago=3600):
    at = time.time() - ago + n
    return NotRoutedCall(pbx, f"{n}.1", f"{n}.1", queue, "Alice", "PJSIP/alice", at, "csat", "")


PAST = "sales: {} answered callers did not come through cc-bridge-queue, the last one on "


@pytest.mark.parametrize(
    ("stored", "level", "said"),
    [
        ([], CheckStatus.OK, "no calls yet"),
        ([ended(1), ended(2)], CheckStatus.OK, "the last 2 answered callers came to the survey"),
        ([ended(n) for n in range(30)], CheckStatus.OK, "the last 20 answered callers came to the survey"),
        ([ended(1), missed(1)], CheckStatus.WARN, PAST.format("1 of the last 1")),
        (
            [record for n in (1, 2, 3) for record in (ended(n), missed(n))],
            CheckStatus.FAIL,
            PAST.format("3 of the last 3"),
        ),
        # A caller who hung up first, and a talk that was observed in part, are not counted.
        (
            [ended(1), ended(2), missed(2), ended(3, EndedBy.CALLER), ended(4, partial=True)],
            CheckStatus.WARN,
            PAST.format("1 of the last 2"),
        ),
        # After a transfer to a colleague, the last talk has no queue.
        ([ended(1, EndedBy.TRANSFER), missed(1)], CheckStatus.WARN, PAST.format("1 of the last 1")),
        ([ended(n) for n in range(30)] + [missed(5)], CheckStatus.OK, "the last 20"),
        ([missed(1, ago=8 * 86_400)], CheckStatus.OK, "no calls yet"),
        # Asterisk ignores the case of queue names.
        (
            [ended(1, queue="SALES"), missed(1, queue="SALES"), missed(2, queue="Sales"), missed(3)],
            CheckStatus.FAIL,
            PAST.format("3 of the last 3"),
        ),
        ([missed(1, pbx="other")], CheckStatus.OK, "no calls yet"),
        ([missed(1, queue="unasked")], CheckStatus.OK, "no calls yet"),
    ],
)
def test_callers_who_did_not_come_to_the_survey(tmp_path, stored, level, said):
    url = f"sqlite:///{tmp_path}/calls.sqlite"
    sink = SqlSink(lambda: open_database(url))
    sink.write([row_of(ObservationWatermark("pbx", 1)), *map(row_of, stored)])
    sink.close()
    config = Config(pbx={"name": "pbx"}, storage={"url": url}, queues={"unasked": {"survey": ""}})
    (told,) = survey_routing.check(config)
    assert (told.name, told.level) == ("surveys.routing", level)
    assert told.seen.startswith(said)
    assert bool(told.advice) == (level is not CheckStatus.OK)
    assert list(survey_routing.check(config.model_copy(update={"survey": SurveyConfig(enabled=False)}))) == []


def test_a_database_without_the_table_or_without_a_file_says_nothing_of_the_survey(tmp_path):
    config = Config(storage={"url": f"sqlite:///{tmp_path}/calls.sqlite"})
    assert list(survey_routing.check(config)) == []
    assert not (tmp_path / "calls.sqlite").exists()
    sqlite3.connect(tmp_path / "calls.sqlite").close()
    assert list(survey_routing.check(config)) == []


def test_a_daemon_that_runs_here_leaves_marks_of_its_own(doctor, tmp_path, monkeypatch):
    monkeypatch.setattr(duplicate_daemon, "runs", lambda _http: True)
    ours = SqlSink(lambda: open_database(f"sqlite:///{tmp_path}/calls.sqlite"))
    ours.write([row_of(ObservationWatermark("pbx", time.time()))])
    ours.close()
    assert unwell(doctor(pbx={"name": "pbx"})) == {}


def test_a_database_that_is_not_there_yet_is_not_made(doctor, tmp_path):
    findings = doctor(storage={"url": f"sqlite:///{tmp_path}/new.sqlite"})
    assert unwell(findings) == {}
    assert not (tmp_path / "new.sqlite").exists()


def test_a_database_that_cannot_be_written(doctor, tmp_path):
    with sqlite3.connect(tmp_path / "calls.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        findings = doctor(storage={"url": f"sqlite:///{tmp_path}/calls.sqlite?timeout=0.1"})
    other.close()
    assert unwell(findings) == {"database.writable": CheckStatus.FAIL}
    assert "locked" in named(findings, "database.writable").seen


def test_a_server_that_only_reads(postgres, tmp_path):
    url = postgres.fresh()
    storage = Config(
        storage={"url": url.render_as_string(hide_password=False), "journal_file": str(tmp_path / "j")}
    ).storage
    open_database(url).dispose()
    assert unwell(database.check(storage)) == {}
    assert "database.clock" in {each.name for each in database.check(storage)}
    postgres.run(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
    assert unwell(database.check(storage)) == {"database.writable": CheckStatus.FAIL}
    postgres.drop(url)


def test_a_subject_that_hangs_holds_up_no_other(doctor, monkeypatch):
    end = threading.Event()
    monkeypatch.setattr(runner, "_SUBJECT_SECONDS", 0.5)
    monkeypatch.setattr(runner.database, "check", lambda _storage: end.wait(30) and ())
    findings = doctor(webhooks=[webhook(1)])
    end.set()
    assert unwell(findings) == {"database": CheckStatus.FAIL, "webhooks.crm": CheckStatus.FAIL}
    assert named(findings, "database").seen == "no answer within 0.5 s"


# -- the daemon and the receivers


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        status, text = self.server.pages.get(self.path, (404, ""))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def http():
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        ready = json.dumps({"ok": True, "checks": {"ami": "ok"}})
        server.pages = {"/readyz": (200, ready), "/metrics": (200, "cc_bridge_ami_up 1\n")}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def of_daemon(server, **agi):
    return list(daemon.check(Config(http={"port": server.server_port}, agi=agi)))


def test_a_daemon_that_is_well(http):
    assert unwell(of_daemon(http, port=http.server_port)) == {}


@pytest.mark.parametrize(
    ("page", "answer", "wrong"),
    [
        ("/readyz", (503, '{"checks": {"ami": "refused"}}'), "daemon"),
        ("/readyz", (200, "<html>"), "daemon"),
        ("/metrics", (200, "this is { no metric"), "daemon.metrics"),
        ("/metrics", (200, "node_load1 0.5\n"), "daemon.metrics"),
    ],
)
def test_pages_that_are_not_well(http, page, answer, wrong):
    http.pages[page] = answer
    assert unwell(of_daemon(http, port=http.server_port)) == {wrong: CheckStatus.FAIL}


def test_a_daemon_that_listens_elsewhere(http, free_port):
    assert unwell(of_daemon(http, port=free_port)) == {"agi.port": CheckStatus.FAIL}


def test_another_program_at_our_port(http, free_port):
    config = Config(http={"port": free_port}, agi={"port": http.server_port})
    assert unwell(daemon.check(config)) == {"agi.port": CheckStatus.FAIL}


@pytest.mark.parametrize(("token", "level"), [("", CheckStatus.WARN), ("0123456789abcdef", CheckStatus.OK)])
def test_pages_that_others_reach(free_port, token, level):
    config = Config(http={"host": "0.0.0.0", "port": free_port, "token": token})
    assert named(daemon.check(config), "http.access").level is level


def webhook(port, host="127.0.0.1", scheme="https", **more):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    return {"name": "crm", "url": f"{scheme}://{host}:{port}/x", "secret": secret, **more}


def of_receiver(given):
    (told,) = webhooks.check(Config(webhooks=[given]).webhooks[0])
    return told


def test_a_receiver(http, free_port):
    assert of_receiver(webhook(http.server_port, scheme="http")).level is CheckStatus.OK
    assert "refused" in of_receiver(webhook(free_port)).seen
    unknown = of_receiver(webhook(443, host="receiver.invalid"))
    assert (unknown.level, unknown.name) == (CheckStatus.FAIL, "webhooks.crm")


@pytest.mark.parametrize(("trusted", "level"), [(True, CheckStatus.OK), (False, CheckStatus.FAIL)])
def test_the_certificate_of_a_receiver(tmp_path, trusted, level):
    pem, key = certificate("localhost")
    both = tmp_path / "both.pem"
    both.write_bytes(key + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        given = webhook(server.server_port, host="localhost")
        told = of_receiver(given | ({"tls_ca_file": str(both)} if trusted else {}))
        thread.join()
    assert told.level is level


# -- the printed findings


def test_lines_and_the_exit_code():
    found = [ok("a", "fine"), skip("b", "not seen", "look there")]
    assert as_text(found[0]) == "ok    a                    fine"
    assert as_text(found[1]).splitlines()[1] == "      look there"
    assert exit_code([]) == exit_code(found) == 0
    assert exit_code([*found, warn("c", "", "x")]) == 1
    assert exit_code([fail("d", "", "x"), warn("c", "", "x")]) == 2
    assert as_json(found)["findings"][1] == {
        "level": "skip",
        "name": "b",
        "seen": "not seen",
        "advice": "look there",
    }


def test_what_a_pbx_says_steers_no_terminal():
    text = as_text(CheckResult(CheckStatus.FAIL, "ami.login", "no\x1b[2J\r\nok    all", "x"))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2


def test_a_configuration_that_cannot_be_read(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("[ami]\nport = 0\nprot = 1\n")
    told = CliRunner().invoke(main, ["doctor", "--json", "--config", str(file)])
    assert told.exit_code == 2
    faults = json.loads(told.stdout)["findings"]
    assert [each["name"] for each in faults] == ["config", "config"]
    assert any("did you mean port?" in each["seen"] for each in faults)
    missing = CliRunner().invoke(main, ["doctor", "--config", str(Path(tmp_path, "none.toml"))])
    assert missing.exit_code == 2
    assert "no such file" in missing.stdout
