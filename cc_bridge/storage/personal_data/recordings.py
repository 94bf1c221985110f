"""The recordings of spoken comments: files in the folder where the PBX keeps them, if this machine has it.

Note: the path of a file comes from a table row, and the process that removes it may run as root. So only a
file directly in that folder is ever removed. A symbolic link is removed, not followed.
"""

from pathlib import Path, PurePosixPath

from cc_bridge.errors import StorageError

__all__ = ["Recordings"]


class Recordings:
    """The recordings in the folder `survey.recordings_directory`, which may be on another machine."""

    def __init__(self, folder: str) -> None:
        self._folder = PurePosixPath(folder)

    def remove(self, recording: str) -> bool:
        """Remove a file; return False if it is not on this machine.

        Raises StorageError if this user may not remove it.
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
