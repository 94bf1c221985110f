"""The command `setup`: it installs cc_bridge beside the Asterisk on this machine, or undoes that."""

import difflib
import os
import re
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from cc_bridge.commands.common import say, say_lines
from cc_bridge.commands.doctor import doctor

if TYPE_CHECKING:
    from cc_bridge.setup.changes import FileChange
    from cc_bridge.setup.machine import Machine
    from cc_bridge.setup.pbx_kind import PbxKind
    from cc_bridge.setup.plan import SetupPlan

__all__ = ["setup"]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def _pbx_name(_ctx: click.Context, _option: click.Parameter, value: str) -> str:
    if not _NAME.fullmatch(value):
        raise click.BadParameter("must be 1 to 40 of the characters A-Z a-z 0-9 _ . -")
    return value


@click.command()
@click.option(
    "--pbx",
    type=click.Choice(["asterisk", "freepbx"]),
    help="Kind of PBX: plain Asterisk, or FreePBX or Issabel. Default: found out from the machine's files.",
)
@click.option(
    "--name",
    default="pbx",
    show_default=True,
    callback=_pbx_name,
    help="Name of the PBX in the database. Only a new settings file gets it.",
)
@click.option(
    "--queue",
    "queues",
    multiple=True,
    help="Name of a queue (on FreePBX its number), once for each. Default: all queues in Asterisk's files.",
)
@click.option(
    "--systemd/--no-systemd",
    default=None,
    help="Install and start the service. Default: if systemd 250 or later runs the machine.",
)
@click.option("--dry-run", is_flag=True, help="Print the files, their differences and the commands only.")
@click.option("--undo", "undoing", is_flag=True, help="Bring back the state before the first setup.")
@click.option("-y", "--yes", is_flag=True, help="Ask no questions.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Root of the file system, such as that of an image. With another one than / no command is run.",
)
@click.pass_context
def setup(
    ctx: click.Context,
    pbx: str | None,
    name: str,
    queues: tuple[str, ...],
    root: Path,
    *,
    systemd: bool | None,
    dry_run: bool,
    undoing: bool,
    yes: bool,
) -> None:
    """Install cc_bridge beside the Asterisk or FreePBX on this machine, then run doctor.

    The command writes the settings, the secret, the manager user, the dialplan, the prompts and the service.
    It asks before it changes anything, and keeps a copy of each file that it changes. A file that already is
    as it should be is not changed. The command never edits a file that FreePBX writes. Your own dialplan
    still has to send callers to cc_bridge: the last lines of the output say how.

    \b
    Examples:  cc-bridge setup --dry-run
               cc-bridge setup --name tehran --queue sales --queue support
               cc-bridge setup --undo
    """
    from cc_bridge.setup import changes
    from cc_bridge.setup.machine import Machine

    machine = Machine(root)
    if machine.is_this and os.geteuid() != 0 and not dry_run:
        raise click.ClickException("run this command as root")
    try:
        if undoing:
            ctx.exit(0 if _undo(machine, yes=yes) else 1)
        kind = _kind(machine, pbx)
        if not (yes or dry_run):
            name, queues = _asked(ctx, kind, machine, name, queues)
        plan = _plan(machine, kind, name, queues, systemd=systemd)
        if dry_run or not yes:
            _show(plan, machine)
        if dry_run:
            return
        if not yes:
            click.confirm("Make these changes?", abort=True)
        succeeded = changes.apply(plan, machine, say)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    for step in plan.left:
        say(f"{'left':<10} {step}")
    if not machine.is_this:
        ctx.exit(0 if succeeded else 1)
    say_lines("\ncc-bridge doctor:")
    ctx.invoke(doctor)


def _undo(machine: "Machine", *, yes: bool) -> bool:
    """Undo the setups on a machine, and return whether nothing of them remains."""
    from cc_bridge.setup import changes

    if not yes:
        click.confirm("Remove what cc-bridge setup has installed?", abort=True)
    complete = changes.undo(machine, say)
    say("the user cc-bridge, its data in /var/lib/cc-bridge and your own dialplan stay as they are")
    return complete


def _kind(machine: "Machine", pbx: str | None) -> "PbxKind":
    """Return the kind of PBX: `pbx` if it is given, otherwise the kind that the machine's files show.

    Raises SetupError if the machine has no directory /etc/asterisk.
    """
    from cc_bridge.errors import SetupError
    from cc_bridge.setup.pbx_kind import PbxKind, pbx_kind

    if not machine.place("/etc/asterisk").is_dir():
        raise SetupError("there is no /etc/asterisk: run this command on the machine of the PBX")
    return PbxKind(pbx) if pbx else pbx_kind(machine.root)


def _asked(
    ctx: click.Context, kind: "PbxKind", machine: "Machine", name: str, queues: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Return the name of the PBX and the queues; the administrator is asked for options not given."""
    from cc_bridge.setup.queue_names import queue_names

    if ctx.get_parameter_source("name") is click.core.ParameterSource.DEFAULT:
        name = click.prompt(
            "Name of this PBX", default=name, value_proc=lambda value: _pbx_name(ctx, setup.params[1], value)
        )
    if not queues:
        found = ",".join(queue_names(kind, machine.read))
        answer = click.prompt("Queues, separated by commas", default=found)
        queues = tuple(filter(None, (each.strip() for each in answer.split(","))))
    return name, queues


def _plan(
    machine: "Machine", kind: "PbxKind", name: str, queues: tuple[str, ...], *, systemd: bool | None
) -> "SetupPlan":
    """Return the plan of a setup for a machine; `name` is the name of the PBX in cc_bridge.

    The new settings contain the queues in `queues`. If `queues` is empty, they contain all queues that are in
    Asterisk's files. `systemd` says whether to install the service; None installs it if the machine has
    systemd.
    """
    from secrets import token_hex

    from cc_bridge.setup.plan import SetupOptions
    from cc_bridge.setup.planner import SHIPPED_PROGRAM, make_plan
    from cc_bridge.setup.queue_names import queue_names
    from cc_bridge.setup.shipped import shipped_files

    options = SetupOptions(
        kind,
        name,
        queues or tuple(queue_names(kind, machine.read)),
        token_hex(32),
        _program() if machine.is_this else SHIPPED_PROGRAM,
        machine.has_systemd if systemd is None else systemd,
    )
    return make_plan(options, list(shipped_files()), machine.read)


def _program() -> PurePosixPath:
    """Return the full path of the program cc-bridge of this Python environment."""
    return PurePosixPath(Path(sys.prefix).absolute() / "bin" / "cc-bridge")


def _show(plan: "SetupPlan", machine: "Machine") -> None:
    """Print what a setup would do: each file with its differences, and each command. No secret is printed."""
    from cc_bridge.setup.changes import FileAction, changes, quoted
    from cc_bridge.setup.record import SetupRecord

    commands = [quoted(command) for command in (*plan.before, *plan.after)]
    listed = list(changes(plan, machine, SetupRecord.load(machine)))
    for change in listed:
        file = change.file
        say(f"{change.action:<10} {file.path}  ({file.owner}:{file.group}, mode {file.mode:04o})")
        if change.action is FileAction.CHANGE and not file.secret:
            for line in _difference(change):
                say(f"{'':<10} {line.expandtabs()}")
    if any(change.action in (FileAction.CREATE, FileAction.CHANGE) for change in listed):
        for command in commands:
            say(f"{'run':<10} {command}")
    else:
        say("nothing to change")


def _difference(change: "FileChange") -> list[str]:
    """Return the changed lines of a text file; nothing for a sound file."""
    assert change.before is not None
    if b"\0" in change.file.content:
        return []
    old, new = (
        content.decode("utf-8", "replace").splitlines()
        for content in (change.before.content, change.file.content)
    )
    lines = difflib.unified_diff(old, new, n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
