"""What the metrics ask of the live parts of a daemon, as Protocols, so that no part knows of metrics.

`collectors.py` reads them at each scrape.
"""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from cc_bridge.ami.codec import MessageCounts
from cc_bridge.records import AgentState

__all__ = [
    "AgiState",
    "DigestState",
    "ForeignState",
    "ForwarderState",
    "JournalState",
    "LinkState",
    "StoreState",
    "TrackerState",
    "WebhookState",
]


class WaitingCaller(Protocol):
    """What is asked of a visit whose caller waits."""

    @property
    def queue(self) -> str: ...
    @property
    def entered_at(self) -> float: ...


class TalkState(Protocol):
    """What is asked of a talk in progress."""

    @property
    def queue(self) -> str: ...


class TalkStates(Protocol):
    """What is asked of all talks."""

    def in_progress(self) -> Iterable[TalkState]: ...


class AgentStates(Protocol):
    """What is asked of all agents."""

    def counts(self) -> Mapping[tuple[str, AgentState], int]: ...


class TrackerState(Protocol):
    """What is asked of the calls in progress."""

    @property
    def queues(self) -> Collection[str]: ...
    @property
    def talks(self) -> TalkStates: ...
    @property
    def agents(self) -> AgentStates: ...
    @property
    def unexpected(self) -> int: ...
    def waiting(self) -> Iterable[WaitingCaller]: ...


class LinkState(Protocol):
    """What is asked of the AMI link."""

    up: bool
    logins: int
    last_event_at: float
    counts: MessageCounts

    @property
    def clock_offset(self) -> float: ...

    def pbx_now(self) -> float: ...


class StoreState(Protocol):
    """What is asked of the writer."""

    written: dict[str, int]
    batches: int
    rejected: int

    @property
    def failures(self) -> int: ...
    @property
    def backlog(self) -> int: ...
    @property
    def oldest_seconds(self) -> float: ...
    @property
    def dropped(self) -> int: ...


class JournalState(Protocol):
    """What is asked of the journal."""

    pending: int
    rejected: int

    @property
    def limit(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def oldest_seconds(self) -> float: ...


class ForwarderState(Protocol):
    """What is asked of the forwarder."""

    forwarded: int

    @property
    def journal(self) -> JournalState: ...
    @property
    def failures(self) -> int: ...


class WebhookState(Protocol):
    """What is asked of the deliveries to webhook receivers."""

    results: Tally[tuple[str, str]]

    @property
    def receivers(self) -> Iterable[str]: ...
    def pending(self, receiver: str) -> int: ...
    def oldest_seconds(self, receiver: str) -> float: ...
    def dead(self, receiver: str) -> int: ...


class DigestState(Protocol):
    """What is asked of the sending of digests; all by what they are about: day, week, month."""

    failures: dict[str, int]
    due_at: dict[str, float]
    last_sent_at: dict[str, float]


class ForeignState(Protocol):
    """What is asked of the requests for scripts that are not ours."""

    total: int


class AgiState(Protocol):
    """What is asked of the FastAGI listener."""

    accepted: int
    failed: int
    refused: Tally[str]
    terminated: Tally[str]

    @property
    def foreign(self) -> ForeignState: ...
    @property
    def in_progress(self) -> int: ...
