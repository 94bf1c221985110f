"""The user as which Asterisk runs on this machine, and whether this user can read or write a file.

Asterisk can run as another user than the administrator who copied a file. A file that only root can read is
then missing for Asterisk.
"""

import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from cc_bridge.daemon.process.port_holder import port_holder
from cc_bridge.doctor.posix_acl import acl_of

__all__ = ["AsteriskUser", "asterisk_user"]

_ACCOUNT = "asterisk"  # in Debian, FreePBX and Issabel
_ROOT = 0


@dataclass(frozen=True, slots=True)
class AsteriskUser:
    """The user as which Asterisk runs."""

    name: str
    uid: int
    groups: frozenset[int]

    def can_read(self, path: Path) -> bool:
        """Return whether this user can read a file."""
        return self._reaches(path) and self._may(path, stat.S_IROTH)

    def can_write_in(self, folder: Path) -> bool:
        """Return whether this user can create files in a directory."""
        return self._reaches(folder) and self._may(folder, stat.S_IWOTH | stat.S_IXOTH)

    def _reaches(self, path: Path) -> bool:
        """Return whether this user may enter all directories above a file.

        If symbolic links are on the way, the directories above their targets count too.
        """
        folders = {*path.absolute().parents, *path.resolve().parents}
        return all(self._may(folder, stat.S_IXOTH) for folder in folders)

    def _may(self, path: Path, bits: int) -> bool:
        """Return whether the permissions of a file give this user all rights in `bits`.

        `bits` has the form of the rights for others, such as S_IROTH, even if this user owns the file or is
        in its group.
        """
        if self.uid == _ROOT:
            return True
        found = path.stat()
        if found.st_uid == self.uid:
            return (found.st_mode >> 6) & bits == bits
        entries = acl_of(path)
        of_user = [each for each in entries if not each.is_group and each.id == self.uid]
        of_groups = [
            each
            for each in entries
            if each.is_group and (found.st_gid if each.id is None else each.id) in self.groups
        ]
        permissions = [each.permissions for each in of_user or of_groups] or [found.st_mode]
        return any(each & bits == bits for each in permissions)


def asterisk_user(ami_port: int, proc: Path = Path("/proc")) -> AsteriskUser | None:
    """Return the user of the Asterisk that listens on `ami_port`; otherwise the account `asterisk`.

    None means that neither exists, for example because the PBX is another machine.
    """
    holder = port_holder(ami_port, proc)
    if holder is not None and holder.pid is not None and _is_asterisk(holder.command):
        try:
            return _of_process((proc / str(holder.pid) / "status").read_text(encoding="utf-8"))
        except OSError:  # the process has just ended
            pass
    try:
        account = pwd.getpwnam(_ACCOUNT)
    except KeyError:
        return None
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return AsteriskUser(account.pw_name, account.pw_uid, frozenset(groups))


def _is_asterisk(command: str) -> bool:
    return Path(command.partition(" ")[0]).name == "asterisk"


def _of_process(status: str) -> AsteriskUser:
    """Return the effective user of a process; `status` is the text of /proc/PID/status."""
    ids = {
        name: values.split() for name, values in re.findall(r"^(Uid|Gid|Groups):(.*)$", status, re.MULTILINE)
    }
    uid, gid = int(ids["Uid"][1]), int(ids["Gid"][1])
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return AsteriskUser(name, uid, frozenset({gid, *map(int, ids.get("Groups", []))}))
