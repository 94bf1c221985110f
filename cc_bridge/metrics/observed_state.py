"""Interfaces of the live objects whose state is exported as metrics.

The interfaces are Protocols, so the live objects need not import the metrics package. All values are read at
each scrape.
"""

from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping, Sized
from typing import Protocol

from cc_bridge.ami.messages import MessageCounts
from cc_bridge.records import AgentState

__all__ = [
    "AgiState",
    "DigestState",
    "ForeignState",
    "ForwarderState",
    "HttpState",
    "JournalState",
    "LinkState",
    "LocalFileState",
    "StoreState",
    "TrackerState",
    "WebhookState",
]


class WaitingCaller(Protocol):
    """The interface of a queue visit whose caller is still waiting; `entered_at` is UTC seconds."""

    @property
    def queue(self) -> str: ...
    @property
    def entered_at(self) -> float: ...


class TalkState(Protocol):
    """The interface of a talk in progress; `queue` is empty for a talk outside the queues."""

    @property
    def queue(self) -> str: ...


class TalkStates(Protocol):
    """The interface of the object in the call tracker that holds all talks."""

    def in_progress(self) -> Iterable[TalkState]:
        """Return the talks in progress."""


class AgentStates(Protocol):
    """The interface of the object in the call tracker that holds all agents."""

    def counts(self) -> Mapping[tuple[str, AgentState], int]:
        """Return the number of agents in each state in each queue, by (queue, state)."""


class TrackerState(Protocol):
    """The interface of the call tracker; `unexpected` counts the events that did not fit a call's state."""

    @property
    def queues(self) -> Collection[str]: ...
    @property
    def talks(self) -> TalkStates: ...
    @property
    def agents(self) -> AgentStates: ...
    @property
    def unexpected(self) -> int: ...
    def waiting(self) -> Iterable[WaitingCaller]:
        """Return the visits whose callers are waiting now."""


class LinkState(Protocol):
    """The interface of the AMI link; times are UTC seconds since the epoch."""

    up: bool
    logins: int
    last_event_at: float  # 0: no event yet
    counts: MessageCounts

    @property
    def clock_offset(self) -> float:
        """The seconds by which the PBX's clock is ahead of this machine's clock; negative if it is behind."""

    def pbx_now(self) -> float:
        """Return the current time by the PBX's clock, in UTC seconds since the epoch."""


class StoreState(Protocol):
    """The interface of the storage writer.

    `backlog` is the number of records in memory that are not yet stored, `backlog_bytes` the memory that they
    need, and `max_backlog_bytes` its limit. `oldest_seconds` is the age of the oldest of them.
    """

    written: dict[str, int]
    batches: int
    rejected: int

    @property
    def failures(self) -> int: ...
    @property
    def backlog(self) -> int: ...
    @property
    def backlog_bytes(self) -> int: ...
    @property
    def max_backlog_bytes(self) -> float: ...
    @property
    def oldest_seconds(self) -> float: ...
    @property
    def dropped(self) -> int: ...


class JournalState(Protocol):
    """The interface of the journal.

    `size` and `limit` are in bytes. `pending` is the number of records that are not yet forwarded to the
    database server, `oldest_seconds` is the age of the oldest of them. `rejected` is the number of records
    that the database server refused.
    """

    pending: int
    rejected: int

    @property
    def limit(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def oldest_seconds(self) -> float: ...


class ForwarderState(Protocol):
    """The interface of the forwarder, which copies records from the journal to the database server."""

    forwarded: int

    @property
    def journal(self) -> JournalState: ...
    @property
    def failures(self) -> int: ...


class WebhookState(Protocol):
    """The interface of the webhook deliveries; `results` is the number of events by (endpoint, result)."""

    results: Tally[tuple[str, str]]

    @property
    def receivers(self) -> Iterable[str]:
        """The names of all endpoints."""

    def pending(self, receiver: str) -> int:
        """Return the number of events that wait for delivery to the endpoint `receiver`."""

    def oldest_seconds(self, receiver: str) -> float:
        """Return the seconds that the oldest event of the endpoint `receiver` has waited; 0 if none waits."""

    def dead(self, receiver: str) -> int:
        """Return the number of events for the endpoint `receiver` that were given up."""


class DigestState(Protocol):
    """The interface of the digest job; each dictionary has digest frequencies (day, week, month) as keys."""

    failures: dict[str, int]  # number of mails given up
    due_at: dict[str, float]  # UTC seconds since the epoch
    last_sent_at: dict[str, float]  # UTC seconds since the epoch; 0: never


class LocalFileState(Protocol):
    """The interface of the check of the SQLite database or journal.

    `damaged` is True if the last check found damaged pages. `set_aside` is the number of unreadable files
    that were renamed and lie beside the file.
    """

    damaged: bool
    set_aside: int


class ForeignState(Protocol):
    """The interface of a counter of AGI requests; `total` counts the requests meant for other programs."""

    total: int


class AgiState(Protocol):
    """The interface of the FastAGI server.

    `in_progress` is the current number of sessions. `pending` are the connections whose header has not
    arrived yet. The other numbers are totals since the start of the server.
    """

    accepted: int
    failed: int
    refused: Tally[str]  # by reason
    terminated: Tally[str]  # by reason

    @property
    def pending(self) -> Sized: ...
    @property
    def foreign(self) -> ForeignState: ...
    @property
    def in_progress(self) -> int: ...


class HttpState(Protocol):
    """The interface of the HTTP server; `refused` counts refused requests and closed connections."""

    refused: Tally[str]  # by reason

    @property
    def connections(self) -> int:
        """The number of open connections."""
