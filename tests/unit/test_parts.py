"""Tests that need missing software are skipped with the reason, or fail if it is required."""

import os
import re
import subprocess
import sys
import tomllib

import pytest

from support import databases
from support.parts import PARTS, missing, required
from support.paths import ROOT, TESTS

BY_PROGRAM = {  # part -> a module with its tests, which must skip them with an empty PATH
    "asterisk": "tests/pbx/test_rig.py",
    "chromium": "tests/integration/reports/test_reports_chromium.py",
    "containers": "tests/containers/test_image.py",
    "curl": "tests/integration/web/test_openapi.py",
    "mounts": "tests/integration/storage/pipeline/test_faults.py",
    "prometheus": "tests/integration/prometheus/test_rules.py",
    "systemd": "tests/integration/test_systemd.py",
    "voices": "tests/unit/prompts/test_synthesis.py",
}
SERVERS = {"mariadb": databases.MariaDb, "postgres": databases.PostgreSql}


@pytest.mark.parametrize("part", PARTS)
def test_a_missing_part_skips_a_test_and_says_why(monkeypatch, part):
    others = ",".join(PARTS.keys() - {part})
    for required_parts in ("", others):
        monkeypatch.setenv("CC_BRIDGE_REQUIRE", required_parts)
        with pytest.raises(pytest.skip.Exception, match=f"no {part}: it is not installed"):
            missing(part, "it is not installed")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("names", ["{}", "chromium, {} ,", "all"])
def test_a_missing_part_that_is_required_fails_it(monkeypatch, part, names):
    monkeypatch.setenv("CC_BRIDGE_REQUIRE", names.format(part))
    with pytest.raises(pytest.fail.Exception, match=f"{part} is required: it is not installed"):
        missing(part, "it is not installed")


def test_a_name_that_no_part_has_is_an_error(monkeypatch):
    monkeypatch.setenv("CC_BRIDGE_REQUIRE", "postgres,postgresql")
    with pytest.raises(ValueError, match="no part is called postgresql"):
        required()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_not_installed_is_a_missing_part(monkeypatch, name):
    def nowhere(program):
        raise databases.Unavailable(f"{program} is not installed")

    monkeypatch.setattr(databases, "_program", nowhere)
    for required_parts, outcome in (("", pytest.skip.Exception), (name, pytest.fail.Exception)):
        monkeypatch.setenv("CC_BRIDGE_REQUIRE", required_parts)
        with pytest.raises(outcome, match=f"{name}.* is not installed"):
            next(databases._running(SERVERS[name], name))


def run(tmp_path, required_parts):
    """Run the tests that need external software, with none of it in PATH."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--basetemp={tmp_path / 'run'}",
    ]
    environment = os.environ | {
        "PATH": str(tmp_path),
        "CC_BRIDGE_REQUIRE": required_parts,
        "CC_BRIDGE_TEST_CACHE": str(tmp_path),
    }
    return subprocess.run(
        [*command, f"--basetemp={tmp_path / 'run'}", "-m", " or ".join(BY_PROGRAM), *BY_PROGRAM.values()],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_without_any_program_every_test_of_a_part_is_skipped(tmp_path):
    done = run(tmp_path, "")
    assert re.search(r"^\d+ skipped, \d+ deselected", done.stdout.splitlines()[-1]), done.stdout
    assert done.returncode == 0
    for part in BY_PROGRAM:
        assert re.search(rf"^SKIPPED .* no {part}: ", done.stdout, re.MULTILINE), part


def test_without_any_program_every_test_of_a_required_part_fails(tmp_path):
    done = run(tmp_path, "all")
    assert re.search(r"^\d+ deselected, \d+ errors", done.stdout.splitlines()[-1]), done.stdout
    assert done.returncode == 1
    for part in BY_PROGRAM:
        assert f"{part} is required: " in done.stdout


def test_a_required_part_that_does_not_exist_ends_pytest(tmp_path):
    done = run(tmp_path, "postgresql")
    assert (done.returncode, "no part is called postgresql" in done.stderr) == (4, True)


def test_each_part_has_a_marker_and_ci_requires_them_all():
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    assert [marker.partition(":")[0] for marker in markers] == list(PARTS)
    assert BY_PROGRAM.keys() | SERVERS.keys() == PARTS.keys()
    assert "export CC_BRIDGE_REQUIRE=all\n" in (ROOT / ".ci/run").read_text()


def test_no_module_skips_in_a_way_of_its_own_for_what_is_missing():
    never = re.compile(r"importorskip|skipif\((?!platform\.)|mark\.skip\b|CC_BRIDGE_REQUIRE")
    looks = re.compile(r"shutil\.which|geteuid|returncode")
    for path in set(TESTS.rglob("*.py")) - {TESTS / "support/parts.py", TESTS / "unit/test_parts.py"}:
        text = path.read_text()
        assert not never.search(text), path
        assert not (looks.search(text) and "pytest.skip(" in text), path
