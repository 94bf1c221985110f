"""The complete configuration: its sections, and the checks that concern several sections."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WrapSerializer, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cc_bridge.calls.caller_names import CallerNames
from cc_bridge.config.agi import AgiConfig
from cc_bridge.config.callback import CallbackConfig
from cc_bridge.config.callers import CallersConfig, CustomersConfig
from cc_bridge.config.digest import DigestConfig
from cc_bridge.config.follow_ups import FollowUpsConfig
from cc_bridge.config.general import GeneralConfig, LogConfig, RunConfig
from cc_bridge.config.http import HttpConfig
from cc_bridge.config.pbx import AgentsConfig, AmiConfig, DirectCallsConfig, PbxConfig
from cc_bridge.config.queues import QueueConfig
from cc_bridge.config.recordings import RecordingsConfig
from cc_bridge.config.reports import MetricsConfig, ReportsConfig
from cc_bridge.config.storage import RetentionConfig, StorageConfig
from cc_bridge.config.surveys import SurveyConfig
from cc_bridge.config.users import UserConfig, check_names
from cc_bridge.config.wallboard import WallboardConfig
from cc_bridge.config.webhooks import WebhookConfig
from cc_bridge.follow_ups.rules import DAYS_LOOKED_BACK
from cc_bridge.queue_names import QueueMap, QueueNames
from cc_bridge.reports.render.localization import LANGUAGES, Language

__all__ = ["ENV_PREFIX", "Config"]

ENV_PREFIX = "CC_BRIDGE_"
_LONGEST_NAME = 128  # characters of a queue's name: the width of the columns in SQL


class Config(BaseSettings):
    """The complete, validated configuration."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    general: GeneralConfig = GeneralConfig()
    pbx: PbxConfig = PbxConfig()
    ami: AmiConfig = AmiConfig()
    agi: AgiConfig = AgiConfig()
    http: HttpConfig = HttpConfig()
    users: dict[str, UserConfig] = {}
    wallboard: WallboardConfig = WallboardConfig()
    metrics: MetricsConfig = MetricsConfig()
    storage: StorageConfig = StorageConfig()
    callers: CallersConfig = CallersConfig()
    customers: CustomersConfig = CustomersConfig()
    retention: RetentionConfig = RetentionConfig()
    agents: AgentsConfig = AgentsConfig()
    direct_calls: DirectCallsConfig = DirectCallsConfig()
    survey: SurveyConfig = SurveyConfig()
    recordings: RecordingsConfig = RecordingsConfig()
    callback: CallbackConfig = CallbackConfig()
    follow_ups: FollowUpsConfig = FollowUpsConfig()
    webhooks: list[WebhookConfig] = []
    reports: ReportsConfig = ReportsConfig()
    digest: DigestConfig = DigestConfig()
    log: LogConfig = LogConfig()
    run: RunConfig = RunConfig()
    queue_defaults: QueueConfig = QueueConfig()
    queues: Annotated[
        Mapping[str, QueueConfig],
        AfterValidator(QueueMap),
        WrapSerializer(lambda queues, serialize: serialize(dict(queues))),
    ] = Field(default_factory=QueueMap)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic-settings' signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of the options' values. The environment has precedence over the file.

        pydantic-settings reads the names of environment variables in lower case. If a variable names a queue
        that has a section in the file, the queue gets the spelling of that section. So both set options of
        the same queue.
        """
        environment, in_file = env_settings(), init_settings().get("queues")
        queues = environment.get("queues")
        if isinstance(in_file, dict) and isinstance(queues, dict):
            spelled = QueueNames(in_file).spelled
            environment["queues"] = {spelled(name): each for name, each in queues.items()}
        return InitSettingsSource(settings_cls, environment), init_settings

    @model_validator(mode="before")
    @classmethod
    def _queues_inherit(cls, data: Any) -> Any:
        """Give each queue the values of `queue_defaults` for the options that its own section does not set.

        `data` is the configuration before validation. Return it with these values added.
        """
        queues, defaults = data.get("queues"), data.get("queue_defaults", {})
        if isinstance(queues, dict) and isinstance(defaults, dict):
            data["queues"] = {
                name: {**defaults, **queue} if isinstance(queue, dict) else queue
                for name, queue in queues.items()
            }
        return data

    @field_validator("queues")
    @classmethod
    def _names_fit(cls, queues: dict[str, QueueConfig]) -> dict[str, QueueConfig]:
        if any(not 0 < len(name) <= _LONGEST_NAME for name in queues):
            raise ValueError(f"a name must have 1 to {_LONGEST_NAME} characters")
        return queues

    @field_validator("users")
    @classmethod
    def _users_have_names(cls, users: dict[str, UserConfig]) -> dict[str, UserConfig]:
        check_names(users)
        return users

    @field_validator("webhooks")
    @classmethod
    def _names_differ(cls, webhooks: list[WebhookConfig]) -> list[WebhookConfig]:
        if len({webhook.name for webhook in webhooks}) < len(webhooks):
            raise ValueError("each needs a different name")
        return webhooks

    def queue(self, name: str) -> QueueConfig:
        """Return the settings of a queue; the defaults if the configuration does not name the queue.

        The case of `name` is ignored, as Asterisk does.
        """
        return self.queues.get(name, self.queue_defaults)

    def queue_title(self, name: str, language: str = "") -> str:
        """Return a queue's title in a language, or its name if it has no title.

        If `language` is empty, the language is that of the option reports.language.
        """
        queue = self.queues.get(name)
        return (queue.title_in(language or self.reports.language) if queue else "") or name

    def queue_titles(self, name: str) -> dict[Language, str]:
        """Return the title of a queue in each language: language -> title.

        If the title is set in other languages only, the first of them is used. A queue without any title has
        its name as title in all languages.
        """
        return {language: self.queue_title(name, language) for language in LANGUAGES}

    @property
    def caller_names(self) -> CallerNames:
        """The rule that removes a queue's prefix, such as `Sales:`, from a caller's name; for all queues."""
        queues = (self.queue_defaults, *self.queues.values())
        return CallerNames(queue.caller_name_prefix for queue in queues)

    @field_validator("queue_defaults")
    @classmethod
    def _titles_differ(cls, defaults: QueueConfig) -> QueueConfig:
        if defaults.title:
            raise ValueError("title: set it in [queues.NAME], since it belongs to one queue")
        return defaults

    @model_validator(mode="after")
    def _kept_as_long_as_needed(self) -> "Config":
        """Raise ValueError if retention deletes rows that surveys, callbacks or follow-ups still need.

        Without ratings and survey decisions, the time of a caller's last survey or callback would be unknown,
        and the caller could be asked or called again too soon. The daemon reads the calls of the last 7 days
        again to open follow-ups for them. If the follow-up of one of these calls were deleted, the daemon
        would open it again.
        """
        for key, needed in (("ratings_days", self._days_asked), ("survey_decisions_days", self._days_called)):
            days: float = getattr(self.retention, key)
            if 0 < days < needed:
                raise ValueError(f"retention.{key} = {days:g}: must be 0 or at least {needed:g}, since "
                                 "each caller's last survey or callback must stay known")  # fmt: skip
        days = self.retention.follow_ups_days
        if self.follow_ups.enabled and 0 < days < DAYS_LOOKED_BACK:
            raise ValueError(f"retention.follow_ups_days = {days:g}: must be 0 or at least "
                             f"{DAYS_LOOKED_BACK}, since calls of those days are checked again")  # fmt: skip
        return self

    @model_validator(mode="after")
    def _owners_have_queues(self) -> "Config":
        """Raise ValueError if digest.owner_addresses names an owner who is not the `owner` of any queue."""
        owners = {queue.owner for queue in (self.queue_defaults, *self.queues.values())}
        for owner in self.digest.owner_addresses:
            if owner not in owners:
                raise ValueError(f"digest.owner_addresses: no queue has owner = {owner!r}")
        return self

    def queues_of(self, owner: str, known: Iterable[str] = ()) -> tuple[str, ...]:
        """Return the queues whose `owner` is this person, sorted.

        Besides the configured queues, the result has those of `known` that belong to this person because
        queue_defaults.owner names the person. A name that is in both has its spelling in `known`.
        """
        queues = QueueNames([*self.queues, *known])
        return tuple(sorted(name for name in queues if owner and self.queue(name).owner == owner))

    @property
    def days_to_remember(self) -> float:
        """The number of days for which each caller's last survey and callback must be known, at least 2."""
        return max(self._days_asked, self._days_called)

    @property
    def _days_asked(self) -> float:
        queues = (self.queue_defaults, *self.queues.values())
        return max(2.0, *(queue.min_days_between_surveys for queue in queues))  # a day can have 25 hours

    @property
    def _days_called(self) -> float:
        return max(2.0, self.callback.min_days_between if self.callback.enabled else 0.0)
