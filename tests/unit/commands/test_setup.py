"""`cc-bridge setup` as an administrator sees it, below a private root."""

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main


@pytest.fixture
def cc_bridge(tmp_path):
    etc = tmp_path / "etc/asterisk"
    etc.mkdir(parents=True)
    (etc / "queues.conf").write_text("[general]\n[t](!)\n[sales](t)\n[after sales]\n")
    (etc / "manager.conf").write_text("[general]\nenabled = yes\nsecret = hidden\n")

    def run(*words, **given):
        return CliRunner().invoke(main, ["setup", "--root", str(tmp_path), *words], **given)

    return run


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_dry_run_shows_everything_but_secrets_and_writes_nothing(cc_bridge, tmp_path):
    before = files(tmp_path)
    told = cc_bridge("--dry-run", "--systemd")
    assert told.exit_code == 0, told.output
    assert "create     /etc/cc-bridge/ami-secret  (root:root, mode 0600)" in told.output
    assert "           +timestampevents = yes" in told.output
    assert "run        asterisk -rx 'manager reload'\n" in told.output
    assert "hidden" not in told.output
    assert "secret = " not in told.output
    assert files(tmp_path) == before


def test_it_asks_first(cc_bridge, tmp_path):
    before = files(tmp_path)
    told = cc_bridge(input="a b\nnorth\n\nn\n")
    assert "Name of this PBX [pbx]: " in told.output
    assert "must be 1 to 40 of the characters" in told.output
    assert "Queues, separated by commas [sales,after sales]: " in told.output
    assert "Make these changes? [y/N]: " in told.output
    assert told.exit_code == 1
    assert files(tmp_path) == before
    told = cc_bridge(input="north\nsales, other\ny\n")
    assert told.exit_code == 0, told.output
    settings = (tmp_path / "etc/cc-bridge/cc-bridge.toml").read_text()
    assert 'name = "north"' in settings
    assert settings.endswith('\n[queues."sales"]\n\n[queues."other"]\n')
    assert "left       send the queue's callers through the dialplan" in told.output
    told = cc_bridge("--undo", input="n\n")
    assert told.exit_code == 1
    told = cc_bridge("--undo", input="y\n")
    assert told.exit_code == 0, told.output
    assert "its data in /var/lib/cc-bridge" in told.output
    assert files(tmp_path) == before


def test_an_undo_that_would_hang_callers_up_changes_nothing(cc_bridge, tmp_path):
    dialplan = tmp_path / "etc/asterisk/extensions.conf"
    dialplan.write_text("[incoming]\nexten => 8001,1,Queue(sales,t,,,300)\n")
    before = files(tmp_path)
    assert cc_bridge("-y").exit_code == 0
    dialplan.write_text(
        dialplan.read_text().replace("Queue(sales,t,,,300)", "Gosub(cc-bridge-queue,s,1(sales,t,300))")
    )
    during = files(tmp_path)
    told = cc_bridge("--undo", "-y")
    assert told.exit_code == 1
    assert told.stderr.startswith("Error: these lines send calls to cc_bridge's dialplan")
    assert told.stderr.endswith(
        ":\n/etc/asterisk/extensions.conf: exten => 8001,1,Gosub(cc-bridge-queue,s,1(sales,t,300))\n"
    )
    assert files(tmp_path) == during
    dialplan.write_text(
        dialplan.read_text().replace("Gosub(cc-bridge-queue,s,1(sales,t,300))", "Queue(sales,t,,,300)")
    )
    assert cc_bridge("--undo", "-y").exit_code == 0
    assert files(tmp_path) == before


def test_without_questions_it_takes_all_queues(cc_bridge, tmp_path):
    assert cc_bridge("-y").exit_code == 0
    settings = (tmp_path / "etc/cc-bridge/cc-bridge.toml").read_text()
    assert settings.endswith('\n[queues."sales"]\n\n[queues."after sales"]\n')


def test_a_machine_without_asterisk(tmp_path):
    told = CliRunner().invoke(main, ["setup", "--root", str(tmp_path), "-y"])
    assert told.exit_code == 1
    assert told.stderr == "Error: there is no /etc/asterisk: run this command on the machine of the PBX\n"


def test_a_name_that_no_pbx_can_have(cc_bridge):
    told = cc_bridge("--name", "a b", "-y")
    assert told.exit_code == 2
    assert "1 to 40 of the characters" in told.stderr
