"""Whom a survey rates. The wiring makes it from the tracker's talks; `agi/survey.py` stores it."""

from dataclasses import dataclass

__all__ = ["Attribution"]


@dataclass(frozen=True, slots=True)
class Attribution:
    """The last agent who talked with the caller, in the queue of that talk."""

    call_id: str  # Asterisk's Linkedid
    queue: str
    agent: str
    interface: str
