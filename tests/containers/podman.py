"""Podman for tests: its containers, images and settings are in a temporary folder, which `close` removes.

The tests make the base image themselves, where the Dockerfile would take one from a registry: Debian with
only Python, by mmdebstrap, cached next to the roots of `pbx/rootfs.py`. The same by hand:

    mmdebstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm base.tar
    podman import base.tar localhost/python
    podman build --format docker --network host --build-arg BASE=localhost/python -f docker/Dockerfile

Notes: crun refuses machines with both kinds of cgroups, so the runtime is runc. Without systemd podman runs
no health checks, so the tests run them. Without `--format docker` the image has no health check.
"""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from pbx.rootfs import Unavailable, cache, debian_mirror, locked, run_tool

__all__ = ["IMAGE", "ROOT", "Podman"]

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/cc-bridge"  # the name in compose.yaml
BASE = "localhost/python"
PACKAGES = "python3,python3-venv,ca-certificates"
BUILD_SECONDS = 600.0  # for a slow package index; usually 70
CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=4096:20000", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "runc"
tmp_dir = "{home}/libpod"
"""
STORAGE_CONF = """\
[storage]
driver = "{driver}"
graphroot = "{home}/storage"
runroot = "{home}/run"
"""


class Podman:
    """One podman with private storage and settings. `close` removes all of it."""

    def __init__(self) -> None:
        if platform.system() != "Linux" or os.geteuid() != 0:
            raise Unavailable("podman without further set-up needs Linux and root")
        self._home = Path(tempfile.mkdtemp(prefix="ccb-podman-"))  # short, since it is part of socket paths
        conf, storage = self._home / "containers.conf", self._home / "storage.conf"
        conf.write_text(CONTAINERS_CONF.format(home=self._home))
        # podman-compose is installed in the tests' virtual environment.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._environment = os.environ | {
            "CONTAINERS_CONF": str(conf),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "PATH": path,
        }
        for driver in ("overlay", "vfs"):  # overlay does not work on an overlay
            storage.write_text(STORAGE_CONF.format(home=self._home, driver=driver))
            if self.run("podman", "info", check=False).returncode == 0:
                return
        raise Unavailable(self.run("podman", "info", check=False).stderr[-300:])

    def run(
        self, *command: object, check: bool = True, seconds: float = 120.0, **variables: object
    ) -> subprocess.CompletedProcess[str]:
        """Run podman, or a program that calls it, with the private storage and settings."""
        done = subprocess.run(
            [str(word) for word in command],
            env=self._environment | {name: str(value) for name, value in variables.items()},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    def build(self) -> None:
        """Build the image of the project from the cached base image."""
        self.run("podman", "import", _base(), BASE)
        # If a proxy leads to the package index, its certificate is in the machine's bundle.
        trust = ["-v", "/etc/ssl/certs:/etc/ssl/certs:ro"] if Path("/etc/ssl/certs").is_dir() else []
        # Without layers: each would be written and compared again, and no later build uses them.
        options = ["--layers=false", "--format", "docker", "--network", "host", *trust]
        names = ["--build-arg", f"BASE={BASE}", "-f", "docker/Dockerfile", "-t", IMAGE]
        self.run("podman", "build", *options, *names, ".", seconds=BUILD_SECONDS)

    def close(self) -> None:
        self.run("podman", "rm", "--all", "--force", "--time", "0", "--volumes", check=False)
        self.run("podman", "rmi", "--all", "--force", check=False)
        subprocess.run(["rm", "-rf", "--one-file-system", str(self._home)], check=True)


def _base() -> Path:
    """Return the base image as a tar file. It is made first if it does not exist."""
    base = cache() / "python-bookworm.tar"
    with locked(base.with_suffix(".lock")):
        if not base.is_file():
            unfinished = base.with_suffix(".unfinished.tar")
            run_tool(
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                f"--include={PACKAGES}",
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                "bookworm",
                str(unfinished),
                debian_mirror(),
            )
            unfinished.rename(base)
    return base
