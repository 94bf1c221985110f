"""Sections [queue_defaults] and [queues.NAME]: service level, opening hours and survey of a queue."""

from datetime import tzinfo
from typing import Annotated, Literal

from pydantic import Field

from cc_bridge.config.agi import AgiConfig
from cc_bridge.config.fields import OWNER, OWNER_IN_WORDS, Section, before_midnight, readable
from cc_bridge.config.short_texts import ShortTexts, text_in
from cc_bridge.config.surveys import SurveyConfig
from cc_bridge.surveys.business_hours import BusinessHours, minute_of, weekdays_of
from cc_bridge.surveys.eligibility import EligibilityRules
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["QueueConfig"]


_MAX_PREFIX = 64  # characters


class QueueConfig(Section):
    """Settings of one queue: title, prefix of caller names, service level, owner, opening hours, surveys."""

    title: ShortTexts = {}
    caller_name_prefix: Annotated[
        str,
        text_like(
            rf"[^\x00-\x1f\x7f]{{0,{_MAX_PREFIX}}}", f"up to {_MAX_PREFIX} characters without a line break"
        ),
    ] = ""
    service_level_seconds: float = Field(default=20, gt=0, le=3600)
    short_abandon_seconds: float = Field(default=5, ge=0, le=600)
    wrap_up_seconds: float = Field(default=0, ge=0, le=3600)
    journey_stage: Literal["", "first_contact", "service", "support", "feedback"] = ""
    owner: Annotated[str, text_like(f"({OWNER})?", f"{OWNER_IN_WORDS}, or empty")] = ""
    opening_from: Annotated[str, readable(before_midnight)] = "00:00"
    opening_until: Annotated[str, readable(minute_of)] = "24:00"
    opening_weekdays: Annotated[str, readable(weekdays_of)] = "mon-sun"
    survey: Annotated[
        str,
        text_like(
            r"([a-z][a-z0-9_]{0,31})?",
            "the id of a survey (a letter a-z, then up to 31 of the characters a-z 0-9 _), or empty",
        ),
    ] = "csat"
    language: Annotated[
        str,
        text_like(
            r"([a-z]{2,3}([_-][A-Za-z]{2,4})?)?", "the code of a language, such as fa or en_GB, or empty"
        ),
    ] = ""
    company_prompt: Annotated[
        str,
        text_like(
            r"([a-z][a-z0-9_]{0,31})?",
            "the name of a prompt (a letter a-z, then up to 31 of the characters a-z 0-9 _), or empty",
        ),
    ] = ""
    sampling_percent: float = Field(default=100, ge=0, le=100)
    min_talk_seconds: float = Field(default=5, ge=0, le=3600)
    survey_transferred: bool = True
    require_agent_hangup: bool = False
    min_days_between_surveys: float = Field(default=0, ge=0, le=3650)
    max_surveys_per_day: int = Field(default=0, ge=0)
    max_surveys_per_agent_per_day: int = Field(default=0, ge=0)
    survey_from: Annotated[str, readable(before_midnight)] = "00:00"
    survey_until: Annotated[str, readable(minute_of)] = "24:00"
    survey_weekdays: Annotated[str, readable(weekdays_of)] = "mon-sun"
    consent: Literal["not_needed", "required"] = "not_needed"

    def title_in(self, language: str) -> str:
        """Return the title in this language, otherwise in the first language that has one, otherwise ""."""
        return text_in(self.title, language)

    def rules(self, survey: SurveyConfig, agi: AgiConfig, zone: tzinfo | None) -> EligibilityRules:
        """Return the rules that decide which callers of the queue are invited to a survey.

        `zone` is the time zone of the survey hours (None: the zone of this machine).
        """
        return EligibilityRules(
            survey=self.survey if survey.enabled else "",
            sampling_percent=self.sampling_percent,
            min_talk_seconds=self.min_talk_seconds,
            transferred=self.survey_transferred,
            require_agent_hangup=self.require_agent_hangup,
            min_days_between_surveys=self.min_days_between_surveys,
            max_surveys_per_day=self.max_surveys_per_day,
            max_surveys_per_agent_per_day=self.max_surveys_per_agent_per_day,
            hours=BusinessHours(
                zone,
                minute_of(self.survey_from),
                minute_of(self.survey_until),
                weekdays_of(self.survey_weekdays),
            ),
            consent_required=self.consent == "required",
            most_running=max(1, round(agi.max_callers * survey.max_load_ratio)),
        )
