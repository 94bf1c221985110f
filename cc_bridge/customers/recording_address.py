"""Addresses of recordings: a template with fields such as {uniqueid}, and the values of one call. Pure.

The values come from the PBX, so each is quoted: it stays one part of the path, or one value of the query.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime, tzinfo
from string import Formatter
from urllib.parse import quote

__all__ = ["CALL_FIELDS", "COMMENT_FIELDS", "address", "check_template", "comment_url", "fields_of_call"]

CALL_FIELDS = ("uniqueid", "call_id", "pbx", "queue", "year", "month", "day", "hour", "minute", "second")
COMMENT_FIELDS = ("file", "pbx")

_START = re.compile(r"https?://[^/\s{}@\\]+/[^\s{}]*", re.ASCII)
_TEXT = re.compile(r"[!-~]*")  # of an address: printable ASCII without spaces


def check_template(template: str, known: Collection[str]) -> None:
    """Raise ValueError with the reason if a text is not a template of an address.

    It must start with http:// or https://, a host and a slash, and contain at least one field in braces. Each
    field must be one of `known`. An empty template is valid: there are no addresses.
    """
    if not template:
        return
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"is not a template: {error}") from None
    if not _START.fullmatch(parts[0][0]) or not all(_TEXT.fullmatch(text) for text, *_ in parts):
        raise ValueError(
            "must start with http:// or https://, a host and /, before any field, and have no spaces"
        )
    used = [(field, form, convert) for _, field, form, convert in parts if field is not None]
    wanted = ", ".join(f"{{{field}}}" for field in known)
    if not used or any(field not in known or form or convert for field, form, convert in used):
        raise ValueError(f"must contain fields from {wanted}, and no others")


def address(template: str, values: Mapping[str, str]) -> str:
    """Return the address that a template makes of these values; empty for an empty template."""
    return template.format_map({name: quote(value, safe="") for name, value in values.items()})


def comment_url(template: str, pbx: str, recording: str) -> str:
    """Return the address of a spoken comment whose file has the path `recording` on a PBX."""
    return address(template, {"file": recording.rpartition("/")[2], "pbx": pbx})


def fields_of_call(
    pbx: str, call_id: str, uniqueid: str, queue: str, started_at: float, zone: tzinfo | None
) -> dict[str, str]:
    """Return the values of CALL_FIELDS for one call; its start is in local time.

    `started_at` is in UTC seconds since the epoch.
    """
    there = datetime.fromtimestamp(started_at, zone)
    parts = (f"{there:%Y}", f"{there:%m}", f"{there:%d}", f"{there:%H}", f"{there:%M}", f"{there:%S}")
    return dict(zip(CALL_FIELDS, (uniqueid, call_id, pbx, queue, *parts), strict=True))
