"""The result of one check, as a line of text or as a JSON object. Pure.

Names of checks and levels are a stable interface, since monitoring systems read them.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

__all__ = ["CheckResult", "CheckStatus", "as_json", "as_text", "exit_code", "fail", "ok", "skip", "warn"]

_NAME_WIDTH = 20


class CheckStatus(StrEnum):
    """The level of a result; only warnings and failures change the exit code."""

    OK = "ok"
    SKIP = "skip"  # the check could not be made
    WARN = "warn"
    FAIL = "FAIL"


_EXIT_CODES = {CheckStatus.OK: 0, CheckStatus.SKIP: 0, CheckStatus.WARN: 1, CheckStatus.FAIL: 2}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: a line of output."""

    level: CheckStatus
    name: str  # subject of the check, such as "ami.login"
    seen: str  # observed state
    advice: str = ""  # remedy; empty if the level is OK


def ok(name: str, seen: str) -> CheckResult:
    """Return the result of a check that found no problem."""
    return CheckResult(CheckStatus.OK, name, seen)


def skip(name: str, seen: str, advice: str) -> CheckResult:
    """Return the result of a check that could not be made; `advice` says how to make it by hand."""
    return CheckResult(CheckStatus.SKIP, name, seen, advice)


def warn(name: str, seen: str, advice: str) -> CheckResult:
    """Return the result of a check that found a minor problem; the exit code becomes 1."""
    return CheckResult(CheckStatus.WARN, name, seen, advice)


def fail(name: str, seen: str, advice: str) -> CheckResult:
    """Return the result of a check that found a serious problem; the exit code becomes 2."""
    return CheckResult(CheckStatus.FAIL, name, seen, advice)


def as_text(result: CheckResult) -> str:
    """Return a line with level, name and result, and an indented second line with the remedy if there is one.

    Control characters become spaces: quoted texts come from other programs, and could otherwise start new
    lines or control the terminal.
    """
    lines = [f"{result.level:<5} {result.name:<{_NAME_WIDTH}} {_plain(result.seen)}"]
    if result.advice:
        lines.append(f"{'':<6}{_plain(result.advice)}")
    return "\n".join(lines)


def as_json(results: Iterable[CheckResult]) -> dict[str, object]:
    """Return the JSON object of `--json`: `exit_code`, and `findings` with every result."""
    listed = list(results)
    return {"exit_code": exit_code(listed), "findings": [asdict(each) for each in listed]}


def exit_code(results: Iterable[CheckResult]) -> int:
    """Return 2 if a result is a failure, otherwise 1 if one is a warning, otherwise 0."""
    return max((_EXIT_CODES[each.level] for each in results), default=0)


def _plain(text: str) -> str:
    """Return the text with a space for each unprintable character."""
    return "".join(c if c.isprintable() else " " for c in text)
