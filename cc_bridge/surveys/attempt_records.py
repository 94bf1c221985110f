"""The records of one survey of one caller: the attempt at its start, and each answer. Pure."""

import re

from cc_bridge.records import Answer, SurveyAttempt, SurveyResult
from cc_bridge.surveys.attribution import Invitation
from cc_bridge.surveys.steps import Save

__all__ = ["answer_record", "recording_path", "started_attempt"]

_LONGEST_NAME = 100  # characters of a recording's name; a Uniqueid has about 15


def started_attempt(
    pbx: str, uniqueid: str, invitation: Invitation, language: str, started_at: float
) -> SurveyAttempt:
    """Return the record for the start of a survey; its result is `started`.

    `uniqueid` is that of the caller's channel, `language` that of the survey. `started_at` is in UTC seconds
    since the epoch.
    """
    attribution, survey = invitation.attribution, invitation.survey
    rated = attribution.last
    return SurveyAttempt(
        pbx=pbx,
        attempt_id=f"{uniqueid}-{round(started_at * 1000)}",
        call_id=attribution.call_id,
        uniqueid=uniqueid,
        queue=rated.queue,
        agent=rated.agent,
        interface=rated.interface,
        survey=survey.id,
        version=survey.version,
        language=language,
        started_at=started_at,
        ended_at=None,
        result=SurveyResult.STARTED,
        reason="",
        trigger=invitation.trigger,
        attributed_by=attribution.by,
        caller_key=invitation.caller_key,
    )


def answer_record(
    attempt: SurveyAttempt, invitation: Invitation, answered: Save, answered_at: float, recordings: str
) -> Answer:
    """Return the record of the answer that the step `answered` stores.

    The record names the queue and agent that the caller rated. `answered_at` is in UTC seconds since the
    epoch. `recordings` is the folder of the spoken comments on the PBX.
    """
    question = answered.question
    rated = invitation.attribution.rated(question.rates)
    path = recording_path(recordings, attempt.attempt_id, question.id)
    return Answer(
        pbx=attempt.pbx,
        attempt_id=attempt.attempt_id,
        question=question.id,
        kind=question.kind,
        value=answered.value,
        tries=answered.tries,
        answered_at=answered_at,
        queue=rated.queue if rated else "",
        agent=rated.agent if rated else "",
        interface=rated.interface if rated else "",
        label=question.label(answered.value),
        recording=f"{path}.wav" if question.comment else "",
    )


def recording_path(recordings: str, attempt_id: str, question: str) -> str:
    """Return the path of a question's recording in the folder `recordings`, without the file name extension.

    Characters that are unsafe in a file name are replaced, because `attempt_id` contains a Uniqueid, which
    comes from outside.
    """
    name = re.sub(r"[^A-Za-z0-9.-]", "_", f"{attempt_id}-{question}")
    return f"{recordings}/{name[-_LONGEST_NAME:]}"
