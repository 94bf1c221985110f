"""The addresses of the pages to which others link. Pure."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

__all__ = ["agent_address", "call_address", "comment_address", "customer_address"]


def _path(*parts: str) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def call_address(pbx: str, call_id: str) -> str:
    """Return the address of the page of one call."""
    return _path("calls", pbx, call_id)


def customer_address(key: str) -> str:
    """Return the address of a customer's page; `key` is a phone number or a caller key."""
    return _path("customers", key)


def comment_address(pbx: str, attempt_id: str, question: str) -> str:
    """Return the address of the recording of a spoken comment."""
    return _path("comments", pbx, attempt_id, question)


def agent_address(name: str, filters: Mapping[str, str] | None = None) -> str:
    """Return the address of an agent's page; `filters` are its arguments, such as `from` and `to`."""
    given = {key: value for key, value in (filters or {}).items() if value}
    return _path("agents", name) + (f"?{urlencode(given)}" if given else "")
