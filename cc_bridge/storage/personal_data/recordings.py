"""Spoken comments as files: the folder in which the PBX keeps them, if this machine has it.

`retention.py` and `erasure.py` remove files through it. The trap: a path comes from a row, and whoever
removes may be root. So only a file that lies in that folder itself is ever touched, and a link is removed,
not followed.
"""

from pathlib import Path, PurePosixPath

from cc_bridge.errors import StorageError

__all__ = ["Recordings"]


class Recordings:
    """The files of `folder`, which is `survey.recordings_directory` and may be on another machine."""

    def __init__(self, folder: str) -> None:
        self._folder = PurePosixPath(folder)

    def remove(self, recording: str) -> bool:
        """Remove a file; False when it is not here. Raises StorageError when that is not allowed."""
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
