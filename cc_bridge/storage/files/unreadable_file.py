"""Unreadable SQLite files: a database or journal whose content is damaged or no database at all.

The daemon sets such a file aside: it renames the file and continues with a new one. Nothing is deleted, so an
administrator can recover the content. A damaged disk, a full disk or a lock is no reason to set a file aside.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, make_url
from twisted.logger import Logger

__all__ = ["UNREADABLE", "is_unreadable", "open_or_set_aside", "set_aside", "set_aside_files"]

_log = Logger()

UNREADABLE = ".unreadable-"  # between the name of a file and the time at which it was set aside
_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# SQLite keeps the latest transactions and an index of them in files beside the database.
_BESIDE = ("", "-wal", "-shm")


def is_unreadable(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, says that the content of an SQLite file is damaged."""
    while error is not None:
        for each in (error, getattr(error, "orig", None)):
            if getattr(each, "sqlite_errorcode", 0) & 0xFF in _CODES:
                return True
        error = error.__cause__
    return False


def set_aside(file: Path, error: BaseException) -> Path:
    """Rename an unreadable file and the files that SQLite keeps beside it; return the new path.

    The new name has the time in UTC. `error` is logged. The file must be closed.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{file.name}{UNREADABLE}{stamp}{again}" for again in ("", *(f".{n}" for n in range(2, 1000))))
    target = next(path for name in names if not (path := file.with_name(name)).exists())
    for ending in _BESIDE:
        beside = file.with_name(f"{file.name}{ending}")
        if beside.exists():
            beside.rename(target.with_name(f"{target.name}{ending}"))
    _log.error(
        "{file} cannot be read: {error}; it is renamed to {target}, and a new file is used from now on",
        file=str(file),
        target=target.name,
        error=getattr(error, "orig", None) or error,
    )
    return target


def set_aside_files(file: Path) -> list[Path]:
    """Return the present paths of the unreadable files that had the path `file`, oldest first."""
    found = file.parent.glob(f"{file.name}{UNREADABLE}*")
    return sorted(path for path in found if not path.name.endswith(_BESIDE[1:]))


def open_or_set_aside(url: str, open_file: Callable[[str], Engine]) -> Engine:
    """Return the engine that `open_file` returns for a database URL.

    If the URL names an SQLite file that cannot be read, the file is set aside and a new one is opened.
    """
    try:
        return open_file(url)
    except Exception as error:
        if not is_unreadable(error):
            raise
        set_aside(Path(make_url(url).database or ""), error)
        return open_file(url)
