"""The files that cc_bridge adds or extends on an Asterisk without FreePBX or Issabel. Pure."""

import re
from collections.abc import Iterator

from cc_bridge.setup.block import includes, with_block, without_block
from cc_bridge.setup.plan import PlannedFile, ReadFile, text_of

__all__ = ["ASTERISK_USER_FILE", "DIALPLAN", "asterisk_files", "block_file", "secret_line"]

_ETC = "/etc/asterisk"
ASTERISK_USER_FILE = f"{_ETC}/manager.d/cc_bridge.conf"
DIALPLAN = "extensions_cc_bridge.conf"
_MANAGER_FOLDER = "manager.d/*.conf"
_NEW_GENERAL = ("[general]", "enabled = yes", "port = 5038", "bindaddr = 127.0.0.1", "timestampevents = yes")


def asterisk_files(
    manager_user: bytes, dialplan: bytes, group: str, read: ReadFile, agi_secret: str = ""
) -> Iterator[PlannedFile]:
    """Yield the manager user's file, the dialplan file, and the Asterisk files that must include them.

    `manager_user` and `dialplan` are the contents of the first two files; `manager_user` has the secret.
    `group` is the group of Asterisk, which must be able to read all files. `read` returns the content of a
    file of the machine. `agi_secret` is the secret of FastAGI requests, empty if the settings have none.
    """
    yield PlannedFile(ASTERISK_USER_FILE, manager_user, 0o640, group=group, secret=True, keep_other=True)
    manager = text_of(read(f"{_ETC}/manager.conf"))
    if lines := list(_manager_lines(manager)):
        yield block_file(f"{_ETC}/manager.conf", lines, group, read)
    yield PlannedFile(f"{_ETC}/{DIALPLAN}", dialplan, 0o640, group=group)
    extensions = text_of(read(f"{_ETC}/extensions.conf"))
    lines = [_globals(extensions), secret_line(agi_secret)] if agi_secret else []
    if not includes(extensions, DIALPLAN):
        lines.append(f'#include "{DIALPLAN}"')
    if lines:
        yield block_file(f"{_ETC}/extensions.conf", lines, group, read)


def secret_line(agi_secret: str) -> str:
    """Return the line that sets the dialplan's global variable with the secret of FastAGI requests."""
    return f"CCB_AGI_SECRET={agi_secret}"


def block_file(path: str, lines: list[str], group: str, read: ReadFile, owner: str = "root") -> PlannedFile:
    """Return the plan for a file that is not cc_bridge's own: its present text with `lines` at the end.

    Comments mark the added lines. Lines that an earlier setup added are replaced. `read` returns the present
    content of the file.
    """
    content = with_block(text_of(read(path)), lines).encode("utf-8", "surrogateescape")
    return PlannedFile(path, content, 0o640, owner, group, block=True)


def _globals(extensions: str) -> str:
    """Return the line that begins a section of global variables to be added to extensions.conf.

    `extensions` is the present text of that file. If it has a section [globals], the line extends this
    section, because Asterisk reads only the first of two. Otherwise the line begins a new section, because
    extending a missing section is an error.
    """
    there = re.search(r"^[ \t]*\[globals\]", without_block(extensions), re.MULTILINE)
    return "[globals](+)" if there else "[globals]"


def _manager_lines(text: str) -> Iterator[str]:
    """Yield the lines that setup must add to manager.conf; `text` is the present text of this file.

    They set `enabled` and `timestampevents` to yes, and include cc_bridge's file in manager.d. A line that
    has its effect already is left out.
    """
    rest = without_block(text)
    general = re.search(r"^\[general\][^\n]*\n(.*?)(?=^\[|\Z)", rest, re.MULTILINE | re.DOTALL)
    if general is None:
        yield from _NEW_GENERAL
    else:
        wanted = [key for key in ("enabled", "timestampevents") if not _is_on(general[1], key)]
        if wanted:
            yield "[general](+)"
            yield from (f"{key} = yes" for key in wanted)
    if not includes(text, _MANAGER_FOLDER):
        yield '#include "manager.d/cc_bridge.conf"'


def _is_on(section: str, key: str) -> bool:
    """Return whether `key` is set to yes in the text of a section.

    If the section sets it several times, the last one counts.
    """
    values = re.findall(rf"^[ \t]*{key}[ \t]*=>?[ \t]*(\w+)", section, re.MULTILINE)
    return bool(values) and values[-1].lower() in {"yes", "true", "y", "t", "1", "on"}
