"""Calls without a queue: which way a call goes, and whom a Dial brought together.

The tracker tells this what DialBegin, DialEnd and Pickup say, and each Dial that was answered begins a talk.
What follows, holds, transfers and the end, is the same as for talks of queues (`talks.py`).

The trap: Dials lie in each other. Queue() dials `Local/100@from-queue/n`, and behind it the dialplan dials
the phone; the inner Dial is no talk of its own, it only says which phone answered.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cc_bridge.calls.channels_and_bridges import Channels, device_of
from cc_bridge.calls.events import DialStarted, MemberSeen, PickedUp
from cc_bridge.calls.open_calls import Calls
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.calls.talks import Talks
from cc_bridge.records import Direction

__all__ = ["Contexts", "Dial", "DirectCalls", "agent_at", "is_local"]

_LOCAL = "Local/"


@dataclass(frozen=True, slots=True)
class Contexts:
    """Patterns of dialplan contexts (`*`, `?`, `[...]`) that tell the direction of a call.

    A trunk and a phone begin in contexts of their own, and a phone that calls out in the same one as a
    phone that calls a colleague. So `incoming` and `internal` are about the context in which the first
    channel began, `outgoing` about the one in which a channel dials.
    """

    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()

    def of_first(self, context: str) -> Direction | None:
        """Return the direction of a call whose first channel begins in a context."""
        if _matches(context, self.incoming):
            return Direction.IN
        return Direction.INTERNAL if _matches(context, self.internal) else None

    def of_dial(self, context: str) -> Direction | None:
        """Say whether a Dial in a context goes out."""
        return Direction.OUT if _matches(context, self.outgoing) else None


@dataclass(slots=True)
class Dial:
    """One channel that dials another. Phones are named as members of queues are: `PJSIP/100`."""

    caller: str
    caller_phone: str
    caller_local: bool  # the half of a Local channel dials
    dialed: str
    phone: str  # what is dialled; once answered behind a Local channel, the phone that did
    local: bool  # a Local channel is dialled
    within: str | None = None  # the dialled leg of the Dial that this one lies in
    picked_up: bool = False

    def talk(self, pbx: str, call_id: str, direction: Direction, members: Iterable[MemberSeen]) -> OpenTalk:
        """Return the talk that the answer begins: of the one who answered, or who has called out."""
        if direction is Direction.OUT:
            customer, leg, phone, local = self.dialed, self.caller, self.caller_phone, self.caller_local
        else:
            customer, leg, phone, local = self.caller, self.dialed, self.phone, self.local
        return OpenTalk(
            pbx=pbx,
            call_id=call_id,
            uniqueid=customer,
            queue="",
            member=agent_at(phone, members),
            interface=phone,
            dialed=leg,
            caller=customer,
            agent=None if local else leg,
            picked_up=self.picked_up,
        )


class DirectCalls:
    """The talks of one PBX that come of Dials; `talks` and `calls` are the tracker's.

    It remembers the Dials whose dialled channels live, those of queues among them. `members` gives the
    members of all queues, for the names of agents.
    """

    def __init__(
        self,
        pbx: str,
        contexts: Contexts,
        calls: Calls,
        talks: Talks,
        channels: Channels,
        members: Callable[[], Iterable[MemberSeen]],
    ) -> None:
        self._pbx = pbx
        self._contexts = contexts
        self._calls = calls
        self._talks = talks
        self._channels = channels
        self._members = members
        self._dials: dict[str, Dial] = {}  # by the dialled channel

    def __len__(self) -> int:
        return len(self._dials)

    def of(self, dialed: str) -> Dial | None:
        """Return the Dial whose dialled channel this is."""
        return self._dials.get(dialed)

    def restore(self, dials: Mapping[str, Dial]) -> None:
        self._dials |= dials

    def dial_started(self, event: DialStarted) -> None:
        self._channels.get(event.dialed_uniqueid)
        other_half = self._channels.other_half(event.uniqueid)
        dial = self._dials[event.dialed_uniqueid] = Dial(
            event.uniqueid,
            device_of(event.channel),
            is_local(event.channel),
            event.dialed_uniqueid,
            device_of(event.dialed_channel),
            is_local(event.dialed_channel),
            other_half if other_half in self._dials else None,
        )
        if dial.within is None:
            call = self._calls.get_or_begin(event.linkedid, event.uniqueid, event.at)
            if self._talks.of_device(device_of(event.channel)) is not None and not call.queue:
                call.consultation = True
            call.handle_dial(event, self._contexts.of_dial(event.context))

    def answered(self, dialed: str, at: float) -> None:
        """Begin the talk of a Dial that was answered; one that lies in another only says who answered."""
        dial = self._dials.get(dialed)
        if dial is None:
            return
        if dial.within is None:
            self._begin(dial, at)
        elif (outer := self._dials.get(dial.within)) is not None:
            outer.phone = dial.phone

    def picked_up(self, event: PickedUp) -> None:
        """Take it that another phone than the dialled one has answered."""
        dial = self._dials.get(event.rung)
        if dial is not None:
            dial.dialed, dial.phone, dial.local = event.uniqueid, device_of(event.channel), False
            dial.picked_up = True
            self.answered(event.rung, event.at)

    def joined_queue(self, uniqueid: str, at: float) -> None:
        """Leave it to the queue to say who talks when a Dial led into it through a Local channel."""
        talk = self._talk_of_other_half(uniqueid)
        if talk is not None and talk.phase is TalkPhase.CONNECTING:
            self._talks.close(talk, at)

    def channel_ended(self, uniqueid: str) -> None:
        self._dials.pop(uniqueid, None)

    def _begin(self, dial: Dial, at: float) -> None:
        call = self._calls.of(dial.caller)
        if call is None or call.direction is None or call.consultation:
            return
        waiting = self._talk_of_other_half(dial.caller)
        if waiting is not None:
            # Click to call: the phone behind the Local channel answered first, and heard nobody until now.
            dial.caller_phone = waiting.interface
            waiting.phase, waiting.answered_at = TalkPhase.CONNECTING, 0.0
            self._talks.close(waiting, at)
            self._talks.customers.ended(waiting.caller)
        customer = self._talks.customers.of_call(call.call_id)
        if customer is not None and customer.channel not in (dial.caller, dial.dialed):
            return  # of a consultation; after a transfer the phone comes into the customer's bridge
        talk = dial.talk(self._pbx, call.call_id, call.direction, self._members())
        for leg in (talk.caller, talk.dialed):
            before = self._talks.of(leg)
            if before is not None:
                self._talks.close(before, at)
        self._talks.begin(talk, at)

    def _talk_of_other_half(self, uniqueid: str) -> OpenTalk | None:
        """Return the direct talk that the other half of a Local channel takes part in."""
        other_half = self._channels.other_half(uniqueid)
        talk = self._talks.of(other_half) if other_half is not None else None
        return talk if talk is not None and not talk.queue else None


def agent_at(phone: str, members: Iterable[MemberSeen]) -> str:
    """Return the name that queues have for the one at a phone, else the phone itself.

    Queues of FreePBX call `Local/100@from-queue/n` where a Dial calls `PJSIP/100`.
    """
    names = {member.interface: member.name for member in members}
    behind = (
        name
        for interface, name in names.items()
        if is_local(interface) and _extension(interface) == _extension(phone)
    )
    return names.get(phone) or next(behind, phone)


def is_local(name: str) -> bool:
    """Say whether a channel or interface is a Local one, which stands for a phone that is not known yet."""
    return name.startswith(_LOCAL)


def _extension(phone: str) -> str:
    return phone.partition("/")[2].partition("@")[0]


def _matches(context: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(context, pattern) for pattern in patterns)
