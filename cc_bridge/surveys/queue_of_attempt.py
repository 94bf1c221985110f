"""The queue of an answer: the record does not name it, since the answer may rate the company.

The attempt that the answer belongs to names the queue, so surveys in progress are remembered.
"""

from cc_bridge.records import Answer, SurveyAttempt

__all__ = ["QueueOfAttempt"]


class QueueOfAttempt:
    """The queues of the surveys in progress, by attempt."""

    def __init__(self) -> None:
        self._queues: dict[str, str] = {}

    def note(self, attempt: SurveyAttempt) -> None:
        if attempt.ended_at is None:
            self._queues[attempt.attempt_id] = attempt.queue
        else:
            self._queues.pop(attempt.attempt_id, None)

    def queue_of(self, answer: Answer) -> str:
        """Return the queue in which the answer's survey was asked; empty when it is not known."""
        return self._queues.get(answer.attempt_id, "")
