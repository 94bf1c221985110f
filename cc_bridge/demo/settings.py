"""The configuration of the demo, as a file that the commands `report`, `digest` and others read too."""

import json
import socket
import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from cc_bridge.config import Config, HttpConfig
from cc_bridge.demo.history.centre import OWNERS, QUEUES
from cc_bridge.errors import ConfigError
from cc_bridge.web.access.passwords import hash_password

__all__ = ["HOST", "PASSWORD", "TOKEN", "demo_config"]

HOST = "127.0.0.1"
TOKEN = "demo-access-token"  # noqa: S105  # printed, and only this machine reaches the demo
PASSWORD = "demo-password"  # noqa: S105  # of all users, printed too

_NOTICE = (
    "Demo: all calls and persons are made up",
    "نسخهٔ نمایشی: همهٔ تماس‌ها و افراد ساختگی‌اند",  # noqa: RUF001
)
_FIRST_LINE = "# Configuration of `cc-bridge demo`. The next demo in this directory overwrites it."
_TEXT = """\
{first_line}
[pbx]
name = "demo"

[ami]
host = "{host}"
port = {ami_port}
username = {username}
secret = {secret}

[agi]
host = "{host}"
port = 0

[http]
host = "{host}"
port = {http_port}
token = "{token}"
notice = {{ en = {notice_en}, fa = {notice_fa} }}

[users.admin]
role = "admin"
password_hash = "{password_hash}"

[users.sara]
role = "lead"
password_hash = "{password_hash}"

[users.reza]
role = "lead"
password_hash = "{password_hash}"

[users.viewer]
role = "viewer"
password_hash = "{password_hash}"

[storage]
url = {url}

[run]
shutdown_timeout_seconds = 2 # enough: all simulated callers hang up at the shutdown

[survey]
recordings_directory = {comments}

[callers]
country_code = "98"

[customers]
region = "IR"

[follow_ups]
enabled = true

[digest]
recipients = ["board@example.com"]
owner_addresses = {{ {addresses} }}

[queue_defaults]
min_talk_seconds = 0 # some recorded talks last only two seconds
"""
_QUEUE = """
[queues.{name}]
title = {{ en = {title_en}, fa = {title_fa} }}
owner = "{owner}"
service_level_seconds = {threshold}
opening_from = "{opening_from}"
opening_until = "{opening_until}"
opening_weekdays = "{weekdays}"
"""


class _Config(Config):
    """A configuration that ignores environment variables.

    They may name a real database, into which the demo must not write its simulated calls.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic-settings' signature, likewise the next ones
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def demo_config(folder: Path, ami_port: int, credentials: tuple[str, str]) -> tuple[Path, Config]:
    """Write the configuration of the demo to a directory; return the file and the configuration.

    The database and the spoken comments are in the same directory. The simulated PBX listens on `ami_port`.
    Raises ConfigError if the directory has another configuration, or a path that the options do not allow.
    """
    file = folder / "cc-bridge.toml"
    if file.exists() and not file.read_text(encoding="utf-8").startswith(_FIRST_LINE):
        raise ConfigError(f"{file} does not belong to a demo: give another directory")
    username, secret = map(json.dumps, credentials)
    text = _TEXT.format(
        first_line=_FIRST_LINE,
        host=HOST,
        ami_port=ami_port,
        username=username,
        secret=secret,
        http_port=_http_port(),
        token=TOKEN,
        notice_en=json.dumps(_NOTICE[0]),
        notice_fa=json.dumps(_NOTICE[1], ensure_ascii=False),
        password_hash=hash_password(PASSWORD),
        url=json.dumps(f"sqlite:///{folder / 'cc-bridge.sqlite'}"),
        comments=json.dumps(str(folder / "comments")),
        addresses=", ".join(f'{owner} = "{owner}@example.com"' for owner in OWNERS),
    )
    text += "".join(_queue_sections())
    try:
        config = _Config(**tomllib.loads(text))
    except ValidationError as error:
        signs = "letters, digits and the characters . _ / -"
        raise ConfigError(f"{folder}: the path of the directory must have only {signs}") from error
    file.write_text(text, encoding="utf-8")
    return file, config


def _queue_sections() -> list[str]:
    return [
        _QUEUE.format(
            name=name,
            title_en=json.dumps(queue.titles[0]),
            title_fa=json.dumps(queue.titles[1], ensure_ascii=False),
            owner=queue.owner,
            threshold=queue.threshold_seconds,
            opening_from=queue.opening[0],
            opening_until=queue.opening[1],
            weekdays=queue.opening[2],
        )
        for name, queue in QUEUES.items()
    ]


def _http_port() -> int:
    """Return the default HTTP port if it is free, otherwise 0. With 0, the system chooses a free port.

    The daemon opens the port only after the demo has generated its calls. Until then, the port is reserved
    against other demos: this process binds an abstract Unix address, which no second process can bind.
    """
    usual = HttpConfig().port
    with socket.socket() as probe, socket.socket(socket.AF_UNIX) as first_demo:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            first_demo.bind("\0cc-bridge-demo")
            probe.bind((HOST, usual))
        except OSError:
            return 0
        first_demo.detach()  # the address is bound until this process ends
    return usual
