"""Eligibility for a survey: the decision whether a caller is invited, and the reason if not. Pure.

`decide` takes the caller (`SurveyCandidate`), the queue's rules (`EligibilityRules`) and the history
(`SurveyHistorySnapshot`). It returns a reason, or None for a caller who is invited. The dialplan gets the
reason in the channel variable CCB_SURVEY. The decision on each eligible caller becomes one `SurveyDecision`
of the funnel.

If several reasons apply to a caller, the first one in the list `_REASONS` counts. The list starts with
properties of the call. The caller's own choice follows, then the contact centre's rules, and last the limits
on the number of surveys. So a caller with the reason `quota` or `overload` would have been invited at another
time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from cc_bridge.records import EndedBy, Trigger
from cc_bridge.surveys.business_hours import BusinessHours

__all__ = [
    "EligibilityRules",
    "NotAskedReason",
    "SurveyCandidate",
    "SurveyHistorySnapshot",
    "SurveyStage",
    "decide",
    "decide_after_hangup",
    "is_sampled",
]

_DAY = 86_400.0  # seconds
_SALT = b"cc_bridge: who is asked\0"  # makes this draw independent of other draws from the same call


class NotAskedReason(StrEnum):
    """The reason why a caller is not invited to a survey; its text is the value of CCB_SURVEY.

    CCB_SURVEY is a channel variable that the dialplan reads.
    """

    DISABLED = "disabled"  # no survey is configured, for this queue or for any.
    NO_AGENT = "no_agent"  # no talk with an agent was observed.
    NOT_ELIGIBLE = "not_eligible"  # last queue unanswered, transferred, or ended by the wrong side.
    TOO_SHORT = "too_short"  # the talk is shorter than min_talk_seconds.
    OPTED_OUT = "opted_out"  # the caller opted out of all surveys.
    NO_CONSENT = "no_consent"  # the caller refused, or consent is required and was not given.
    LANGUAGE_MISSING = "language_missing"  # the survey has no prompts in the caller's language.
    OUTSIDE_HOURS = "outside_hours"
    ASKED_RECENTLY = "asked_recently"
    SAMPLED_OUT = "sampled_out"
    QUOTA = "quota"  # the queue or the agent has reached its surveys per day.
    OVERLOAD = "overload"  # too many surveys are in progress.


class SurveyStage(StrEnum):
    """The survey decision on a caller if there is no reason against an invitation.

    The caller is invited, or would have been invited but hung up before the agent did. A reason against an
    invitation is a NotAskedReason.
    """

    INVITED = "invited"
    CALLER_LEFT_FIRST = "caller_left_first"  # eligible, but the caller hung up before the agent did


@dataclass(frozen=True, slots=True)
class EligibilityRules:
    """The rules that decide which callers of one queue are invited; the defaults invite every caller."""

    survey: str = "csat"  # the id of the survey definition; empty: no survey
    sampling_percent: float = 100.0  # share of the eligible callers who are invited
    min_talk_seconds: float = 0.0
    transferred: bool = True  # also invite callers who talked with more than one agent
    require_agent_hangup: bool = False
    min_days_between_surveys: float = 0.0  # since the caller's last survey; 0: no minimum
    max_surveys_per_day: int = 0  # callers invited in the queue; 0: no cap
    max_surveys_per_agent_per_day: int = 0  # 0: no cap
    hours: BusinessHours = field(default_factory=BusinessHours)
    consent_required: bool = False  # the caller must have consented before entering the queue
    most_running: int = 5_000  # largest number of surveys in progress


@dataclass(frozen=True, slots=True)
class SurveyCandidate:
    """A caller whose talk with an agent has ended: the facts on which the survey decision depends.

    If the call had several talks, `queue`, `agent`, `interface`, `talk_seconds` and `ended_by` describe the
    last one.
    """

    queue: str
    agent: str
    interface: str
    answered: bool  # the last queue's outcome; True without a queue
    talk_seconds: float
    transferred: bool  # more than one agent talked with the caller
    ended_by: EndedBy
    caller_key: str  # empty: number withheld, so no history is known
    language_known: bool  # the survey has prompts in the caller's language
    at: float  # UTC seconds since the epoch
    trigger: Trigger = Trigger.QUEUE
    consented: bool | None = None  # None: the caller was not asked for consent
    attributed: bool = True  # False: the answers rate no agent, because the channel is unknown


@dataclass(frozen=True, slots=True)
class SurveyHistorySnapshot:
    """The survey history of one caller, and the numbers of surveys that the eligibility rules limit."""

    last_asked_at: float | None = None  # UTC seconds since the epoch; None: never, or forgotten
    opted_out: bool = False
    asked_today_in_queue: int = 0
    asked_today_of_agent: int = 0
    running: int = 0  # other surveys in progress


class _Case(NamedTuple):
    caller: SurveyCandidate
    rules: EligibilityRules
    before: SurveyHistorySnapshot
    sample_id: str


def _has_agent(caller: SurveyCandidate) -> bool:
    return bool(caller.agent or caller.interface)


def _agent_ended(case: _Case) -> bool:
    # The agent also ends the talk by a transfer to the survey's extension.
    return case.caller.ended_by is EndedBy.AGENT or case.caller.trigger is Trigger.EXTENSION


def _asked_recently(case: _Case) -> bool:
    last = case.before.last_asked_at
    return last is not None and case.caller.at - last < case.rules.min_days_between_surveys * _DAY


def _reached(asked: int, cap: int) -> bool:
    return 0 < cap <= asked


_REASONS: tuple[tuple[NotAskedReason, Callable[[_Case], bool]], ...] = (
    (NotAskedReason.DISABLED, lambda case: not case.rules.survey),
    (NotAskedReason.NO_AGENT, lambda case: case.caller.attributed and not _has_agent(case.caller)),
    (NotAskedReason.NOT_ELIGIBLE, lambda case: not case.caller.answered),
    (NotAskedReason.NOT_ELIGIBLE, lambda case: case.caller.transferred and not case.rules.transferred),
    (NotAskedReason.NOT_ELIGIBLE, lambda case: case.rules.require_agent_hangup and not _agent_ended(case)),
    (NotAskedReason.TOO_SHORT, lambda case: case.caller.talk_seconds < case.rules.min_talk_seconds),
    (NotAskedReason.OPTED_OUT, lambda case: case.before.opted_out),
    (NotAskedReason.NO_CONSENT, lambda case: case.caller.consented is False),
    (NotAskedReason.NO_CONSENT, lambda case: case.rules.consent_required and not case.caller.consented),
    (NotAskedReason.LANGUAGE_MISSING, lambda case: not case.caller.language_known),
    (NotAskedReason.OUTSIDE_HOURS, lambda case: not case.rules.hours.contains(case.caller.at)),
    (NotAskedReason.ASKED_RECENTLY, _asked_recently),
    (NotAskedReason.SAMPLED_OUT, lambda case: not is_sampled(case.sample_id, case.rules.sampling_percent)),
    (
        NotAskedReason.QUOTA,
        lambda case: _reached(case.before.asked_today_in_queue, case.rules.max_surveys_per_day),
    ),
    (
        NotAskedReason.QUOTA,
        lambda case: _reached(case.before.asked_today_of_agent, case.rules.max_surveys_per_agent_per_day),
    ),
    (NotAskedReason.OVERLOAD, lambda case: case.before.running >= case.rules.most_running),
)


def decide(
    candidate: SurveyCandidate, rules: EligibilityRules, history: SurveyHistorySnapshot, sample_id: str
) -> NotAskedReason | None:
    """Return the reason why a caller is not invited; None for a caller who is invited.

    `sample_id` is Asterisk's Linkedid of the call. It decides whether the call is in the sample of callers
    who may be invited.
    """
    case = _Case(candidate, rules, history, sample_id)
    return next((reason for reason, holds in _REASONS if holds(case)), None)


def decide_after_hangup(
    candidate: SurveyCandidate, rules: EligibilityRules, history: SurveyHistorySnapshot, sample_id: str
) -> SurveyStage | NotAskedReason | None:
    """Return the survey decision on a caller whose talk ended without a survey.

    A caller who hung up first never reaches the survey. So the decision assumes that the agent had hung up
    first. The result is the reason against an invitation, or `caller_left_first` if the caller would have
    been invited. If the caller did not end the talk, there is no decision and the result is None: the call
    may continue, or its dialplan may have no survey. `sample_id` is Asterisk's Linkedid of the call; it
    decides whether the call is in the sample of callers who may be invited.
    """
    if candidate.ended_by is not EndedBy.CALLER:
        return None
    stayed = replace(candidate, ended_by=EndedBy.AGENT)
    return decide(stayed, rules, history, sample_id) or SurveyStage.CALLER_LEFT_FIRST


def is_sampled(sample_id: str, percent: float) -> bool:
    """Return whether a call is in a sample of `percent` per cent of all calls.

    A hash of `sample_id` decides, so the result is the same on each machine and at any time. For a sample of
    one call in N, `percent` is 100 / N. A call that is in a sample is also in each larger sample.
    """
    digest = sha256(_SALT + sample_id.encode(errors="replace")).digest()
    return int.from_bytes(digest[:8]) < percent / 100 * 2**64
