"""The files of FreePBX or Issabel that cc_bridge adds or extends. Pure.

FreePBX writes most files in /etc/asterisk itself. Only the files whose names contain `custom` belong to the
administrator; each gets one line that includes a file of cc_bridge.
"""

import re
from collections.abc import Iterator, Sequence

from cc_bridge.setup.asterisk_files import DIALPLAN, block_file
from cc_bridge.setup.block import includes, without_block
from cc_bridge.setup.plan import PlannedFile, ReadFile, text_of

__all__ = ["freepbx_files"]

_ETC = "/etc/asterisk"
_USER = "asterisk"
_FREEPBX_DIALPLAN = "extensions_cc_bridge_freepbx.conf"
_MANAGER = "manager_cc_bridge.conf"
_QUEUES = "queues_cc_bridge.conf"
_CHOWN = f"{_ETC}/freepbx_chown.conf"


def freepbx_files(
    manager_user: bytes, dialplan: bytes, freepbx_dialplan: bytes, queues: Sequence[str], read: ReadFile
) -> Iterator[PlannedFile]:
    """Yield the manager user, the queue settings, the dialplans, and the lines that include them.

    `manager_user` is the content of the manager user's file, with its secret. `queues` are numbers of queues
    that exist in FreePBX: Asterisk loads no queue at all from a file that extends a missing one.
    """
    user = f"{_ETC}/{_MANAGER}"
    yield PlannedFile(user, manager_user, 0o640, _USER, _USER, secret=True, keep_other=True)
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
    yield PlannedFile(f"{_ETC}/{DIALPLAN}", dialplan, 0o640, _USER, _USER)
    yield PlannedFile(f"{_ETC}/{_FREEPBX_DIALPLAN}", freepbx_dialplan, 0o640, _USER, _USER)
    yield from _included(
        "extensions_custom.conf", [f'#include "{_FREEPBX_DIALPLAN}"'], _FREEPBX_DIALPLAN, read
    )


def _kept_closed(read: ReadFile) -> Iterator[PlannedFile]:
    """Yield the file by which `fwconsole chown` leaves the manager user's secret closed to other users.

    Yield nothing if the administrator's file already has this section: a section may occur only once.
    """
    text = without_block(text_of(read(_CHOWN)))
    if not re.search(r"^\[custom\]", text, re.MULTILINE):
        lines = ["[custom]", f"file = {_ETC}/{_MANAGER},0640,{_USER},{_USER}"]
        yield block_file(_CHOWN, lines, _USER, read, owner=_USER)


def _included(custom: str, lines: list[str], file: str, read: ReadFile) -> Iterator[PlannedFile]:
    """Yield a file of the administrator with the block of cc_bridge, unless it already includes `file`."""
    if not includes(text_of(read(f"{_ETC}/{custom}")), file):
        yield block_file(f"{_ETC}/{custom}", lines, _USER, read, owner=_USER)
