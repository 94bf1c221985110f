"""`support/forks.py`: a fork is the command with its words, variables and output, and ends as it does."""

import signal

import pytest

from support.forks import Fork

SECONDS = 60.0


def test_a_command_that_fails_has_its_exit_code_and_its_words_in_the_log(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    assert Fork(["run", "--config", "/nowhere/cc-bridge.toml"], log).wait(SECONDS) == 1
    assert log.read_text() == "before\nError: /nowhere/cc-bridge.toml: cannot be read: no such file\n"


def test_the_variables_are_those_that_are_given(tmp_path, monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_AGI__PORT", "here")
    config = tmp_path / "cc-bridge.toml"
    config.write_text('[pbx]\nname = "main"\n')
    words = ["check", "--config", str(config)]
    assert Fork(words, tmp_path / "log", {"CC_BRIDGE_AMI__PORT": "given"}).wait(SECONDS) == 1
    told = (tmp_path / "log").read_text()
    assert "ami.port = 'given'" in told
    assert "agi.port" not in told


def test_a_command_runs_until_a_signal(tmp_path):
    running = Fork(["demo", "--days", "0"], tmp_path / "log", {"TMPDIR": str(tmp_path)})
    with pytest.raises(TimeoutError, match="it still runs after 0 s"):
        running.wait(0)
    assert running.poll() is None
    running.send_signal(signal.SIGKILL)
    assert running.wait(SECONDS) == -signal.SIGKILL
    running.send_signal(signal.SIGTERM)  # it has ended: nothing happens


def prepared():
    raise SystemExit(7)


def test_a_function_can_be_called_before_the_command(tmp_path):
    assert Fork(["demo"], tmp_path / "log", prepare=prepared).wait(SECONDS) == 7
