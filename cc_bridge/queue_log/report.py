"""The result of a comparison with queue_log, as a table for people or as JSON for programs."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cc_bridge.queue_log.differences import Comparison, Difference, DifferenceReason
from cc_bridge.queue_log.parse import LineCounts
from cc_bridge.records import Outcome
from cc_bridge.safe_text.printable import json_text

__all__ = ["as_json", "as_text", "events_text"]

_EVENTS_SHOWN = 10
_MEANINGS: dict[DifferenceReason, str] = {
    DifferenceReason.NOT_LET_IN: "queue_log has no line for a caller who was not let in",
    DifferenceReason.ONE_WORD: "queue_log writes EXITEMPTY for other outcomes too",
    DifferenceReason.REDIRECTED: "queue_log writes ABANDON for a caller who was redirected out of the queue",
    DifferenceReason.OTHER_LEG: "queue_log names another channel of the same call",
    DifferenceReason.PICKED_UP: "queue_log names the agent whose phone rang; another one picked up",
    DifferenceReason.LATE_END: "queue_log's talk outlasts the agent's: survey, consultation, redirect, park",
    DifferenceReason.CLOCK_STEP: "the PBX's clock was set during the visit or talk",
    DifferenceReason.CONFERENCE: "caller and agent left the queue's talk and met again in another bridge",
    DifferenceReason.CONSULTATION: "an agent consulted this queue; queue_log's talk includes that",
    DifferenceReason.UNSEEN_TRANSFER: "queue_log missed a transfer; its talk includes the time after it",
    DifferenceReason.NO_END: "queue_log has no end of the talk",
    DifferenceReason.NEVER_SPOKE: "the agent answered, but caller and agent were never connected",
    DifferenceReason.RESTART: "queue_log has no end, because Asterisk stopped during the visit or talk",
    DifferenceReason.LOG_BEGAN: "the visit started before queue_log's first line",
    DifferenceReason.LOG_ENDED: "the visit or talk continued after queue_log's last line",
    DifferenceReason.WE_BEGAN: "the visit started before cc_bridge's first record",
    DifferenceReason.WE_ENDED: "the visit or talk continued after cc_bridge's last event",
    DifferenceReason.GAP: "the PBX was not observed for a part of the visit or talk",
}


def as_text(comparison: Comparison, counts: LineCounts) -> Iterator[str]:
    """Yield the lines of the report on a comparison.

    The lines show the visits by outcome, the number of differences by reason, and each unexplained
    difference. They also show how many lines of queue_log were malformed or had unknown events (`counts`).
    """
    yield f"{'visits':<20}{'queue_log':>10}{'ours':>10}"
    for name, logged, observed in _by_outcome(comparison):
        yield f"  {name:<18}{logged:>10}{observed:>10}"
    yield f"  {'all':<18}{comparison.logged.total():>10}{comparison.observed.total():>10}"
    yield ""
    yield f"{'visits that match':<20}{comparison.matched:>10}"
    yield f"{'differences':<20}{len(comparison.differences):>10}"
    for reason, n in comparison.explained.most_common():
        yield f"  {reason:<18}{n:>10}  {_MEANINGS[reason]}"
    yield f"  {'unexplained':<18}{len(comparison.unexplained):>10}"
    if counts.junk:
        yield f"{counts.junk} of {counts.lines} lines of queue_log did not fit and were left out"
    if counts.unknown:
        yield f"{counts.unknown.total()} lines have unknown events: {events_text(counts)}"
    if counts.undecoded:
        yield f"{counts.undecoded} lines have bytes of another encoding: see --encoding"
    if comparison.unexplained:
        yield ""
    for difference in comparison.unexplained:
        clock = datetime.fromtimestamp(difference.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        yield (
            f"{clock}  {difference.call:<24} {difference.queue:<12} {difference.what:<8} "
            f"queue_log: {difference.logged}; ours: {difference.observed}"
        )


def as_json(comparison: Comparison, counts: LineCounts) -> str:
    """Return a comparison and the numbers of lines (`counts`) as a JSON object. Times are ISO 8601 in UTC."""
    return json_text(
        {
            "lines": counts.lines,
            "junk_lines": counts.junk,
            "undecoded_lines": counts.undecoded,
            "unknown_events": dict(counts.unknown),
            "visits": {
                name: {"queue_log": logged, "ours": observed}
                for name, logged, observed in _by_outcome(comparison)
            },
            "matched": comparison.matched,
            "explained": dict(comparison.explained),
            "unexplained": len(comparison.unexplained),
            "differences": [_fields(difference) for difference in comparison.differences],
        }
    )


def events_text(counts: LineCounts) -> str:
    """Return a text with up to ten unknown events, the most frequent first, each with its number of lines."""
    shown = [f"{event} {n}" for event, n in counts.unknown.most_common(_EVENTS_SHOWN)]
    further = len(counts.unknown) - len(shown)
    return ", ".join([*shown, f"and {further} others"] if further else shown)


def _by_outcome(comparison: Comparison) -> Iterator[tuple[str, int, int]]:
    """Yield each outcome that occurs, with its number of visits in queue_log and in the records."""
    for outcome in (*Outcome, None):
        logged, observed = comparison.logged[outcome], comparison.observed[outcome]
        if logged or observed:
            yield outcome or "no end", logged, observed


def _fields(difference: Difference) -> dict[str, str | None]:
    """Return a difference as the fields of a JSON object."""
    return {
        "what": difference.what,
        "call": difference.call,
        "queue": difference.queue,
        "entered_at": datetime.fromtimestamp(difference.at, UTC).isoformat().replace("+00:00", "Z"),
        "queue_log": difference.logged,
        "ours": difference.observed,
        "reason": difference.reason,
    }
