"""The configuration reference as a page: config/docs/options.md, made from the classes of the settings."""

import json
from collections.abc import Iterator
from typing import Any

from cc_bridge.config import ENV_PREFIX, Config

__all__ = ["options", "page"]

_INTRO = """\
# Configuration reference

Generated from the code by `python tests/support/generate.py`. It lists every option of the configuration file
with its default, its type and limits, and the environment variable that overrides it.
[cc-bridge.toml](../cc-bridge.toml) has the same options with a comment on each: what it means and when to
change it. [The installation page](../README.md#configuration) has the rules of the file.

`[queue_defaults]` holds for every queue. A table `[queues.<name>]` has the same options for one queue. Each
person has one table `[users.<name>]`, and each receiver of webhooks one table `[[webhooks]]`. An empty
default of a path or text means that the option is not set. In an environment variable a list or table is
JSON: `CC_BRIDGE_WALLBOARD__QUEUES='["sales"]'`."""


def options() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield section, key and JSON schema of each option.

    `queues` is left out, since `queue_defaults` has the same options.
    """
    schema = Config.model_json_schema()
    for section, reference in schema["properties"].items():
        if section == "queues":  # has the options of queue_defaults
            continue
        one = reference.get("additionalProperties") or reference.get("items", reference)
        definition = one["$ref"].rpartition("/")[2]
        for key, option in schema["$defs"][definition]["properties"].items():
            yield section, key, option


def page() -> str:
    """Return the page: a section for each table of the file, with one row for each option."""
    sections: dict[str, list[str]] = {}
    for section, key, option in options():
        rows = sections.setdefault(
            section, ["| option | default | type and limits | environment |", "|---|---|---|---|"]
        )
        variable = (
            ""
            if section in {"queue_defaults", "users", "webhooks"}
            else f"`{ENV_PREFIX}{section}__{key}`".upper()
        )
        default = f"`{_toml(option['default'])}`" if "default" in option else "required"
        rows.append(f"| `{key}` | {default} | {_limits(option)} | {variable} |".replace("|  |", "| |"))
    parts = [f"## {section}\n\n" + "\n".join(rows) for section, rows in sections.items()]
    return "\n\n".join([_INTRO, *parts]) + "\n"


def _toml(default: object) -> str:
    if default is None:
        return '""'
    if isinstance(default, dict):
        return "{" + ", ".join(f"{key} = {_toml(value)}" for key, value in default.items()) + "}"
    return json.dumps(default)


def _limits(option: dict[str, Any]) -> str:
    """Return an option's type and its allowed values, such as "integer, 1 to 5000"."""
    if "anyOf" in option:  # a file or None
        option = option["anyOf"][0]
    if "enum" in option:
        return "one of " + ", ".join(f"`{json.dumps(value)}`" for value in option["enum"])
    if option.get("format") == "path":
        return "path"
    if option.get("format") == "password":
        return "secret text"
    if option["type"] == "array":
        return f"list; each {_limits(option['items'])}"
    if option["type"] == "object":
        values = option.get("additionalProperties") or next(iter(option["patternProperties"].values()))
        return f"table; each value {_limits(values)}"
    name = {"string": "text", "boolean": "`true` or `false`"}.get(option["type"], option["type"])
    return ", ".join([name, *_range(option)])


def _range(option: dict[str, Any]) -> Iterator[str]:
    """Yield the limits of a number's value and of a text's length."""
    low, above, high = (option.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    if low is not None and high is not None:
        yield f"{low} to {high}"
    elif low is not None:
        yield f"{low} or more"
    if above is not None:
        yield f"more than {above}" + ("" if high is None else f", up to {high}")
    if "maxLength" in option:
        yield f"up to {option['maxLength']} characters"
