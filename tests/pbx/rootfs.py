"""Root file systems with a real Asterisk: 22 from Debian sid, 16 from bullseye, and what is in experimental.

`rig.py` asks for one; the first time it is built (about 40 s, from the mirror that the host's own apt
uses) and kept under `$CC_BRIDGE_TEST_CACHE`, by default `~/.cache/cc_bridge-tests`. sid and experimental
change: a kept tree continues to work. If a new tree cannot be built, `Unavailable` names the version found.
"""

import fcntl
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "EXPERIMENTAL",
    "VERSIONS",
    "Unavailable",
    "cache",
    "debian_mirror",
    "locked",
    "root_of",
    "run_tool",
]

VERSIONS = {"22": "sid", "16": "bullseye"}
EXPERIMENTAL = "experimental"  # the next 22 or a later release; not always there
PACKAGES = ("asterisk", "asterisk-modules", "asterisk-config")
SOUNDS = "asterisk-core-sounds-en-wav"
BUILD_SECONDS = 900.0  # a slow mirror; usually 40


class Unavailable(Exception):
    """No Asterisk can be run here; the text says why."""


def root_of(version: str) -> Path:
    """Return the root file system that holds this Asterisk, built now if need be."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise Unavailable("a chroot needs Linux and root")
    root = cache() / f"asterisk-{version}"
    with locked(root.with_name(f"{root.name}.lock")):
        if not root.is_dir():
            _build(version, root)
        _name_hosts(root)
    return root


def cache() -> Path:
    """Return the folder of what takes long to make, and stays for the next test run."""
    folder = Path(os.environ.get("CC_BRIDGE_TEST_CACHE") or Path.home() / ".cache" / "cc_bridge-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _build(version: str, root: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise Unavailable("no mmdebstrap here (Debian's package of that name)")
    mirror = debian_mirror()
    suite = VERSIONS.get(version, "sid")
    packages, sources = PACKAGES, [mirror]
    if version == EXPERIMENTAL:
        packages = tuple(f"{package}/{EXPERIMENTAL}" for package in PACKAGES)
        sources = [f"deb {mirror} {each} main" for each in (suite, EXPERIMENTAL)]
    unfinished = Path(tempfile.mkdtemp(dir=root.parent, prefix=f"{root.name}."))
    try:
        run_tool(
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--include={','.join([*packages, SOUNDS])}",
            '--aptopt=Acquire::Check-Valid-Until "false"',  # sid's Release file can be past its date
            '--aptopt=APT::Install-Recommends "false"',
            suite,
            str(unfinished),
            *sources,
        )
        unfinished.chmod(0o755)
        found = run_tool("chroot", str(unfinished), "asterisk", "-V").strip()
        if version != EXPERIMENTAL and not found.startswith(f"Asterisk {version}."):
            raise Unavailable(f"Debian {suite} has {found}, not {version}")
        unfinished.rename(root)
    finally:
        if unfinished.exists():  # never into a file system that is still mounted there
            subprocess.run(["rm", "-rf", "--one-file-system", str(unfinished)], check=False)


def debian_mirror() -> str:
    """Return the address that this host's own apt has Debian from."""
    if shutil.which("apt-get") is None:
        raise Unavailable("no apt-get here to ask for Debian's mirror")
    wanted = ("Created-By: Packages", "Component: main", "Label: Debian")
    for line in run_tool("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted).splitlines():
        return line
    raise Unavailable("apt has no Debian mirror (run apt-get update)")


def run_tool(*command: str) -> str:
    """Return what a command prints. Raises Unavailable with its last words if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]} took more than {BUILD_SECONDS:.0f} s") from error
    if done.returncode:
        reason = "; ".join(done.stderr.strip().splitlines()[-3:])
        raise Unavailable(f"{command[0]} failed: {reason}")
    return done.stdout


def _name_hosts(root: Path) -> None:
    """Answer every name that Asterisk looks up; otherwise each call waits for a name server."""
    hosts = root / "etc" / "hosts"
    wanted = f"127.0.0.1 localhost {socket.gethostname()} a.root-servers.net\n"
    if not hosts.is_file() or hosts.read_text() != wanted:
        hosts.write_text(wanted)
        (root / "etc" / "resolv.conf").write_text("")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a second test run from building the same tree at the same time."""
    deadline = time.monotonic() + BUILD_SECONDS
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(f"another run holds {path}") from None
                time.sleep(0.2)
        yield
