"""The three rings: what each module may import. An arrow that points outward fails here.

Inner: facts, codecs and domain code, pure Python. Middle: protocols, services, storage, pages. Outer: the
wiring and the commands, which know everyone.
"""

import ast
from pathlib import Path

import pytest

import cc_bridge

PACKAGE = Path(cc_bridge.__file__).parent

INNER = {
    "cc_bridge",
    "cc_bridge.callers",
    "cc_bridge.errors",
    "cc_bridge.person",
    "cc_bridge.privacy",
    "cc_bridge.records",
    "cc_bridge.measures",
    "cc_bridge.service_level",
    "cc_bridge.ami",
    "cc_bridge.metrics",
    "cc_bridge.metrics.exposition",
    "cc_bridge.metrics.families",
    "cc_bridge.metrics.families_page",
    "cc_bridge.webhooks",
    "cc_bridge.webhooks.events",
    "cc_bridge.webhooks.plan",
    "cc_bridge.webhooks.signing",
    "cc_bridge.ami.codec",
    "cc_bridge.calls",
    "cc_bridge.surveys",
    "cc_bridge.queue_log",
    "cc_bridge.board",
    "cc_bridge.reports",
    "cc_bridge.digest",
    "cc_bridge.customers",
    "cc_bridge.follow_ups",
    "cc_bridge.replay",
}
OUTER = {
    "cc_bridge.cli",
    "cc_bridge.history",
    "cc_bridge.__main__",
    "cc_bridge.publishing",
    "cc_bridge.publishing.making",
    "cc_bridge.publishing.posting",
    "cc_bridge.publishing.settings",
    "cc_bridge.publishing.when_due",
}
WIRING = {"cc_bridge.commands", "cc_bridge.daemon", "cc_bridge.demo", "cc_bridge.doctor"}  # whole packages
# packages with modules of the inner and the middle ring
BOTH = {"cc_bridge.ami", "cc_bridge.metrics", "cc_bridge.webhooks"}
MIDDLE_PARTS = {
    "ami", "agi", "storage", "web", "webhooks", "metrics", "config", "logs", "notify",
    "prompts", "publishing",
}  # fmt: skip

# What pure code must not touch: the network, threads, the database, the clock, chance.
IMPURE = {
    "alembic", "asyncio", "click", "prometheus_client", "pydantic_settings", "random", "requests",
    "secrets", "select", "signal", "socket", "sqlalchemy", "sqlite3", "subprocess", "threading", "time",
    "twisted", "uuid",
}  # fmt: skip


def modules():
    """Return name and path of every module."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = path
    return found


MODULES = modules()


def imports(name):
    """Return the full names of the modules that a module imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute here"
            found |= {
                f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module
                for alias in node.names
            }
    return found


def ring(name):
    """Return 1, 2 or 3; a package's ring is that of all its modules, but `BOTH` and the top have two."""
    package = ".".join(name.split(".")[:2])
    if name in OUTER or package in WIRING:
        return 3
    return 1 if name in INNER or (package in INNER and package not in BOTH) else 2


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_arrow_points_outward(name):
    outward = {other for other in imports(name) if other in MODULES and ring(other) > ring(name)}
    assert not outward


@pytest.mark.parametrize("name", sorted(name for name in MODULES if ring(name) == 1))
def test_inner_modules_are_pure(name):
    assert not {other.partition(".")[0] for other in imports(name)} & IMPURE


@pytest.mark.parametrize("name", sorted(name for name in MODULES if ring(name) == 2))
def test_parts_of_the_middle_ring_do_not_know_each_other(name):
    part = name.split(".")[1]
    assert part in MIDDLE_PARTS, f"{name} belongs to no ring yet"
    others = {other.split(".")[1] for other in imports(name) if other in MODULES and ring(other) == 2}
    assert others <= {part}


def test_the_rule_itself_finds_faults():
    assert ring("cc_bridge.calls.tracker") == 1
    assert ring("cc_bridge.ami.service") == 2
    assert ring("cc_bridge.daemon.app") == 3
    assert "twisted.internet" in {other.rpartition(".")[0] for other in imports("cc_bridge.ami.client")}
