"""The run and the undo of a setup: which files of the machine differ from the plan, and how they are changed.

A file that already is as planned is not touched, so that a second setup changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cc_bridge.errors import SetupError
from cc_bridge.setup.asterisk_files import DIALPLAN
from cc_bridge.setup.block import without_block
from cc_bridge.setup.dialplan_references import references
from cc_bridge.setup.machine import FileState, Machine
from cc_bridge.setup.plan import Command, PlannedFile, SetupPlan, text_of
from cc_bridge.setup.record import SetupRecord, digest

__all__ = ["FileAction", "FileChange", "apply", "changes", "quoted", "undo"]

_ETC = "/etc/asterisk"
_DIALPLAN_FILES = ("*.conf", "*.ael", "*.lua")
_STILL_USED = (
    "these lines send calls to cc_bridge's dialplan, and without it Asterisk hangs up the calls. Send them to"
    " the queue itself again, run: asterisk -rx 'dialplan reload', and repeat the undo (FreePBX: choose the"
    " queues again, delete the Custom Destinations, and Apply Config):"
)

Report = Callable[[str], None]
"""A function that prints a line."""


class FileAction(StrEnum):
    """The action of a setup on a file."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    KEEP = "keep"  # another one's file, which stays as it is


@dataclass(frozen=True, slots=True)
class FileChange:
    """The action of a setup on one file; `before` is its present state, None if it does not exist."""

    action: FileAction
    file: PlannedFile
    before: FileState | None


def changes(plan: SetupPlan, machine: Machine, record: SetupRecord) -> Iterator[FileChange]:
    """Yield the action of the setup on each file of the plan.

    A file that the plan marks with `keep_other` stays as it is (KEEP), unless a setup wrote it and no one has
    changed it since. `record` has the files that setups wrote.
    """
    for file in plan.files:
        before = machine.state(file.path)
        if before is None:
            action = FileAction.CREATE
        elif before.content == file.content and (file.block or file.keep_other or before.mode == file.mode):
            action = FileAction.UNCHANGED
        elif file.keep_other and not _is_ours(record, file.path, before):
            action = FileAction.KEEP
        else:
            action = FileAction.CHANGE
        yield FileChange(action, file, before)


def apply(plan: SetupPlan, machine: Machine, report: Report) -> bool:
    """Write the files of a plan and run its commands. Return whether all commands succeeded.

    If `machine` is not the machine that runs this program, the commands are only printed. Raises SetupError
    or OSError.
    """
    record = SetupRecord.load(machine)
    succeeded = _run(plan.before, machine, report)
    record.undo_before = [list(command) for command in plan.undo_before]
    record.undo_after = [list(command) for command in plan.undo_after]
    for file in plan.files:
        machine.owners(file.owner, file.group)  # an unknown name must show before the first file is written
    changed = False
    for change in list(changes(plan, machine, record)):
        report(f"{change.action:<10} {change.file.path}")
        if change.action in (FileAction.CREATE, FileAction.CHANGE):
            _write(change, machine, record)
            changed = True
    if not changed:
        report("nothing to change")
    return _run(plan.after if changed else (), machine, report) and succeeded


def undo(machine: Machine, report: Report) -> bool:
    """Bring back the state before the first setup. Return whether everything was undone.

    If a file was changed after the setup, its earlier content is not brought back. If setup had only added
    lines at the end of such a file, these lines are removed. If setup had created or replaced such a file,
    the file stays as it is. This is reported, and the result is False. The result is also False if a command
    failed.

    If the administrator's dialplan still sends calls to cc_bridge, nothing is changed and SetupError is
    raised: without cc_bridge's dialplan, Asterisk would hang up these calls. SetupError is also raised if the
    setup's record is damaged, and OSError if a file cannot be read or written.
    """
    record = SetupRecord.load(machine)
    if not record.files:
        report("nothing to undo")
        return True
    if lines := list(_references(machine, record)):
        raise SetupError("\n".join([_STILL_USED, *lines]))
    succeeded = _run([tuple(command) for command in record.undo_before], machine, report)
    for path in reversed(list(record.files)):
        if _restore(path, machine, record, report):
            del record.files[path]
    for folder in reversed(record.folders):
        machine.remove_folder(folder)
    commands = [tuple(command) for command in record.undo_after]
    record.remove(machine)
    return _run(commands, machine, report) and succeeded and not record.files


def _references(machine: Machine, record: SetupRecord) -> Iterator[str]:
    """Yield the lines of the administrator's dialplan that send calls to cc_bridge's dialplan.

    Each text has the form `path: line`, with the path of the line's file. Yield nothing if the undo does not
    remove cc_bridge's dialplan file. `record` has the files that setups wrote.
    """
    removed = {path for path, file in record.files.items() if not file.backup}
    if f"{_ETC}/{DIALPLAN}" not in removed:
        return
    for pattern in _DIALPLAN_FILES:
        for path in machine.find(_ETC, pattern):
            if path not in removed:
                found = references(text_of(machine.read(path)), pattern.removeprefix("*"))
                yield from (f"{path}: {line}" for line in found)


def _is_ours(record: SetupRecord, path: str, before: FileState) -> bool:
    """Return whether the last setup wrote a file, and no one has changed it since.

    `record` has the files that setups wrote. `before` is the present state of the file.
    """
    return path in record.files and record.files[path].written == digest(before.content)


def _write(change: FileChange, machine: Machine, record: SetupRecord) -> None:
    """Write a file of the plan, and note it in `record` first.

    If only lines at the end of an existing file are added, the file keeps its permissions and owners.
    """
    file, before = change.file, change.before
    for folder in machine.make_folders(file.path):
        record.folders.append(folder)
    record.note(machine, file.path, before, file.content, block=file.block)
    if before is not None and file.block:
        new = FileState(file.content, before.mode, before.uid, before.gid)
    else:
        new = FileState(file.content, file.mode, *machine.owners(file.owner, file.group))
    machine.write(file.path, new)


def _restore(path: str, machine: Machine, record: SetupRecord, report: Report) -> bool:
    """Bring back one file as it was before the first setup, and report it.

    Return False if the file was changed after the setup and therefore stays as it is.
    """
    noted, now = record.files[path], machine.state(path)
    backup = machine.read(noted.backup) if noted.backup else None
    if now is None:
        report(f"{'missing':<10} {path}")
    elif digest(now.content) == noted.written and backup is not None:
        machine.write(path, FileState(backup, noted.mode, noted.uid, noted.gid))
        report(f"{'restore':<10} {path}")
    elif digest(now.content) == noted.written:
        machine.remove(path)
        report(f"{'remove':<10} {path}")
    elif noted.block:
        text = without_block(text_of(now.content)).encode("utf-8", "surrogateescape")
        machine.write(path, FileState(text, now.mode, now.uid, now.gid))
        report(f"{'change':<10} {path}: the lines of cc_bridge are removed")
    else:
        before = f"; as it was before: {noted.backup}" if noted.backup else ""
        report(f"{'keep':<10} {path}: changed after the setup, so it stays{before}")
        return False
    return True


def quoted(command: Command) -> str:
    """Return a command as it can be pasted into a shell. No word may contain a quotation mark."""
    return " ".join(f"'{word}'" if " " in word else word for word in command)


def _run(commands: Sequence[Command], machine: Machine, report: Report) -> bool:
    """Run commands and report them. Return whether all succeeded; a failed one does not stop the others."""
    succeeded = True
    for command in commands:
        words = quoted(command)
        if not machine.is_this:
            report(f"{'not run':<10} {words}")
            continue
        why = machine.run(command)
        report(f"{'run':<10} {words}{f': failed: {why}' if why else ''}")
        succeeded = succeeded and not why
    return succeeded
