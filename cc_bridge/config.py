"""The configuration: every key, its type and its limits, in one place.

`cli.py` loads it: a TOML file, then environment variables `CC_BRIDGE_SECTION__KEY`, the environment
winning. Secrets come from the environment or from a file that the configuration names. What each key
means stands in `config/cc-bridge.toml`; a test keeps the two in step.

The trap: pydantic tells its faults one by one in its own words, so `load` gathers all of them and says
key, value and what is allowed.
"""

import difflib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cc_bridge.errors import ConfigError

__all__ = ["ENV_PREFIX", "Config", "QueueConfig", "load", "show"]

ENV_PREFIX = "CC_BRIDGE_"
_MASK = "********"


# In the file an unset path is an empty text, so that every key can stand there with its default.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PbxConfig(_Section):
    name: str = Field(default="pbx", min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_.-]+$")


class AmiConfig(_Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=5038, ge=1, le=65535)
    username: str = Field(default="cc_bridge", min_length=1)
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    tls: bool = False
    tls_ca_file: OptionalPath = None
    ping_seconds: float = Field(default=1.5, ge=0.2, le=60)
    answer_seconds: float = Field(default=10, ge=1, le=120)
    longest_pause_seconds: float = Field(default=30, ge=1, le=3600)

    @model_validator(mode="after")
    def _one_secret(self) -> "AmiConfig":
        if self.secret_file is not None and self.secret.get_secret_value():
            raise ValueError("give secret or secret_file, not both")
        return self

    def password(self) -> str:
        """Return the secret, from its file if one is named. Raises ConfigError if it cannot be read."""
        if self.secret_file is None:
            return self.secret.get_secret_value()
        try:
            return self.secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"ami.secret_file = {str(self.secret_file)!r}: cannot be read: {error}"
            ) from error


class AgiConfig(_Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=4573, ge=0, le=65535)
    max_callers: int = Field(default=100, ge=1, le=5000)
    max_seconds: float = Field(default=90, ge=5, le=600)
    head_lines: int = Field(default=100, ge=20, le=1000)
    head_bytes: int = Field(default=16384, ge=1024, le=1048576)
    head_seconds: float = Field(default=5, ge=0.5, le=60)


class HttpConfig(_Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=19531, ge=0, le=65535)


class StorageConfig(_Section):
    url: str = Field(default="sqlite:////var/lib/cc-bridge/cc-bridge.sqlite", pattern=r"^[a-z0-9+]+://")
    max_backlog: int = Field(default=100_000, ge=1000)


class QueueConfig(_Section):
    service_level_seconds: float = Field(default=20, gt=0, le=3600)
    short_abandon_seconds: float = Field(default=5, ge=0, le=600)
    wrap_up_seconds: float = Field(default=0, ge=0, le=3600)
    survey: bool = True


class AgentsConfig(_Section):
    wrap_up_reasons: list[str] = []
    longest_wrap_up_seconds: float = Field(default=1800, ge=1, le=86400)


class SurveyConfig(_Section):
    enabled: bool = True
    file: OptionalPath = None


class LogConfig(_Section):
    level: Literal["debug", "info", "warn", "error"] = "info"


class RunConfig(_Section):
    stop_seconds: float = Field(default=20, ge=0, le=600)


class Config(BaseSettings):
    """The whole configuration, checked."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    pbx: PbxConfig = PbxConfig()
    ami: AmiConfig = AmiConfig()
    agi: AgiConfig = AgiConfig()
    http: HttpConfig = HttpConfig()
    storage: StorageConfig = StorageConfig()
    agents: AgentsConfig = AgentsConfig()
    survey: SurveyConfig = SurveyConfig()
    log: LogConfig = LogConfig()
    run: RunConfig = RunConfig()
    queue_defaults: QueueConfig = QueueConfig()
    queues: dict[str, QueueConfig] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic-settings' signature, likewise the next ones
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @model_validator(mode="before")
    @classmethod
    def _queues_inherit(cls, data: Any) -> Any:
        """Let each queue take what it does not set from `queue_defaults`."""
        queues, defaults = data.get("queues"), data.get("queue_defaults", {})
        if isinstance(queues, dict) and isinstance(defaults, dict):
            data["queues"] = {
                name: {**defaults, **queue} if isinstance(queue, dict) else queue
                for name, queue in queues.items()
            }
        return data

    def queue(self, name: str) -> QueueConfig:
        """Return the settings of a queue, named in the configuration or not."""
        return self.queues.get(name, self.queue_defaults)


def load(path: Path | None) -> Config:
    """Return the configuration of a file (None: defaults) and the environment.

    Raises ConfigError with one line for each fault.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(f"{path}: no such file") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from error
    try:
        return Config(**content)
    except ValidationError as error:
        raise ConfigError("\n".join(_line(fault) for fault in error.errors())) from error


def show(config: Config) -> str:
    """Return the effective configuration as TOML, secrets masked."""
    sections = config.model_dump()
    queues = sections.pop("queues")
    sections |= {f'queues."{name}"': values for name, values in queues.items()}
    lines: list[str] = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines).rstrip()


def _toml(value: object) -> str:
    if isinstance(value, SecretStr):
        return json.dumps(_MASK if value.get_secret_value() else "")
    if isinstance(value, bool | int | float | list):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps("" if value is None else str(value), ensure_ascii=False)


def _line(fault: ErrorDetails) -> str:
    """Return one fault as `key = value: what is allowed`."""
    keys = [str(key) for key in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        section = _fields(keys[:-1])
        near = difflib.get_close_matches(keys[-1], section, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(section)}"
        return f"{'.'.join(keys)}: no such key; {hint}"
    value = _MASK if keys[-1:] == ["secret"] else fault["input"]
    says = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if isinstance(value, dict):  # the fault is in the section as a whole
        return f"{'.'.join(keys)}: {says}"
    must = "must be " if fault["msg"].startswith("Input should be ") else ""
    return f"{'.'.join(keys)} = {value!r}: {must}{says}"


def _fields(keys: list[str]) -> list[str]:
    """Return the keys that a section knows."""
    if not keys:
        return list(Config.model_fields)
    section = QueueConfig if keys[0] == "queues" else type(Config.model_fields[keys[0]].default)
    return list(section.model_fields)
