"""The image as it is run: read-only, as an unprivileged user, with its health check, and stopped."""

import json
import socket
import time
import urllib.request
from types import SimpleNamespace

import pytest

from containers.podman import IMAGE
from pbx.asterisk import free_port

pytestmark = pytest.mark.containers

COMPOSE = ("podman-compose", "-f", "docker/compose.yaml")
DEADLINE = 60.0
STOP_SECONDS = 10.0


def until(condition):
    deadline = time.monotonic() + DEADLINE
    while not (got := condition()):
        assert time.monotonic() < deadline, "not true in time"
        time.sleep(0.1)
    return got


@pytest.fixture
def bridge(podman, tmp_path):
    """Start the compose file's service with its own ports and without a PBX."""
    http_port, ami_port, agi_port = (free_port(socket.SOCK_STREAM) for _ in range(3))
    settings, secret = tmp_path / "cc-bridge.toml", tmp_path / "ami-secret"
    settings.write_text(
        f"[ami]\nport = {ami_port}\n[agi]\nport = {agi_port}\n[http]\nport = {http_port}\n"
        "[queues.sales]\n[retention]\nhour = 3\n"
    )
    secret.write_text("test-secret\n")
    files = {"CC_BRIDGE_TOML": settings, "CC_BRIDGE_AMI_SECRET": secret}
    podman.run(*COMPOSE, "up", "--detach", "--no-build", **files)
    name = "cc-bridge_cc-bridge_1"

    def page(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{http_port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def inside(*command, check=True):
        return podman.run("podman", "exec", name, *command, check=check)

    def inspected(what):
        return json.loads(podman.run("podman", "inspect", "--format", f"{{{{json {what}}}}}", name).stdout)

    try:
        yield SimpleNamespace(
            name=name, page=page, inside=inside, inspected=inspected, files=files, podman=podman
        )
    finally:
        podman.run(*COMPOSE, "down", "--volumes", "--timeout", "0", **files)


def test_it_runs_becomes_healthy_is_scraped_and_stops(bridge):
    def healthy():
        # Without systemd podman does not run the image's health check, so the test runs it.
        bridge.podman.run("podman", "healthcheck", "run", bridge.name, check=False)
        return bridge.inspected(".State.Health.Status") == "healthy"

    until(healthy)
    assert 'cc_bridge_visits_total{pbx="pbx",queue="sales",outcome="answered"}' in bridge.page("/metrics")
    assert "process_resident_memory_bytes" in bridge.page("/metrics")

    assert bridge.inside("id", "-u").stdout.strip() == "10001"
    assert "Read-only file system" in bridge.inside("touch", "/opt/cc-bridge/x", check=False).stderr
    assert bridge.inside("cat", "/proc/1/status").stdout.split("CapBnd:\t")[1].startswith("0" * 16)
    assert bridge.inside("stat", "-c", "%a %u", "/var/lib/cc-bridge").stdout.split() == ["750", "10001"]
    assert bridge.inside("ls", "/var/lib/cc-bridge").stdout.startswith("cc-bridge.sqlite")

    began = time.monotonic()
    bridge.podman.run("podman", "stop", "--time", round(3 * STOP_SECONDS), bridge.name)
    assert time.monotonic() - began < STOP_SECONDS
    assert bridge.inspected(".State.ExitCode") == 0
    log = bridge.podman.run("podman", "logs", bridge.name).stderr
    said = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert "pages on 127.0.0.1" in said[0]["message"]
    assert "test-secret" not in log


def test_what_is_on_record_outlives_the_container(bridge):
    until(lambda: bridge.page("/healthz"))
    bridge.inside("cc-bridge", "opt-out", "add", "09121234567")
    bridge.podman.run(*COMPOSE, "down", "--timeout", "10", **bridge.files)
    bridge.podman.run(*COMPOSE, "up", "--detach", "--no-build", **bridge.files)
    until(lambda: bridge.page("/healthz"))
    assert "1234567" in bridge.inside("cc-bridge", "opt-out", "list").stdout


def test_the_health_check_fails_when_nothing_answers(podman):
    done = podman.run("podman", "run", "--rm", "--network", "none", IMAGE, "health", check=False)
    assert done.returncode == 1
    assert "Error: no answer from 127.0.0.1:14574" in done.stderr


def test_the_image_is_small_and_says_what_it_is(podman):
    (image,) = json.loads(podman.run("podman", "inspect", IMAGE).stdout)
    (base,) = json.loads(podman.run("podman", "inspect", "localhost/python").stdout)
    assert image["Size"] - base["Size"] < 160e6
    assert image["User"] == "10001:10001"
    assert image["Healthcheck"]["Test"] == ["CMD", "cc-bridge", "health"]
    assert image["Labels"]["org.opencontainers.image.title"] == "cc_bridge"
    assert image["Labels"]["org.opencontainers.image.licenses"] == "MIT AND OFL-1.1"
    listing = podman.run("podman", "run", "--rm", "--entrypoint", "ls", IMAGE, "/opt/cc-bridge/bin", "/")
    assert "cc-bridge" in listing.stdout.split()
    assert not {"pip", "src", "espeak-ng"} & set(listing.stdout.split())
