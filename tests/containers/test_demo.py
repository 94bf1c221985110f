"""The demo's two Asterisks, each in a container with the tests' Asterisk 22: callers are served, and rate.

Building the demo's image takes two minutes. So the files of its Dockerfile's COPY lines are copied into a
folder, which is mounted into the containers.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from containers.podman import ROOT
from pbx.asterisk import free_port
from pbx.rootfs import Unavailable, root_of
from support.parts import missing

pytestmark = [pytest.mark.containers, pytest.mark.asterisk]

DEADLINE = 180.0
DOCKERFILE = (ROOT / "docker" / "demo" / "Dockerfile").read_text()


@pytest.fixture
def asterisk():
    try:
        return root_of("22")
    except Unavailable as reason:
        missing("asterisk", reason)


def copied(folder):
    """Copy the files of the COPY lines into `folder`. Return the folders to mount by path in the image."""
    mounts = {}
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *sources, target = line.split()
        into = folder / target.strip("/")
        for source in (ROOT / source for source in sources):
            if source.is_dir():
                shutil.copytree(source, into, dirs_exist_ok=True)
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, into)
        if not any(Path(target).is_relative_to(place) for place in mounts):
            mounts[target] = into
    return mounts


@contextlib.contextmanager
def running(engine, asterisk, role, mounts, secret):
    """Run one of the two Asterisks, `pbx` or `phones`, as compose.yaml does."""
    volumes = [f"--volume={source}:{place}:ro" for place, source in mounts.items()]
    volumes.append(f"--volume={secret}:/run/secrets/ami-secret:ro")
    shut_in = ["--read-only", "--user=10001:10001", "--cap-drop=all", "--security-opt=no-new-privileges"]
    # Podman copies nothing into /tmp: other tests have an Asterisk there, which changes meanwhile.
    volumes += ["--tmpfs=/run/demo:mode=1777", "--tmpfs=/tmp:notmpcopyup"]
    where = ["--network=host", f"--name={role}", *volumes]
    start = ["sh", "/demo/start.sh", role]
    engine.run("podman", "run", "--detach", *shut_in, *where, "--rootfs", f"{asterisk}:O", *start)
    try:
        yield
    finally:
        engine.run("podman", "rm", "--force", "--time", "1", role)


@contextlib.contextmanager
def bridge(folder, secret):
    """Run the daemon of this checkout. Yield a function that returns the total of a metric."""
    ports = {"CC_BRIDGE_HTTP__PORT": free_port(socket.SOCK_STREAM)}
    settings = {
        **ports,
        "CC_BRIDGE_AMI__SECRET_FILE": secret,
        "CC_BRIDGE_STORAGE__URL": f"sqlite:///{folder}/calls.sqlite",
    }
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    (folder / "cc-bridge.toml").write_text('[pbx]\nname = "demo"\n')
    command = [sys.executable, "-m", "cc_bridge", "run", "--config", folder / "cc-bridge.toml"]
    process = subprocess.Popen(command, env=environment)

    def total(name):
        page = f"http://127.0.0.1:{ports['CC_BRIDGE_HTTP__PORT']}/metrics"
        try:
            with urllib.request.urlopen(page, timeout=5) as answer:
                families = list(text_string_to_metric_families(answer.read().decode()))
        except OSError:
            return 0
        return sum(each.value for family in families for each in family.samples if each.name == name)

    try:
        yield total
    finally:
        process.terminate()
        process.wait(60)


def test_the_demos_callers_are_served_and_rate(engine, asterisk, tmp_path):
    secret = tmp_path / "ami-secret"
    secret.write_text(secrets.token_hex(16))
    mounts = copied(tmp_path / "image")
    with (
        running(engine, asterisk, "pbx", mounts, secret),
        running(engine, asterisk, "phones", mounts, secret),
        bridge(tmp_path, secret) as total,
    ):
        deadline = time.monotonic() + DEADLINE
        while not (total("cc_bridge_ratings_total") and total("cc_bridge_visits_total") > 1):
            if time.monotonic() > deadline:
                logs = [engine.run("podman", "logs", role).stderr for role in ("pbx", "phones")]
                pytest.fail("no caller rated\n" + "\n".join(logs))
            time.sleep(0.5)
        assert total("cc_bridge_agi_failures_total") == 0
        assert total("cc_bridge_ami_up") == 1
