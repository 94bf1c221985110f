"""`cc-bridge setup` beside a real Asterisk that has never heard of cc_bridge, and its undo."""

import json
import os
import secrets
import socket
import subprocess
import sys

import pytest
from asterisk.manager import ManagerException

from pbx.asterisk import Asterisk, free_port
from pbx.driver import Driver
from pbx.rig import texts_of
from pbx.rootfs import VERSIONS, Unavailable, root_of
from support.parts import missing

# A FreePBX as its own files include those of the administrator; the context is one that it always writes.
FREEPBX = {
    "manager_custom.conf": "",
    "extensions.conf": '#include "extensions_custom.conf"\n[app-blackhole]\nexten => hangup,1,Hangup()\n',
    "extensions_custom.conf": "[from-internal-custom]\nexten => 8,1,Answer()\n",
    "queues.conf": '[general]\n#include "queues_additional.conf"\n#include "queues_post_custom.conf"\n',
    "queues_additional.conf": "[default]\n[600]\nstrategy = ringall\nmember => Local/1@default/n\n",
    "queues_post_custom.conf": "",
    "freepbx.conf": "",
}
QUEUES = "[general]\n[sales]\nstrategy = ringall\nsetinterfacevar = yes\nmember => Local/1@default/n\n"


class Plain:
    """An Asterisk whose folder is laid out as the root of a machine, for `setup --root`."""

    def __init__(self, version, folder, files=None):
        self.secret, self.folder = secrets.token_hex(16), folder
        texts = texts_of("phones") | {
            "queues.conf": QUEUES,
            "extensions.conf": "[default]\nexten => 1,1,Answer()\n",
            "pjsip.conf": "",
        }
        texts["manager.conf"] = texts["manager.conf"].replace("timestampevents = yes\n", "")
        if files is not None:
            texts |= files
            texts["manager.conf"] += '#include "manager_custom.conf"\n'
        values = {"SECRET": self.secret, "SIP_PORT": free_port(socket.SOCK_DGRAM)}
        self.asterisk = Asterisk(root_of(version), "plain", texts, values)
        self.root = self.asterisk.sounds.parents[1]
        (self.root / "etc/asterisk").symlink_to(".")
        # The paths in asterisk.conf are those of the chroot: seen from it, /tmp/NAME is this root.
        (self.root / "tmp").mkdir()
        (self.root / "tmp" / self.root.name).symlink_to("..")

    def files(self):
        """Return the content of each file that Asterisk and cc_bridge have from an administrator."""
        folders = [self.root / name for name in ("etc", "share", "tmp", "var", "usr")]
        found = (file for folder in folders for file in folder.rglob("*") if not file.is_symlink())
        return {str(file): file.read_bytes() for file in found if file.is_file()}

    def setup(self, *words):
        command = [sys.executable, "-m", "cc_bridge", "setup", "--root", str(self.root), "-y", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def run(self, driver, lines, *, with_queues=False):
        """Run the commands for Asterisk's console that a setup has printed."""
        commands = [
            line.partition(" -rx ")[2].strip("'") for line in lines if line.startswith("not run    asterisk")
        ]
        assert commands == ["manager reload", "dialplan reload", *["queue reload all"] * with_queues]
        for command in commands:
            driver.command(command)

    def doctor(self):
        """Return the findings of a doctor with the settings that the setup wrote."""
        environment = os.environ | {
            "CC_BRIDGE_AMI__PORT": str(self.asterisk.ami_port),
            "CC_BRIDGE_AMI__SECRET_FILE": str(self.root / "etc/cc-bridge/ami-secret"),
            "CC_BRIDGE_HTTP__PORT": str(free_port(socket.SOCK_STREAM)),
            "CC_BRIDGE_STORAGE__URL": f"sqlite:///{self.folder}/calls.sqlite",
        }
        settings = str(self.root / "etc/cc-bridge/cc-bridge.toml")
        words = ["doctor", "--json", "--config", settings, "--sounds", str(self.asterisk.sounds)]
        done = subprocess.run(
            [sys.executable, "-m", "cc_bridge", *words],
            capture_output=True, text=True, timeout=60, env=environment, check=False,
        )  # fmt: skip
        return {each["name"]: each for each in json.loads(done.stdout)["findings"]}


@pytest.fixture(params=[pytest.param(each, marks=pytest.mark.asterisk) for each in VERSIONS])
def machine(request, tmp_path):
    """Return a function that lays out an Asterisk; it is stopped afterwards."""
    laid_out = []

    def lay_out(files=None):
        try:
            laid_out.append(Plain(request.param, tmp_path, files))
        except Unavailable as reason:
            missing("asterisk", reason)
        return laid_out[-1]

    yield lay_out
    for each in laid_out:
        each.asterisk.stop()


def unwell(findings):
    """Return the findings that are not well; another test may have the default port."""
    return {
        name: each
        for name, each in findings.items()
        if each["level"] not in {"ok", "skip"} and name != "agi.port"
    }


def test_a_setup_and_its_undo(machine):
    plain = machine()
    before = plain.files()
    driver = plain.asterisk.start(plain.secret)
    lines = plain.setup("--queue", "sales")
    plain.run(driver, lines)
    findings = plain.doctor()
    assert unwell(findings) == {}
    names = {"ami.login", "ami.events", "ami.filter", "ami.timestamps", "ami.least", "dialplan.contexts"}
    assert names <= {name for name, each in findings.items() if each["level"] == "ok"}
    assert findings["prompts.csat.fa"]["level"] == "ok"
    assert "nothing to change" in plain.setup("--queue", "sales")
    assert plain.doctor().keys() == findings.keys()
    secret = (plain.root / "etc/cc-bridge/ami-secret").read_text().strip()
    plain.run(driver, plain.setup("--undo"))
    assert plain.files() == before
    with pytest.raises(ManagerException):
        Driver(plain.asterisk.ami_port, "cc_bridge", secret)


def test_a_setup_beside_files_that_freepbx_writes(machine):
    pbx = machine(FREEPBX)
    before = pbx.files()
    driver = pbx.asterisk.start(pbx.secret)
    lines = pbx.setup("--queue", "600", "--pbx", "freepbx")
    pbx.run(driver, lines, with_queues=True)
    etc = pbx.root / "etc"
    generated = ("manager.conf", "extensions.conf", "queues.conf", "queues_additional.conf")
    assert {name: (etc / name).read_bytes() for name in generated} == {
        name: before[str(etc / name)] for name in generated
    }
    findings = pbx.doctor()
    assert unwell(findings) == {}
    assert "cc-bridge-freepbx-queue" in findings["dialplan.contexts"]["seen"]
    names = {"ami.login", "ami.timestamps", "ami.filter", "queues.interface", "queues.members"}
    assert names <= {name for name, each in findings.items() if each["level"] == "ok"}
    assert driver.ask("QueueStatus", "QueueStatusComplete")  # all queues are still there
    assert "nothing to change" in pbx.setup("--queue", "600", "--pbx", "freepbx")
    pbx.run(driver, pbx.setup("--undo"), with_queues=True)
    assert pbx.files() == before
