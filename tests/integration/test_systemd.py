"""The shipped systemd unit: systemd accepts it, it confines the daemon, and it matches the other files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cc_bridge.config import ENV_PREFIX, Config
from support.paths import ROOT

UNIT = ROOT / "config" / "systemd" / "cc-bridge.service"
PROGRAM = "/opt/cc-bridge/bin/cc-bridge"


def values(name):
    """Return the values of a directive in the unit, including those in comments (`#     X=y`)."""
    return re.findall(rf"^(?:#     )?{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def analyze(*arguments):
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.systemd
def test_systemd_finds_no_fault_in_it(tmp_path):
    # The program's path is replaced by an existing one, since systemd checks it.
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, sys.executable))
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.systemd
def test_the_daemon_is_shut_in():
    done = analyze("security", "--offline=true", "--no-pager", "--threshold=20", str(UNIT))
    (level,) = re.findall(r"Overall exposure level for cc-bridge\.service: ([\d.]+)", done.stdout)
    assert float(level) <= 2.0
    assert done.returncode == 0, done.stderr


def test_what_would_break_it_is_not_set():
    assert values("MemoryDenyWriteExecute") == []
    assert values("ProcSubset") == []


def test_it_stops_later_than_the_daemon_itself():
    (seconds,) = values("TimeoutStopSec")
    assert int(seconds) > Config().run.shutdown_timeout_seconds + 30


def test_credentials_and_keys_of_the_configuration_fit():
    credentials = {value.partition(":")[0] for value in values("LoadCredential")}
    given = dict(value.split("=", 1) for value in values("Environment"))
    assert {value.removeprefix("%d/") for value in given.values()} == credentials
    for variable in given:
        section, key = variable.removeprefix(ENV_PREFIX).lower().split("__")
        assert key in Config().model_dump()[section], variable


def test_the_page_installs_what_the_unit_runs():
    page = (ROOT / "config" / "README.md").read_text()
    assert values("ExecStart") == [f"{PROGRAM} run --config /etc/cc-bridge/cc-bridge.toml"]
    (folder,), (secret, *_) = values("StateDirectory"), values("LoadCredential")
    assert f"useradd --system --home /var/lib/{folder}" in page
    assert f"{Path(PROGRAM).parent}/pip install" in page
    assert f"> {secret.partition(':')[2]}" in page
    assert f"cp {UNIT.relative_to(ROOT)} /etc/systemd/system/" in page
