"""The process as a whole: its time zone, log and end."""

from datetime import tzinfo
from typing import Annotated, Literal

from pydantic import Field

from cc_bridge.config.fields import Section, readable, time_zone_of

__all__ = ["GeneralConfig", "LogConfig", "RunConfig"]


class GeneralConfig(Section):
    time_zone: Annotated[str, readable(time_zone_of)] = ""

    @property
    def zone(self) -> tzinfo | None:
        """The time zone of hours and days; None is this machine's."""
        return time_zone_of(self.time_zone)


class LogConfig(Section):
    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class RunConfig(Section):
    shutdown_timeout_seconds: float = Field(default=20, ge=0, le=600)
