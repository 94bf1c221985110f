"""The change from one wallboard to the next, as a JSON merge patch. Pure.

A merge patch cannot change one item of a list. So the patch is of the wallboard with `queues` and `agents` as
objects by name instead of lists. The lengths of waits and states grow with time, and a reader computes them
from their starts. So they are in no patch.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cc_bridge.web.merge_patch import merge_patch

__all__ = ["change"]

Json = Mapping[str, Any]

# The seconds from an instant until `at`.
_GROWING = frozenset({"longest_wait_seconds", "longest_whole_wait_seconds", "seconds"})
_LISTS = {"queues": "queue", "agents": "name"}  # lists of objects, with the member that names each object


def change(before: Json, after: Json) -> dict[str, object] | None:
    """Return the merge patch from one wallboard to the next, both as the fields of /api/live.

    The result always has `at`. The result is None if the two wallboards have different queues, or the same
    queues in another order; a patch has no order.
    """
    if _names(before.get("queues"), "queue") != _names(after.get("queues"), "queue"):
        return None
    return merge_patch(_by_name(before), _by_name(after)) | {"at": after.get("at")}


def _names(items: Iterable[Json] | None, name: str) -> list[str]:
    return [item[name] for item in items or ()]


def _by_name(board: Json) -> Json:
    """Return a wallboard whose lists are objects by name, without the lengths of waits and states."""
    named = {**board, "total": _steady(board.get("total") or {})}
    for field, name in _LISTS.items():
        if (items := board.get(field)) is not None:
            named[field] = {item[name]: _steady(item) for item in items}
    return named


def _steady(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if name not in _GROWING}
