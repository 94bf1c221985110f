"""The queue in which each survey was started, so that the survey's answers can be counted in this queue.

A SurveyAttempt names the queue in which the caller was invited. The metrics and the wallboard count the
answers of the attempt in this queue. An Answer names only the queue that it rates, which is empty if the
answer rates the company. So the queues of the surveys in progress are kept in memory, by the id of the survey
attempt.
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
        """Return the queue of the survey attempt to which an answer belongs; empty if it is not known."""
        return self._queues.get(answer.attempt_id, "")
