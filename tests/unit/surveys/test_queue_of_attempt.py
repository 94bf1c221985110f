"""The queue of an answer, by the answer's survey attempt."""

from dataclasses import replace

import pytest

from cc_bridge.records import Answer, SurveyAttempt, SurveyResult
from cc_bridge.surveys.queue_of_attempt import QueueOfAttempt

ATTEMPT = SurveyAttempt(
    "pbx", "a-1", "1.1", "1.1", "sales", "زهرا", "PJSIP/101", "csat", 1, "fa", 10.0,
    None, SurveyResult.STARTED, "",
)  # fmt: skip
ANSWER = Answer("pbx", "a-1", "solved", "yes_no", 1, 1, 12.0)


@pytest.fixture
def queues():
    queues = QueueOfAttempt()
    queues.note(ATTEMPT)
    queues.note(replace(ATTEMPT, attempt_id="a-2", queue="support"))
    return queues


def test_an_answer_is_of_the_queue_in_which_its_survey_was_asked(queues):
    assert queues.queue_of(ANSWER) == "sales"
    assert queues.queue_of(replace(ANSWER, attempt_id="a-2")) == "support"


def test_a_survey_that_has_ended_is_forgotten(queues):
    ended = replace(ATTEMPT, ended_at=20.0)
    for _ in range(2):
        queues.note(ended)
    assert queues.queue_of(ANSWER) == ""
    assert queues.queue_of(replace(ANSWER, attempt_id="a-2")) == "support"
