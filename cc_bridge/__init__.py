"""cc_bridge: a daemon beside an Asterisk PBX that measures calls and lets callers rate them by keypad."""

from pathlib import Path

__version__ = "0.1.0"

_HERE = Path(__file__).parent
_SHARE = _HERE / "share"


def resource_path(name: str) -> Path:
    """Return the path of a file or folder that is shipped with cc_bridge, such as `config/surveys`.

    An installed wheel has these files in `cc_bridge/share/`. A checkout has them next to the package.
    """
    return (_SHARE if _SHARE.is_dir() else _HERE.parent) / name
