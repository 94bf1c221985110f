"""The machine that a bench runs on, and figures of a measured process from Linux."""

import os
import platform
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["cpu_seconds", "machine", "rss_kib", "threads"]


def machine() -> str:
    """Return one line with the processors and the versions of Python and the compared packages."""
    models = re.findall(r"^model name\s*: (.*)$", _read("cpuinfo"), re.MULTILINE)
    versions = [f"Python {platform.python_version()}"]
    for package in ("twisted", "pyst2", "panoramisk", "prometheus-client"):
        with suppress(PackageNotFoundError):
            versions.append(f"{package} {version(package)}")
    return f"{len(models)} x {models[0] if models else platform.machine()}; {', '.join(versions)}"


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of all threads of the process, user and system, to 10 ms."""
    fields = _read(f"{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kib(pid: int) -> float:
    return int(_read(f"{pid}/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


def threads(pid: int) -> int:
    return int(_read(f"{pid}/stat").rpartition(")")[2].split()[17])


def _read(name: str) -> str:
    return Path("/proc", name).read_text(encoding="ascii")
