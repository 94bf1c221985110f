"""The pairing of visits in queue_log with recorded visits, and of recorded visits with their talks.

A caller may enter one queue several times within seconds, while queue_log counts whole seconds. Visits are
therefore paired by their order first. Their times decide only if queue_log or the records lack a visit.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from math import inf

from cc_bridge.queue_log.visits import LoggedVisit
from cc_bridge.queue_names import queue_key
from cc_bridge.records import Outcome, QueueVisit, Talk

__all__ = ["pairs", "talks_of"]

# Longest difference, in seconds, of two entry times of one visit, of which one is computed from a wait time.
_APART = 2.0
_SECOND = 1.0
_MOMENT = 0.1  # tolerance in seconds; AgentConnect comes before the entry into the bridge, never after it


def pairs(
    logged: Iterable[LoggedVisit], observed: Iterable[QueueVisit], *, clock_steps: bool = False
) -> Iterator[tuple[LoggedVisit | None, QueueVisit | None]]:
    """Yield a pair (logged, recorded) for each visit, with None if queue_log or the records lack the visit.

    Visits are paired by channel and queue first, then by call and queue. Set `clock_steps` if the PBX's clock
    was set during the compared time. queue_log and the records may then have different times for one visit,
    so visits of the same channel and queue can be paired even if their times do not overlap.
    """
    calls = {}
    theirs: dict[tuple[str, str], list[LoggedVisit]] = {}
    ours: dict[tuple[str, str], list[QueueVisit]] = {}
    for visit in logged:
        theirs.setdefault((visit.call, queue_key(visit.queue)), []).append(visit)
    for mine in observed:
        calls[mine.uniqueid] = mine.call_id
        ours.setdefault((mine.uniqueid, queue_key(mine.queue)), []).append(mine)
    unpaired_theirs: dict[tuple[str, str], list[LoggedVisit]] = {}
    unpaired_ours: dict[tuple[str, str], list[QueueVisit]] = {}
    for key in theirs.keys() | ours.keys():
        for one, other in _nearest(theirs.get(key, []), ours.get(key, []), in_order=clock_steps):
            call = calls.get(key[0], key[0]), key[1]
            if one and other:
                yield one, other
            elif one:
                unpaired_theirs.setdefault(call, []).append(one)
            elif other:
                unpaired_ours.setdefault(call, []).append(other)
    for key in unpaired_theirs.keys() | unpaired_ours.keys():
        yield from _nearest(unpaired_theirs.get(key, []), unpaired_ours.get(key, []))


def _nearest(
    theirs: list[LoggedVisit], ours: list[QueueVisit], *, in_order: bool = False
) -> Iterator[tuple[LoggedVisit | None, QueueVisit | None]]:
    """Yield the pairs of one caller's visits in one queue, then the visits that have no pair.

    `theirs` has the visits in queue_log and `ours` the recorded visits. If both have the same number of
    visits, and the two visits of each pair would overlap, the visits are paired in their order. With
    `in_order`, the same number is enough. In all other cases only visits that overlap are paired, starting
    with the pair whose starts are nearest.
    """
    unpaired_theirs = sorted(theirs, key=lambda visit: visit.entered_at)
    unpaired_ours = sorted(ours, key=lambda visit: visit.entered_at)
    near = list(zip(unpaired_theirs, unpaired_ours, strict=False))
    if len(theirs) != len(ours) or not (in_order or all(_touch(*pair) for pair in near)):
        near = [pair for pair in product(unpaired_theirs, unpaired_ours) if _touch(*pair)]
        # On average, an instant is half a second later than the start of its whole second.
        near.sort(key=lambda pair: abs(pair[0].entered_at + _SECOND / 2 - pair[1].entered_at))
    for one, other in near:
        if any(one is visit for visit in unpaired_theirs) and any(other is visit for visit in unpaired_ours):
            unpaired_theirs = [visit for visit in unpaired_theirs if visit is not one]
            unpaired_ours = [visit for visit in unpaired_ours if visit is not other]
            yield one, other
    yield from ((visit, None) for visit in unpaired_theirs)
    yield from ((None, visit) for visit in unpaired_ours)


def _touch(one: LoggedVisit, other: QueueVisit) -> bool:
    """Return whether a visit in queue_log and a recorded visit overlap, or started together.

    Times may differ by up to two seconds. The starts are compared because a wait time in queue_log can be
    wrong.
    """
    left_at = inf if one.left_at is None else one.left_at
    if abs(one.entered_at - other.entered_at) <= _APART:
        return True
    return one.entered_at <= other.left_at + _APART and other.entered_at <= left_at + _APART


def talks_of(visits: Iterable[QueueVisit], talks: Iterable[Talk]) -> dict[int, Talk]:
    """Return the talk that followed each answered visit. The keys of the result are `id(visit)`.

    A visit without a talk is not in the result. Note: if the PBX's clock was set back during a talk, the talk
    is dated before its visit. So a talk that was not fully observed may also belong to a later visit, if this
    visit has no other talk.
    """
    answered: dict[tuple[str, str], list[QueueVisit]] = {}
    for visit in visits:
        if visit.outcome is Outcome.ANSWERED:
            answered.setdefault((visit.uniqueid, queue_key(visit.queue)), []).append(visit)
    found: dict[int, Talk] = {}
    for talk in sorted(talks, key=lambda talk: talk.answered_at):
        of_queue = answered.get((talk.uniqueid, queue_key(talk.queue)), ())
        before = [visit for visit in of_queue if visit.left_at <= talk.answered_at + _MOMENT]
        if not before and talk.partial:
            before = [visit for visit in of_queue if id(visit) not in found]
        if before:
            found.setdefault(id(max(before, key=lambda visit: visit.left_at)), talk)
    return found
