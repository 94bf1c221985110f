"""Files of the daemon: only their owner can read them, and their owner is the owner of their directory.

Administrators run commands as root, with any umask. A database that root makes must not be readable by other
users, and the daemon, which runs as another user, must be able to write it. So mode and owner are set here
and never left to the umask.

SQLite gives the files beside a database (`-wal`, `-shm`, `-journal`) the mode and the owner of the database.
"""

import os
from pathlib import Path

__all__ = ["create_private", "open_private"]

_PRIVATE = 0o600


def create_private(path: Path) -> None:
    """Create an empty private file; a file that exists is not changed.

    An empty file is an empty SQLite database. If `path` is a symbolic link, the file is created where the
    link points. Raises OSError if the file cannot be created.
    """
    path = Path(os.path.realpath(path))
    if not path.exists():
        os.close(open_private(path, os.O_WRONLY))


def open_private(path: Path, flags: int) -> int:
    """Open a file with the `flags` of `os.open`, and create it as a private file if it does not exist.

    Return the file descriptor. Raises OSError, also for a symbolic link: with a link, the owner of the
    directory could make root write into any file of the machine.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, _PRIVATE)
    except FileExistsError:
        return os.open(path, flags)
    try:
        os.fchmod(descriptor, _PRIVATE)  # a umask can remove even the owner's rights
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(descriptor, folder.st_uid, folder.st_gid)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
