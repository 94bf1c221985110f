"""The configuration: every key, its type and its limits.

`cli.py` loads it: a TOML file, then environment variables `CC_BRIDGE_SECTION__KEY`, the environment
winning. Secrets come from the environment or from a file that the configuration names. What each key
means stands in `config/cc-bridge.toml`; a test keeps the two in step.

`settings.py` has the sections together, `loader.py` reads and shows them; the other modules have a few
sections each.
"""

from cc_bridge.config.digest import DigestConfig
from cc_bridge.config.follow_ups import FollowUpsConfig
from cc_bridge.config.loader import load, show
from cc_bridge.config.outputs import HttpConfig, MetricsConfig, ReportsConfig, WallboardConfig
from cc_bridge.config.pbx import AgentsConfig, AmiConfig, DirectCallsConfig, PbxConfig
from cc_bridge.config.settings import ENV_PREFIX, Config, LogConfig, RunConfig
from cc_bridge.config.storage import CallersConfig, CustomersConfig, RetentionConfig, StorageConfig
from cc_bridge.config.surveys import AgiConfig, CallbackConfig, QueueConfig, SurveyConfig, rules_of
from cc_bridge.config.webhooks import WebhookConfig

__all__ = [
    "ENV_PREFIX",
    "AgentsConfig",
    "AgiConfig",
    "AmiConfig",
    "CallbackConfig",
    "CallersConfig",
    "Config",
    "CustomersConfig",
    "DigestConfig",
    "DirectCallsConfig",
    "FollowUpsConfig",
    "HttpConfig",
    "LogConfig",
    "MetricsConfig",
    "PbxConfig",
    "QueueConfig",
    "ReportsConfig",
    "RetentionConfig",
    "RunConfig",
    "StorageConfig",
    "SurveyConfig",
    "WallboardConfig",
    "WebhookConfig",
    "load",
    "rules_of",
    "show",
]
