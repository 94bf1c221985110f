"""Which visit of queue_log is which of ours, and which talk followed it; for `reconcile.py`.

The trap: a caller may pass one queue several times, within seconds even, while queue_log counts in whole
ones. So order decides first, nearness only where one side lacks a visit.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from math import inf

from cc_bridge.queue_log.visits import LoggedVisit
from cc_bridge.records import Outcome, QueueVisit, Talk

__all__ = ["pairs", "talks_of"]

_APART = 2.0  # seconds between two accounts of one entry, when one of them is computed from a wait
_SECOND = 1.0
_MOMENT = 0.1  # seconds; an agent is connected before the two are bridged, never after


def pairs(
    logged: Iterable[LoggedVisit], observed: Iterable[QueueVisit]
) -> Iterator[tuple[LoggedVisit | None, QueueVisit | None]]:
    """Yield what is the same visit on both sides: by channel and queue, then by call and queue."""
    calls = {}
    theirs: dict[tuple[str, str], list[LoggedVisit]] = {}
    ours: dict[tuple[str, str], list[QueueVisit]] = {}
    for visit in logged:
        theirs.setdefault((visit.call, visit.queue), []).append(visit)
    for mine in observed:
        calls[mine.uniqueid] = mine.call_id
        ours.setdefault((mine.uniqueid, mine.queue), []).append(mine)
    lone_theirs: dict[tuple[str, str], list[LoggedVisit]] = {}
    lone_ours: dict[tuple[str, str], list[QueueVisit]] = {}
    for key in theirs.keys() | ours.keys():
        for one, other in _nearest(theirs.get(key, []), ours.get(key, [])):
            call = calls.get(key[0], key[0]), key[1]
            if one and other:
                yield one, other
            elif one:
                lone_theirs.setdefault(call, []).append(one)
            elif other:
                lone_ours.setdefault(call, []).append(other)
    for key in lone_theirs.keys() | lone_ours.keys():
        yield from _nearest(lone_theirs.get(key, []), lone_ours.get(key, []))


def _nearest(
    theirs: list[LoggedVisit], ours: list[QueueVisit]
) -> Iterator[tuple[LoggedVisit | None, QueueVisit | None]]:
    """Yield the visits of one channel in one queue in pairs, then those left alone.

    As many on both sides are paired in their order. Else each goes with the one that it overlaps and that
    began nearest to it.
    """
    lone_theirs = sorted(theirs, key=lambda visit: visit.entered_at)
    lone_ours = sorted(ours, key=lambda visit: visit.entered_at)
    near = list(zip(lone_theirs, lone_ours, strict=False))
    if len(theirs) != len(ours) or not all(_touch(*pair) for pair in near):
        near = [pair for pair in product(lone_theirs, lone_ours) if _touch(*pair)]
        # A whole second began half a second before the instant that it stands for, on average.
        near.sort(key=lambda pair: abs(pair[0].entered_at + _SECOND / 2 - pair[1].entered_at))
    for one, other in near:
        if any(one is lone for lone in lone_theirs) and any(other is lone for lone in lone_ours):
            lone_theirs = [lone for lone in lone_theirs if lone is not one]
            lone_ours = [lone for lone in lone_ours if lone is not other]
            yield one, other
    yield from ((lone, None) for lone in lone_theirs)
    yield from ((None, lone) for lone in lone_ours)


def _touch(one: LoggedVisit, other: QueueVisit) -> bool:
    left_at = inf if one.left_at is None else one.left_at
    return one.entered_at <= other.left_at + _APART and other.entered_at <= left_at + _APART


def talks_of(visits: Iterable[QueueVisit], talks: Iterable[Talk]) -> dict[int, Talk]:
    """Return the talk that followed each answered visit, by the visit's identity."""
    answered: dict[tuple[str, str], list[QueueVisit]] = {}
    for visit in visits:
        if visit.outcome is Outcome.ANSWERED:
            answered.setdefault((visit.uniqueid, visit.queue), []).append(visit)
    found: dict[int, Talk] = {}
    for talk in sorted(talks, key=lambda talk: talk.answered_at):
        before = [
            visit
            for visit in answered.get((talk.uniqueid, talk.queue), ())
            if visit.left_at <= talk.answered_at + _MOMENT
        ]
        if before:
            found.setdefault(id(max(before, key=lambda visit: visit.left_at)), talk)
    return found
