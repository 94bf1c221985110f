"""Who is asked, when and how: the queues, FastAGI, surveys and call-back."""

from datetime import tzinfo
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from cc_bridge.config.fields import (
    OptionalPath,
    Section,
    before_midnight,
    only_one,
    password_of,
    readable,
    time_zone_of,
)
from cc_bridge.surveys.business_hours import BusinessHours, minute_of, weekdays_of
from cc_bridge.surveys.callback import CallbackRules
from cc_bridge.surveys.eligibility import EligibilityRules

__all__ = ["AgiConfig", "CallbackConfig", "QueueConfig", "SurveyConfig", "rules_of"]


class AgiConfig(Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=14573, ge=0, le=65535)
    max_callers: int = Field(default=100, ge=1, le=5000)
    max_seconds: float = Field(default=240, ge=5, le=900)
    head_lines: int = Field(default=100, ge=20, le=1000)
    head_bytes: int = Field(default=16384, ge=1024, le=1048576)
    head_seconds: float = Field(default=5, ge=0.5, le=60)


class QueueConfig(Section):
    service_level_seconds: float = Field(default=20, gt=0, le=3600)
    short_abandon_seconds: float = Field(default=5, ge=0, le=600)
    wrap_up_seconds: float = Field(default=0, ge=0, le=3600)
    stage: Literal["", "first_contact", "service", "support", "feedback"] = ""
    owner: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9_.-]{0,31})?$")
    open_from: Annotated[str, readable(before_midnight)] = "00:00"
    open_until: Annotated[str, readable(minute_of)] = "24:00"
    open_weekdays: Annotated[str, readable(weekdays_of)] = "mon-sun"
    survey: str = Field(default="csat", pattern=r"^([a-z][a-z0-9_]{0,31})?$")
    language: str = Field(default="", pattern=r"^([a-z]{2,3}([_-][A-Za-z]{2,4})?)?$")
    ask_percent: float = Field(default=100, ge=0, le=100)
    ask_min_talk_seconds: float = Field(default=5, ge=0, le=3600)
    ask_transferred: bool = True
    ask_ended_by: Literal["anyone", "agent"] = "anyone"
    ask_again_after_days: float = Field(default=0, ge=0, le=3650)
    ask_per_day: int = Field(default=0, ge=0)
    ask_per_agent_and_day: int = Field(default=0, ge=0)
    ask_from: Annotated[str, readable(before_midnight)] = "00:00"
    ask_until: Annotated[str, readable(minute_of)] = "24:00"
    ask_weekdays: Annotated[str, readable(weekdays_of)] = "mon-sun"
    ask_consent: Literal["not_needed", "needed"] = "not_needed"


class SurveyConfig(Section):
    enabled: bool = True
    folder: OptionalPath = None
    recordings: str = Field(default="/var/spool/asterisk/cc_bridge", pattern=r"^/[A-Za-z0-9._/-]+$")
    time_zone: Annotated[str, readable(time_zone_of)] = ""
    busy_share: float = Field(default=0.8, gt=0, le=1)

    @property
    def zone(self) -> tzinfo | None:
        """The time zone of hours and days; None is this machine's."""
        return time_zone_of(self.time_zone)


class CallbackConfig(Section):
    enabled: bool = False
    username: str = Field(default="cc_bridge_callback", min_length=1)
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    channel: str = Field(
        default="PJSIP/{number}@trunk", pattern=r"^[A-Za-z0-9_./@:*-]*\{number\}[A-Za-z0-9_./@:-]*$"
    )
    caller_id: str = Field(default="", pattern=r"^[^\x00-\x1f\x7f]{0,200}$")
    ring_seconds: float = Field(default=30, ge=5, le=120)
    lawful_interest: bool = False
    delay_seconds: float = Field(default=60, ge=0, le=3600)
    retry_minutes: float = Field(default=30, ge=1, le=1440)
    call_from: Annotated[str, readable(before_midnight)] = "09:00"
    call_until: Annotated[str, readable(minute_of)] = "20:00"
    per_hour: int = Field(default=20, ge=1)
    per_day: int = Field(default=100, ge=1)
    again_after_days: float = Field(default=30, ge=0, le=3650)

    @model_validator(mode="after")
    def _one_secret(self) -> "CallbackConfig":
        only_one(self.secret, self.secret_file)
        return self

    def password(self) -> str:
        """Return the secret, from its file if one is named. Raises ConfigError if it cannot be read."""
        return password_of(self.secret, self.secret_file, "callback.secret_file")

    def rules(self, zone: tzinfo | None) -> CallbackRules:
        """Return what is allowed; `zone` is that of the hours."""
        return CallbackRules(
            lawful_interest=self.lawful_interest,
            delay_seconds=self.delay_seconds,
            retry_seconds=self.retry_minutes * 60,
            hours=BusinessHours(zone, minute_of(self.call_from), minute_of(self.call_until)),
            per_hour=self.per_hour,
            per_day=self.per_day,
            again_after_days=self.again_after_days,
        )


def rules_of(queue: QueueConfig, survey: SurveyConfig, agi: AgiConfig) -> EligibilityRules:
    """Return whom a queue wants to be asked."""
    return EligibilityRules(
        survey=queue.survey if survey.enabled else "",
        percent=queue.ask_percent,
        min_talk_seconds=queue.ask_min_talk_seconds,
        transferred=queue.ask_transferred,
        only_ended_by_agent=queue.ask_ended_by == "agent",
        again_after_days=queue.ask_again_after_days,
        per_day=queue.ask_per_day,
        per_agent_and_day=queue.ask_per_agent_and_day,
        hours=BusinessHours(
            survey.zone,
            minute_of(queue.ask_from),
            minute_of(queue.ask_until),
            weekdays_of(queue.ask_weekdays),
        ),
        consent_needed=queue.ask_consent == "needed",
        most_running=max(1, round(agi.max_callers * survey.busy_share)),
    )
