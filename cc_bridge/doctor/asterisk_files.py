"""Check of the files in which Asterisk keeps the secrets of manager users: can every user read them.

The files must be on this machine. The check does not search the files that another file includes; it knows
the names that Asterisk, Debian and FreePBX use.
"""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from cc_bridge.doctor.check_result import CheckResult, ok, warn
from cc_bridge.doctor.posix_acl import acl_warning, other_readers
from cc_bridge.setup.pbx_kind import PbxKind, pbx_kind

__all__ = ["check"]

_NAME = "secrets.manager"
_FILES = ("manager*.conf", "manager.d/*.conf")
_SECRET = re.compile(rb"^\s*secret\s*=>?\s*\S", re.MULTILINE)


def check(folder: str | None) -> Iterator[CheckResult]:
    """Yield a warning for each file with manager secrets that other users of this machine can read.

    A file gets a warning if its permissions let every user read it, or if its access control list lets
    further users or groups read it. If no file with secrets gets a warning, yield one result with the level
    ok. Yield nothing if no file has secrets.

    `folder` is Asterisk's configuration directory. If the PBX is another machine, it is None, and nothing is
    yielded.
    """
    if folder is None:
        return
    found = [file for pattern in _FILES for file in sorted(Path(folder).glob(pattern))]
    with_secrets = [file for file in found if _has_secret(file)]
    open_to_all = [file for file in with_secrets if file.stat().st_mode & stat.S_IROTH]
    for file in open_to_all:
        yield warn(
            _NAME,
            f"{file}: every user of this machine can read the secrets of manager users"
            f" ({stat.filemode(file.stat().st_mode)})",
            f"chmod o-rwx {file}{_freepbx_note()}",
        )
    shared = [file for file in with_secrets if file not in open_to_all and list(other_readers(file))]
    for file in shared:
        yield acl_warning(_NAME, file)
    if with_secrets and not open_to_all and not shared:
        yield ok(_NAME, f"no file in {folder} with a manager user's secret is readable by all users")


def _has_secret(file: Path) -> bool:
    try:
        return _SECRET.search(file.read_bytes()) is not None
    except OSError:  # this user cannot read the file, so not every user can
        return False


def _freepbx_note() -> str:
    if pbx_kind() is not PbxKind.FREEPBX:
        return ""
    return "; `fwconsole chown` makes it readable again, so let only administrators log in to this machine"
