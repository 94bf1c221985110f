"""cc_bridge: queue calls measured, rated by the caller, stored and exported beside an Asterisk PBX."""

from pathlib import Path

__version__ = "0.1.0"

_HERE = Path(__file__).parent
_SHARE = _HERE / "share"


def resource_path(name: str) -> Path:
    """Return the path of a shipped file or folder, such as `config/surveys` or `dialplans`.

    In a wheel they lie in `cc_bridge/share/`, in a checkout beside the package.
    """
    return (_SHARE if _SHARE.is_dir() else _HERE.parent) / name
