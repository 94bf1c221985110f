"""The true events on the PBX, put together from pyst2's events and from queue_log, without cc_bridge.

`test_random_calls.py` holds the daemon's database against it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pbx.driver import Event

__all__ = ["TrueTalk", "TrueVisit", "true_talks", "true_visits"]

# queue_log's word for the end of a stay.
OUTCOMES = {
    "CONNECT": "answered",
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timed_out",
    "EXITWITHKEY": "left_by_key",
    "EXITEMPTY": "leave_empty",
}


@dataclass(slots=True)
class TrueVisit:
    uniqueid: str
    queue: str
    entered_at: float
    left_at: float = 0.0
    outcome: str = ""  # by queue_log
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class TrueTalk:
    uniqueid: str
    queue: str
    member: str  # by AgentConnect
    phone: str  # the uniqueid of the agent's own channel
    connected_at: float
    answered_at: float  # both are in a bridge
    ended_at: float  # the first has left
    hold_seconds: float


def true_visits(events: Iterable[Event], queue_log: bytes) -> list[TrueVisit]:
    """Return the visits in the order of joining; a queue that one channel joined twice is not asked for."""
    visits: dict[tuple[str, str], TrueVisit] = {}
    for event in events:
        if event.name == "QueueCallerJoin":
            key = event["Uniqueid"], event["Queue"]
            assert key not in visits
            visits[key] = TrueVisit(*key, _at(event))
        elif event.name in ("QueueCallerLeave", "AgentConnect"):  # an answer is reported after the leaving
            visits[event["Uniqueid"], event["Queue"]].left_at = _at(event)
    for line in queue_log.decode().splitlines():
        _, call, queue, agent, word, *_ = line.split("|")
        if word in OUTCOMES:
            visit = visits[call, queue]
            visit.outcome, visit.agent = OUTCOMES[word], agent if word == "CONNECT" else None
    return list(visits.values())


def true_talks(events: Iterable[Event]) -> list[TrueTalk]:
    """Return what followed each AgentConnect: from both being in a bridge until the first leaves for good.

    An agent who consults another person meanwhile is in another bridge, and still handles the call.
    """
    entered, left = defaultdict(list), defaultdict(list)
    holds: dict[str, list[tuple[str, float]]] = defaultdict(list)
    halves: dict[str, str] = {}
    dialled: dict[str, str] = {}
    connects: list[Event] = []
    for event in events:
        match event.name:
            case "BridgeEnter":
                entered[event["Uniqueid"]].append(_at(event))
            case "BridgeLeave":
                left[event["Uniqueid"]].append(_at(event))
            case "Hold" | "Unhold":
                holds[event["Uniqueid"]].append((event.name, _at(event)))
            case "LocalBridge":
                halves[event["LocalOneUniqueid"]] = event["LocalTwoUniqueid"]
            case "DialBegin" if event.get_header("Uniqueid"):
                dialled.setdefault(
                    event["Uniqueid"], event["DestUniqueid"]
                )  # the first: a transfer dials again
            case "AgentConnect":
                connects.append(event)
    talks = []
    for event in connects:
        caller, phone = event["Uniqueid"], event["DestUniqueid"]
        if phone in halves:
            phone = dialled[halves[phone]]
        answered_at = max(min(at for at in entered[caller] if at > _at(event) - 0.1), entered[phone][0])
        ended_at = min(left[phone][-1], *(at for at in left[caller] if at > answered_at))
        hold_seconds = _held(holds[phone], ended_at)
        talks.append(
            TrueTalk(
                caller,
                event["Queue"],
                event["MemberName"],
                phone,
                _at(event),
                answered_at,
                ended_at,
                hold_seconds,
            )
        )
    return talks


def _held(holds: list[tuple[str, float]], ended_at: float) -> float:
    began, seconds = None, 0.0
    for what, at in [*holds, ("Unhold", ended_at)]:
        if what == "Hold" and began is None:
            began = at
        elif what == "Unhold" and began is not None:
            seconds, began = seconds + at - began, None
    return seconds


def _at(event: Event) -> float:
    return float(event["Timestamp"])
