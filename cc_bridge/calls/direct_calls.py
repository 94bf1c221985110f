"""Calls without a queue: the direction of a call, and the talk that each answered Dial starts.

A Dial is one channel that dials another. The events DialBegin, DialEnd and Pickup report Dials. AgentCalled
reports those of queues. `talks.py` follows the holds, the transfers and the end of each talk, as for talks of
queues.

One Dial can be inside another. Queue() dials `Local/100@from-queue/n`, and behind this Local channel the
dialplan dials the phone. The inner Dial starts no talk; it only shows which phone answered.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cc_bridge.calls.channel_customers import talk_of_device
from cc_bridge.calls.channels_and_bridges import Channels, device_of, is_local
from cc_bridge.calls.events import DialStarted, PickedUp
from cc_bridge.calls.open_calls import Calls
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.calls.talks import Talks
from cc_bridge.records import Direction

__all__ = ["Contexts", "Dial", "DirectCalls"]


@dataclass(frozen=True, slots=True)
class Contexts:
    """Patterns of dialplan contexts (`*`, `?`, `[...]`) that determine the direction of a call.

    incoming, internal: patterns for the context in which the first channel of a call starts
    outgoing: patterns for the context in which a channel dials

    Channels of trunks start in other contexts than channels of phones. A phone that dials an outside number
    starts in the same context as a phone that dials a colleague, so only the context of the Dial shows an
    outgoing call.
    """

    incoming: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()

    def of_first(self, context: str) -> Direction | None:
        """Return the direction of a call by the context in which its first channel starts.

        The result is None if no pattern matches.
        """
        if _matches(context, self.incoming):
            return Direction.IN
        return Direction.INTERNAL if _matches(context, self.internal) else None

    def of_dial(self, context: str) -> Direction | None:
        """Return OUT if a Dial in this dialplan context calls an outside number, otherwise None."""
        return Direction.OUT if _matches(context, self.outgoing) else None


@dataclass(slots=True)
class Dial:
    """One Dial: a channel that dials another. A phone is written as an interface, such as `PJSIP/100`.

    caller, dialed: uniqueids of the two channels
    """

    caller: str
    caller_phone: str
    caller_local: bool  # the dialling channel is a half of a Local channel
    dialed: str
    phone: str  # the dialled phone; after an answer behind a Local channel, the phone that answered
    local: bool  # the dialled channel is a Local channel
    within: str | None = None  # the dialled channel of the outer Dial; None if there is no outer Dial
    picked_up: bool = False
    before: Direction | None = None  # the direction of the call before this Dial

    def talk(self, pbx: str, call_id: str, direction: Direction, name_at: Callable[[str], str]) -> OpenTalk:
        """Return the talk that starts when this Dial is answered.

        In an outgoing call, the agent is at the dialling phone. Otherwise the agent is at the phone that
        answered. `name_at` returns the name of the agent at a phone.
        """
        if direction is Direction.OUT:
            customer, leg, phone, local = self.dialed, self.caller, self.caller_phone, self.caller_local
        else:
            customer, leg, phone, local = self.caller, self.dialed, self.phone, self.local
        return OpenTalk(
            pbx=pbx,
            call_id=call_id,
            uniqueid=customer,
            queue="",
            member=name_at(phone),
            interface=phone,
            dialed=leg,
            caller=customer,
            agent=None if local else leg,
            picked_up=self.picked_up,
            direction=direction,
        )


class DirectCalls:
    """The open Dials of one PBX, which start the talks of calls without a queue.

    A Dial is kept until its dialled channel ends. The Dials that queues make are kept too. `name_at` returns
    the name of the agent at a phone.
    """

    def __init__(
        self,
        pbx: str,
        contexts: Contexts,
        calls: Calls,
        talks: Talks,
        channels: Channels,
        name_at: Callable[[str], str],
    ) -> None:
        self._pbx = pbx
        self._contexts = contexts
        self._calls = calls
        self._talks = talks
        self._channels = channels
        self._name_at = name_at
        self._dials: dict[str, Dial] = {}  # by the dialled channel

    def __len__(self) -> int:
        return len(self._dials)

    def of(self, dialed: str) -> Dial | None:
        """Return the Dial whose dialled channel is `dialed`; None if there is none."""
        return self._dials.get(dialed)

    def restore(self, dials: Mapping[str, Dial]) -> None:
        """Add Dials from a checkpoint. `dials` maps each dialled channel to its Dial."""
        self._dials |= dials

    def dial_started(self, event: DialStarted) -> None:
        """Add a Dial (DialBegin), and update the direction of its call.

        A Dial inside another Dial does not change the direction. The DialBegin of the inner Dial can come
        first, because Queue() and Dial() send that of the outer one only after the Local channel has started.
        The Dials behind the Local channel are therefore moved inside the outer Dial when it comes.
        """
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
        if dial.local:
            self._move_inside(dial.dialed)
        if dial.within is None:
            call = self._calls.get_or_begin(event.linkedid, event.uniqueid, event.at)
            dial.before = call.direction
            talk = talk_of_device(self._channels, self._talks, device_of(event.channel))
            if talk is not None and not call.queue:
                call.consultation = True
            call.handle_dial(event, self._contexts.of_dial(event.context))

    def answered(self, dialed: str, at: float) -> None:
        """Start the talk of a Dial that was answered (DialEnd with status ANSWER).

        If the Dial is inside another Dial, it starts no talk. Instead, the phone that answered is stored in
        the outer Dial.
        """
        dial = self._dials.get(dialed)
        if dial is None:
            return
        if dial.within is None:
            self._begin(dial, at)
        elif (outer := self._dials.get(dial.within)) is not None:
            outer.phone = dial.phone

    def picked_up(self, event: PickedUp) -> None:
        """Replace the phone of a Dial by the one that picked up the call (Pickup), and start the talk."""
        dial = self._dials.get(event.rung)
        if dial is not None:
            dial.dialed, dial.phone, dial.local = event.uniqueid, device_of(event.channel), False
            dial.picked_up = True
            self.answered(event.rung, event.at)

    def joined_queue(self, uniqueid: str, at: float) -> None:
        """Close the talk of a Dial whose caller entered a queue through a Local channel (QueueCallerJoin).

        AgentConnect then starts the talk with the agent of the queue.
        """
        talk = self._talk_of_other_half(uniqueid)
        if talk is not None and talk.phase is TalkPhase.CONNECTING:
            self._talks.close(talk, at)

    def channel_ended(self, uniqueid: str) -> None:
        """Remove the Dial whose dialled channel has ended (Hangup)."""
        self._dials.pop(uniqueid, None)

    def _move_inside(self, outer: str) -> None:
        """Mark the Dials behind a Local channel as inside the Dial of that channel.

        `outer` is the half of the Local channel that was dialled. Such a Dial may have set the direction of
        the call; the direction before it is restored.
        """
        far_half = self._channels.other_half(outer)
        for dial in self._dials.values():
            if dial.caller == far_half and dial.within is None:
                dial.within = outer
                call = self._calls.of(dial.caller)
                if call is not None:
                    call.direction = dial.before

    def _begin(self, dial: Dial, at: float) -> None:
        """Start the talk of an answered Dial, and close the earlier talks of its two channels.

        No talk starts if the direction of the call is unknown, or if an agent who is in a talk calls a
        colleague for a consultation.
        """
        call = self._calls.of(dial.caller)
        if call is None or call.direction is None or call.consultation:
            return
        waiting = self._talk_of_other_half(dial.caller)
        if waiting is not None:
            # Click to call: the phone behind the Local channel answered first and was connected to no party
            # until now.
            dial.caller_phone = waiting.interface
            waiting.phase, waiting.answered_at = TalkPhase.CONNECTING, 0.0
            self._talks.close(waiting, at)
            self._talks.customers.ended(waiting.caller)
        customer = self._talks.customers.of_call(call.call_id)
        if customer is not None and customer.channel not in (dial.caller, dial.dialed):
            return  # of a consultation; after a transfer the phone comes into the customer's bridge
        talk = dial.talk(self._pbx, call.call_id, call.direction, self._name_at)
        for leg in (talk.caller, talk.dialed):
            before = self._talks.by_leg.of(leg)
            if before is not None:
                self._talks.close(before, at)
        self._talks.begin(talk, at)

    def _talk_of_other_half(self, uniqueid: str) -> OpenTalk | None:
        """Return the open talk on the other half of a Local channel; `uniqueid` is one of the two halves.

        The result is None if there is no such talk, or if the talk belongs to a queue.
        """
        other_half = self._channels.other_half(uniqueid)
        talk = self._talks.by_leg.of(other_half) if other_half is not None else None
        return talk if talk is not None and not talk.queue else None


def _matches(context: str, patterns: Iterable[str]) -> bool:
    """Return whether a context matches one of the patterns, which may contain `*`, `?` and `[...]`."""
    return any(fnmatchcase(context, pattern) for pattern in patterns)
