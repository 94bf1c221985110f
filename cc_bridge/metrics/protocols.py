"""What the metrics ask of the live parts of a daemon: the link, the writer, the journal, receivers, FastAGI.

`collectors.py` reads them at each scrape; whoever has these attributes will do, so that no part knows of
metrics.
"""

from collections import Counter as Tally
from collections.abc import Iterable
from typing import Protocol

from cc_bridge.ami.codec import MessageCounts

__all__ = [
    "AgiState",
    "DigestState",
    "ForeignState",
    "ForwarderState",
    "JournalState",
    "LinkState",
    "StoreState",
    "WebhookState",
]


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
    set_aside: int

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

    limit: int
    size: int
    pending: int
    set_aside: int

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
    cut: Tally[str]

    @property
    def foreign(self) -> ForeignState: ...
    @property
    def in_progress(self) -> int: ...
