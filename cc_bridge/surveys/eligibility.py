"""Who is asked, and why not. Pure.

`decide` takes the caller (`SurveyCandidate`), the queue's rules (`EligibilityRules`) and the history
(`SurveyHistorySnapshot`); it gives the reason or None. `agi/survey_script.py` tells the reason
to the dialplan, and every caller who could have been asked becomes one FunnelEntry with it.

The trap: a caller has one reason, the first that holds, so their order gives each of them its meaning. What
the call itself was comes first, then what the caller wishes, then what the house wants, and last what only
this moment says: a caller of `quota` or `overload` would have been asked at another.
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
_SALT = b"cc_bridge: who is asked\0"  # other draws by the same call are independent of this one


class NotAskedReason(StrEnum):
    """The words that CCB_SURVEY holds when a caller is not asked."""

    DISABLED = "disabled"  # surveys are off, for this queue or at all
    NO_AGENT = "no_agent"  # nobody talked with the caller, as far as was observed
    NOT_ELIGIBLE = "not_eligible"  # not answered at last, transferred, or not ended as the rules want it
    TOO_SHORT = "too_short"  # the talk
    OPTED_OUT = "opted_out"  # the caller never wants to be asked
    NO_CONSENT = "no_consent"  # the caller said no in this call, or was to be asked before and was not
    LANGUAGE_MISSING = "language_missing"  # the survey does not speak the caller's
    OUTSIDE_HOURS = "outside_hours"
    ASKED_RECENTLY = "asked_recently"
    SAMPLED_OUT = "sampled_out"
    QUOTA = "quota"  # enough for today, of the queue or of the agent
    OVERLOAD = "overload"  # too many surveys run


class SurveyStage(StrEnum):
    """What else a FunnelEntry says than a reason."""

    INVITED = "invited"
    CALLER_LEFT_FIRST = "caller_left_first"  # would have been asked, but hung up on the agent


@dataclass(frozen=True, slots=True)
class EligibilityRules:
    """What one queue wants; the defaults ask everybody."""

    survey: str = "csat"  # the definition's id; empty: nobody is asked
    sampling_percent: float = 100.0  # of those who may be asked
    min_talk_seconds: float = 0.0
    transferred: bool = True  # ask those too whom one agent passed on to another
    require_agent_hangup: bool = False
    min_days_between_surveys: float = 0.0  # since the caller was asked last; 0: each time
    max_surveys_per_day: int = 0  # callers asked in the queue; 0: no cap
    max_surveys_per_agent_per_day: int = 0  # 0: no cap
    hours: BusinessHours = field(default_factory=BusinessHours)
    consent_required: bool = False  # given before the queue
    most_running: int = 5_000  # surveys at once


@dataclass(frozen=True, slots=True)
class SurveyCandidate:
    """A caller whose talk with an agent has ended; queue, agent, times and ending are of the last talk."""

    queue: str
    agent: str
    interface: str
    answered: bool  # the last queue's outcome; True without a queue
    talk_seconds: float
    transferred: bool  # more than one agent talked with the caller
    ended_by: EndedBy
    caller_key: str  # empty when the number is withheld: then nothing of before is known
    language_known: bool  # to the survey
    at: float  # UTC seconds since the epoch
    trigger: Trigger = Trigger.QUEUE
    consented: bool | None = None  # None: was not asked for consent


@dataclass(frozen=True, slots=True)
class SurveyHistorySnapshot:
    """What was before this caller, and what goes on."""

    last_asked_at: float | None = None  # UTC seconds since the epoch
    opted_out: bool = False
    asked_today_in_queue: int = 0
    asked_today_of_agent: int = 0
    running: int = 0  # surveys, without this one


class _Case(NamedTuple):
    caller: SurveyCandidate
    rules: EligibilityRules
    before: SurveyHistorySnapshot
    sample_id: str


def _agent_ended(case: _Case) -> bool:
    # A transfer to the survey's extension is the agent's act too, and ends the talk.
    return case.caller.ended_by is EndedBy.AGENT or case.caller.trigger is Trigger.EXTENSION


def _asked_recently(case: _Case) -> bool:
    last = case.before.last_asked_at
    return last is not None and case.caller.at - last < case.rules.min_days_between_surveys * _DAY


def _reached(asked: int, cap: int) -> bool:
    return 0 < cap <= asked


_REASONS: tuple[tuple[NotAskedReason, Callable[[_Case], bool]], ...] = (
    (NotAskedReason.DISABLED, lambda case: not case.rules.survey),
    (NotAskedReason.NO_AGENT, lambda case: not (case.caller.agent or case.caller.interface)),
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
    """Return why a caller is not asked, None for one who is; `sample_id` is the call's Linkedid."""
    case = _Case(candidate, rules, history, sample_id)
    return next((reason for reason, holds in _REASONS if holds(case)), None)


def decide_after_hangup(
    candidate: SurveyCandidate, rules: EligibilityRules, history: SurveyHistorySnapshot, sample_id: str
) -> SurveyStage | NotAskedReason | None:
    """Return the stage of a caller who ended the talk, and so never came to the survey; None for others.

    Whoever would have been asked if the agent had hung up is `caller_left_first`. A talk that ended in
    another way without a survey tells nothing: its call may go on, or its dialplan leads to none.
    """
    if candidate.ended_by is not EndedBy.CALLER:
        return None
    stayed = replace(candidate, ended_by=EndedBy.AGENT)
    return decide(stayed, rules, history, sample_id) or SurveyStage.CALLER_LEFT_FIRST


def is_sampled(sample_id: str, percent: float) -> bool:
    """Tell whether a call is among so many per cent: the same answer anywhere, in any order, at any time.

    One in N is 100 / N per cent. Who is drawn at some per cent is drawn at more of them too.
    """
    digest = sha256(_SALT + sample_id.encode(errors="replace")).digest()
    return int.from_bytes(digest[:8]) < percent / 100 * 2**64
