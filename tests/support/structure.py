"""The structure of the package, read from its imports: rooms, rings, import circles.

    python tests/support/structure.py

prints the figures that tests/unit/test_imports.py asserts. A room is a direct child of a folder: a module, or
a folder with all its content. A ring is a layer: inner (1), middle (2) or outer (3). The ring of an impure
module follows from its folder; a pure module is always inner.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "cc_bridge"

# The top-level rooms by ring. An inner room is pure. A middle room has I/O of one kind and imports no other
# middle room. An outer room may import all rooms.
INNER = {
    "calls", "customers", "errors", "follow_ups", "kpis", "privacy", "queue_log", "queue_names", "records",
    "reports", "safe_text", "surveys", "wallboard", "__init__",
}  # fmt: skip
MIDDLE = {"agi", "ami", "config", "logs", "metrics", "prompts", "storage", "web", "webhooks"}
OUTER = {"__main__", "cli", "commands", "daemon", "demo", "digest", "doctor", "offline", "setup"}

# Pure code uses no network, threads, database, clock or chance. These imports make a module impure.
IMPURE = {
    "alembic", "asyncio", "click", "prometheus_client", "pydantic_settings", "random", "requests",
    "secrets", "select", "signal", "smtplib", "socket", "sqlalchemy", "sqlite3", "subprocess", "threading",
    "time", "twisted", "uuid",
}  # fmt: skip


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = _modules()


@cache
def imports(module: str) -> frozenset[str]:
    """Return the full names of the modules that a module imports, also inside functions and for types."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute here"
            assert node.module is not None
            found |= {
                f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in MODULES else node.module
                for alias in node.names
            }
    return frozenset(found)


def own_imports(module: str) -> set[str]:
    return {other for other in imports(module) if other in MODULES and other != module}


def room(module: str, below: str = "cc_bridge") -> str:
    """Return the direct child of the package `below` that contains the module; `__init__` for the package."""
    return module[len(below) + 1 :].partition(".")[0] or "__init__"


@cache
def is_pure(module: str) -> bool:
    """Return whether the module, and every module that it imports, is pure."""
    todo, seen = [module], {module}
    while todo:
        name = todo.pop()
        if {other.partition(".")[0] for other in imports(name)} & IMPURE:
            return False
        todo += own_imports(name) - seen
        seen |= own_imports(name)
    return True


def ring(module: str) -> int:
    """Return the module's ring. A pure module is always inner, so that codecs can be next to protocols."""
    name = room(module)
    if name in INNER or is_pure(module):
        return 1
    return 2 if name in MIDDLE else 3


def upward_imports() -> list[tuple[str, str]]:
    """Return the imports of a module from a ring further out: the importing and the imported module."""
    return [(one, two) for one in MODULES for two in own_imports(one) if ring(two) > ring(one)]


def circles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the circles of a graph, each as its sorted nodes (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            members = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(members) > 1:
                found.append(sorted(members))

    for node in edges:
        if node not in index:
            visit(node)
    return found


def module_graph() -> dict[str, set[str]]:
    return {module: own_imports(module) for module in MODULES}


def room_graph(below: str = "cc_bridge") -> dict[str, set[str]]:
    """Return, for each room of a package, the other rooms of the package that it imports."""
    rooms: dict[str, set[str]] = {}
    for module in MODULES:
        if module != below and not module.startswith(below + "."):
            continue
        mine = rooms.setdefault(room(module, below), set())
        mine |= {
            room(other, below)
            for other in own_imports(module)
            if other.startswith(below + ".") and room(other, below) != room(module, below)
        }
    return rooms


def _figures() -> Iterator[str]:
    top = room_graph()
    yield f"rooms at the top: {len(top)}"
    yield f"imports among them: {sum(map(len, top.values()))}"
    yield f"circles of modules: {len(circles(module_graph()))}, of rooms: {len(circles(top))}"
    yield f"upward imports: {len(upward_imports())}"
    for package in ("storage", "daemon"):
        inside = room_graph(f"cc_bridge.{package}")
        count = sum(map(len, inside.values()))
        yield f"{package}/: {len(inside)} rooms, {count} imports among them, {len(circles(inside))} circles"


if __name__ == "__main__":
    sys.stdout.write("\n".join(_figures()) + "\n")
