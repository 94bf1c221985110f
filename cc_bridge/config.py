"""The configuration: every key, its type and its limits, in one place.

`cli.py` loads it: a TOML file, then environment variables `CC_BRIDGE_SECTION__KEY`, the environment
winning. Secrets come from the environment or from a file that the configuration names. What each key
means stands in `config/cc-bridge.toml`; a test keeps the two in step.

The trap: pydantic tells its faults one by one in its own words, so `load` gathers all of them and says
key, value and what is allowed.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cc_bridge.callers import CallerKeys, Mode
from cc_bridge.customers.profile import Priorities
from cc_bridge.errors import ConfigError
from cc_bridge.surveys.callback import CallbackRules
from cc_bridge.surveys.hours import Hours, minute_of, weekdays_of
from cc_bridge.surveys.policy import Rules

__all__ = ["ENV_PREFIX", "Config", "QueueConfig", "load", "rules_of", "show"]

ENV_PREFIX = "CC_BRIDGE_"
_MASK = "********"
_SECRETS = {"secret", "hash_secret", "token"}  # keys whose values are never told
_SHORTEST_SECRET = 16  # characters; all phone numbers of a country are soon tried with a guessed one
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")  # such as need no quoting in a URL or a header

_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}

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
    token: SecretStr = SecretStr("")
    token_file: OptionalPath = None

    @model_validator(mode="after")
    def _one_token(self) -> "HttpConfig":
        if self.token_file is not None and self.token.get_secret_value():
            raise ValueError("give token or token_file, not both")
        return self

    def access_token(self) -> str:
        """Return the token, from its file if one is named. Raises ConfigError for one that cannot be used."""
        token = _password(self.token, self.token_file, "http.token_file")
        unset = not token and self.token_file is None
        if not unset and not _TOKEN.fullmatch(token):
            raise ConfigError("http.token: must have 16 to 200 characters: letters, digits, and . _ ~ -")
        return token


class WallboardConfig(_Section):
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


class MetricsConfig(_Section):
    agents: bool = False


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
    numbers: Mode = "plain"
    hash_secret: SecretStr = SecretStr("")
    hash_secret_file: OptionalPath = None

    @model_validator(mode="after")
    def _one_secret(self) -> "CallersConfig":
        given = bool(self.hash_secret.get_secret_value()) + (self.hash_secret_file is not None)
        if given > 1 or (self.numbers != "plain" and not given):
            raise ValueError("masked and hashed numbers need hash_secret or hash_secret_file, not both")
        return self

    def caller_keys(self) -> CallerKeys:
        """Return what makes the callers' keys. Raises ConfigError for a secret that cannot be used."""
        secret = self.hash_secret.get_secret_value()
        if self.hash_secret_file is not None:
            secret = _secret(self.hash_secret_file, "callers.hash_secret_file")
        elif not secret:  # and numbers are plain
            return CallerKeys("plain", country=self.country_code)
        if len(secret) < _SHORTEST_SECRET:
            raise ConfigError(f"callers.hash_secret: must have at least {_SHORTEST_SECRET} characters")
        return CallerKeys(self.numbers, secret.encode(), self.country_code)


class CustomersConfig(_Section):
    region: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    shared: list[str] = []
    queue_groups: dict[str, list[str]] = {}
    rating: Literal["csat", "nps", "nps_0_9", "ces"] = "csat"
    low_rating: int = Field(default=2, ge=0, le=10)
    priority_after_low_rating: int = Field(default=0, ge=0, le=1000)
    priority_after_lost_call: int = Field(default=0, ge=0, le=1000)

    @field_validator("queue_groups")
    @classmethod
    def _one_group_each(cls, groups: dict[str, list[str]]) -> dict[str, list[str]]:
        queues = [queue for group in groups.values() for queue in group]
        if len(set(queues)) < len(queues):
            raise ValueError("a queue belongs to one group only")
        return groups

    def priorities(self) -> Priorities:
        return Priorities(self.low_rating, self.priority_after_low_rating, self.priority_after_lost_call)

    def group(self, queue: str) -> str:
        """Return the name of a queue's group, its own where it has none."""
        return next((name for name, queues in self.queue_groups.items() if queue in queues), queue)


class RetentionConfig(_Section):
    calls_days: float = Field(default=0, ge=0, le=36500)
    ratings_days: float = Field(default=0, ge=0, le=36500)
    comments_days: float = Field(default=90, ge=0, le=36500)
    funnel_days: float = Field(default=400, ge=0, le=36500)
    hour: int = Field(default=3, ge=0, le=23)


class ReportsConfig(_Section):
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


class QueueConfig(_Section):
    service_level_seconds: float = Field(default=20, gt=0, le=3600)
    short_abandon_seconds: float = Field(default=5, ge=0, le=600)
    wrap_up_seconds: float = Field(default=0, ge=0, le=3600)
    stage: Literal["", "first_contact", "service", "support", "feedback"] = ""
    open_from: Annotated[str, _readable(_before_midnight)] = "00:00"
    open_until: Annotated[str, _readable(minute_of)] = "24:00"
    open_weekdays: Annotated[str, _readable(weekdays_of)] = "mon-sun"
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


class WebhookConfig(_Section):
    name: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    url: str = Field(pattern=r"^https?://[!-~]{1,2000}$")
    secret: SecretStr = SecretStr("")
    secret_file: OptionalPath = None
    events: list[Literal["call_ended", "rating_given", "low_rating", "survey_completed"]] = [
        "call_ended",
        "rating_given",
        "low_rating",
        "survey_completed",
    ]
    low_ratings: dict[Literal["csat", "nps", "nps_0_9", "ces", "yes_no"], int] = {
        "csat": 2,
        "nps": 6,
        "nps_0_9": 5,
        "ces": 3,
    }
    plain_http: bool = False
    tls_ca_file: OptionalPath = None
    answer_seconds: float = Field(default=15, ge=1, le=120)
    longest_pause_seconds: float = Field(default=3600, ge=5, le=86400)
    give_up_attempts: int = Field(default=100, ge=1)
    give_up_days: float = Field(default=3, gt=0, le=30)
    max_events: int = Field(default=10_000, ge=100, le=1_000_000)

    @model_validator(mode="after")
    def _one_secret(self) -> "WebhookConfig":
        _only_one(self.secret, self.secret_file)
        return self

    @model_validator(mode="after")
    def _safe_address(self) -> "WebhookConfig":
        address = urlsplit(self.url)
        if not address.hostname or address.username is not None or address.fragment:
            raise ValueError("url must be an address such as https://example.com/events, without user or #")
        if address.scheme == "http" and address.hostname not in _THIS_MACHINE and not self.plain_http:
            raise ValueError(
                "url must begin with https://, since events hold personal data;"
                " plain_http = true allows http:// in a network of your own"
            )
        return self

    def keys(self) -> tuple[bytes, ...]:
        """Return what signs. Raises ConfigError for a secret that cannot be read or used."""
        from cc_bridge.webhooks.signing import keys_of  # noqa: PLC0415 - only who has webhooks needs it

        key = f"webhooks.{self.name}.secret"
        try:
            return keys_of(_password(self.secret, self.secret_file, f"{key}_file"))
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from error


class LogConfig(_Section):
    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["auto", "text", "json"] = "auto"


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
    wallboard: WallboardConfig = WallboardConfig()
    metrics: MetricsConfig = MetricsConfig()
    storage: StorageConfig = StorageConfig()
    callers: CallersConfig = CallersConfig()
    customers: CustomersConfig = CustomersConfig()
    retention: RetentionConfig = RetentionConfig()
    agents: AgentsConfig = AgentsConfig()
    direct_calls: DirectCallsConfig = DirectCallsConfig()
    survey: SurveyConfig = SurveyConfig()
    callback: CallbackConfig = CallbackConfig()
    webhooks: list[WebhookConfig] = []
    reports: ReportsConfig = ReportsConfig()
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

    @field_validator("webhooks")
    @classmethod
    def _names_differ(cls, webhooks: list[WebhookConfig]) -> list[WebhookConfig]:
        if len({webhook.name for webhook in webhooks}) < len(webhooks):
            raise ValueError("each needs a name of its own")
        return webhooks

    def queue(self, name: str) -> QueueConfig:
        """Return the settings of a queue, named in the configuration or not."""
        return self.queues.get(name, self.queue_defaults)

    @model_validator(mode="after")
    def _kept_as_long_as_needed(self) -> "Config":
        """Let nobody be asked or called too soon because it is forgotten that they were."""
        for key, needed in (("ratings_days", self._days_asked), ("funnel_days", self._days_called)):
            days: float = getattr(self.retention, key)
            if 0 < days < needed:
                raise ValueError(f"retention.{key} = {days:g}: must be 0 or at least {needed:g}, to know so "
                                 "long who was asked or called back")  # fmt: skip
        return self

    @property
    def days_to_remember(self) -> float:
        """For how long it must be known who was asked or called back: the longest of all, and today."""
        return max(self._days_asked, self._days_called)

    @property
    def _days_asked(self) -> float:
        queues = (self.queue_defaults, *self.queues.values())
        return max(2.0, *(queue.ask_again_after_days for queue in queues))  # a day can have 25 hours

    @property
    def _days_called(self) -> float:
        return max(2.0, self.callback.again_after_days if self.callback.enabled else 0.0)


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
    webhooks = sections.pop("webhooks")
    tables = [(f"[{name}]", values) for name, values in sections.items()]
    tables += [("[[webhooks]]", values) for values in webhooks]
    tables += [(f'[queues."{name}"]', values) for name, values in queues.items()]
    lines: list[str] = []
    for heading, values in tables:
        lines.append(heading)
        lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines).rstrip()


def _toml(value: object) -> str:
    if isinstance(value, SecretStr):
        return json.dumps(_MASK if value.get_secret_value() else "")
    if isinstance(value, bool | int | float | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml(each)}' for key, each in value.items())}}}"
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
    if not keys:  # the fault is between sections
        return says
    if isinstance(value, dict) or keys == ["webhooks"]:  # the fault is in the section as a whole
        return f"{'.'.join(keys)}: {says}"
    must = "must be " if fault["msg"].startswith("Input should be ") else ""
    return f"{'.'.join(keys)} = {value!r}: {must}{says}"


def _fields(keys: list[str]) -> list[str]:
    """Return the keys that a section knows."""
    if not keys:
        return list(Config.model_fields)
    of_many: dict[str, type[_Section]] = {"queues": QueueConfig, "webhooks": WebhookConfig}
    section = of_many.get(keys[0]) or type(Config.model_fields[keys[0]].default)
    return list(section.model_fields)
