"""The record of what setups have changed on a machine, with a copy of each file as it was before.

The record survives further setups: the copies are those from before the first one. Each change is recorded
before the file is written, so that an interrupted setup can be undone too.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from cc_bridge.errors import SetupError
from cc_bridge.setup.machine import FileState, Machine

__all__ = ["FOLDER", "ChangedFile", "SetupRecord", "digest"]

FOLDER = "/var/lib/cc-bridge-setup"
_FILE = f"{FOLDER}/record.json"
_ROOT_ONLY = 0o600


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


@dataclass
class ChangedFile:
    """A file that a setup wrote."""

    written: str  # digest of the content
    block: bool  # only the block of cc_bridge was written
    backup: str  # path of the copy, empty if the file did not exist
    mode: int = 0  # permissions and owners before, if the file existed
    uid: int = 0
    gid: int = 0


@dataclass
class SetupRecord:
    """The files and directories that setups wrote, in order, and the commands that undo the last setup."""

    files: dict[str, ChangedFile] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    undo_before: list[list[str]] = field(default_factory=list)  # commands
    undo_after: list[list[str]] = field(default_factory=list)

    @classmethod
    def load(cls, machine: Machine) -> "SetupRecord":
        """Return the record of a machine, empty if there was no setup. Raises SetupError if it is damaged."""
        content = machine.read(_FILE)
        if content is None:
            return cls()
        try:
            values = json.loads(content)
            files = {path: ChangedFile(**file) for path, file in values.pop("files").items()}
            return cls(files=files, **values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SetupError(f"{_FILE} is damaged: {error}") from error

    def save(self, machine: Machine) -> None:
        """Write the record to the machine, readable for root only."""
        machine.make_folders(_FILE)
        machine.place(FOLDER).chmod(0o700)
        text = json.dumps(asdict(self), indent=1)
        machine.write(_FILE, FileState(text.encode(), _ROOT_ONLY, *machine.owners("root", "root")))

    def note(
        self, machine: Machine, path: str, before: FileState | None, written: bytes, *, block: bool
    ) -> None:
        """Record that a setup is about to write the content `written` to a file, and save the record.

        The first time, also copy the file as it was: `before`, None if it did not exist. `block` is True if
        setup only adds lines to the file.
        """
        if path in self.files:
            self.files[path].written = digest(written)
        elif before is None:
            self.files[path] = ChangedFile(digest(written), block, "")
        else:
            backup = f"{FOLDER}/{len(self.files)}-{path.rpartition('/')[2]}"
            machine.make_folders(backup)
            machine.place(FOLDER).chmod(0o700)
            copy = FileState(before.content, _ROOT_ONLY, *machine.owners("root", "root"))
            machine.write(backup, copy)
            self.files[path] = ChangedFile(
                digest(written), block, backup, before.mode, before.uid, before.gid
            )
        self.save(machine)

    def remove(self, machine: Machine) -> None:
        """Remove the record and all copies; keep both if files remain that the undo did not restore."""
        if self.files:
            self.save(machine)
            return
        folder = machine.place(FOLDER)
        for file in folder.iterdir() if folder.is_dir() else ():
            file.unlink()
        machine.remove_folder(FOLDER)
