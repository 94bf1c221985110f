"""Section [callback]: the manager user, trunk, allowed hours and limits of survey callbacks."""

from datetime import tzinfo
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from cc_bridge.config.fields import OptionalPath, Section, before_midnight, only_one, password_of, readable
from cc_bridge.surveys.business_hours import BusinessHours, minute_of
from cc_bridge.surveys.callback import CallbackRules
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["CallbackConfig"]


class CallbackConfig(Section):
    """Settings of survey callbacks to callers who hung up before the survey."""

    enabled: bool = False
    username: str = Field(default="cc_bridge_callback", min_length=1)
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    channel: Annotated[
        str,
        text_like(
            r"[A-Za-z0-9_./@:*-]*\{number\}[A-Za-z0-9_./@:-]*",
            "a channel with {number} once, such as PJSIP/{number}@trunk; letters, digits and . _ / @ : * -",
        ),
    ] = "PJSIP/{number}@trunk"
    caller_id: Annotated[
        str, text_like(r"[^\x00-\x1f\x7f]{0,200}", "up to 200 characters without a line break")
    ] = ""
    ring_seconds: float = Field(default=30, ge=5, le=120)
    legitimate_interest: bool = False
    delay_seconds: float = Field(default=60, ge=0, le=3600)
    retry_minutes: float = Field(default=30, ge=1, le=1440)
    call_from: Annotated[str, readable(before_midnight)] = "09:00"
    call_until: Annotated[str, readable(minute_of)] = "20:00"
    max_per_hour: int = Field(default=20, ge=1)
    max_per_day: int = Field(default=100, ge=1)
    min_days_between: float = Field(default=30, ge=0, le=3650)

    @model_validator(mode="after")
    def _one_secret(self) -> "CallbackConfig":
        only_one(self.secret, self.secret_file)
        return self

    @model_validator(mode="after")
    def _within_a_day(self) -> "CallbackConfig":
        if minute_of(self.call_until) <= minute_of(self.call_from):
            raise ValueError(
                f"call_until ({self.call_until}) must be later than call_from ({self.call_from}): the hours"
                " of callbacks must not pass midnight; 24:00 is the end of the day"
            )
        return self

    def password(self) -> str:
        """Return the secret of the manager user that makes callbacks; empty if none is set.

        Raises ConfigError if the secret file cannot be read.
        """
        return password_of(self.secret, self.secret_file, "callback.secret_file")

    def rules(self, zone: tzinfo | None) -> CallbackRules:
        """Return the callback rules; `zone` is the time zone of the allowed hours (None: of this machine)."""
        return CallbackRules(
            legitimate_interest=self.legitimate_interest,
            delay_seconds=self.delay_seconds,
            retry_seconds=self.retry_minutes * 60,
            hours=BusinessHours(zone, minute_of(self.call_from), minute_of(self.call_until)),
            max_per_hour=self.max_per_hour,
            max_per_day=self.max_per_day,
            min_days_between=self.min_days_between,
        )
