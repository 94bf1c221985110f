"""The channels and queues that the PBX has announced, and the events about others, which are held back.

A caller can forge events, because AMI sends some of a caller's values raw. Asterisk announces each channel by
Newchannel before any other event about it, and QueueStatus lists each queue. An event about another channel
or queue is therefore suspect. It is held back until Asterisk has been asked, and is discarded and counted if
Asterisk does not confirm it. Later events about the same channel are held back too, to keep their order.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from cc_bridge.calls import events as ev
from cc_bridge.queue_names import QueueNames, queue_key

__all__ = ["AnnouncedEvents", "PbxQuestion"]

# An ended channel is known for at least this many seconds, or until this many other channels have ended.
_KEEP_SECONDS = 60.0
_KEEP_ENDED = 5000
# The largest number of events that are held back. Further suspect events are discarded.
_MAX_HELD = 1000
# If more queues than this are in question, all queues are asked for.
_MAX_QUEUES = 8
# The value of a field for a channel if an event is about no such channel.
_NO_CHANNEL = ""


class _Subject(NamedTuple):
    """The positions of those fields in an event that name its channels and its queue; None: no such field.

    The field of a channel may be empty.
    """

    channel: int | None = None
    other: int | None = None
    queue: int | None = None


_SUBJECTS: dict[type[Any], _Subject] = {
    ev.ChannelStarted: _Subject(),
    ev.ChannelEnded: _Subject(1),
    ev.HangupRequested: _Subject(1),
    ev.QueueRun: _Subject(1, None, 3),
    ev.Joined: _Subject(1, None, 3),
    ev.Left: _Subject(1, None, 2),
    ev.GaveUp: _Subject(1, None, 3),
    ev.Called: _Subject(1, 6, 3),
    ev.Connected: _Subject(1, 6, 3),
    ev.Dumped: _Subject(1, 2),
    ev.DialStarted: _Subject(1, 6),
    ev.DialEnded: _Subject(1, 3),
    ev.PickedUp: _Subject(1, 3),
    ev.BridgeEntered: _Subject(2),
    ev.BridgeLeft: _Subject(2),
    ev.LocalJoined: _Subject(1, 2),
    ev.Held: _Subject(1),
    ev.Unheld: _Subject(1),
    ev.BlindTransferred: _Subject(1),
    ev.AttendedTransferred: _Subject(3, 4),
    ev.StatusSet: _Subject(1),  # the dialplan may name anything as the queue
    ev.MemberSeen: _Subject(None, None, 1),
    ev.MemberGone: _Subject(None, None, 1),
}
# The most frequent kinds of events name one channel and nothing else: the position of this field.
_ONE_CHANNEL = {
    kind: channel
    for kind, (channel, other, queue) in _SUBJECTS.items()
    if channel is not None and other is queue is None
}


class PbxQuestion(NamedTuple):
    """A question to Asterisk: whether to list the channels, and the names of the queues to list.

    `queues` is None if all queues are to be listed.
    """

    channels: bool
    queues: frozenset[str] | None


class AnnouncedEvents:
    """The check of one PBX's events: an event can be applied now, is held back, or is discarded.

    discarded: the number of discarded events
    """

    def __init__(self, queues: QueueNames) -> None:
        """Create the object. `queues` has the names of all known queues; names may be added to it later."""
        self.discarded = 0
        self._queues = queues
        self._lists_queues = True
        self._spelled: set[str] = set()  # names found in `queues`
        self._known = {_NO_CHANNEL}  # the announced channels: open, or ended a short time ago
        # The known channels that ended: since the last change of generation, and in the generation before.
        self._ended: list[str] = []
        self._ended_earlier: list[str] = []
        self._changed_at = 0.0
        self._unlisted: set[str] = set()  # open channels that the last snapshot did not list
        self._held: list[ev.CallEvent] = []
        self._asked = 0  # number of held events that the present question is about
        self._blocked: set[str] = set()  # channels of held events

    def __len__(self) -> int:
        return len(self._held)

    def announce(self, channels: Iterable[str]) -> None:
        """Add channels to the announced channels."""
        self._known.update(channels)

    def announce_event(self, event: ev.CallEvent) -> None:
        """Add the channels of an event that Asterisk sent before the first snapshot of an AMI session.

        Such an event cannot be checked: its channels may have ended before the snapshot.
        """
        self._known.update(_channels(event))
        if type(event) is ev.ChannelStarted:
            self._known.add(event.uniqueid)
        elif type(event) is ev.ChannelEnded:
            self._note_end(event)

    def snapshot(self, channels: Collection[str], at: float, *, lists_queues: bool) -> None:
        """Add the channels of a snapshot taken at the instant `at`, and forget channels that have ended.

        Channels that ended long ago are forgotten. So are open channels that two snapshots in a row did not
        list, because their ends were not received.

        `lists_queues` is True if the snapshot has any queue. If Asterisk lists no queue, it cannot confirm
        one. Then events are applied whatever their queue.
        """
        self._lists_queues = lists_queues
        self._forget_ended(at)
        unlisted = self._known.difference(channels, self._ended, self._ended_earlier, (_NO_CHANNEL,))
        self._known -= unlisted & self._unlisted
        self._known.update(channels)
        self._unlisted = unlisted

    def passes(self, event: ev.CallEvent) -> bool:
        """Return whether an event can be applied now; if not, hold it back or discard it."""
        kind, known = type(event), self._known
        if kind is ev.ChannelStarted:
            known.add(event[1])  # type: ignore[arg-type]  # the uniqueid
            return True
        at = _ONE_CHANNEL.get(kind)
        if at is None:
            channel, other, queue = _SUBJECTS[kind]
            return (
                not self._held
                and (channel is None or event[channel] in known)
                and (other is None or event[other] in known)
                and (queue is None or event[queue] in self._spelled or self._is_queue(event[queue]))
            ) or self._passes_held(event)
        if (self._held or event[at] not in known) and not self._passes_held(event):
            return False
        if kind is ev.ChannelEnded:
            self._note_end(event)  # type: ignore[arg-type]
        return True

    def question(self) -> PbxQuestion | None:
        """Return what to ask Asterisk about all events held back so far; None if no event is held back.

        `answered` must be called with the answer, before this method is called again.
        """
        self._asked = len(self._held)
        if not self._held:
            return None
        queues = {q for event in self._held if (q := _queue(event)) is not None and not self._is_queue(q)}
        channels = any(not self._are_known(event) for event in self._held)
        return PbxQuestion(channels, frozenset(queues) if len(queues) <= _MAX_QUEUES else None)

    def answered(self, channels: Iterable[str], queues: Iterable[str]) -> list[ev.CallEvent]:
        """Return the held events to apply, in order; discard those that Asterisk does not confirm.

        `channels` and `queues` are those that Asterisk listed in its answer to `question`. An event that was
        held back after the question is not discarded. It stays held if its channel or queue is still unknown.
        """
        self._known.update(channels)
        known = {queue_key(queue) for queue in queues}
        self._spelled.update(
            queue for event in self._held if (queue := _queue(event)) and queue_key(queue) in known
        )
        asked, later = self._held[: self._asked], self._held[self._asked :]
        self._held, self._asked, self._blocked = [], 0, set()
        passed = [event for event in asked if self._is_announced(event)]
        self.discarded += len(asked) - len(passed)
        passed += [event for event in later if self._passes_held(event)]
        return passed

    def discard_held(self) -> None:
        """Discard all held events, because Asterisk can no longer be asked about them."""
        self.discarded += len(self._held)
        self._held, self._asked, self._blocked = [], 0, set()

    # -- inside

    def _note_end(self, event: ev.ChannelEnded) -> None:
        self._ended.append(event.uniqueid)
        self._forget_ended(event.at)

    def _forget_ended(self, at: float) -> None:
        """Begin a new generation of ended channels if it is time; forget those of the generation before last.

        `at` is the present instant. A generation ends after _KEEP_SECONDS, or when _KEEP_ENDED channels have
        ended in it. It also ends if the PBX's clock has been set back by _KEEP_SECONDS or more.
        """
        if abs(at - self._changed_at) >= _KEEP_SECONDS or len(self._ended) >= _KEEP_ENDED:
            self._known.difference_update(self._ended_earlier)
            self._ended_earlier, self._ended, self._changed_at = self._ended, [], at

    def _passes_held(self, event: ev.CallEvent) -> bool:
        """Return whether an event can be applied now. If not, hold it back; discard it if too many are held.

        An event can be applied if its channels and queue are known, and no held event is about one of its
        channels.
        """
        channels = _channels(event)
        if self._is_announced(event) and self._blocked.isdisjoint(channels):
            return True
        if len(self._held) < _MAX_HELD:
            self._held.append(event)
            self._blocked.update(channels)
        else:
            self.discarded += 1
        return False

    def _is_announced(self, event: ev.CallEvent) -> bool:
        """Return whether the channels and the queue of an event are known."""
        queue = _queue(event)
        return self._are_known(event) and (queue is None or self._is_queue(queue))

    def _are_known(self, event: ev.CallEvent) -> bool:
        return self._known.issuperset(_channels(event))

    def _is_queue(self, queue: Any) -> bool:
        if queue in self._spelled or not self._lists_queues:
            return True
        if queue in self._queues:
            self._spelled.add(queue)
            return True
        return False


def _channels(event: ev.CallEvent) -> Collection[str]:
    """Return the channels that an event is about."""
    channel, other, _ = _SUBJECTS[type(event)]
    return [str(event[at]) for at in (channel, other) if at is not None and event[at]]


def _queue(event: ev.CallEvent) -> str | None:
    """Return the queue that an event is about, or None."""
    at = _SUBJECTS[type(event)].queue
    return None if at is None else str(event[at])
