"""Access to the recordings in `tests/fixtures/ami`."""

from pathlib import Path

from cc_bridge.offline.replay import read_stream
from support.paths import FIXTURES

RECORDINGS = FIXTURES / "ami"

EVERYDAY = (
    "abandoned",
    "abandoned_short",
    "answered_agent_hangup_survey",
    "answered_caller_hangup",
    "exit_with_key",
    "ring_no_answer_then_second_agent",
    "ringall_two_agents",
    "three_callers_two_agents_persian_names",
    "timeout_overflow_to_second_queue",
)


def all_recordings() -> list[Path]:
    return sorted(RECORDINGS.glob("*/*.ami.gz"))


def recording(name: str) -> bytes:
    """Return the bytes of a recording such as `22/abandoned`."""
    return b"".join(read_stream(RECORDINGS / f"{name}.ami.gz"))


def queue_log(name: str) -> list[list[str]]:
    """Return the fields of each line of a recorded queue_log: time, call, queue, agent, event, data..."""
    text = (RECORDINGS / f"{name}.queue_log").read_text()
    return [line.split("|") for line in text.splitlines()]
