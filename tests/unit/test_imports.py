"""The three rings and the absence of import circles, for every module of the package."""

import pytest

from support import structure
from support.structure import INNER, MIDDLE, MODULES, OUTER, circles, own_imports, ring, room

TOP_LIMIT = 32


def test_every_room_at_the_top_has_a_ring():
    rooms = set(structure.room_graph())
    assert rooms == INNER | MIDDLE | OUTER
    assert len(rooms) <= TOP_LIMIT


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_import_points_outward(name):
    outward = {other for other in own_imports(name) if ring(other) > ring(name)}
    assert not outward


@pytest.mark.parametrize("name", sorted(name for name in MODULES if room(name) in INNER))
def test_inner_modules_are_pure(name):
    roots = {other.partition(".")[0] for other in structure.imports(name)}
    assert not roots & structure.IMPURE


@pytest.mark.parametrize("name", sorted(name for name in MODULES if ring(name) == 2))
def test_middle_rooms_do_not_know_each_other(name):
    others = {room(other) for other in own_imports(name) if ring(other) == 2}
    assert others <= {room(name)}


def test_no_modules_import_each_other_in_a_circle():
    assert circles(structure.module_graph()) == []


def test_no_rooms_import_each_other_in_a_circle():
    assert circles(structure.room_graph()) == []


def test_the_rules_find_faults():
    assert ring("cc_bridge.calls.tracker") == 1
    assert ring("cc_bridge.ami.codec") == 1
    assert ring("cc_bridge.ami.service") == 2
    assert ring("cc_bridge.daemon.bridge") == 3
    assert "twisted.internet.defer" in structure.imports("cc_bridge.ami.client")
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]
    assert circles({"a": ["b"], "b": []}) == []
