"""What is shown and to whom: pages, the wallboard, metrics, reports."""

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from cc_bridge.config.fields import OptionalPath, Section, password_of
from cc_bridge.errors import ConfigError

__all__ = ["HttpConfig", "MetricsConfig", "ReportsConfig", "WallboardConfig"]

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")  # such as need no quoting in a URL or a header


class HttpConfig(Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=14574, ge=0, le=65535)
    token: SecretStr = SecretStr("")
    token_file: OptionalPath = None

    @model_validator(mode="after")
    def _one_token(self) -> "HttpConfig":
        if self.token_file is not None and self.token.get_secret_value():
            raise ValueError("give token or token_file, not both")
        return self

    def access_token(self) -> str:
        """Return the token, from its file if one is named. Raises ConfigError for one that cannot be used."""
        token = password_of(self.token, self.token_file, "http.token_file")
        unset = not token and self.token_file is None
        if not unset and not _TOKEN.fullmatch(token):
            raise ConfigError("http.token: must have 16 to 200 characters: letters, digits, and . _ ~ -")
        return token


class WallboardConfig(Section):
    queues: list[str] = []
    show_agent_names: bool = False
    max_listeners: int = Field(default=50, ge=1, le=1000)
    waiting_watch: int = Field(default=3, ge=1)
    waiting_act: int = Field(default=6, ge=1)
    longest_wait_watch: float = Field(default=30, gt=0, le=86400)
    longest_wait_act: float = Field(default=90, gt=0, le=86400)
    service_level_watch: float = Field(default=80, ge=0, le=100)
    service_level_act: float = Field(default=70, ge=0, le=100)
    abandoned_watch: float = Field(default=5, ge=0, le=100)
    abandoned_act: float = Field(default=10, ge=0, le=100)
    csat_watch: float = Field(default=80, ge=0, le=100)
    csat_act: float = Field(default=65, ge=0, le=100)

    @model_validator(mode="after")
    def _act_is_worse(self) -> "WallboardConfig":
        for more_is_worse in ("waiting", "longest_wait", "abandoned"):
            if getattr(self, f"{more_is_worse}_act") < getattr(self, f"{more_is_worse}_watch"):
                raise ValueError(f"{more_is_worse}_act must not be below {more_is_worse}_watch")
        for less_is_worse in ("service_level", "csat"):
            if getattr(self, f"{less_is_worse}_act") >= getattr(self, f"{less_is_worse}_watch"):
                raise ValueError(f"{less_is_worse}_act must be below {less_is_worse}_watch")
        return self


class MetricsConfig(Section):
    agents: bool = False


class ReportsConfig(Section):
    language: Literal["en", "fa"] = "en"
    calendar: Literal["gregorian", "persian"] = "gregorian"
    digits: Literal["latin", "persian"] = "latin"
    week_starts: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    minimum: int = Field(default=15, ge=2, le=10_000)
    wait_bands: list[Annotated[int, Field(ge=1, le=86400)]] = Field(
        default=[20, 60, 120, 300], min_length=1, max_length=20
    )

    @field_validator("wait_bands")
    @classmethod
    def _grow(cls, bands: list[int]) -> list[int]:
        if sorted(set(bands)) != bands:
            raise ValueError("must grow, as in [20, 60, 120, 300]")
        return bands
