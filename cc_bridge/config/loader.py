"""Loading and printing of the configuration.

`load` reports all errors together. Each error becomes one line with option, value and allowed values, since
pydantic's own messages are long and name Python types.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from cc_bridge.config.queues import QueueConfig
from cc_bridge.config.settings import Config
from cc_bridge.config.survey_files import unknown_surveys
from cc_bridge.config.users import UserConfig
from cc_bridge.config.webhooks import WebhookConfig
from cc_bridge.errors import ConfigError, UnreadableFile
from cc_bridge.safe_text.printable import LONGEST_LINE, json_text, printable, shortened
from cc_bridge.safe_text.redaction import MASK, redacted, redacted_url
from cc_bridge.safe_text.text_files import parse_toml, read_text

__all__ = ["ConfigFile", "load", "show"]

_SECRETS = {
    "secret",
    "hash_secret",
    "password",
    "password_hash",
    "token",
}  # options whose values never appear in output
_URL = "url"
# A line of TOML without a word that can be the name of a secret: an option with its value, or a heading.
_QUOTABLE = re.compile(r"(?!.*(?:secret|passw|token|url|://|@))\s*(?:[\w.\"'-]+\s*=|\[).*", re.IGNORECASE)
_OPTION = re.compile(r"\s*[\w.\"'-]+\s*=")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_MOST_FAULTS = 100


class ConfigFile:
    """The configuration file of a daemon, which is read again at each reload. The path None means no file.

    A file that is cut off can be valid, because each option has a default. So a file without an option is an
    error here. So is a file that has none of the sections that it had at the last successful reading.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._sections: frozenset[str] = frozenset()

    def load(self) -> Config:
        """Return the configuration from the file and the environment.

        Raises ConfigError with one line for each error.
        """
        content = _content(self._path)
        sections = frozenset(name for name, options in content.items() if options)
        if self._path and not sections:
            raise ConfigError(f"{self._path}: the file has no option: is it empty or cut off?")
        if self._sections and self._sections.isdisjoint(sections):
            lost = ", ".join(sorted(self._sections))
            raise ConfigError(f"{self._path}: the file has lost all of its sections ({lost}): is it cut off?")
        config = _validated(content)
        self._sections = sections
        return config


def load(path: Path | None) -> Config:
    """Return the configuration from a file (None: the defaults) and the environment.

    A file may be empty. Raises ConfigError with one line for each error.
    """
    return _validated(_content(path))


def _validated(content: dict[str, Any]) -> Config:
    """Return the configuration from the content of a file and the environment. Raises ConfigError."""
    try:
        return Config(**content)
    except ValidationError as error:
        faults = [_line(fault) for fault in error.errors()]
        faults += _survey_faults(content, [fault["loc"] for fault in error.errors()])
        if len(faults) > _MOST_FAULTS:
            faults[_MOST_FAULTS:] = [f"... and {len(faults) - _MOST_FAULTS} more errors"]
        raise ConfigError("\n".join(shortened(fault, LONGEST_LINE) for fault in faults)) from error
    except SettingsError as error:  # the text names the option, without its value
        raise ConfigError(f"the environment: {error}") from None
    except RecursionError:
        raise ConfigError("the environment: a value is nested too deeply") from None


def _content(path: Path | None) -> dict[str, Any]:
    """Return the content of a TOML file; an empty dictionary if `path` is None.

    Raises ConfigError if the file cannot be read or is no valid TOML. In the second case, the error quotes
    the faulty line.
    """
    if path is None:
        return {}
    try:
        text = read_text(path)
        return parse_toml(text)
    except UnreadableFile as error:
        raise ConfigError(f"{path}: {error}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}{_quoted(text, str(error))}") from None


def _quoted(text: str, fault: str) -> str:
    """Return the end of an error text about faulty TOML: the faulty line, with a possible secret masked.

    `fault` is the parser's text, which names the line or the end of the file. The result is empty if it names
    neither. It is also empty for a line that is neither an option nor a heading, because such a line can be a
    part of a secret.
    """
    place = re.search(r"\(at line (\d+), ", fault)
    if place is None and "end of document" not in fault:
        return ""
    lines = text.splitlines() or [""]
    line = lines[min(int(place[1]) if place else len(lines), len(lines)) - 1].strip()
    if _QUOTABLE.fullmatch(line):
        return f": {shortened(printable(line))}"
    option = _OPTION.match(line)
    return f": {shortened(printable(option[0]))} {MASK}" if option else ""


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
    users = sections.pop("users")
    webhooks = sections.pop("webhooks")
    tables = [(f"[{name}]", values) for name, values in sections.items()]
    tables += [(f"[users.{_toml_key(name)}]", values) for name, values in users.items()]
    tables += [("[[webhooks]]", values) for values in webhooks]
    tables += [(f"[queues.{json_text(name)}]", values) for name, values in queues.items()]
    lines: list[str] = []
    for heading, values in tables:
        lines.append(heading)
        lines += [f"{key} = {_toml(value, is_url=key == _URL)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines).rstrip()


def _toml(value: object, *, is_url: bool = False) -> str:
    """Return a value in TOML syntax: a secret masked, None as an empty string."""
    match value:
        case SecretStr():
            return json.dumps(MASK if value.get_secret_value() else "")
        case bool() | int() | float():
            return json.dumps(value)
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return f"{{{', '.join(f'{_toml_key(key)} = {_toml(each)}' for key, each in value.items())}}}"
    text = "" if value is None else str(value)
    return json_text(redacted_url(text) if is_url and text else redacted(text))


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json_text(key)


def _line(fault: ErrorDetails) -> str:
    """Return one validation error as `section.option = value: allowed values`."""
    keys = [str(key) for key in fault["loc"]]
    path = ".".join(shortened(printable(key)) for key in keys)
    if fault["type"] == "extra_forbidden":
        section = _fields(keys[:-1])
        near = difflib.get_close_matches(keys[-1], section, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(section)}"
        return f"{path}: no such key; {hint}"
    says = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    says = printable(says.replace("String should have", "must have"))
    if not keys:  # the error concerns several sections
        return says
    value = fault["input"]
    if isinstance(value, dict | list) or len(keys) == 1:  # the error concerns a whole section or list
        return f"{path}: {says}"
    must = "must be " if fault["msg"].startswith("Input should be ") else ""
    return f"{path} = {_shown(keys[-1], value)}: {must}{says}"


def _shown(option: str, value: object) -> str:
    """Return the value of an option for an error text: short, and without a secret."""
    if option in _SECRETS:
        return repr(MASK)
    if isinstance(value, str):
        return repr(shortened(redacted_url(value) if option == _URL else redacted(value)))
    try:
        return repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "..."


def _fields(keys: list[str]) -> list[str]:
    """Return the names of the options in a section.

    `keys` is the path of the section, such as ["queues", "sales"]; an empty path is the top level.
    """
    if not keys:
        return list(Config.model_fields)
    of_many: dict[str, type[BaseModel]] = {
        "queues": QueueConfig,
        "users": UserConfig,
        "webhooks": WebhookConfig,
    }
    section = of_many.get(keys[0]) or type(Config.model_fields[keys[0]].default)
    return list(section.model_fields)
