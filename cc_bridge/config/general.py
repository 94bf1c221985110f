"""Sections [general], [log] and [run]: time zone, logging and shutdown of the daemon."""

from datetime import tzinfo
from typing import Annotated, Literal

from pydantic import Field

from cc_bridge.config.fields import Section, readable, time_zone_of

__all__ = ["GeneralConfig", "LogConfig", "RunConfig"]


class GeneralConfig(Section):
    """Settings that concern every part of cc_bridge: the time zone."""

    time_zone: Annotated[str, readable(time_zone_of)] = ""

    @property
    def zone(self) -> tzinfo | None:
        """The time zone of days and times of day; None is the zone of this machine."""
        return time_zone_of(self.time_zone)


class LogConfig(Section):
    """Level and format of log lines."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


class RunConfig(Section):
    """The section [run]: the seconds that the daemon waits for running surveys when it is stopped."""

    shutdown_timeout_seconds: float = Field(default=20, ge=0, le=600)
