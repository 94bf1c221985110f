"""The differences between the tracked state and a snapshot of the PBX, and their correction.

`PbxSnapshotDiff.apply` handles the snapshot that starts an AMI session and the ones requested during the
session. Tracked visits, rings, talks and channels that the snapshot does not show are closed as unobserved,
at the instant when they were last observed. Talks and waiting callers that only the snapshot shows are added.

During a session, events arrive while Asterisk sends a snapshot. A difference then counts only if the previous
snapshot showed it too. If a snapshot does not show a waiting caller, the visit is not closed immediately,
because the caller's QueueCallerLeave may still arrive. At the start of a session, the visit is not closed
immediately either.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from cc_bridge.calls import events as ev
from cc_bridge.calls.live_state import LiveState
from cc_bridge.calls.open_talk import OpenTalk, TalkPhase
from cc_bridge.calls.pbx_snapshot import PbxSnapshot, SeenTalk
from cc_bridge.calls.visit import Visit, VisitPhase

__all__ = ["PbxSnapshotDiff"]

# A difference: a name that is the same in the next snapshot, and the function that corrects the difference.
SnapshotDifference = tuple[tuple[str, ...], Callable[[], None]]
WaitingEntries = Mapping[tuple[str, str], ev.Joined]  # by channel and queue

# Two entries of a caller into a queue less than this many seconds apart are the same entry. QueueStatus
# computes the wait time from two clock readings in whole seconds.
_SAME_SECONDS = 2.5
# A snapshot alone does not close visits in these phases, because the leaving event may still arrive.
_MISSED = (VisitPhase.WAITING, VisitPhase.MISSED, VisitPhase.MISSED_HANGING_UP)


class PbxSnapshotDiff:
    """The comparison of one PBX's live state with its snapshots.

    unconfirmed: names of the differences that the last snapshot showed, but not the snapshot before it
    """

    def __init__(self, state: LiveState) -> None:
        self.unconfirmed: set[tuple[str, ...]] = set()
        self._state = state

    def apply(self, snapshot: PbxSnapshot, *, fresh: bool, gone_at: float) -> bool:
        """Correct the differences between the live state and a snapshot; return whether any was corrected.

        Visits, rings, talks and channels that the snapshot does not show end at `gone_at`. `fresh` means that
        the snapshot starts an AMI session; then all differences are corrected. Otherwise, a difference is
        corrected only if the previous snapshot showed it too.
        """
        differences = dict(self._differences(snapshot, gone_at))
        certain = [key for key in differences if fresh or key in self.unconfirmed]
        for key in certain:
            differences[key]()
        self.unconfirmed = differences.keys() - certain
        return bool(certain)

    def _differences(self, snapshot: PbxSnapshot, gone_at: float) -> Iterator[SnapshotDifference]:
        """Yield each difference between the live state and a snapshot.

        A difference has a name, which is the same in the next snapshot, and a function that corrects it.
        """
        state, living = self._state, snapshot.channels
        # If the PBX's clock was put back, Asterisk's wait time is negative.
        waiting = {
            (entry.uniqueid, entry.queue): entry._replace(at=min(entry.at, snapshot.taken_at))
            for entry in snapshot.waiting
        }
        for visit in state.visits.all():
            if not _shown(visit, waiting) and not state.visits.is_leaving(visit.uniqueid):
                vanished = visit.uniqueid not in living
                missed = partial(state.visits.not_shown, visit, gone_at, snapshot.taken_at, vanished=vanished)
                yield ("visit", visit.uniqueid, visit.queue), missed
        for uniqueid in state.rings.channels():
            if uniqueid not in living:
                yield ("ring", uniqueid), partial(state.rings.close, uniqueid, gone_at)
        for talk in state.talks.by_leg.all():
            if not _is_in_progress(talk, snapshot):
                name = ("talk", talk.uniqueid, talk.queue, str(talk.answered_at))
                yield name, partial(state.talks.close, talk, gone_at)
        # Before channels end: a call may continue on a channel that was not known.
        yield from self._unseen(snapshot, waiting)
        unknown = {*state.channels.missing_from(living), *state.calls.missing_from(living)}
        waits = {visit.uniqueid for visit in state.visits.all() if visit.phase in _MISSED}
        for uniqueid in unknown - waits:
            yield ("channel", uniqueid), partial(state.channel_vanished, uniqueid, gone_at)

    def _unseen(self, snapshot: PbxSnapshot, waiting: WaitingEntries) -> Iterator[SnapshotDifference]:
        """Yield a difference for each talk and each waiting caller that only the snapshot shows.

        `waiting` has the waiting callers of the snapshot, by channel and queue.
        """
        talks = self._state.talks
        for seen in snapshot.talks:
            going_on = talks.by_leg.of(seen.uniqueid)
            last = talks.memory.last(seen.uniqueid)
            known = talks.memory.of_call(last.call_id) if last is not None else []
            # Behind a Local channel another agent may speak by now: Queue() does not notice a transfer.
            over = any(talk.dialed == seen.agent_uniqueid for talk in known)
            if not over and (going_on is None or not _is_in_progress(going_on, snapshot)):
                yield (
                    ("joined talk", seen.uniqueid),
                    partial(self._begin_unseen_talk, seen, snapshot.taken_at),
                )
        for key, entry in waiting.items():
            visit = self._state.visits.of(entry.uniqueid)
            if visit is None or not _shown(visit, waiting):
                yield ("entry", *key), partial(self._state.visits.joined_unseen, entry)

    def _begin_unseen_talk(self, seen: SeenTalk, now: float) -> None:
        """Start a partial talk for a talk that a snapshot shows, although no event showed its start.

        A survey after the talk can then rate the agent.
        """
        state = self._state
        device = seen.agent_channel.rpartition("-")[0]
        names = {
            member.interface.removesuffix("/n"): (member.name, member.interface)
            for member in state.members.values()
            if member.queue == seen.queue
        }
        name, interface = names.get(device) or (state.members.name_of(device) or device, device)
        call = state.calls.get_or_begin(seen.linkedid, seen.uniqueid, now)
        call.queue = call.queue or seen.queue
        behind_local = state.channels.other_half(seen.agent_uniqueid)
        talk = OpenTalk(
            pbx=state.pbx,
            call_id=call.call_id,
            uniqueid=seen.uniqueid,
            queue=seen.queue,
            member=name,
            interface=interface,
            dialed=seen.agent_uniqueid,
            caller=seen.uniqueid,
            agent=None if behind_local else seen.agent_uniqueid,
            picked_up=bool(names) and device not in names,
            partial=True,
        )
        state.begin_talk(talk, now)


def _is_in_progress(talk: OpenTalk, snapshot: PbxSnapshot) -> bool:
    """Return whether a talk is still in progress, judged by the channels of caller and agent in a snapshot.

    If caller and agent are talking, both channels must be in one bridge. If a Local channel is between them,
    they may be in two bridges. In any other phase of the talk, both channels need only exist.
    """
    bridges = [snapshot.channels.get(leg) for leg in (talk.caller, talk.agent or talk.dialed)]
    if talk.phase is not TalkPhase.TALKING:
        return None not in bridges
    behind_local = talk.agent != talk.dialed
    return all(bridges) and (behind_local or bridges[0] == bridges[1])


def _shown(visit: Visit, waiting: WaitingEntries) -> bool:
    """Return whether a snapshot shows the caller of a visit as waiting in the visit's queue.

    `waiting` has the snapshot's waiting callers. If the same caller entered the same queue at another time,
    that is another visit, and the result is False. After a step of the PBX's clock, these times are not
    compared.
    """
    entry = waiting.get((visit.uniqueid, visit.queue))
    return entry is not None and (visit.clock_step or abs(entry.at - visit.entered_at) < _SAME_SECONDS)
