"""The recordings of spoken comments: files in the folder where the PBX keeps them.

The folder may be on another machine; then no file is removed.

Note: the path of a file comes from a table row, and the process that removes it may run as root. So only a
file directly in the folder is ever removed. A symbolic link is removed, not followed.
"""

import os
import stat
from errno import ELOOP
from pathlib import Path, PurePosixPath

from cc_bridge.errors import StorageError

__all__ = ["Recordings"]

_MOST_BYTES = 64 * 1024**2  # an hour of speech


class Recordings:
    """The recordings of spoken comments in the folder `survey.recordings_directory`.

    If the folder is on another machine, this process cannot remove its files.
    """

    def __init__(self, folder: str) -> None:
        self._folder = PurePosixPath(folder)

    def read(self, recording: str) -> bytes | None:
        """Return the content of the recording with this path; None if it is not on this machine.

        A path outside the folder of the recordings, a symbolic link, and a file that is not a regular file or
        too large also return None. Raises StorageError if the user of this process may not read the file.
        """
        path = PurePosixPath(recording)
        if "\0" in recording or path.parent != self._folder or path.name == "..":
            return None
        try:
            # O_NONBLOCK: opening a named pipe would wait for its other end.
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == ELOOP:  # a symbolic link
                return None
            raise StorageError(
                f"a recording cannot be read: {error.strerror}; let this user read {self._folder}"
            ) from error
        with os.fdopen(file, "rb") as opened:
            about = os.fstat(file)
            fits = stat.S_ISREG(about.st_mode) and about.st_size <= _MOST_BYTES
            return opened.read(_MOST_BYTES) if fits else None

    def remove(self, recording: str) -> bool:
        """Remove the recording with this path; return False if it is not on this machine.

        A path outside the folder of the recordings also returns False. Raises StorageError if the user of
        this process may not remove the file.
        """
        path = PurePosixPath(recording)
        if path.parent != self._folder or path.name == "..":
            return False
        try:
            Path(path).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise StorageError(
                f"{path} cannot be removed: {error.strerror}; let this user write to {self._folder}"
            ) from error
        return True
