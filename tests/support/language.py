"""Checks the project's English: words to avoid and shapes of sentences.

    python tests/support/language.py [--count] [PATH...]

prints `path:line: phrase: what to write instead` for each fault below the given paths (default: everything that
has rules) and exits 1 if there is one; --count prints the number of faults of each folder instead. The phrases
and the allowed exceptions, each with its reason, are in `language.toml`.

Checked texts: docstrings, comments and messages of Python modules; comments of TOML, YAML, SQL and Asterisk
files; prose of Markdown pages; texts of dashboards and alert rules. Generated files count through their source.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

__all__ = ["Fault", "Text", "faults_in", "faults_of_text", "texts_of"]

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_PHRASES = [(re.compile(each["pattern"], re.I), each["instead"]) for each in _DATA["phrase"]]
_ALLOWED = _DATA["allowed"]
_OPENINGS = re.compile(rf"(?:{'|'.join(_DATA['openings'])})\b")
_SENTENCE_WORDS: int = _DATA["sentence_words"]
_MODULE_WORDS: int = _DATA["module_words"]
# What is between backticks, or a URL, is code and not prose.
_CODE = re.compile(r"``.*?``|`[^`\n]*`|https?://\S+", re.S)
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n\s*\n|\n(?=\s*[-*|#>])|\s\|\s")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of prose: `kind` is docstring, module, comment, message or page; `line` counts from 1."""

    path: str
    line: int
    kind: str
    prose: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A phrase or shape that the rules name, and the advice for it."""

    path: str
    line: int
    phrase: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.phrase}: {self.advice}"


def _python(path: str, source: str) -> Iterator[Text]:
    tree = ast.parse(source)
    docstrings = set()
    for node in ast.walk(tree):
        for each in getattr(node, "body", None) or () if not isinstance(node, ast.Lambda | ast.IfExp) else ():
            if (
                isinstance(each, ast.Expr)
                and isinstance(each.value, ast.Constant)
                and isinstance(each.value.value, str)
            ):
                docstrings.add(id(each.value))
                kind = "module" if isinstance(node, ast.Module) and each is node.body[0] else "docstring"
                yield Text(path, each.lineno, kind, each.value.value)
        if isinstance(node, ast.JoinedStr):
            docstrings.update(id(part) for part in node.values)
            parts = [str(part.value) if isinstance(part, ast.Constant) else "`x`" for part in node.values]
            yield Text(path, node.lineno, "message", "".join(parts))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            if len(node.value.split()) > 2 and "SELECT" not in node.value:
                yield Text(path, node.lineno, "message", node.value)
    yield from _comments(path, _python_comments(source))


def _python_comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#: ")


def _marked_comments(source: str, mark: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(source.splitlines(), 1):
        before, found, after = line.partition(mark)
        if found and (not before.strip() or before.endswith(" ")) and before.count('"') % 2 == 0:
            yield number, after.strip(mark + " ")


def _comments(path: str, lines: Iterator[tuple[int, str]]) -> Iterator[Text]:
    """Yield the comments, those of adjacent lines as one text."""
    start, last, words = 0, -1, ""
    for number, line in lines:
        if number != last + 1 and words:
            yield Text(path, start, "comment", words)
            words = ""
        if not words:
            start = number
        words, last = f"{words}\n{line}" if words else line, number
    if words:
        yield Text(path, start, "comment", words)


def _page(path: str, source: str) -> Iterator[Text]:
    fenced = re.compile(r"^( *)(```+|~~~+).*?^\1\2\s*$|<!--.*?-->", re.S | re.M)
    prose = fenced.sub(lambda found: "\n" * found[0].count("\n"), source)
    line = 1
    for paragraph in re.split(r"(\n(?:[ \t]*\n)+)", prose):
        if paragraph.strip():
            yield Text(path, line, "page", paragraph)
        line += paragraph.count("\n")


def _yaml(path: str, source: str) -> Iterator[Text]:
    yield from _comments(path, _marked_comments(source, "#"))
    for number, line in enumerate(source.splitlines(), 1):
        if found := re.match(r"\s*(?:summary|description): *(.+)", line):
            yield Text(path, number, "message", found[1])


def _toml(path: str, source: str) -> Iterator[Text]:
    yield from _comments(path, _marked_comments(source, "#"))
    for number, line in enumerate(source.splitlines(), 1):
        if found := re.match(r"\s*(?:en|label|text|title|help) *= *\"(.+)\"", line):
            yield Text(path, number, "message", found[1])


def texts_of(path: str, source: str) -> Iterator[Text]:
    """Yield the prose of one file of the repository by the kind of the file; nothing of a kind without rules."""
    match Path(path).suffix:
        case ".py":
            yield from _python(path, source)
        case ".md":
            yield from _page(path, source)
        case ".toml":
            yield from _toml(path, source)
        case ".yml" | ".yaml":
            yield from _yaml(path, source)
        case ".conf":
            yield from _comments(path, _marked_comments(source, ";"))
        case ".sh" | ".service" | ".timer" | ".env":
            yield from _comments(path, _marked_comments(source, "#"))
        case ".sql":
            yield from _comments(path, _marked_comments(source, "--"))


def _is_allowed(path: str, phrase: str) -> bool:
    return any(
        re.search(each["path"], path) and re.fullmatch(each["phrase"], phrase, re.I) for each in _ALLOWED
    )


def faults_of_text(text: Text) -> Iterator[Fault]:
    """Yield each fault of the text that is not allowed for its path."""
    prose = _CODE.sub(lambda found: "x" + "\n" * found[0].count("\n"), text.prose)
    for pattern, advice in _PHRASES:
        for found in pattern.finditer(prose):
            if not _is_allowed(text.path, found[0]):
                yield Fault(text.path, text.line + prose[: found.start()].count("\n"), found[0], advice)
    if text.kind in ("docstring", "module", "comment") and (found := _OPENINGS.match(prose.strip())):
        yield Fault(text.path, text.line, f"{found[0]} ...", "open with the subject")
    for sentence in _SENTENCE_END.split(prose) if text.kind != "message" else ():
        words = re.findall(r"[\w'-]+", sentence)
        if len(words) > _SENTENCE_WORDS and not _is_allowed(text.path, f"{len(words)} words"):
            yield Fault(
                text.path, text.line, f"{len(words)} words", f"one fact a sentence: {' '.join(words[:6])} ..."
            )
    if text.kind == "module" and (count := len(prose.split())) > _MODULE_WORDS:
        yield Fault(
            text.path, text.line, f"{count} words", f"a module's docstring has at most {_MODULE_WORDS}"
        )


def faults_in(paths: list[str], root: Path = ROOT) -> Iterator[Fault]:
    """Yield the faults of all files that git knows below the paths, without generated files and fixtures."""
    listed = subprocess.run(["git", "ls-files", *paths], cwd=root, check=True, capture_output=True, text=True)
    for path in listed.stdout.split():
        if any(re.match(each, path) for each in _DATA["generated"]):
            continue
        if Path(path).suffix in _DATA["suffixes"] and (root / path).is_file():
            for text in texts_of(path, (root / path).read_text(encoding="utf-8")):
                yield from faults_of_text(text)


def main() -> int:
    """Print the faults; return 1 if there is one."""
    parser = argparse.ArgumentParser(description="Check the project's English.")
    parser.add_argument("--count", action="store_true", help="print the number of faults of each folder")
    parser.add_argument("paths", nargs="*", default=_DATA["paths"], help="files or folders of the repository")
    arguments = parser.parse_args()
    found = list(faults_in(arguments.paths))
    if arguments.count:
        for folder, count in sorted(Counter(str(Path(fault.path).parent) for fault in found).items()):
            sys.stdout.write(f"{count:6} {folder}\n")
    for fault in found if not arguments.count else ():
        sys.stdout.write(f"{fault}\n")
    sys.stderr.write(f"{len(found)} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
