"""Section [wallboard]: the queues on the wallboard, and its warning and critical thresholds."""

from pydantic import Field, model_validator

from cc_bridge.config.fields import Section

__all__ = ["WallboardConfig"]


class WallboardConfig(Section):
    """Queues on the wallboard, and its warning and critical thresholds."""

    queues: list[str] = []
    show_agent_names: bool = False
    max_listeners: int = Field(default=50, ge=1, le=1000)
    waiting_warning: int = Field(default=3, ge=1)
    waiting_critical: int = Field(default=6, ge=1)
    longest_wait_warning: float = Field(default=30, gt=0, le=86400)
    longest_wait_critical: float = Field(default=90, gt=0, le=86400)
    service_level_warning: float = Field(default=80, ge=0, le=100)
    service_level_critical: float = Field(default=70, ge=0, le=100)
    abandoned_warning: float = Field(default=5, ge=0, le=100)
    abandoned_critical: float = Field(default=10, ge=0, le=100)
    csat_warning: float = Field(default=80, ge=0, le=100)
    csat_critical: float = Field(default=65, ge=0, le=100)

    @model_validator(mode="after")
    def _critical_is_worse(self) -> "WallboardConfig":
        for more_is_worse in ("waiting", "longest_wait", "abandoned"):
            if getattr(self, f"{more_is_worse}_critical") < getattr(self, f"{more_is_worse}_warning"):
                raise ValueError(f"{more_is_worse}_critical must not be below {more_is_worse}_warning")
        for less_is_worse in ("service_level", "csat"):
            if getattr(self, f"{less_is_worse}_critical") >= getattr(self, f"{less_is_worse}_warning"):
                raise ValueError(f"{less_is_worse}_critical must be below {less_is_worse}_warning")
        return self
