"""Software that some tests need: a browser, database servers, a real Asterisk, and others ("parts").

A part is named after the marker of its tests. If it is missing, they are skipped with the reason. The
variable CC_BRIDGE_REQUIRE names parts, separated by commas, whose absence is a failure; `all` is every part.
"""

import os
import shutil
from typing import NoReturn

import pytest

__all__ = ["PARTS", "VARIABLE", "missing", "need", "required"]

VARIABLE = "CC_BRIDGE_REQUIRE"

# By part, the programs that all of its tests need. The fixtures of some parts check for more.
PARTS = {
    "asterisk": (),
    "chromium": ("chromium",),
    "containers": ("podman", "runc", "mmdebstrap"),
    "curl": ("curl",),
    "mariadb": (),
    "mounts": ("mount", "umount"),
    "postgres": (),
    "prometheus": ("prometheus", "promtool", "prometheus-alertmanager", "amtool"),
    "systemd": ("systemd-analyze",),
    "voices": ("espeak-ng", "sox"),
}


def required() -> frozenset[str]:
    """Return the parts that CC_BRIDGE_REQUIRE names. An unknown name raises ValueError."""
    names = {name for each in os.environ.get(VARIABLE, "").split(",") if (name := each.strip())}
    if unknown := names - PARTS.keys() - {"all"}:
        raise ValueError(f"{VARIABLE}: no part is called {', '.join(sorted(unknown))}")
    return frozenset(PARTS if "all" in names else names)


def missing(part: str, reason: object) -> NoReturn:
    """Skip the current test because `part` is missing, or fail it if the part is required."""
    if part in required():
        pytest.fail(f"{part} is required: {reason}", pytrace=False)
    pytest.skip(f"no {part}: {reason}")


def need(item: pytest.Item) -> None:
    """Skip or fail a test if a program is missing of a part that its markers name."""
    for part, programs in PARTS.items():
        if item.get_closest_marker(part):
            for program in programs:
                if shutil.which(program) is None:
                    missing(part, f"{program} is not installed")
