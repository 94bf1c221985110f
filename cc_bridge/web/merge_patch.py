"""JSON merge patches (RFC 7396): the difference between two JSON objects, as a JSON object. Pure.

A patch has only the members that differ. Objects are compared member by member; every other value, such as
a list, is in the patch as a whole. null in a patch removes a member. So a member that is null in the new
object is missing after the patch.
"""

from collections.abc import Mapping

__all__ = ["merge_patch"]

Json = Mapping[str, object]


def merge_patch(before: Json, after: Json) -> dict[str, object]:
    """Return the merge patch that turns the object `before` into `after`; empty if they are equal."""
    patch: dict[str, object] = {name: None for name in before if name not in after}
    for name, new in after.items():
        old = before.get(name)
        if old == new and name in before:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            patch[name] = merge_patch(old, new)
        else:
            patch[name] = new
    return patch
