"""A setup below a private root: it writes once, keeps what is not its own, and is undone without a trace."""

import os
import stat
from pathlib import PurePosixPath

import pytest

from cc_bridge.errors import SetupError
from cc_bridge.setup import changes
from cc_bridge.setup.machine import Machine
from cc_bridge.setup.pbx_kind import PbxKind, pbx_kind
from cc_bridge.setup.plan import SETTINGS, SetupOptions
from cc_bridge.setup.planner import SHIPPED_PROGRAM, make_plan
from cc_bridge.setup.record import FOLDER
from cc_bridge.setup.shipped import shipped_files

SHIPPED = list(shipped_files())
MANAGER = b'[general]\nenabled = yes\n#include "manager.d/*.conf"\n; \xff\n'


@pytest.fixture(params=PbxKind)
def machine(request, tmp_path):
    """Lay out a machine of each kind, with Debian's link of the English sounds."""
    for folder in (
        "etc/asterisk/manager.d",
        "usr/share/asterisk/sounds/en_US",
        "etc/alternatives",
        "var/lib",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "var/lib/asterisk/sounds").mkdir(parents=True)
    (tmp_path / "usr/share/asterisk/sounds/en").symlink_to("/etc/alternatives/prompt-en")
    (tmp_path / "etc/alternatives/prompt-en").symlink_to("/usr/share/asterisk/sounds/en_US")
    etc = tmp_path / "etc/asterisk"
    (tmp_path / "etc/debian_version").write_text("12\n")
    (etc / "manager.conf").write_bytes(MANAGER)
    (etc / "extensions.conf").write_text("[default]\n")
    (etc / "extensions.conf").chmod(0o660)
    if request.param is PbxKind.FREEPBX:
        (tmp_path / "etc/freepbx.conf").touch()
        (etc / "queues_additional.conf").write_text("[600]\n")
        (etc / "extensions_custom.conf").write_text("[from-internal-custom]")
    return Machine(tmp_path)


def plan(machine, secret="n3w"):
    options = SetupOptions(pbx_kind(machine.root), "pbx", ("600",), secret, SHIPPED_PROGRAM, systemd=True)
    return make_plan(options, SHIPPED, machine.read)


def setup(machine, secret="n3w"):
    lines = []
    assert changes.apply(plan(machine, secret), machine, lines.append)
    return lines


def undo(machine):
    lines = []
    return changes.undo(machine, lines.append), lines


def everything(machine):
    """Return content and permissions of all files and directories."""
    found = {}
    for folder, folders, files in os.walk(machine.root):
        for name in (*folders, *files):
            path = PurePosixPath(folder, name)
            status = os.lstat(path)
            content = machine.root.joinpath(path).read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[str(path)] = (content, status.st_mode, status.st_mtime_ns if content else 0)
    return found


def without_times(found):
    return {path: each[:2] for path, each in found.items()}


def test_a_second_setup_changes_nothing_and_an_undo_everything(machine):
    before = everything(machine)
    first = setup(machine)
    assert any(line.startswith("create ") for line in first)
    after = everything(machine)
    second = setup(machine, "another secret")
    assert "nothing to change" in second
    assert not any(line.startswith(("create", "change")) for line in second)
    assert {path: each for path, each in everything(machine).items() if FOLDER not in path} == {
        path: each for path, each in after.items() if FOLDER not in path
    }
    complete, _ = undo(machine)
    assert complete
    assert without_times(everything(machine)) == without_times(before)
    assert undo(machine) == (True, ["nothing to undo"])


def test_the_commands_are_those_of_another_machine_and_do_not_run(machine):
    lines = setup(machine)
    assert "not run    asterisk -rx 'dialplan reload'" in lines
    assert "not run    systemctl restart cc-bridge" in lines
    assert "not run    systemctl disable --now cc-bridge" in undo(machine)[1]


def test_what_the_administrator_changes_later_survives_the_undo(machine):
    setup(machine)
    extended = "extensions_custom.conf" if pbx_kind(machine.root) is PbxKind.FREEPBX else "extensions.conf"
    file = machine.root / "etc/asterisk" / extended
    file.write_text(file.read_text() + "[mine]\n")
    settings = machine.root / SETTINGS.strip("/")
    settings.write_text(settings.read_text() + "[queues.mine]\n")
    complete, lines = undo(machine)
    assert not complete
    assert f"keep       {SETTINGS}: changed after the setup, so it stays" in lines
    assert file.read_text().endswith("[mine]\n")
    assert "cc_bridge" not in file.read_text()
    assert settings.exists()
    settings.unlink()
    assert undo(machine)[0]
    assert not (machine.root / FOLDER.strip("/")).exists()


def test_an_undo_waits_until_no_file_sends_calls_to_the_dialplan(machine):
    setup(machine)
    generated = machine.root / "etc/asterisk/extensions_additional.conf"
    generated.write_text("[customdests]\nexten => dest-1,1,Goto(cc-bridge-freepbx-queue,600,1)\n")
    during = everything(machine)
    with pytest.raises(
        SetupError, match=r"extensions_additional.conf: exten => dest-1,1,Goto\(cc-bridge-freepbx"
    ):
        undo(machine)
    assert everything(machine) == during
    generated.write_text("[customdests]\n; as before: cc-bridge-freepbx-queue\n")
    assert undo(machine)[0]


def test_a_dialplan_that_was_installed_by_hand_stays_so_the_undo_does_not_wait(machine):
    options = plan(machine)
    file = machine.root / "etc/asterisk/extensions_cc_bridge.conf"
    (content,) = [each.content for each in options.files if each.path.endswith(f"/{file.name}")]
    file.write_bytes(content)
    file.chmod(0o640)
    own = machine.root / "etc/asterisk/extensions_own.conf"
    own.write_text("[own]\nexten => 1,1,Gosub(cc-bridge-queue,s,1(600,t,300))\n")
    setup(machine)
    assert undo(machine)[0]
    assert file.read_bytes() == content


def test_a_recording_of_the_administrator_is_never_replaced(machine):
    sounds = "var/lib/asterisk" if pbx_kind(machine.root) is PbxKind.FREEPBX else "usr/share/asterisk"
    voice = machine.root / sounds / "sounds/fa/cc_bridge/csat_ask.wav"
    voice.parent.mkdir(parents=True)
    voice.write_bytes(b"a human voice")
    lines = setup(machine)
    assert any(line.startswith("keep ") and line.endswith("fa/cc_bridge/csat_ask.wav") for line in lines)
    assert voice.read_bytes() == b"a human voice"
    undo(machine)
    assert voice.read_bytes() == b"a human voice"


def test_a_manager_user_that_the_administrator_has_edited_stays(machine):
    setup(machine)
    name = (
        "manager_cc_bridge.conf" if pbx_kind(machine.root) is PbxKind.FREEPBX else "manager.d/cc_bridge.conf"
    )
    file = machine.root / "etc/asterisk" / name
    edited = file.read_text() + "permit = 192.0.2.10/255.255.255.255\n"
    file.write_text(edited)
    assert f"keep       /etc/asterisk/{name}" in setup(machine)
    assert file.read_text() == edited


def test_an_older_file_of_ours_is_brought_up_to_date_and_comes_back(machine):
    dialplan = machine.root / "etc/asterisk/extensions_cc_bridge.conf"
    dialplan.write_text("; older\n")
    assert "change     /etc/asterisk/extensions_cc_bridge.conf" in setup(machine)
    assert dialplan.read_text() != "; older\n"
    undo(machine)
    assert dialplan.read_text() == "; older\n"


def test_extended_files_keep_their_permissions_and_bytes(machine):
    setup(machine)
    etc = machine.root / "etc/asterisk"
    if pbx_kind(machine.root) is PbxKind.ASTERISK:
        assert stat.S_IMODE((etc / "extensions.conf").stat().st_mode) == 0o660
        assert (etc / "manager.conf").read_bytes().startswith(MANAGER)
        assert (machine.root / "usr/share/asterisk/sounds/en_US/cc_bridge/ces_ask.wav").is_file()
        assert (machine.root / "usr/share/asterisk/sounds/en").is_symlink()
    else:
        assert (etc / "manager.conf").read_bytes() == MANAGER
        assert (
            (etc / "extensions_custom.conf").read_text().startswith("[from-internal-custom]\n\n; cc-bridge")
        )


def test_secrets_and_copies_are_closed_to_others(machine):
    setup(machine)
    for path in ("etc/cc-bridge/ami-secret", f"{FOLDER[1:]}/record.json"):
        assert stat.S_IMODE((machine.root / path).stat().st_mode) == 0o600
    assert stat.S_IMODE((machine.root / FOLDER.strip("/")).stat().st_mode) == 0o700
    assert "n3w" not in (machine.root / f"{FOLDER[1:]}/record.json").read_text()


def test_an_interrupted_setup_can_be_undone(machine, monkeypatch):
    before = without_times(everything(machine))
    write, count = Machine.write, 0

    def fails(self, path, state):
        nonlocal count
        count += not path.startswith(FOLDER)
        if count > 4:
            raise OSError("disk full")
        write(self, path, state)

    monkeypatch.setattr(Machine, "write", fails)
    with pytest.raises(OSError, match="disk full"):
        setup(machine)
    monkeypatch.undo()
    assert undo(machine)[0]
    assert without_times(everything(machine)) == before


def test_a_damaged_record_is_told(machine):
    setup(machine)
    (machine.root / FOLDER[1:] / "record.json").write_text("{}")
    with pytest.raises(SetupError, match="is damaged"):
        undo(machine)


def test_links_are_followed_inside_of_the_root(tmp_path):
    (tmp_path / "a").symlink_to("/b/../c")
    (tmp_path / "circle").symlink_to("circle")
    machine = Machine(tmp_path)
    assert machine.place("/a/x") == tmp_path / "c" / "x"
    assert machine.place("/../../etc") == tmp_path / "etc"
    with pytest.raises(SetupError, match="too many levels of links"):
        machine.place("/circle/x")
