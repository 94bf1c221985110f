"""The recordings of spoken comments: files in the folder where the PBX keeps them.

The folder may be on another machine; then no file is removed.

Note: the path of a file comes from a table row, and the process that removes it may run as root. So only a
file directly in the folder is ever removed. A symbolic link is removed, not followed.
"""

from pathlib import Path, PurePosixPath

from cc_bridge.errors import StorageError

__all__ = ["Recordings"]


class Recordings:
    """The recordings of spoken comments in the folder `survey.recordings_directory`.

    If the folder is on another machine, this process cannot remove its files.
    """

    def __init__(self, folder: str) -> None:
        self._folder = PurePosixPath(folder)

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
