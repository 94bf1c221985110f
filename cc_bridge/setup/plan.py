"""The plan of a setup: files with their content and permissions, and commands before and after them. Pure.

A plan states what the machine has after the setup, not what changes. `changes.py` compares it with the files
of the machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cc_bridge.setup.pbx_kind import PbxKind

__all__ = [
    "SETTINGS",
    "Command",
    "PlannedFile",
    "ReadFile",
    "SetupOptions",
    "SetupPlan",
    "ShippedFile",
    "text_of",
]

SETTINGS = "/etc/cc-bridge/cc-bridge.toml"

Command = tuple[str, ...]
"""The words of a command."""

ReadFile = Callable[[str], bytes | None]
"""A function that returns the content of a file of the machine, by its full path; None if it is missing."""


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """The options of a setup."""

    kind: PbxKind
    pbx_name: str
    queues: tuple[str, ...]  # names of queues that get a table in the settings
    new_secret: str  # for the manager user, if the machine has no secret yet
    program: PurePosixPath  # full path of the program cc-bridge
    systemd: bool  # install the unit


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """A file of cc_bridge: its path in the repository, and its content."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file as it is after the setup: path, content, permissions and owners."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    block: bool = False  # only the block of cc_bridge is new; permissions of an existing file stay
    keep_other: bool = False  # an existing file that the setup did not write stays as it is
    secret: bool = False  # the content is never printed


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """The files and commands of a setup, in order."""

    files: Sequence[PlannedFile]
    before: Sequence[Command]  # commands that the files need, such as the creation of a user
    after: Sequence[Command]  # commands that apply the files
    undo_before: Sequence[Command]  # commands before the files are removed again
    undo_after: Sequence[Command]
    left: Sequence[str]  # steps that remain for the administrator


def text_of(content: bytes | None) -> str:
    """Return the content of a configuration file as text; an empty text for None, a file that is missing.

    Encode the text with `encode("utf-8", "surrogateescape")` to get the same bytes again, even if they are
    not valid UTF-8.
    """
    return "" if content is None else content.decode("utf-8", "surrogateescape")
