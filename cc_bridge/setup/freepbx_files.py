"""The files of FreePBX or Issabel that cc_bridge adds or extends. Pure.

FreePBX writes most files in /etc/asterisk itself. Only the files whose names contain `custom` belong to the
administrator; each gets one line that includes a file of cc_bridge.
"""

import re
from collections.abc import Iterator, Sequence

from cc_bridge.setup.asterisk_files import DIALPLAN, block_file, secret_line
from cc_bridge.setup.block import includes, without_block
from cc_bridge.setup.plan import PlannedFile, ReadFile, text_of

__all__ = ["FREEPBX_USER_FILE", "freepbx_files"]

_ETC = "/etc/asterisk"
_USER = "asterisk"
_FREEPBX_DIALPLAN = "extensions_cc_bridge_freepbx.conf"
_MANAGER = "manager_cc_bridge.conf"
FREEPBX_USER_FILE = f"{_ETC}/{_MANAGER}"
_QUEUES = "queues_cc_bridge.conf"
_CHOWN = f"{_ETC}/freepbx_chown.conf"


def freepbx_files(
    manager_user: bytes,
    dialplan: bytes,
    freepbx_dialplan: bytes,
    queues: Sequence[str],
    read: ReadFile,
    agi_secret: str = "",
) -> Iterator[PlannedFile]:
    """Yield the files of cc_bridge for FreePBX, and the administrator's files that must include them.

    `manager_user`, `dialplan` and `freepbx_dialplan` are the contents of three of the files; `manager_user`
    has the secret. `read` returns the content of a file of the machine. `queues` are the numbers of the
    queues that get cc_bridge's queue settings. They must exist in FreePBX: if a file extends a missing queue,
    Asterisk loads no queue at all from it. `agi_secret` is the secret of FastAGI requests, empty if the
    settings have none.
    """
    yield PlannedFile(FREEPBX_USER_FILE, manager_user, 0o640, _USER, _USER, secret=True, keep_other=True)
    yield from _kept_closed(read)
    yield from _included(
        "manager_custom.conf",
        ["[general](+)", "timestampevents = yes", "", f'#include "{_MANAGER}"'],
        _MANAGER,
        read,
    )
    if queues:
        settings = "".join(f"[{queue}](+)\nsetinterfacevar=yes\n" for queue in queues)
        yield PlannedFile(f"{_ETC}/{_QUEUES}", settings.encode(), 0o640, _USER, _USER)
        yield from _included("queues_post_custom.conf", [f'#include "{_QUEUES}"'], _QUEUES, read)
    if agi_secret:
        yield block_file(f"{_ETC}/globals_custom.conf", [secret_line(agi_secret)], _USER, read, owner=_USER)
    yield PlannedFile(f"{_ETC}/{DIALPLAN}", dialplan, 0o640, _USER, _USER)
    yield PlannedFile(f"{_ETC}/{_FREEPBX_DIALPLAN}", freepbx_dialplan, 0o640, _USER, _USER)
    yield from _included(
        "extensions_custom.conf", [f'#include "{_FREEPBX_DIALPLAN}"'], _FREEPBX_DIALPLAN, read
    )


def _kept_closed(read: ReadFile) -> Iterator[PlannedFile]:
    """Yield the configuration file of `fwconsole chown`, with a section [custom] for the manager user's file.

    Without the section, `fwconsole chown` would let other users read the manager user's file, which contains
    a secret. Yield nothing if the machine's configuration file already has a section [custom], because only
    one is allowed.
    """
    text = without_block(text_of(read(_CHOWN)))
    if not re.search(r"^\[custom\]", text, re.MULTILINE):
        lines = ["[custom]", f"file = {_ETC}/{_MANAGER},0640,{_USER},{_USER}"]
        yield block_file(_CHOWN, lines, _USER, read, owner=_USER)


def _included(custom: str, lines: list[str], file: str, read: ReadFile) -> Iterator[PlannedFile]:
    """Yield the administrator's file `custom` with `lines` added at the end, which include `file`.

    Yield nothing if `custom` already includes `file`. `read` returns the content of a file of the machine.
    """
    if not includes(text_of(read(f"{_ETC}/{custom}")), file):
        yield block_file(f"{_ETC}/{custom}", lines, _USER, read, owner=_USER)
