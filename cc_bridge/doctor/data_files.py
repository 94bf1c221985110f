"""Check of the daemon's files: the daemon's user owns them, and other users cannot read them.

cc_bridge creates its files with this owner and these permissions. A copied or restored file, or a file of an
older version, can have others.
"""

import stat
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from cc_bridge.config import StorageConfig
from cc_bridge.doctor.check_result import CheckResult, fail, ok, warn

__all__ = ["check"]

_NAME = "storage.files"
_BESIDE = ("", "-wal", "-shm", "-journal", ".lock")  # ends of the names of a database's or journal's files


def check(storage: StorageConfig) -> Iterator[CheckResult]:
    """Yield a failure for each file that root owns in a directory that another user owns.

    The daemon runs as the owner of the directory, so it cannot write such a file. Also yield a warning for
    each file that every user of this machine can read. If files exist and none has a failure or warning,
    yield one result with the level ok.
    """
    files = [file for file in _files(storage) if file.is_file()]
    right = True
    for file in files:
        status, folder = file.stat(), file.parent.stat()
        if status.st_uid == 0 and folder.st_uid != 0:
            right = False
            yield fail(
                _NAME,
                f"{file} belongs to root, its directory does not",
                f"chown --reference={file.parent} {file}",
            )
        if status.st_mode & stat.S_IROTH:
            right = False
            yield warn(
                _NAME,
                f"{file}: every user of this machine can read it ({stat.filemode(status.st_mode)})",
                f"chmod o-rwx {file}",
            )
    if files and right:
        yield ok(
            _NAME, "the database's files belong to the owner of their directory; other users cannot read them"
        )


def _files(storage: StorageConfig) -> Iterator[Path]:
    """Yield the paths of the files that cc_bridge can write: database or journal, and the files beside it."""
    main = storage.journal_file if storage.on_server else Path(make_url(storage.url).database or "")
    yield from (main.with_name(f"{main.name}{end}") for end in _BESIDE)
    yield main.with_name("erasures.log")
