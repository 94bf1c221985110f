"""Parts of the machine that some tests need: a browser, database servers, a real Asterisk, and others.

A part has the name of the marker on its tests. Where it is missing they are skipped, with the reason.
CC_BRIDGE_REQUIRE names the parts, with commas between them, whose absence is a failure; `all` is every part.
"""

import os
import shutil
from typing import NoReturn

import pytest

__all__ = ["PARTS", "VARIABLE", "missing", "need", "required"]

VARIABLE = "CC_BRIDGE_REQUIRE"

# By part, the programs without which no test of it can run. The fixtures of some parts look for more.
PARTS = {
    "asterisk": (),
    "chromium": ("chromium",),
    "containers": ("podman", "runc", "mmdebstrap"),
    "mariadb": (),
    "mounts": ("mount", "umount"),
    "postgres": (),
    "prometheus": ("prometheus", "promtool", "prometheus-alertmanager", "amtool"),
    "systemd": ("systemd-analyze",),
    "voices": ("espeak-ng", "sox"),
}


def required() -> frozenset[str]:
    """Return the parts that must not be missing. Raises ValueError for a name that no part has."""
    names = {name for each in os.environ.get(VARIABLE, "").split(",") if (name := each.strip())}
    if unknown := names - PARTS.keys() - {"all"}:
        raise ValueError(f"{VARIABLE}: no part is called {', '.join(sorted(unknown))}")
    return frozenset(PARTS if "all" in names else names)


def missing(part: str, reason: object) -> NoReturn:
    """Skip the test that needs a part, or fail it."""
    if part in required():
        pytest.fail(f"{part} is required: {reason}", pytrace=False)
    pytest.skip(f"no {part}: {reason}")


def need(item: pytest.Item) -> None:
    """Skip or fail a test whose markers name a part of which a program is missing."""
    for part, programs in PARTS.items():
        if item.get_closest_marker(part):
            for program in programs:
                if shutil.which(program) is None:
                    missing(part, f"{program} is not installed")
