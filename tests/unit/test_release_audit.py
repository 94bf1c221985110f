"""The audit of a release: licences of the pinned packages, and advisories in the format of OSV."""

import json
import subprocess
import sys
from email.message import Message
from zipfile import ZipFile

import pytest

from support.paths import SUPPORT
from support.release_audit import concerns, licence_faults, licence_of, pinned


def about(**fields):
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


def advisory(name, *events, versions=()):
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}, {"type": "GIT", "events": [{"introduced": "0"}]}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges, "versions": list(versions)}
    return {"id": "PYSEC-1", "summary": "It is bad", "affected": [affected]}


def test_every_pinned_package_has_a_known_licence():
    assert len(pinned()) > 20
    assert [fault for fault in licence_faults(pinned()) if not fault.endswith("not installed")] == []


def test_the_licence_is_the_expression_or_the_classifier_or_the_text():
    classifier = "License :: OSI Approved :: MIT License"
    assert licence_of(about(License_Expression="MIT", Classifier=classifier)) == "MIT"
    assert licence_of(about(License="A long text", Classifier=classifier)) == "MIT License"
    assert licence_of(about(License="ISC")) == "ISC"
    assert licence_of(about()) == "no licence"


@pytest.mark.parametrize(
    ("licence", "known"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-2-Clause", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only", False),
    ],
)
def test_an_unknown_licence_is_a_fault(monkeypatch, licence, known):
    monkeypatch.setattr("support.release_audit.metadata", lambda _name: about(License_Expression=licence))
    assert (list(licence_faults(["x"])) == []) is known


def test_a_package_that_is_not_installed_is_a_fault():
    assert list(licence_faults(["no-such-package"])) == ["no-such-package: not installed"]


@pytest.mark.parametrize(
    ("version", "concerned"),
    [("0.9", False), ("1.0", True), ("1.4.1", True), ("1.5", False), ("2.0rc1", False), ("2.0", True),
     ("2.2", True), ("2.2.1", False), ("3.0.post1", True)],
)  # fmt: skip
def test_an_advisory_concerns_the_versions_in_its_ranges(version, concerned):
    bounds = [{"introduced": "2.0"}, {"last_affected": "2.2"}, {"introduced": "1.0"}, {"fixed": "1.5"}]
    assert (
        concerns(advisory("Zope.Interface", *bounds, versions=["3.0.post1"]), "zope-interface", version)
        is concerned
    )
    assert not concerns(advisory("another", *bounds), "zope-interface", version)


def run(*words):
    command = [sys.executable, SUPPORT / "release_audit.py", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_archive_of_advisories_is_searched(tmp_path):
    with ZipFile(tmp_path / "all.zip", "w") as archive:
        known = advisory("click", {"introduced": "0"})
        archive.writestr("1.json", json.dumps(known))
        archive.writestr("2.json", json.dumps(known | {"id": "PYSEC-2", "withdrawn": "2026-01-01T00:00:00Z"}))
    done = run(tmp_path / "all.zip")
    assert done.returncode == 1
    assert f"click {pinned()['click']}: PYSEC-1: It is bad\n" in done.stderr
    assert "PYSEC-2" not in done.stderr
    assert f"click {pinned()['click']}: BSD-3-Clause\n" in done.stdout
