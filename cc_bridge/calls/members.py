"""The queue members of one PBX, with an index of their names by phone.

In FreePBX, a queue calls `Local/100@from-queue/n` and a Dial calls `PJSIP/100` for the same agent. The
extension 100 shows that it is the same agent.
"""

from collections import UserDict

from cc_bridge.calls.channels_and_bridges import extension_of, is_local
from cc_bridge.calls.events import MemberSeen

__all__ = ["Members"]


class Members(UserDict[tuple[str, str], MemberSeen]):
    """The latest event about each queue member, by queue name and interface.

    A PBX can have thousands of members, and each talk needs the name of its agent. So the names are also kept
    by interface, and the Local interfaces by extension.
    """

    def __init__(self) -> None:
        self._names: dict[str, dict[str, str]] = {}  # interface -> queue -> name
        self._local: dict[str, dict[str, None]] = {}  # extension -> Local interfaces
        super().__init__()

    def __setitem__(self, key: tuple[str, str], member: MemberSeen) -> None:
        before = self.data.get(key)
        self.data[key] = member
        if before is not None and before.name == member.name:
            return
        queue, interface = key
        self._names.setdefault(interface, {})[queue] = member.name
        if is_local(interface):
            self._local.setdefault(extension_of(interface), {})[interface] = None

    def __delitem__(self, key: tuple[str, str]) -> None:
        super().__delitem__(key)
        queue, interface = key
        del self._names[interface][queue]
        if not self._names[interface]:
            del self._names[interface]
            if is_local(interface):
                del self._local[extension_of(interface)][interface]

    def name_of(self, interface: str) -> str | None:
        """Return the name of the queue member with an interface; None if there is none."""
        names = self._names.get(interface)
        return next(reversed(names.values())) if names else None

    def name_at(self, phone: str) -> str:
        """Return the name of the queue member at a phone, such as `PJSIP/100`.

        A member with a Local interface is at the phone with the same extension. Without a member, the result
        is `phone` itself.
        """
        for interface in (phone, *self._local.get(extension_of(phone), ())):
            name = self.name_of(interface)
            if name:
                return name
        return phone
