"""`cc-bridge doctor` beside a real Asterisk: all is well as we ship it, each fault has its line."""

import json
import os
import shutil
import socket
import sqlite3
import threading
from contextlib import closing
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from pbx.daemon import Daemon
from pbx.driver import event

WELL = {"ok", "skip"}


@pytest.fixture(scope="module")
def well(asterisk, tmp_path_factory):
    """Run a daemon to which all is well."""
    folder = tmp_path_factory.mktemp("doctor")
    running = Daemon(asterisk, folder)
    (folder / "secret").chmod(0o600)
    callback_secret = folder / "callback-secret"
    callback_secret.write_text(asterisk.secret)
    callback_secret.chmod(0o600)
    running.configure("callback", enabled=True, secret_file=str(callback_secret))
    try:
        yield running.start()
    finally:
        running.close()


@pytest.fixture
def daemon(rig, well):
    """Give it with a configuration that a test may change; it does not read it again."""
    rig.survey_at(well.agi_port)
    with well.configuration_kept():
        yield well


@pytest.fixture
def sounds(rig):
    return rig.pbx.sounds


@pytest.fixture
def doctor(daemon, sounds):
    """Return a function that asks the doctor and gives the findings by name."""

    def ask(*words, folder=sounds):
        told = daemon.command("doctor", "--json", "--sounds", str(folder), *words)
        assert told.stderr == ""
        answer = json.loads(told.stdout)
        assert told.returncode == answer["exit_code"]
        return {each["name"]: each for each in answer["findings"]}

    return ask


def unwell(findings):
    """Return the level of each finding that is not well."""
    return {name: each["level"] for name, each in findings.items() if each["level"] not in WELL}


def test_all_is_well_as_we_ship_it(rig, doctor):
    findings = doctor("--call")
    assert [each for each in findings.values() if each["level"] != "ok"] == []
    assert findings["asterisk.version"]["seen"].startswith(f"{rig.version}.")
    assert {
        "ami.login", "ami.privileges", "ami.least", "ami.read", "ami.events", "ami.filter", "ami.timestamps",
        "callback.privileges", "clock", "queues.interface", "queues.wrapuptime", "dialplan.contexts",
        "dialplan.CCB_AGI", "agi.call", "agi.port", "prompts.csat.en", "prompts.csat.fa", "database",
        "database.writable", "storage.files", "daemon.metrics",
    } <= findings.keys()  # fmt: skip


def test_nobody_is_disturbed(rig, daemon, doctor):
    def counted():
        names = ("sessions", "refused", "failures")
        return [daemon.metric(f"cc_bridge_agi_{name}_total") for name in names]

    before = daemon.rows("calls"), daemon.rows("gaps"), daemon.rows("survey_decisions")
    sessions, refused, failures = counted()
    doctor("--call")
    rig.driver.until(lambda: not rig.driver.channels())
    assert not rig.driver.events(event("Reload"))
    daemon.until(lambda: daemon.metric("cc_bridge_storage_queue_records") == 0)
    assert (daemon.rows("calls"), daemon.rows("gaps"), daemon.rows("survey_decisions")) == before
    assert daemon.get("/readyz")[0] == 200
    # The test call, and the question at the address of CCB_AGI.
    assert counted() == [sessions + 2, refused, failures]
    assert daemon.metric("cc_bridge_ami_messages_total", kind="parsed") > 0
    assert daemon.metric("cc_bridge_ami_messages_total", kind="malformed") == 0


def test_people_read_lines(daemon, sounds):
    told = daemon.command("doctor", "--sounds", str(sounds))
    assert told.returncode == 0
    assert "\nok    ami.login            cc_bridge\n" in told.stdout
    daemon.configure("queues.saels", service_level_seconds=15)
    told = daemon.command("doctor", "--sounds", str(sounds))
    assert told.returncode == 2
    assert (
        "FAIL  queues.configured    queues.saels: the PBX has no such queue\n"
        "      did you mean 'sales'? correct the name in cc-bridge.toml\n"
    ) in told.stdout


def test_a_wrong_secret(daemon, doctor, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_text("wrong")
    wrong.chmod(0o600)
    daemon.configure("ami", secret_file=str(wrong))
    findings = doctor()
    assert unwell(findings) == {"ami.login": "FAIL"}
    assert findings["ami.connection"]["level"] == "ok"
    assert "the user name, the secret" in findings["ami.login"]["seen"]


def test_a_user_that_is_not_there(daemon, doctor):
    daemon.configure("ami", username="nobody")
    assert unwell(doctor()) == {"ami.login": "FAIL"}


def test_a_port_where_nothing_listens(rig, daemon, doctor):
    daemon.configure("ami", port=rig.closed_port)
    findings = doctor()
    assert unwell(findings) == {"ami.connection": "FAIL"}
    assert "refused" in findings["ami.connection"]["seen"]


@pytest.mark.parametrize(
    ("user", "wrong", "says"),
    [
        ("too_little", {"ami.privileges": "FAIL"}, "may not use CoreShowChannels"),
        ("too_much", {"ami.least": "warn"}, "command, originate"),
        ("deaf", {"ami.read": "FAIL"}, "agent missing"),
        ("filtered", {"ami.events": "FAIL"}, "AgentConnect, BridgeLeave"),
        ("unfiltered", {"ami.filter": "warn"}, "not needed"),
    ],
)
def test_a_user_with_other_rights(daemon, doctor, user, wrong, says):
    daemon.configure("ami", username=user)
    findings = doctor()
    assert unwell(findings) == wrong
    (name,) = wrong
    assert says in findings[name]["seen"]
    assert f"[{user}]" in findings[name]["advice"]


def test_a_user_for_call_backs_that_may_do_more(daemon, doctor):
    daemon.configure("callback", username="too_much")
    findings = doctor()
    assert unwell(findings) == {"callback.privileges": "warn"}
    assert "more privileges than needed: " in findings["callback.privileges"]["seen"]


def test_another_wrap_up_time_than_the_queue_has(daemon, doctor):
    daemon.configure("queues.sales", wrap_up_seconds=10)
    findings = doctor()
    assert unwell(findings) == {"queues.wrapuptime": "warn"}
    assert findings["queues.wrapuptime"]["seen"] == "sales: 0 s on the PBX, 10 s in cc-bridge.toml"


def test_prompts_that_were_moved_away(doctor, sounds, tmp_path):
    folder = tmp_path / "sounds"
    shutil.copytree(sounds, folder, symlinks=True)
    shutil.rmtree(folder / "fa" / "cc_bridge")
    findings = doctor(folder=folder)
    assert unwell(findings) == {"prompts.csat.fa": "FAIL"}
    assert "cc_bridge/csat_ask" in findings["prompts.csat.fa"]["seen"]
    assert findings["prompts.csat.fa"]["advice"] == (
        f"mkdir -p {folder}/fa && cp -r dialplans/sounds/fa/. {folder}/fa/"
    )


def set_version(daemon, version):
    """Let the database say that its schema is of another version; return the one before."""
    with closing(sqlite3.connect(daemon.url.removeprefix("sqlite:///"))) as database, database:
        ((before,),) = database.execute("SELECT version_num FROM cc_bridge_version")
        database.execute("UPDATE cc_bridge_version SET version_num = ?", (version,))
    return before


@pytest.mark.parametrize(
    ("version", "level", "says"), [("0005", "warn", "schema 0005"), ("9999", "FAIL", "newer cc_bridge")]
)
def test_a_database_of_another_version(daemon, doctor, version, level, says):
    of_now = set_version(daemon, version)
    try:
        findings = doctor()
    finally:
        set_version(daemon, of_now)
    assert unwell(findings) == {"database": level}
    assert says in findings["database"]["seen"]


def test_a_dialplan_that_leads_elsewhere(rig, daemon, doctor):
    rig.survey_at(rig.closed_port)
    findings = doctor("--call")
    assert unwell(findings) == {"dialplan.CCB_AGI": "FAIL", "agi.call": "FAIL"}
    assert f"cc_bridge listens on 127.0.0.1:{daemon.agi_port}" in findings["dialplan.CCB_AGI"]["seen"]
    assert "AGISTATUS is FAILURE" in findings["agi.call"]["seen"]


class Foreign(StreamRequestHandler):
    """Another program's FastAGI server: it complains of a script that it does not have."""

    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b'VERBOSE "no such script" 1\n')
        self.server.heard.append(self.rfile.readline())


def test_a_dialplan_that_leads_to_another_programs_server(rig, doctor):
    with ThreadingTCPServer(("127.0.0.1", 0), Foreign) as server:
        server.heard = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        rig.survey_at(server.server_address[1])
        findings = doctor("--call")
        server.shutdown()
        thread.join()
    assert server.heard == [b"200 result=1\n"] * 2  # the PBX and the doctor
    assert unwell(findings) == {"dialplan.CCB_AGI": "FAIL", "agi.call": "FAIL"}
    assert f"(process {os.getpid()}, user " in findings["dialplan.CCB_AGI"]["seen"]
    assert "answered by another program's FastAGI server" in findings["agi.call"]["seen"]


def test_a_daemon_that_hangs(rig, doctor):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rig.survey_at(silent.getsockname()[1])
        findings = doctor("--call")
        rig.driver.until(lambda: not rig.driver.channels())
    assert unwell(findings) == {"dialplan.CCB_AGI": "FAIL", "agi.call": "FAIL"}
    assert "AGISTATUS is HANGUP" in findings["agi.call"]["seen"]


def test_a_dialplan_without_ours(rig, doctor):
    rig.driver.command("dialplan remove context cc-bridge-consent")
    try:
        findings = doctor()
    finally:
        rig.driver.command("dialplan reload")
    assert unwell(findings) == {"dialplan.contexts": "FAIL"}
    assert findings["dialplan.contexts"]["seen"] == "missing: cc-bridge-consent"


def test_no_daemon(daemon, doctor):
    daemon.stop()
    try:
        findings = doctor()
    finally:
        daemon.start()
    assert unwell(findings) == {}
    assert findings["daemon"]["level"] == "skip"
    assert findings["agi.port"]["seen"].endswith("is free for the daemon")
