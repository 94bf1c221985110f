"""The replay of a recorded AMI stream: it uses the same AMI parser and call tracker as the running daemon.

`replay` yields the records of the calls. `as_json` and `as_text` format one record as a line. A recording
holds the bytes that Asterisk sent over AMI.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cc_bridge.ami.codec import Codec
from cc_bridge.ami.messages import AnyEvent, MessageCounts
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS, read
from cc_bridge.calls.events import Called, Joined, MemberSeen, StatusSet
from cc_bridge.calls.live_state import TrackerRecord
from cc_bridge.calls.tracker import Tracker
from cc_bridge.errors import UnreadableFile
from cc_bridge.offline.files import ami_line_ends, uncompressed
from cc_bridge.queue_names import QueueNames
from cc_bridge.records import Call, Gap, QueueVisit, Ring, Talk
from cc_bridge.safe_text.printable import json_text

__all__ = [
    "CallRecord",
    "ReplayedRecord",
    "SurveyRequest",
    "as_json",
    "as_text",
    "queue_names",
    "read_stream",
    "replay",
]


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """A request of the dialplan for a survey, with the agent who talked to the caller last.

    `agent` is None if there is no agent to rate. Then no talk was observed, or the channel of the request is
    an agent's own channel in a consultation.
    """

    trigger: str  # queue, dial or extension
    uniqueid: str
    call_id: str
    queue: str
    agent: str | None
    interface: str | None


CallRecord = QueueVisit | Ring | Talk
ReplayedRecord = CallRecord | Call | Gap | SurveyRequest
_LIST_ITEMS = ("QueueMember",)  # the only events that Asterisk always sends without a timestamp


def read_stream(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a recorded AMI stream: uncompressed, with lines that end with CR LF."""
    return ami_line_ends(uncompressed(path))


def replay(chunks: Iterable[bytes], tracker: Tracker, counts: MessageCounts) -> Iterator[ReplayedRecord]:
    """Yield the calls, visits, rings, talks and survey requests of a recording.

    A call, visit, ring or talk is yielded when it ends, a survey request when the dialplan makes it. Calls,
    visits, rings and talks that are open at the end of the recording come last, as `unobserved`. If the PBX's
    clock was set forward or back, this is yielded as a gap. The numbers of AMI messages are added to
    `counts`. Raises UnreadableFile if the events have no timestamps, or if the bytes are no AMI stream.
    """
    codec = Codec(WANTED_FOR_DIRECT_CALLS if tracker.state.direct else WANTED, counts)
    now = 0.0
    empty = True
    for chunk in chunks:
        empty = empty and not chunk
        for message in codec.feed(chunk):
            event = read(message, partial(float, now)) if isinstance(message, AnyEvent) else None
            if event is None:
                continue
            if not now and not event.at and message.name not in _LIST_ITEMS:
                raise UnreadableFile(
                    "the events have no timestamps: set timestampevents=yes in manager.conf before recording"
                )
            now = event.at
            yield from _of_calls(tracker.apply(event))
            yield from tracker.take_clock_steps()
            if isinstance(event, StatusSet) and event.source.startswith("UserEvent"):
                yield from _requests(tracker, event)
    if not empty and counts.received == counts.dropped:
        raise UnreadableFile("no AMI message was found: record the bytes of the AMI connection")
    yield from _of_calls(tracker.finish(now))


def _requests(tracker: Tracker, event: StatusSet) -> Iterator[SurveyRequest]:
    """Yield the survey request for a caller who is still on the line after a queue or Dial.

    `event` is the dialplan's report that the queue or Dial has ended. Its status is CONTINUE if the caller is
    still on the line. With any other status, nothing is yielded.
    """
    if event.status != "CONTINUE":
        return
    rated = tracker.call_rated_on(event.uniqueid)
    heard = tracker.talks.memory.heard(rated) if rated is not None else []
    last = heard[-1] if heard else None
    yield SurveyRequest(
        event.trigger,
        event.uniqueid,
        rated or _call_of(tracker, event.uniqueid),
        tracker.spelled(event.queue),
        last.member if last is not None else None,
        last.interface if last is not None else None,
    )


def _call_of(tracker: Tracker, uniqueid: str) -> str:
    """Return the id of a channel's call; the channel's own uniqueid if the call is not known."""
    call = tracker.calls.of(uniqueid)
    return call.call_id if call is not None else uniqueid


def queue_names(chunks: Iterator[bytes]) -> list[str]:
    """Return the names of the queues in a recording, in the spelling of the PBX's configuration."""
    names = QueueNames()
    for message in Codec(WANTED).feed(b"".join(chunks)):
        event = read(message, float) if isinstance(message, AnyEvent) else None
        if isinstance(event, Joined | Called | MemberSeen):
            names.add(event.queue)
    return list(names)


def _of_calls(records: list[TrackerRecord]) -> list[CallRecord | Call]:
    """Return the calls, visits, rings and talks among the tracker's records.

    The intervals in which an agent was in one state are left out.
    """
    return [record for record in records if isinstance(record, CallRecord | Call)]


def as_json(record: ReplayedRecord) -> str:
    """Return a record as one line of JSON: times as ISO 8601 UTC with milliseconds, durations in seconds."""
    match record:
        case QueueVisit():
            fields = {
                "record": "queue_visit",
                "pbx": record.pbx,
                "call_id": record.call_id,
                "uniqueid": record.uniqueid,
                "queue": record.queue,
                "entered_at": _instant(record.entered_at),
                "left_at": _instant(record.left_at),
                "outcome": record.outcome,
                "wait_seconds": _seconds(record.wait_seconds),
                "agent": record.agent,
                "position": record.position,
            }
        case Ring():
            fields = {
                "record": "ring",
                "call_id": record.call_id,
                "uniqueid": record.uniqueid,
                "queue": record.queue,
                "agent": record.agent,
                "interface": record.interface,
                "started_at": _instant(record.started_at),
                "ended_at": _instant(record.ended_at),
                "ring_seconds": _seconds(record.ring_seconds),
                "outcome": record.outcome,
            }
        case Talk():
            fields = {
                "record": "talk",
                "call_id": record.call_id,
                "uniqueid": record.uniqueid,
                "queue": record.queue,
                "agent": record.agent,
                "interface": record.interface,
                "answered_at": _instant(record.answered_at),
                "ended_at": _instant(record.ended_at),
                "talk_seconds": _seconds(record.talk_seconds),
                "hold_seconds": _seconds(record.hold_seconds),
                "holds": record.holds,
                "ended_by": record.ended_by,
                "transfer": record.transfer,
            }
        case Call():
            fields = {
                "record": "call",
                "call_id": record.call_id,
                "direction": record.direction,
                "answered": record.answered,
                "talks": record.talks,
            }
        case Gap():
            fields = {
                "record": "gap",
                "reason": record.reason,
                "started_at": _instant(record.started_at),
                "ended_at": _instant(record.ended_at),
                "calls_affected": record.calls_affected,
            }
        case SurveyRequest():
            fields = {
                "record": "attribution",
                "trigger": record.trigger,
                "uniqueid": record.uniqueid,
                "call_id": record.call_id,
                "queue": record.queue,
                "agent": record.agent,
                "interface": record.interface,
            }
    return json_text(fields)


def as_text(record: CallRecord) -> str:
    """Return a record as one readable line, with the start time in local time."""
    match record:
        case QueueVisit():
            at, what = record.entered_at, f"waited {record.wait_seconds:.1f} s, {record.outcome}"
            who = record.agent or ""
        case Ring():
            at, what, who = (
                record.started_at,
                f"rang {record.ring_seconds:.1f} s, {record.outcome}",
                record.agent,
            )
        case Talk():
            hold = f", {record.hold_seconds:.1f} s of it on hold" if record.holds else ""
            passed_on = f" ({record.transfer} to {record.transfer_target})" if record.transfer else ""
            what = f"talked {record.talk_seconds:.1f} s{hold}, ended by {record.ended_by}{passed_on}"
            at, who = record.answered_at, record.agent
    kind = {QueueVisit: "visit", Ring: "ring", Talk: "talk"}[type(record)]
    clock = datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
    return f"{clock}  {record.call_id:<24} {kind:<5}  {record.queue:<12} {who:<14} {what}"


def _instant(at: float) -> str:
    """Return UTC epoch seconds as ISO 8601 with milliseconds, such as `2026-03-01T09:00:00.250Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _seconds(seconds: float) -> float:
    """Return a duration in seconds, rounded to microseconds."""
    return round(seconds, 6)
