"""A FreePBX whose own FastAGI server has port 4573: cc_bridge is installed there by page and by `setup`.

Both ways are the commands of the pages as they stand there, with the default ports. Steps of other programs
have substitutes: Python's packages and the unit of systemd are this checkout and its daemon in the
foreground, the web interface is `Gui`.
"""

import json
import re

import pytest

from pbx.core_fastagi import CoreFastAgiProcess
from pbx.driver import event
from pbx.freepbx_rig import PAGE, STEPS, FreePbxRig
from pbx.installed import DATA, INSTALLATION, PROGRAM, InstalledDaemon, unwell
from pbx.machine import Machine, commands_in
from pbx.rootfs import VERSIONS, Unavailable
from pbx.test_freepbx import ended, talking, through_the_survey
from support.parts import missing

SETUP = f"{PROGRAM} setup --name tehran --queue 600 --queue 606 --yes"


@pytest.fixture(scope="module", params=[pytest.param(each, marks=pytest.mark.asterisk) for each in VERSIONS])
def running(request, network, tmp_path_factory):  # noqa: ARG001 - before all sockets
    core_agi = CoreFastAgiProcess(tmp_path_factory.mktemp("core"))
    try:
        rig = FreePbxRig(request.param, core_agi, ami_port=5038)
    except Unavailable as reason:
        core_agi.stop()
        missing("asterisk", reason)
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()


@pytest.fixture
def rig(running, request):
    request.node.asterisk_log = (running, len(running.log()))
    running.reset()
    running.driver.set_global("CCB_AGI", "")
    return running


@pytest.fixture
def machine(rig, tmp_path):
    """Make the machine of the PBX: it has FreePBX's mark, its user, and the program of this checkout."""
    (tmp_path / "data").mkdir()
    home = rig.etc.parent
    binds = {
        "/etc/asterisk": rig.etc,
        "/var/lib/asterisk/sounds": rig.pbx.sounds,
        "/usr/share/asterisk": rig.pbx.root / "usr/share/asterisk",  # where its sounds are links to
        DATA: tmp_path / "data",
        f"/{home.parent.name}/{home.name}": home,  # as Asterisk sees it
    }
    try:
        made = Machine(tmp_path, binds, rig.console_command)
    except Unavailable as reason:
        missing("asterisk", reason)
    made.paste("touch /etc/freepbx.conf")
    yield made
    made.close()


@pytest.fixture
def daemon(machine, tmp_path):
    running = InstalledDaemon(machine, tmp_path)
    yield running
    running.close()


def by_the_page(machine):
    """Do the steps that the page names: 3, 5 and 6 of the installation, then its own 2 to 5."""
    printed = ""
    for step in (3, 5, 6):
        (commands,) = commands_in(INSTALLATION, "Installation", step)
        printed += machine.paste(commands.replace("queues.sales", "queues.600"))
    for step in STEPS:
        for commands in commands_in(PAGE, step):
            printed += machine.paste(commands)
    return printed


def undone_by_the_page(machine):
    for commands in commands_in(PAGE, "Undo"):
        machine.paste(commands)


def tree(rig, machine):
    """Return all files that the installation may touch; Asterisk's own are in other folders."""
    return machine.tree(rig.etc, rig.pbx.sounds)


def agi_calls(rig):
    """Return the scripts that FreePBX's dialplan has asked for at Asterisk's default port."""
    calls = rig.driver.events(lambda e: e.name == "Newexten" and e["Application"] == "AGI")
    found = (re.fullmatch(r"agi://127\.0\.0\.1/([\w.]+).*", each["AppData"]) for each in calls)
    return [each[1] for each in found if each]


def is_well_beside_freepbx(daemon):
    """Check what the doctor says of both servers."""
    findings = daemon.doctor()
    # Agents of 602 log in later, only some queues were named, and FreePBX's own secrets are readable.
    assert unwell(findings).keys() == {"queues.members", "queues.interface", "secrets.manager"}, findings
    assert "cc_bridge" not in findings["secrets.manager"]["seen"]
    assert findings["agi.port"]["level"] == "ok"
    assert findings["agi.port"]["seen"].startswith("14573, used by the daemon; 4573 belongs to FreePBX's")
    assert findings["dialplan.CCB_AGI"]["seen"].endswith(
        "(the default, since it is not set): this daemon answers"
    )


def a_call_is_surveyed(rig, daemon):
    """Call a queue whose agent has Follow-Me: FreePBX's server names the phones, ours asks the question."""
    rig.driver.forget()
    caller = rig.call("02191000606")
    talking(rig, "1003")
    rig.driver.wait_for(event("LocalOptimizationEnd"))
    rig.agent_hangs_up("carol")
    answer, attempt = through_the_survey(rig, caller, daemon)
    assert (answer["value"], attempt["queue"], attempt["agent"]) == (4, "606", "Carol Chen")
    assert rig.core_agi.served == agi_calls(rig) == ["dialparties.agi"]
    assert rig.core_agi.complaints == []
    assert daemon.metric("cc_bridge_agi_foreign_requests_total") == 0


def choose_destinations(rig):
    rig.choose_destinations()
    rig.driver.until(lambda: "dest-1" in rig.console("dialplan show customdests"))


def choose_queues_again(rig):
    """Do the first two steps of the page's Undo in the web interface."""
    rig.gui.custom_destinations.clear()
    rig.gui.inbound_routes = {f"02191000{each}": f"ext-queues,{each},1" for each in rig.gui.queues}
    rig.gui.ivr_entries.clear()
    rig.gui.time_conditions.clear()
    rig.gui.fail_over.clear()
    rig.gui.apply_config()


@pytest.fixture
def before_the_installation(rig):
    """Give a PBX without cc_bridge, before and after."""
    choose_queues_again(rig)
    yield
    rig.reset()
    choose_queues_again(rig)


@pytest.mark.usefixtures("before_the_installation")
def test_setup_and_its_undo(rig, machine, daemon):
    before = tree(rig, machine)
    done = machine.run(SETUP)
    assert done.returncode == 1, done.stdout + done.stderr  # the doctor's warnings
    assert not [each for each in done.stdout.splitlines() if " failed" in each or each.startswith("FAIL")]
    assert "run        asterisk -rx 'queue reload all'" in done.stdout
    daemon.start()
    choose_destinations(rig)
    is_well_beside_freepbx(daemon)
    a_call_is_surveyed(rig, daemon)
    assert "nothing to change" in machine.paste(f"{SETUP} || true")
    daemon.stop()
    choose_queues_again(rig)
    undone = machine.paste(f"{PROGRAM} setup --undo --yes")
    assert "keep" not in undone.split()
    after = tree(rig, machine)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == set()
    assert "username: cc_bridge" not in rig.console("manager show user cc_bridge")
    rig.driver.forget()
    rig.core_agi.forget()
    caller = rig.call("02191000606")
    talking(rig, "1003")
    rig.agent_hangs_up("carol")
    ended(rig, caller)
    assert rig.core_agi.served == agi_calls(rig) == ["dialparties.agi"]


@pytest.mark.usefixtures("before_the_installation")
def test_the_steps_of_the_page(rig, machine, daemon):
    before = tree(rig, machine)
    printed = by_the_page(machine)
    assert "username: cc_bridge" in printed
    daemon.start()
    choose_destinations(rig)
    is_well_beside_freepbx(daemon)
    a_call_is_surveyed(rig, daemon)
    daemon.stop()
    choose_queues_again(rig)
    undone_by_the_page(machine)
    after = tree(rig, machine)
    left = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    custom = ("extensions_custom.conf", "manager_custom.conf", "queues_post_custom.conf")  # have empty lines
    settings = {"/etc/cc-bridge/ami-secret", "/etc/cc-bridge/cc-bridge.toml"}
    assert left == {f"{rig.etc}/{name}" for name in custom} | {f"{rig.pbx.sounds}/fa"} | settings


SETTINGS = "/etc/cc-bridge/cc-bridge.toml"
SECRET = "/etc/cc-bridge/ami-secret"
PROMPT = "$SOUNDS/en/cc_bridge/csat_ask.wav"
# A reload alone keeps a global variable whose line was removed.
RELOAD = """asterisk -rx 'dialplan set global CCB_AGI ""'
for what in 'dialplan reload' 'manager reload' 'queue reload all'; do asterisk -rx "$what"; done"""
USER = "/etc/asterisk/manager_cc_bridge.conf"
QUEUES = "/etc/asterisk/queues_cc_bridge.conf"
MANAGER = "/etc/asterisk/manager_custom.conf"
DIALPLAN = "/etc/asterisk/extensions_custom.conf"
GLOBALS = "/etc/asterisk/globals_custom.conf"
# For each fault: the file that it is in, the command that plants it, the doctor's finding, its words.
FAULTS = [
    (PROMPT, "truncate -s 0 {}", "prompts.csat.en", "empty: cc_bridge/csat_ask"),
    (PROMPT, "truncate -s 3000 {}", "prompts.csat.en", "truncated: cc_bridge/csat_ask"),
    (PROMPT, "rm {}", "prompts.csat.en", "missing in "),
    (SETTINGS, "sed -i 's/^survey = .*/survey = \"full\"/' {}", "recordings", "does not exist"),
    (USER, "chmod 644 {}", "secrets.manager", "manager_cc_bridge.conf: every user"),
    (SECRET, "chmod 644 {}", "secrets.permissions", "every user of this machine can read it"),
    (QUEUES, "sed -i 's/=yes/=no/' {}", "queues.interface", "600, "),
    (DIALPLAN, "sed -i /cc_bridge/d {}", "dialplan.contexts", "missing: cc-bridge"),
    (MANAGER, "sed -i s/events.=.yes/events=no/ {}", "ami.timestamps", "no timestamp;"),
    (MANAGER, "sed -i /manager_cc/d {}", "ami.login", "Authentication failed"),
    (USER, "sed -i /^eventfilter/d {}", "ami.filter", "not needed"),
    (GLOBALS, "echo CCB_AGI=127.0.0.1:4573 >> {}", "dialplan.CCB_AGI", "core-fastagi"),
    (SECRET, "truncate -s 0 {}", "secrets", "the file is empty"),
    (SECRET, "sed -i '1s/^/\\xef\\xbb\\xbf/' {}", "secrets", "byte-order mark"),
    (SETTINGS, "sed -i 's/^survey = .*/survey = \"nps\"/' {}", "surveys", "known are"),
    (SETTINGS, "sed -i 's/^url = .*/url = \"postgres:u@h\"/' {}", "config", "must "),
    (SETTINGS, "sed -i 's/^url = .*/url = \"sqlite:c\"/' {}", "config", "must "),
    (SETTINGS, "sed -i 's/^name = .*/name = \"a b\"/' {}", "config", "1 to 40 of the characters"),
    (SETTINGS, "sed -i 's/^name = .*/name = tehran/' {}", "config", "name = tehran"),
]


# One version is enough, since the doctor asks both the same: test_doctor.py.
@pytest.mark.parametrize("running", [pytest.param("22", marks=pytest.mark.asterisk)], indirect=True)
@pytest.mark.usefixtures("before_the_installation")
def test_each_planted_fault_has_its_line_of_the_doctor_and_no_other(rig, machine, daemon):
    """A fault that remained after its repair would show among the findings of the next one."""
    machine.run(SETUP)
    daemon.start()
    before = daemon.doctor()
    sounds = str(rig.pbx.sounds).removeprefix(str(rig.pbx.root))
    try:
        for file, command, name, says in FAULTS:
            assert name not in before or says not in before[name]["seen"]
            place = file.replace("$SOUNDS", sounds)
            machine.paste(f"cp -a {place} /opt/kept; {command.format(place)}\n{RELOAD}")
            found = daemon.doctor()
            machine.paste(f"cp -a /opt/kept {place}\n{RELOAD}")
            assert found[name]["level"] in {"warn", "FAIL"}, command
            assert says in found[name]["seen"], command
            others = unwell(found).keys() - unwell(before).keys() - {name}
            assert others <= {"ami.login"}, command  # without a secret there is no login
        after = daemon.doctor()
    finally:
        daemon.close()
        machine.run(f"{PROGRAM} setup --undo --yes")
    assert {name: each["level"] for name, each in after.items()} == {
        name: each["level"] for name, each in before.items()
    }


@pytest.mark.usefixtures("before_the_installation")
def test_at_freepbxs_port_and_first_ours_is_not_ready_and_the_doctor_names_freepbx(rig, machine, daemon):
    """FreePBX's server finds the port taken, and its calls reach ours."""
    machine.run(SETUP)
    machine.paste("sed -i 's/^port = 14573/port = 4573/' /etc/cc-bridge/cc-bridge.toml")
    rig.core_agi.stop()
    try:
        daemon.start()
        assert "agi" in json.loads(daemon.get("/readyz")[1])["checks"]
        caller = rig.call("02191000606")
        daemon.until(lambda: daemon.get("/readyz")[0] == 503)
        assert "dialparties.agi" in daemon.readiness()["checks"]["agi"]
        findings = daemon.doctor()
        assert "these are calls for FreePBX's own FastAGI server core-fastagi" in findings["daemon"]["seen"]
        assert findings["agi.port"]["level"] == findings["daemon"]["level"] == "FAIL"
        assert "4573 is the port of FreePBX's FastAGI server" in findings["agi.port"]["seen"]
        caller.hang_up()
        ended(rig, caller)
    finally:
        daemon.close()
        rig.core_agi.start()
        machine.run(f"{PROGRAM} setup --undo --yes")
