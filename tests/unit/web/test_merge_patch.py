"""JSON merge patches: applied as RFC 7396 describes, a patch gives the new object."""

import pytest
from hypothesis import given, strategies as st

from cc_bridge.web.merge_patch import merge_patch

VALUES = st.recursive(
    st.booleans() | st.integers() | st.sampled_from(["", "x", "y"]) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4)


def merged(target, patch):
    """Return the result of a merge patch, by the pseudocode of RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@given(OBJECTS, OBJECTS)
def test_the_patch_leads_from_the_one_to_the_other(before, after):
    assert merged(before, merge_patch(before, after)) == after
    assert (merge_patch(before, after) == {}) is (before == after)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 3}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
        ({"a": [1, 2]}, {"a": [1, 3]}, {"a": [1, 3]}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_a_patch_has_what_differs(before, after, patch):
    assert merge_patch(before, after) == patch
