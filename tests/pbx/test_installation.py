"""The ten steps of the installation page beside a plain Asterisk, as they stand there, and the removal.

Steps 1 and 2 (packages) and the service of step 7 have substitutes: this checkout, and its daemon in the
foreground. The PBX has a queue that callers reach by 8001.
"""

import secrets
import socket

import pytest

from pbx.asterisk import Asterisk, free_port
from pbx.installed import DATA, INSTALLATION, PROGRAM, InstalledDaemon, unwell
from pbx.machine import Machine, commands_in
from pbx.rig import texts_of
from pbx.rootfs import VERSIONS, Unavailable, root_of
from support.parts import missing

DIALPLAN = """\
[incoming]
exten => 8001,1,Answer()
 same => n,Queue(sales,t,,,300)
 same => n,Hangup()

[agents]
exten => alice,1,Answer()
 same => n,Wait(1)
 same => n,Hangup()

[caller]
exten => s,1,Answer()
 same => n,Wait(60)
"""
QUEUES = """\
[general]

[sales]
strategy = ringall
member => Local/alice@agents/n,0,Alice
"""
SOUNDS = "/usr/share/asterisk/sounds"
OF_DEBIAN = f"{SOUNDS}/en_US_f_Allison"  # where the PBX's English sounds are links to


class Plain:
    """An Asterisk with the ports and files of a plain one; `driver` sits at it."""

    def __init__(self, version):
        self.secret = secrets.token_hex(16)
        values = {"SECRET": self.secret, "SIP_PORT": free_port(socket.SOCK_DGRAM)}
        texts = texts_of("phones") | {"queues.conf": QUEUES, "extensions.conf": DIALPLAN, "pjsip.conf": ""}
        texts["manager.conf"] = texts["manager.conf"].replace("timestampevents = yes\n", "")
        self.asterisk = Asterisk(root_of(version), "plain", texts, values, ami_port=5038)
        self.root = self.asterisk.root
        self.home = self.asterisk.sounds.parents[1]
        self.etc = self.home / "etc"
        self.console = f"chroot {self.root} asterisk -C /{self.etc.relative_to(self.root)}/asterisk.conf"

    def call(self):
        self.driver.action(
            "Originate",
            Channel="Local/8001@incoming",
            Context="caller",
            Exten="s",
            Priority="1",
            Async="true",
        )


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.asterisk) for each in VERSIONS])
def plain(request, network):  # noqa: ARG001 - before all sockets
    try:
        made = Plain(request.param)
    except Unavailable as reason:
        missing("asterisk", reason)
    try:
        made.driver = made.asterisk.start(made.secret)
        yield made
    finally:
        made.asterisk.stop()


@pytest.fixture
def machine(plain, tmp_path):
    (tmp_path / "data").mkdir()
    binds = {
        "/etc/asterisk": plain.etc,
        SOUNDS: plain.asterisk.sounds,
        OF_DEBIAN: plain.root / OF_DEBIAN.strip("/"),
        DATA: tmp_path / "data",
        f"/{plain.home.parent.name}/{plain.home.name}": plain.home,  # as Asterisk sees it
    }
    try:
        made = Machine(tmp_path, binds, plain.console)
    except Unavailable as reason:
        missing("asterisk", reason)
    yield made
    made.close()


@pytest.fixture
def daemon(machine, tmp_path):
    running = InstalledDaemon(machine, tmp_path)
    yield running
    running.close()


def do(machine, step):
    return "".join(machine.paste(commands) for commands in commands_in(INSTALLATION, "Installation", step))


def edit_dialplan(machine, old, new):
    """Do the administrator's part of step 9, or of the removal."""
    machine.paste(f"sed -i 's/{old}/{new}/' /etc/asterisk/extensions.conf; asterisk -rx 'dialplan reload'")


def a_call_is_surveyed(plain, daemon):
    plain.call()
    question = plain.driver.wait_for(lambda e: e.name == "AGIExecStart" and "GET DATA" in e["Command"])
    (caller,) = plain.driver.channels(Linkedid=question["Linkedid"], Context="caller")
    plain.driver.action("PlayDTMF", Channel=caller["Channel"], Digit="4")
    (answer,) = daemon.wait_for_rows("answers")
    (attempt,) = daemon.wait_for_rows("survey_attempts")
    assert (answer["value"], attempt["queue"], attempt["agent"]) == (4, "sales", "Alice")
    plain.driver.until(lambda: not plain.driver.channels())
    assert daemon.metric("cc_bridge_talks_ended_total", ended_by="agent") == 1


def test_the_ten_steps_and_the_removal(plain, machine, daemon):
    before = machine.tree(plain.etc, plain.asterisk.sounds)
    do(machine, 3)
    shown = do(machine, 4)
    assert "username: cc_bridge" in shown
    assert "Timestamp events:          Yes" in shown
    do(machine, 5)
    assert 'name = "tehran"' in do(machine, 6)
    daemon.start()
    do(machine, 8)
    assert "Context 'cc-bridge-queue' created by 'pbx_config'" in do(machine, 9)
    edit_dialplan(machine, "Queue(sales,t,,,300)", "Gosub(cc-bridge-queue,s,1(sales,t,300))")
    findings = daemon.doctor()
    # The page announces the first one. The second one is about a file of this test.
    assert unwell(findings).keys() == {"queues.interface", "secrets.manager"}
    assert "manager.d/cc_bridge.conf" not in findings["secrets.manager"]["seen"]
    a_call_is_surveyed(plain, daemon)
    daemon.stop()
    edit_dialplan(machine, "Gosub(cc-bridge-queue,s,1(sales,t,300))", "Queue(sales,t,,,300)")
    look, remove = commands_in(INSTALLATION, "Removal")
    assert "cc-bridge-" not in machine.paste(f"set +e\n{look}")
    machine.paste(remove)
    after = machine.tree(plain.etc, plain.asterisk.sounds)
    left = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    with_lines = {f"{plain.etc}/{name}" for name in ("manager.conf", "extensions.conf")}
    assert {name for name in left if not name.startswith(("/opt/", "/etc/cc-bridge"))} == {
        *with_lines,
        f"{plain.asterisk.sounds}/fa",
    }
    text = (plain.etc / "manager.conf").read_text() + (plain.etc / "extensions.conf").read_text()
    assert "cc_bridge" not in text
    plain.driver.forget()
    plain.call()
    plain.driver.wait_for(lambda e: e.name == "AgentComplete" and e["Queue"] == "sales")
    plain.driver.until(lambda: not plain.driver.channels())


def test_an_undo_of_setup_waits_for_the_dialplan(plain, machine, daemon):
    before = machine.tree(plain.etc, plain.asterisk.sounds)
    machine.run(f"{PROGRAM} setup --name tehran --queue sales --yes")
    daemon.start()
    edit_dialplan(machine, "Queue(sales,t,,,300)", "Gosub(cc-bridge-queue,s,1(sales,t,300))")
    a_call_is_surveyed(plain, daemon)
    refused = machine.run(f"{PROGRAM} setup --undo --yes")
    assert refused.returncode == 1
    assert refused.stderr.endswith("extensions.conf: same => n,Gosub(cc-bridge-queue,s,1(sales,t,300))\n")
    assert "cc-bridge-queue" in machine.paste("asterisk -rx 'dialplan show cc-bridge-queue'")
    daemon.stop()
    edit_dialplan(machine, "Gosub(cc-bridge-queue,s,1(sales,t,300))", "Queue(sales,t,,,300)")
    machine.paste(f"{PROGRAM} setup --undo --yes")
    after = machine.tree(plain.etc, plain.asterisk.sounds)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == set()
