"""The queue of an answer: looked up by the survey attempt of the answer.

An answer record has no queue, since the answer may rate the company. The record of its survey attempt names
the queue, so the queues of surveys in progress are kept in memory.
"""

from cc_bridge.records import Answer, SurveyAttempt

__all__ = ["QueueOfAttempt"]


class QueueOfAttempt:
    """The queues of the surveys in progress, by attempt id."""

    def __init__(self) -> None:
        self._queues: dict[str, str] = {}

    def note(self, attempt: SurveyAttempt) -> None:
        """Store the queue of an attempt that has started; remove the queue of an attempt that has ended."""
        if attempt.ended_at is None:
            self._queues[attempt.attempt_id] = attempt.queue
        else:
            self._queues.pop(attempt.attempt_id, None)

    def queue_of(self, answer: Answer) -> str:
        """Return the queue of the survey to which an answer belongs; empty if it is not known."""
        return self._queues.get(answer.attempt_id, "")
