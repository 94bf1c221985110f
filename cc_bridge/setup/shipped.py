"""The files of cc_bridge that a setup can install."""

from collections.abc import Iterator

from cc_bridge import resource_path
from cc_bridge.setup.plan import ShippedFile

__all__ = ["shipped_files"]

_FILES = (
    "config/cc-bridge.toml",
    "config/asterisk/manager.d/cc_bridge.conf",
    "config/systemd/cc-bridge.service",
    "dialplans/extensions_cc_bridge.conf",
    "dialplans/freepbx/extensions_cc_bridge_freepbx.conf",
)
_SOUNDS = "dialplans/sounds"


def shipped_files() -> Iterator[ShippedFile]:
    """Yield each file: settings, manager user, unit, dialplans and prompts."""
    for path in _FILES:
        yield ShippedFile(path, resource_path(path).read_bytes())
    sounds = resource_path(_SOUNDS)
    for prompt in sorted(sounds.rglob("*.wav")):
        yield ShippedFile(f"{_SOUNDS}/{prompt.relative_to(sounds).as_posix()}", prompt.read_bytes())
