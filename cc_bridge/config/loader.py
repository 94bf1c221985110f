"""Loading and printing of the configuration.

`load` reports all errors together. Each error becomes one line with option, value and allowed values, since
pydantic's own messages are long and name Python types.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from cc_bridge.config.queues import QueueConfig
from cc_bridge.config.settings import Config
from cc_bridge.config.survey_files import unknown_surveys
from cc_bridge.config.webhooks import WebhookConfig
from cc_bridge.errors import ConfigError

__all__ = ["load", "show"]

_MASK = "********"
_SECRETS = {"secret", "hash_secret", "password", "token"}  # options whose values never appear in output
# The start of a line of TOML up to the value of an option that is or contains a secret.
_SECRET_IN_LINE = re.compile(rf"(.*?\b(?:{'|'.join(sorted(_SECRETS))}|url)\b[\"']?\s*=?\s*).*")
_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*):.*@")


def load(path: Path | None) -> Config:
    """Return the configuration from a file (None: the defaults) and the environment.

    Raises ConfigError with one line for each error.
    """
    content = {} if path is None else _content(path)
    try:
        return Config(**content)
    except ValidationError as error:
        faults = [_line(fault) for fault in error.errors()]
        faults += _survey_faults(content, [fault["loc"] for fault in error.errors()])
        raise ConfigError("\n".join(faults)) from error


def _content(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file. Raises ConfigError; a fault of the syntax quotes the faulty line."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # without the byte-order mark of some editors
        return tomllib.loads(text)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), ", str(error))
        number = int(place[1]) if place else len(text.splitlines())
        line = ([*text.splitlines(), ""])[number - 1].strip()
        quoted = _SECRET_IN_LINE.sub(rf"\1{_MASK}", line)
        raise ConfigError(f"{path}: {error}{f': {quoted}' if quoted else ''}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _survey_faults(content: Mapping[str, Any], faulty: Iterable[tuple[int | str, ...]]) -> list[str]:
    """Return the faults of the surveys, for a configuration that is invalid for other reasons.

    The administrator then sees all faults in one pass. The values at the paths `faulty` are replaced by their
    defaults. If the configuration is still invalid, the result is empty.
    """
    without = deepcopy(dict(content))
    for keys in faulty:
        table: Any = without
        for key in keys[:-1]:
            table = table.get(key) if isinstance(table, dict) else None
        if keys and isinstance(table, dict):
            table.pop(keys[-1], None)
    try:
        config = Config(**without)
    except ValidationError:
        return []
    return unknown_surveys(config)


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
    return json.dumps("" if value is None else _without_password(str(value)), ensure_ascii=False)


def _without_password(text: str) -> str:
    """Return a text with the password masked, if the text is a URL with a password."""
    return _PASSWORD_IN_URL.sub(rf"\1:{_MASK}@", text)


def _line(fault: ErrorDetails) -> str:
    """Return one validation error as `section.option = value: allowed values`."""
    keys = [str(key) for key in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        section = _fields(keys[:-1])
        near = difflib.get_close_matches(keys[-1], section, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(section)}"
        return f"{'.'.join(keys)}: no such key; {hint}"
    value = _MASK if _SECRETS.intersection(keys[-1:]) else fault["input"]
    if isinstance(value, str):
        value = _without_password(value)
    says = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    says = says.replace("String should have", "must have")
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
