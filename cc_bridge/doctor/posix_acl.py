"""POSIX access control lists of files: permissions for further users and groups, which `setfacl` sets.

Linux keeps the list in the extended attribute `system.posix_acl_access`. Its value is the version 2 as a
32-bit number, then for each entry the tag and the permissions (16 bits each) and the id of the user or group
(32 bits), all little-endian.
"""

import grp
import os
import pwd
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cc_bridge.doctor.check_result import CheckResult, warn

__all__ = ["AclEntry", "acl_of", "acl_warning", "other_readers"]

_ATTRIBUTE = "system.posix_acl_access"
_HEADER = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_USER, _GROUP_OBJ, _GROUP, _MASK = 0x02, 0x04, 0x08, 0x10
_READ = 4
# Accounts that an administrator gives access on purpose.
_EXPECTED = {"root", "asterisk", "cc-bridge"}


@dataclass(frozen=True, slots=True)
class AclEntry:
    """The permissions of one user or group; `id` is the number of the user or group."""

    is_group: bool
    id: int | None  # None is the group of the file itself
    permissions: int  # sum of read 4, write 2 and execute 1, as limited by the mask of the list


def acl_of(path: Path) -> list[AclEntry]:
    """Return the permissions of a file's own group, and of the users and groups in its access control list.

    The first entry is that of the file's own group. It is the only entry if the file has no list. The
    permissions of the owner and of all other users are not in the result: the file's mode has them. Raises
    FileNotFoundError if there is no such file.
    """
    try:
        value = os.getxattr(path, _ATTRIBUTE) if hasattr(os, "getxattr") else b""
    except FileNotFoundError:
        raise
    except OSError:  # no list, or a file system without lists
        value = b""
    entries = list(_ENTRY.iter_unpack(value[_HEADER.size :]))
    if not entries:
        return [AclEntry(is_group=True, id=None, permissions=path.stat().st_mode >> 3 & 7)]
    mask = next((permissions for tag, permissions, _ in entries if tag == _MASK), 7)
    return [
        AclEntry(tag != _USER, None if tag == _GROUP_OBJ else number, permissions & mask)
        for tag, permissions, number in sorted(entries, key=lambda entry: entry[0] != _GROUP_OBJ)
        if tag in (_USER, _GROUP_OBJ, _GROUP)
    ]


def other_readers(path: Path) -> Iterator[str]:
    """Yield each user and group that can read a file because of its access control list.

    Each is yielded as a text such as `user bob` or `group staff`. Root and the accounts of Asterisk and
    cc_bridge are left out.
    """
    for entry in acl_of(path):
        if entry.id is not None and entry.permissions & _READ:
            name = _group(entry.id) if entry.is_group else _user(entry.id)
            if name not in _EXPECTED:
                yield f"{'group' if entry.is_group else 'user'} {name}"


def acl_warning(name: str, path: Path) -> CheckResult:
    """Return the warning that the access control list of a file lets users or groups read the secret in it.

    `name` is the name of the check.
    """
    readers = list(other_readers(path))
    return warn(
        name,
        f"{path}: its access control list lets {', '.join(readers)} read the secret",
        f"setfacl -b {path}, if this is not intended",
    )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
