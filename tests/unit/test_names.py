"""Names: each public name exists once, and each file named in the code exists."""

import ast
import io
import re
import subprocess
import tokenize
from collections import defaultdict
from pathlib import Path

import pytest

from support.paths import ROOT, TESTS
from support.structure import MODULES, PACKAGE

# A file name in the code, with or without folders. A name with a placeholder or a pattern does not match.
_FILE = re.compile(r"(?<![\w/.*<{-])((?:[\w.-]+/)*[\w-]+\.(?:py|md|toml|conf|yml|yaml|j2|css|js))(?![\w*(/])")
# Names of files that an installation or a test creates, or that belong to other programs.
_ELSEWHERE = {
    "agents.conf", "cc-bridge.toml", "core_local.conf", "extensions.conf", "manager.conf", "queues.conf",
    "sitecustomize.py", "features.conf", "docker-compose.yml", "extensions_custom.conf", "asterisk.conf",
    "app_queue.conf", "res_agi.conf",
}  # fmt: skip


def test_no_two_public_classes_share_a_name():
    places = defaultdict(list)
    for module, path in MODULES.items():
        if ".migrations." in module:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def _comments_and_docstrings(source):
    """Yield the docstrings and comments of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def _git(*arguments):
    """Return the output lines of git. Without git or a checkout there are none."""
    try:
        said = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return said.stdout.splitlines()


def _tracked():
    return _git("ls-files") or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]


TRACKED = {f"/{name}" for name in _tracked()}
SOURCES = [*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py"), *(ROOT / "config").rglob("*.py")]


def _exists(name, source):
    """Return whether the path of a project file ends with the name, or the name is next to `source`."""
    return any(path.endswith(f"/{name}") for path in TRACKED) or (source.parent / name).is_file()


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_is_named_exists(source):
    texts = _comments_and_docstrings(source.read_text(encoding="utf-8"))
    named = {name for text in texts for name in _FILE.findall(text)}
    assert {name for name in named - _ELSEWHERE if not _exists(name, Path(source))} == set()


def test_a_missing_file_is_found():
    text = (
        "`tests/unit/test_names.py` is there, `daemon/gone.py` and gone.py are not; *.py and {x}.py are none"
    )
    assert set(_FILE.findall(text)) == {"tests/unit/test_names.py", "daemon/gone.py", "gone.py"}
    assert not _exists("daemon/gone.py", PACKAGE / "cli.py")


def test_git_ignores_no_file_of_the_package():
    """An ignored file would be missing in a fresh checkout and in the wheel."""
    ignored = _git(
        "ls-files", "--others", "--ignored", "--exclude-standard", "cc_bridge", "config", "dialplans"
    )
    assert [name for name in ignored if "__pycache__" not in name] == []
