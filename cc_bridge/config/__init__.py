"""The configuration: every option with its type, default and limits.

Options come from a TOML file and from environment variables `CC_BRIDGE_SECTION__OPTION`. The environment
overrides the file. A secret can also be in a separate file, whose path is an option. The comments in
`config/cc-bridge.toml` explain each option; a test compares that file with the code.

`settings.py` combines the sections, and `loader.py` loads and prints them. The other modules define the
sections.
"""

from cc_bridge.config.agi import AgiConfig
from cc_bridge.config.callback import CallbackConfig
from cc_bridge.config.callers import CallersConfig, CustomersConfig
from cc_bridge.config.digest import DigestConfig
from cc_bridge.config.follow_ups import FollowUpsConfig
from cc_bridge.config.general import GeneralConfig, LogConfig, RunConfig
from cc_bridge.config.http import HttpConfig
from cc_bridge.config.loader import ConfigFile, load, show
from cc_bridge.config.pbx import AgentsConfig, AmiConfig, DirectCallsConfig, PbxConfig
from cc_bridge.config.queues import QueueConfig
from cc_bridge.config.recordings import RecordingsConfig
from cc_bridge.config.reports import MetricsConfig, ReportsConfig
from cc_bridge.config.settings import ENV_PREFIX, Config
from cc_bridge.config.storage import RetentionConfig, StorageConfig
from cc_bridge.config.surveys import SurveyConfig
from cc_bridge.config.wallboard import WallboardConfig
from cc_bridge.config.webhooks import WebhookConfig

__all__ = [
    "ENV_PREFIX",
    "AgentsConfig",
    "AgiConfig",
    "AmiConfig",
    "CallbackConfig",
    "CallersConfig",
    "Config",
    "ConfigFile",
    "CustomersConfig",
    "DigestConfig",
    "DirectCallsConfig",
    "FollowUpsConfig",
    "GeneralConfig",
    "HttpConfig",
    "LogConfig",
    "MetricsConfig",
    "PbxConfig",
    "QueueConfig",
    "RecordingsConfig",
    "ReportsConfig",
    "RetentionConfig",
    "RunConfig",
    "StorageConfig",
    "SurveyConfig",
    "WallboardConfig",
    "WebhookConfig",
    "load",
    "show",
]
