"""Sections [metrics] and [reports]: labels of metrics; language, calendar and thresholds of reports."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from cc_bridge.config.fields import Section

__all__ = ["MetricsConfig", "ReportsConfig"]


class MetricsConfig(Section):
    """Option to label metrics with agents' names, and the largest numbers of queues and agents in labels."""

    agents: bool = False
    max_queues: int = Field(default=500, ge=1, le=10_000)
    max_agents: int = Field(default=5000, ge=1, le=100_000)


class ReportsConfig(Section):
    """Default language, calendar, digits, minimum sample size and wait-time bands of reports."""

    language: Literal["en", "fa"] = "en"
    calendar: Literal["gregorian", "persian"] = "gregorian"
    digits: Literal["latin", "persian"] = "latin"
    first_weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    min_sample_size: int = Field(default=15, ge=2, le=10_000)
    wait_bands: list[Annotated[int, Field(ge=1, le=86400)]] = Field(
        default=[20, 60, 120, 300], min_length=1, max_length=20
    )

    @field_validator("wait_bands")
    @classmethod
    def _ascending(cls, bands: list[int]) -> list[int]:
        if sorted(set(bands)) != bands:
            raise ValueError("must be ascending, such as [20, 60, 120, 300]")
        return bands
