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
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
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

from cc_bridge.callers import CallerKeys, Mode
from cc_bridge.errors import ConfigError
from cc_bridge.surveys.callback import CallbackRules
from cc_bridge.surveys.hours import Hours, minute_of, weekdays_of
from cc_bridge.surveys.policy import Rules

__all__ = ["ENV_PREFIX", "Config", "QueueConfig", "load", "rules_of", "show"]

ENV_PREFIX = "CC_BRIDGE_"
_MASK = "********"
_SECRETS = {"secret", "hash_secret"}  # keys whose values are never told
_SHORTEST_SECRET = 16  # characters; all phone numbers of a country are soon tried with a guessed one


# In the file an unset path is an empty text, so that every key can stand there with its default.
OptionalPath = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]


def _readable(read: Callable[[str], object]) -> AfterValidator:
    """Return the check that a text can be read; it stays a text, as it stands in the file."""

    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


def _zone(name: str) -> tzinfo | None:
    """Return a time zone, None (this machine's) for an empty name. Raises ValueError."""
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, OSError, ValueError) as error:  # unknown, a folder such as Asia, or no name at all
        raise ValueError("must be a time zone such as Asia/Tehran") from error


def _before_midnight(time: str) -> None:
    if minute_of(time) == minute_of("24:00"):
        raise ValueError("must be before 24:00, such as 00:00")


def _secret(file: Path, key: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} = {str(file)!r}: cannot be read: {error}") from error


def _only_one(secret: SecretStr, file: Path | None) -> None:
    if file is not None and secret.get_secret_value():
        raise ValueError("give secret or secret_file, not both")


def _password(secret: SecretStr, file: Path | None, key: str) -> str:
    return secret.get_secret_value() if file is None else _secret(file, key)


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
        _only_one(self.secret, self.secret_file)
        return self

    def password(self) -> str:
        """Return the secret, from its file if one is named. Raises ConfigError if it cannot be read."""
        return _password(self.secret, self.secret_file, "ami.secret_file")


class AgiConfig(_Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=4573, ge=0, le=65535)
    max_callers: int = Field(default=100, ge=1, le=5000)
    max_seconds: float = Field(default=240, ge=5, le=900)
    head_lines: int = Field(default=100, ge=20, le=1000)
    head_bytes: int = Field(default=16384, ge=1024, le=1048576)
    head_seconds: float = Field(default=5, ge=0.5, le=60)


class HttpConfig(_Section):
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=19531, ge=0, le=65535)


class StorageConfig(_Section):
    url: str = Field(default="sqlite:////var/lib/cc-bridge/cc-bridge.sqlite", pattern=r"^[a-z0-9+]+://")
    max_backlog: int = Field(default=100_000, ge=1000)
    journal: Path = Path("/var/lib/cc-bridge/journal.sqlite")
    journal_max_mb: int = Field(default=1024, ge=1)

    @property
    def on_server(self) -> bool:
        """Tell whether the database is a server, which may be away when the daemon is not."""
        return not self.url.startswith("sqlite")


class CallersConfig(_Section):
    country_code: str = Field(default="", pattern=r"^([1-9][0-9]{0,2})?$")
    keys: Mode = "plain"
    hash_secret: SecretStr = SecretStr("")
    hash_secret_file: OptionalPath = None

    @model_validator(mode="after")
    def _one_secret(self) -> "CallersConfig":
        given = bool(self.hash_secret.get_secret_value()) + (self.hash_secret_file is not None)
        if given > 1 or (self.keys == "hashed" and not given):
            raise ValueError("hashed keys need hash_secret or hash_secret_file, not both")
        return self

    def caller_keys(self) -> CallerKeys:
        """Return what makes the callers' keys. Raises ConfigError for a secret that cannot be used."""
        if self.keys == "plain":
            return CallerKeys("plain", country=self.country_code)
        secret = self.hash_secret.get_secret_value()
        if self.hash_secret_file is not None:
            secret = _secret(self.hash_secret_file, "callers.hash_secret_file")
        if len(secret) < _SHORTEST_SECRET:
            raise ConfigError(f"callers.hash_secret: must have at least {_SHORTEST_SECRET} characters")
        return CallerKeys("hashed", secret.encode(), self.country_code)


class QueueConfig(_Section):
    service_level_seconds: float = Field(default=20, gt=0, le=3600)
    short_abandon_seconds: float = Field(default=5, ge=0, le=600)
    wrap_up_seconds: float = Field(default=0, ge=0, le=3600)
    survey: str = Field(default="csat", pattern=r"^([a-z][a-z0-9_]{0,31})?$")
    language: str = Field(default="", pattern=r"^([a-z]{2,3}([_-][A-Za-z]{2,4})?)?$")
    ask_percent: float = Field(default=100, ge=0, le=100)
    ask_min_talk_seconds: float = Field(default=5, ge=0, le=3600)
    ask_transferred: bool = True
    ask_ended_by: Literal["anyone", "agent"] = "anyone"
    ask_again_after_days: float = Field(default=0, ge=0, le=3650)
    ask_per_day: int = Field(default=0, ge=0)
    ask_per_agent_and_day: int = Field(default=0, ge=0)
    ask_from: Annotated[str, _readable(_before_midnight)] = "00:00"
    ask_until: Annotated[str, _readable(minute_of)] = "24:00"
    ask_weekdays: Annotated[str, _readable(weekdays_of)] = "mon-sun"
    ask_consent: Literal["not_needed", "needed"] = "not_needed"


class AgentsConfig(_Section):
    wrap_up_reasons: list[str] = []
    longest_wrap_up_seconds: float = Field(default=1800, ge=1, le=86400)


class DirectCallsConfig(_Section):
    enabled: bool = False
    in_contexts: list[str] = ["from-trunk*", "from-pstn*", "from-did*"]
    out_contexts: list[str] = ["*dialout*", "*outbound*"]
    internal_contexts: list[str] = ["from-internal*"]


class SurveyConfig(_Section):
    enabled: bool = True
    folder: OptionalPath = None
    recordings: str = Field(default="/var/spool/asterisk/cc_bridge", pattern=r"^/[A-Za-z0-9._/-]+$")
    time_zone: Annotated[str, _readable(_zone)] = ""
    busy_share: float = Field(default=0.8, gt=0, le=1)

    @property
    def zone(self) -> tzinfo | None:
        """The time zone of hours and days; None is this machine's."""
        return _zone(self.time_zone)


class CallbackConfig(_Section):
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
    call_from: Annotated[str, _readable(_before_midnight)] = "09:00"
    call_until: Annotated[str, _readable(minute_of)] = "20:00"
    per_hour: int = Field(default=20, ge=1)
    per_day: int = Field(default=100, ge=1)
    again_after_days: float = Field(default=30, ge=0, le=3650)

    @model_validator(mode="after")
    def _one_secret(self) -> "CallbackConfig":
        _only_one(self.secret, self.secret_file)
        return self

    def password(self) -> str:
        """Return the secret, from its file if one is named. Raises ConfigError if it cannot be read."""
        return _password(self.secret, self.secret_file, "callback.secret_file")

    def rules(self, zone: tzinfo | None) -> CallbackRules:
        """Return what is allowed; `zone` is that of the hours."""
        return CallbackRules(
            lawful_interest=self.lawful_interest,
            delay_seconds=self.delay_seconds,
            retry_seconds=self.retry_minutes * 60,
            hours=Hours(zone, minute_of(self.call_from), minute_of(self.call_until)),
            per_hour=self.per_hour,
            per_day=self.per_day,
            again_after_days=self.again_after_days,
        )


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
    callers: CallersConfig = CallersConfig()
    agents: AgentsConfig = AgentsConfig()
    direct_calls: DirectCallsConfig = DirectCallsConfig()
    survey: SurveyConfig = SurveyConfig()
    callback: CallbackConfig = CallbackConfig()
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

    @property
    def days_to_remember(self) -> float:
        """For how long it must be known who was asked or called back: the longest of all, and today."""
        queues = (self.queue_defaults, *self.queues.values())
        again = (queue.ask_again_after_days for queue in queues)
        called = self.callback.again_after_days if self.callback.enabled else 0.0
        return max(2.0, called, *again)  # a day can have 25 hours


def rules_of(queue: QueueConfig, survey: SurveyConfig, agi: AgiConfig) -> Rules:
    """Return whom a queue wants to be asked."""
    return Rules(
        survey=queue.survey if survey.enabled else "",
        percent=queue.ask_percent,
        min_talk_seconds=queue.ask_min_talk_seconds,
        transferred=queue.ask_transferred,
        only_ended_by_agent=queue.ask_ended_by == "agent",
        again_after_days=queue.ask_again_after_days,
        per_day=queue.ask_per_day,
        per_agent_and_day=queue.ask_per_agent_and_day,
        hours=Hours(
            survey.zone,
            minute_of(queue.ask_from),
            minute_of(queue.ask_until),
            weekdays_of(queue.ask_weekdays),
        ),
        consent_needed=queue.ask_consent == "needed",
        most_running=max(1, round(agi.max_callers * survey.busy_share)),
    )


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
    value = _MASK if _SECRETS.intersection(keys[-1:]) else fault["input"]
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
