"""One command writes all generated files, and the committed files equal its output."""

import subprocess
import sys

import pytest

from support.generate import COMMAND, generated_files, main
from support.paths import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Prefer using:DeprecationWarning")  # of Grafana's SDK


def test_no_dashboard_is_left_of_one_that_is_gone():
    names = {name for name, _ in generated_files()}
    folder = "config/grafana/dashboards"
    assert {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()} <= names


def test_the_command_checks_and_writes(tmp_path, capsys):
    names = [name for name, _ in generated_files()]
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out.splitlines() == [f"{name} is out of date" for name in names]
    assert list(tmp_path.iterdir()) == []
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [f"{name} is written" for name in names]
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "config" / "docs" / "metrics.md").write_text("old")
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    told = ["config/docs/metrics.md is out of date", "config/docs/metrics.md is written"]
    assert capsys.readouterr().out.splitlines() == told
    for name in names:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()


def test_what_is_committed_is_up_to_date():
    command = [sys.executable, *COMMAND.split()[1:], "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), f"run: {COMMAND}"
