"""A spoken comment of a survey, as it is stored. Pure."""

from dataclasses import dataclass

__all__ = ["StoredComment"]


@dataclass(frozen=True, slots=True)
class StoredComment:
    """A spoken comment: the answer that holds it, the rated queue and agent, and the file on the PBX.

    attempt_id: the survey attempt in which it was left
    at: the instant of the comment, in UTC seconds since the epoch
    seconds: its length
    recording: the path of the file; empty if the recording has been erased
    """

    pbx: str
    attempt_id: str
    question: str
    queue: str
    agent: str
    at: float
    seconds: int
    recording: str
