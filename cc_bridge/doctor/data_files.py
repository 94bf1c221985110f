"""Check of the daemon's files: the daemon's user can write them, and other users cannot read them.

cc_bridge creates its files with this owner and these permissions. A copied or restored file, or a file of an
older version, can have others.
"""

import os
import pwd
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
    """Yield a failure for each file that the daemon's user cannot write.

    The daemon runs as the owner of the file's directory. Also yield a warning for each file that every user
    of this machine can read. If files exist and none has a failure or warning, yield one result with the
    level ok.
    """
    files = [file for file in _files(storage) if file.is_file()]
    right = True
    for file in files:
        status, folder = file.stat(), file.parent.stat()
        if not _can_write(folder.st_uid, status):
            right = False
            yield fail(
                _NAME,
                f"{file} belongs to {_name_of(status.st_uid)} and has the permissions"
                f" {stat.filemode(status.st_mode)}: {_name_of(folder.st_uid)}, who owns its directory, cannot"
                " write it",
                f"chown --reference={file.parent} {file} && chmod u+rw {file}",
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
            _NAME, "the owner of the directory can write the database's files; other users cannot read them"
        )


def _can_write(user: int, status: os.stat_result) -> bool:
    """Return whether the user with this id can write a file; root can write every file."""
    if user == 0:
        return True
    if status.st_uid == user:
        return bool(status.st_mode & stat.S_IWUSR)
    if status.st_gid in _groups(user):
        return bool(status.st_mode & stat.S_IWGRP)
    return bool(status.st_mode & stat.S_IWOTH)


def _groups(user: int) -> list[int]:
    """Return the ids of a user's groups; none if this machine does not know the user."""
    try:
        known = pwd.getpwuid(user)
    except KeyError:
        return []
    return os.getgrouplist(known.pw_name, known.pw_gid)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _files(storage: StorageConfig) -> Iterator[Path]:
    """Yield the paths of the files that cc_bridge can write: database or journal, and the files beside it."""
    main = storage.journal_file if storage.on_server else Path(make_url(storage.url).database or "")
    yield from (main.with_name(f"{main.name}{end}") for end in _BESIDE)
    yield main.with_name("erasures.log")
