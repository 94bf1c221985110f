"""Checks the project's English: words to avoid and shapes of sentences.

    python tests/support/language.py [--count] [PATH...]

prints `path:line: phrase: what to write instead` for each fault below the paths. The exit code is 1 if
there is a fault. --count prints the number of faults of each folder. Without a path every checked folder is
read. `language.toml` holds the phrases and the allowed exceptions, each with its reason.

Checked texts: docstrings, comments and messages of Python modules; comments of TOML, YAML, SQL and Asterisk
files; prose of Markdown pages; texts of alert rules. A generated file is checked through its source.
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

__all__ = ["ALLOWED", "PATHS", "Fault", "Text", "faults_in", "faults_of_text", "is_allowed", "texts_of"]

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_PHRASES = [(re.compile(each["pattern"], re.IGNORECASE), each["instead"]) for each in _DATA["phrase"]]
# Exceptions: dictionaries of `path` and `phrase` (patterns) and `reason`.
ALLOWED: list[dict[str, str]] = _DATA["allowed"]
PATHS: list[str] = _DATA["paths"]
_OPENINGS = re.compile(rf"(?:{'|'.join(_DATA['openings'])})\b")
_SENTENCE_WORDS: int = _DATA["sentence_words"]
_MODULE_WORDS: int = _DATA["module_words"]
# Text between backticks, or a URL, is code and not prose.
_CODE = re.compile(r"``.*?``|`[^`\n]*`|https?://\S+", re.DOTALL)
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
    """A phrase or shape that the rules forbid, and the advice for it."""

    path: str
    line: int
    phrase: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.phrase}: {self.advice}"


def _python(path: str, source: str) -> Iterator[Text]:
    tree = ast.parse(source)
    others = set()  # the ids of constants that are not messages alone
    for node in ast.walk(tree):
        for each in _body(node):
            match each:
                case ast.Expr(value=ast.Constant(value=str(prose)) as constant):
                    others.add(id(constant))
                    is_module = isinstance(node, ast.Module) and each is node.body[0]
                    yield Text(path, each.lineno, "module" if is_module else "docstring", prose)
        if isinstance(node, ast.JoinedStr):
            others.update(id(part) for part in node.values)
            parts = [str(part.value) if isinstance(part, ast.Constant) else "`x`" for part in node.values]
            yield Text(path, node.lineno, "message", "".join(parts))
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(prose)) if id(node) not in others and len(prose.split()) > 2:
                if "SELECT" not in prose:
                    yield Text(path, node.lineno, "message", prose)
    yield from _comments(path, _python_comments(source))


def _body(node: ast.AST) -> list[ast.stmt]:
    body = getattr(node, "body", None)
    return body if isinstance(body, list) else []


@dataclass(frozen=True, slots=True)
class _Comment:
    line: int
    prose: str
    alone: bool  # no code before it on its line


def _python_comments(source: str) -> Iterator[_Comment]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            alone = token.line.lstrip().startswith("#")
            yield _Comment(token.start[0], token.string.lstrip("#: "), alone)


def _marked_comments(source: str, mark: str) -> Iterator[_Comment]:
    for number, line in enumerate(source.splitlines(), 1):
        before, found, after = line.partition(mark)
        if found and (not before.strip() or before.endswith(" ")) and before.count('"') % 2 == 0:
            yield _Comment(number, after.strip(mark + " "), not before.strip())


def _comments(path: str, comments: Iterator[_Comment]) -> Iterator[Text]:
    """Yield the comments as texts. Comments on adjacent lines are one text."""
    start, last, prose = 0, -1, ""
    for comment in comments:
        follows = comment.alone and comment.line == last + 1
        if prose and not follows:
            yield Text(path, start, "comment", prose)
        prose = f"{prose}\n{comment.prose}" if prose and follows else comment.prose
        start = start if follows else comment.line
        last = comment.line if comment.alone else -1
    if prose:
        yield Text(path, start, "comment", prose)


def _page(path: str, source: str) -> Iterator[Text]:
    fenced = re.compile(r"^( *)(```+|~~~+).*?^\1\2\s*$|<!--.*?-->", re.DOTALL | re.MULTILINE)
    prose = fenced.sub(lambda found: "\n" * found[0].count("\n"), source)
    prose = re.sub(r"^(#+ .*)$", r"\1.", prose, flags=re.MULTILINE)  # a heading is a sentence
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
    """Yield the prose of one file. The suffix of `path` decides what is prose; an unknown suffix has none."""
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


def faults_of_text(text: Text) -> Iterator[Fault]:
    """Yield each fault of the text, an allowed one too."""
    prose = _CODE.sub(lambda found: "x" + "\n" * found[0].count("\n"), text.prose)
    for pattern, advice in _PHRASES:
        for found in pattern.finditer(prose):
            line = text.line + prose[: found.start()].count("\n")
            yield Fault(text.path, line, " ".join(found[0].split()), advice)
    if text.kind == "message":
        return
    opening = _OPENINGS.match(prose.strip())
    if opening and text.kind != "page":
        yield Fault(text.path, text.line, f"{opening[0]} ...", "open with the subject")
    for sentence in _SENTENCE_END.split(prose):
        words = re.findall(r"[\w'-]+", sentence)
        if len(words) > _SENTENCE_WORDS:
            start = " ".join(words[:6])
            yield Fault(text.path, text.line, f"{len(words)} words", f"one fact a sentence: {start} ...")
    if text.kind == "module" and (count := len(prose.split())) > _MODULE_WORDS:
        yield Fault(text.path, text.line, f"{count} words", f"a module has at most {_MODULE_WORDS}")


def is_allowed(fault: Fault, exception: dict[str, str]) -> bool:
    """Return whether the exception covers the fault: both its path and its whole phrase."""
    return bool(
        re.search(exception["path"], fault.path)
        and re.fullmatch(exception["phrase"], fault.phrase, re.IGNORECASE)
    )


def faults_in(paths: list[str], root: Path = ROOT) -> Iterator[Fault]:
    """Yield the faults, allowed ones too, of the files that git knows below the paths.

    Generated files and fixtures are left out.
    """
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
    parser.add_argument("paths", nargs="*", default=PATHS, help="files or folders of the repository")
    arguments = parser.parse_args()
    found = [
        fault for fault in faults_in(arguments.paths) if not any(is_allowed(fault, each) for each in ALLOWED)
    ]
    if arguments.count:
        for folder, count in sorted(Counter(str(Path(fault.path).parent) for fault in found).items()):
            sys.stdout.write(f"{count:6} {folder}\n")
    for fault in found if not arguments.count else ():
        sys.stdout.write(f"{fault}\n")
    sys.stderr.write(f"{len(found)} faults\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
