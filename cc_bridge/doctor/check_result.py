"""What one look found, and how it is told: a line for people, an object for programs. Pure.

Every module of this package makes findings, the command prints them. The names and the levels are an
interface: monitoring may stand on them.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

__all__ = ["CheckResult", "CheckStatus", "as_json", "as_text", "exit_code", "fail", "ok", "skip", "warn"]

_NAME_WIDTH = 20


class CheckStatus(StrEnum):
    OK = "ok"
    SKIP = "skip"  # could not be looked at, with the reason; counts as well
    WARN = "warn"
    FAIL = "FAIL"


_EXIT_CODES = {CheckStatus.OK: 0, CheckStatus.SKIP: 0, CheckStatus.WARN: 1, CheckStatus.FAIL: 2}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`name` is what was looked at, `seen` what was there, `advice` what to do unless that is well."""

    level: CheckStatus
    name: str
    seen: str
    advice: str = ""


def ok(name: str, seen: str) -> CheckResult:
    return CheckResult(CheckStatus.OK, name, seen)


def skip(name: str, seen: str, advice: str) -> CheckResult:
    return CheckResult(CheckStatus.SKIP, name, seen, advice)


def warn(name: str, seen: str, advice: str) -> CheckResult:
    return CheckResult(CheckStatus.WARN, name, seen, advice)


def fail(name: str, seen: str, advice: str) -> CheckResult:
    return CheckResult(CheckStatus.FAIL, name, seen, advice)


def as_text(finding: CheckResult) -> str:
    """Return a line, and an indented one with what to do.

    What it quotes may come from anywhere, so nothing in it can begin a line or steer the terminal.
    """
    lines = [f"{finding.level:<5} {finding.name:<{_NAME_WIDTH}} {_plain(finding.seen)}"]
    if finding.advice:
        lines.append(f"{'':<6}{_plain(finding.advice)}")
    return "\n".join(lines)


def as_json(findings: Iterable[CheckResult]) -> dict[str, object]:
    """Return what `--json` prints: the exit code and every finding."""
    found = list(findings)
    return {"exit_code": exit_code(found), "findings": [asdict(each) for each in found]}


def exit_code(findings: Iterable[CheckResult]) -> int:
    """Return 0 when all is well, 1 with a warning, 2 with a failure."""
    return max((_EXIT_CODES[each.level] for each in findings), default=0)


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
