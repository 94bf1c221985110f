"""Loading and printing of the configuration.

`load` reports all errors together. Each error becomes one line with option, value and allowed values, since
pydantic's own messages are long and name Python types.
"""

import difflib
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from cc_bridge.config.queues import QueueConfig
from cc_bridge.config.settings import Config
from cc_bridge.config.webhooks import WebhookConfig
from cc_bridge.errors import ConfigError

__all__ = ["load", "show"]

_MASK = "********"
_SECRETS = {"secret", "hash_secret", "password", "token"}  # options whose values never appear in output


def load(path: Path | None) -> Config:
    """Return the configuration from a file (None: the defaults) and the environment.

    Raises ConfigError with one line for each error.
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
    """Return the effective configuration as TOML, with secrets masked."""
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
    """Return a value in TOML syntax: a secret masked, None as an empty string."""
    if isinstance(value, SecretStr):
        return json.dumps(_MASK if value.get_secret_value() else "")
    if isinstance(value, bool | int | float | list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml(each)}' for key, each in value.items())}}}"
    return json.dumps("" if value is None else str(value), ensure_ascii=False)


def _line(fault: ErrorDetails) -> str:
    """Return one validation error as `section.option = value: allowed values`."""
    keys = [str(key) for key in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        section = _fields(keys[:-1])
        near = difflib.get_close_matches(keys[-1], section, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(section)}"
        return f"{'.'.join(keys)}: no such key; {hint}"
    value = _MASK if _SECRETS.intersection(keys[-1:]) else fault["input"]
    says = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if not keys:  # the error concerns several sections
        return says
    if isinstance(value, dict) or keys == ["webhooks"]:  # the error concerns a whole section
        return f"{'.'.join(keys)}: {says}"
    must = "must be " if fault["msg"].startswith("Input should be ") else ""
    return f"{'.'.join(keys)} = {value!r}: {must}{says}"


def _fields(keys: list[str]) -> list[str]:
    """Return the names of the options in a section.

    `keys` is the path of the section, such as ["queues", "sales"]; an empty path is the top level.
    """
    if not keys:
        return list(Config.model_fields)
    of_many: dict[str, type[BaseModel]] = {"queues": QueueConfig, "webhooks": WebhookConfig}
    section = of_many.get(keys[0]) or type(Config.model_fields[keys[0]].default)
    return list(section.model_fields)
