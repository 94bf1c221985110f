"""The open calls of one PBX, each from the start of its first channel to the end of its last channel.

A call that entered a queue becomes a `Call` record. If the recording of calls without a queue is enabled,
such a call becomes a record too if its direction is known.

When two calls meet in a bridge (an attended transfer, a pickup), Asterisk gives the channels of the younger
call the Linkedid of the older one. This module keeps each channel in the call in which the channel started,
because the records of that call's visits and talks have its id. If a call without a queue met another call
and had no talk, it was only a part of the other call and is discarded.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from cc_bridge.calls.clock_steps import move_instants
from cc_bridge.calls.events import ChannelEnded, ChannelStarted, DialStarted
from cc_bridge.records import Call, Direction, Outcome, QueueVisit, Talk

__all__ = ["Calls", "OpenCall"]

# Extensions of a channel that the PBX itself made, without a dialled number.
_NOT_DIALED = ("", "s")


@dataclass(slots=True)
class OpenCall:
    """An open call, which becomes a `Call` record when its last channel ends.

    call_id: Asterisk's Linkedid at the start of the call
    uniqueid: the uniqueid of the first channel
    started_at: UTC seconds since the epoch
    queue: the name of the first queue; empty if there was none
    queues, talks: number of closed visits and of closed talks
    wait_seconds: wait time in queues before an agent first answered
    unanswered_wait_seconds: wait time in the closed visits since an agent last answered or talked
    """

    call_id: str
    uniqueid: str
    started_at: float
    direction: Direction | None = None  # None: unknown, or no configured context matches
    dialed: str = ""
    number: str = ""
    name: str = ""
    language: str = ""
    channels: list[str] = field(default_factory=list)  # the open channels, in the order of their start
    queue: str = ""
    queues: int = 0
    talks: int = 0
    answered: bool = False
    wait_seconds: float = 0.0
    unanswered_wait_seconds: float = 0.0
    talk_seconds: float = 0.0
    merged: bool = False  # it met another call
    consultation: bool = False  # an agent made it in a talk, to ask a colleague
    partial: bool = False

    def handle_dial(self, event: DialStarted, direction: Direction | None) -> None:
        """Update the call when one of its channels dials another channel (DialBegin).

        `direction` becomes the direction of the call, unless the call is incoming or entered a queue. None
        leaves the direction unchanged. The caller's number and the dialled extension are set if they are
        unknown.
        """
        if not self.queue and self.direction is not Direction.IN:
            self.direction = direction or self.direction
        if not self.number:
            self.number, self.name, self.language = event.number, event.name, event.language
        if self.dialed in _NOT_DIALED:
            self.dialed = event.exten

    def add_visit(self, visit: QueueVisit) -> None:
        """Add a closed visit to the call: its wait time, and whether the visit was answered.

        The wait time of a visit after the first answer is not counted.
        """
        if not self.queues:
            # Before Queue(), the dialplan has normalised the number and chosen the language.
            self.queue = self.queue or visit.queue
            self.number, self.name = visit.caller_number, visit.caller_name
            self.language = visit.language
        self.queues += 1
        self.direction = self.direction or Direction.IN
        if not self.answered:
            self.wait_seconds += visit.wait_seconds
        answered = visit.outcome is Outcome.ANSWERED
        self.unanswered_wait_seconds = 0.0 if answered else self.unanswered_wait_seconds + visit.wait_seconds
        self.answered |= answered
        self.partial |= visit.outcome is Outcome.UNOBSERVED  # an agent may have answered

    def add_talk(self, talk: Talk) -> None:
        """Add a closed talk to the call. The length of a partial talk is not counted."""
        self.talks += 1
        self.answered = True
        self.unanswered_wait_seconds = 0.0
        self.partial |= talk.partial
        if not talk.partial:
            self.talk_seconds += talk.talk_seconds

    def record(self, pbx: str, at: float) -> Call:
        """Return the record of the call, which ends at the instant `at`."""
        # By position: with names, the creation of an object takes twice as long.
        return Call(
            pbx,
            self.call_id,
            self.uniqueid,
            self.direction or Direction.IN,
            self.started_at,
            at,
            self.number,
            self.name,
            self.dialed,
            self.language,
            self.queue,
            self.answered,
            self.queues,
            self.talks,
            self.wait_seconds,
            self.talk_seconds,
            self.partial,
        )


class Calls:
    """The open calls of one PBX, found by call id or by channel.

    `direction_of` gets the dialplan context in which the first channel of a call starts. It returns the
    direction of the call, or None if the direction is unknown. With `every`, calls without a queue are
    recorded too.
    """

    def __init__(
        self, pbx: str, direction_of: Callable[[str], Direction | None], *, every: bool = False
    ) -> None:
        self._pbx = pbx
        self._direction_of = direction_of
        self._every = every
        self._open: dict[str, OpenCall] = {}
        self._of: dict[str, OpenCall] = {}  # by the uniqueid of a channel
        self._finished: set[str] = set()  # ids of the calls that `finish` closed

    def __len__(self) -> int:
        return len(self._open)

    def of(self, uniqueid: str) -> OpenCall | None:
        """Return the open call of a channel; None if there is none."""
        return self._of.get(uniqueid)

    def by_id(self, call_id: str) -> OpenCall | None:
        """Return an open call by its id; None if there is none."""
        return self._open.get(call_id)

    def ids(self) -> Collection[str]:
        """Return the ids of the open calls."""
        return self._open.keys()

    def restore(self, call: OpenCall) -> None:
        """Add a call from a checkpoint."""
        self._open[call.call_id] = call
        self._of |= dict.fromkeys(call.channels, call)

    def started(self, event: ChannelStarted) -> None:
        """Add a channel (Newchannel) to the call that has its Linkedid; start the call if it is new.

        The call is partial if the start of its first channel was not observed.
        """
        call = self._open.get(event.linkedid)
        if call is None:
            call = self._open[event.linkedid] = OpenCall(
                event.linkedid,
                event.uniqueid,
                event.at,
                self._direction_of(event.context),
                event.exten,
                event.number,
                event.name,
                event.language,
                partial=event.uniqueid != event.linkedid,
            )
        if event.uniqueid not in call.channels:
            call.channels.append(event.uniqueid)
        self._of[event.uniqueid] = call

    def get_or_begin(self, call_id: str, uniqueid: str, at: float) -> OpenCall:
        """Return the open call of the channel `uniqueid`; without one, the open call with the id `call_id`.

        If there is neither, because the start of the call was not observed, start a partial call at the
        instant `at`. In each case, add the channel to the returned call.
        """
        call = self._of.get(uniqueid) or self._open.get(call_id)
        if call is None:
            call = self._open[call_id] = OpenCall(call_id, uniqueid, at, partial=True)
        if uniqueid not in self._of:
            if uniqueid not in call.channels:
                call.channels.append(uniqueid)
            self._of[uniqueid] = call
        return call

    def move(self, uniqueid: str, call_id: str) -> None:
        """Move a channel to another open call, such as an agent's second line to the customer's call.

        The channel's earlier call is marked as a consultation, so it gets no record unless it entered a
        queue. If the earlier call has no other channel, it is removed.
        """
        call, before = self._open.get(call_id), self._of.get(uniqueid)
        if call is None or before is call:
            return
        if before is not None and uniqueid in before.channels:
            before.channels.remove(uniqueid)
            before.consultation = True
            if not before.channels:
                self._open.pop(before.call_id, None)
        call.channels.append(uniqueid)
        self._of[uniqueid] = call

    def add_visit(self, visit: QueueVisit) -> None:
        """Add a closed visit to its open call."""
        call = self._open.get(visit.call_id)
        if call is not None:
            call.add_visit(visit)

    def add_talk(self, talk: Talk) -> None:
        """Add a closed talk to its open call."""
        call = self._open.get(talk.call_id)
        if call is not None:
            call.add_talk(talk)

    def missing_from(self, living: Collection[str]) -> list[str]:
        """Return the channels of open calls that are not in `living`, the channels on the PBX now."""
        return [uniqueid for uniqueid in self._of if uniqueid not in living]

    def mark_partial(self, uniqueid: str) -> None:
        """Mark the call of a channel as partial, because the end of that channel was not observed."""
        call = self._of.get(uniqueid)
        if call is not None:
            call.partial = True

    def clock_set(self, seconds: float) -> None:
        """Move the starts of all calls by `seconds`, and mark the calls as partial."""
        move_instants(self._open.values(), seconds)
        for call in self._open.values():
            call.partial = True

    def ended(self, event: ChannelEnded) -> list[Call]:
        """Remove an ended channel (Hangup) from its call; return the record of a call that this ends.

        The last channel of a call ends it. The list is empty if the call has other channels, or if no record
        is made of the call, such as of a call without a queue.
        """
        call = self._of.pop(event.uniqueid, None)
        if call is None:
            return []
        if event.uniqueid in call.channels:
            call.channels.remove(event.uniqueid)
        call.merged |= event.linkedid not in ("", call.call_id)
        return [] if call.channels else self._close(call, event.at)

    def finish(self, at: float) -> list[Call]:
        """Close all open calls as partial, because their ends are not observed. Return their records."""
        closed: list[Call] = []
        for call in list(self._open.values()):
            call.partial = True
            closed += self._close(call, at)
        self._finished.update(call.call_id for call in closed)
        self._of.clear()
        return closed

    def _close(self, call: OpenCall, at: float) -> list[Call]:
        """Remove an ended call; return its record, or an empty list if the call is not recorded.

        A call with a queue is always recorded. A call without a queue is recorded only if such calls are to
        be recorded (`every`) and its direction is known. It is not recorded if it was a consultation or a
        part of another call.
        """
        del self._open[call.call_id]
        if call.call_id in self._finished:
            return []
        of_interest = self._every and call.direction is not None and not call.consultation
        part_of_another = call.merged and not call.talks
        return [call.record(self._pbx, at)] if call.queue or (of_interest and not part_of_another) else []
