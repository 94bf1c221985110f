"""The result of one check of `cc-bridge doctor`, as a line of text or as a JSON object. Pure.

The names of the checks and of the levels stay the same in later versions, since monitoring systems read them.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from cc_bridge.safe_text.printable import printable

__all__ = ["CheckResult", "CheckStatus", "as_json", "as_text", "exit_code", "fail", "ok", "skip", "warn"]

_NAME_WIDTH = 20


class CheckStatus(StrEnum):
    """The level of a check's result: ok, skip, warn or FAIL.

    Only warnings and failures change the exit code of `cc-bridge doctor`.
    """

    OK = "ok"
    SKIP = "skip"  # the check could not be made
    WARN = "warn"
    FAIL = "FAIL"


_EXIT_CODES = {CheckStatus.OK: 0, CheckStatus.SKIP: 0, CheckStatus.WARN: 1, CheckStatus.FAIL: 2}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check: its level, the name of the check, the observed state and a remedy."""

    level: CheckStatus
    name: str  # subject of the check, such as "ami.login"
    seen: str  # observed state
    advice: str = ""  # remedy; empty if the level is OK


def ok(name: str, seen: str) -> CheckResult:
    """Return the result of the check `name`, which found no problem; `seen` is the observed state."""
    return CheckResult(CheckStatus.OK, name, seen)


def skip(name: str, seen: str, advice: str) -> CheckResult:
    """Return the result of the check `name`, which was not possible.

    `seen` is the reason. `advice` says how to do this check by hand.
    """
    return CheckResult(CheckStatus.SKIP, name, seen, advice)


def warn(name: str, seen: str, advice: str) -> CheckResult:
    """Return the result of the check `name`, which found a minor problem.

    `seen` is the observed state, and `advice` the remedy. The exit code of `cc-bridge doctor` becomes 1 or
    more.
    """
    return CheckResult(CheckStatus.WARN, name, seen, advice)


def fail(name: str, seen: str, advice: str) -> CheckResult:
    """Return the result of the check `name`, which found a serious problem.

    `seen` is the observed state, and `advice` the remedy. The exit code of `cc-bridge doctor` becomes 2.
    """
    return CheckResult(CheckStatus.FAIL, name, seen, advice)


def as_text(result: CheckResult) -> str:
    """Return a check's result as text: a line with its level, the check's name and the observed state.

    If there is a remedy, an indented second line contains it. Unprintable characters are escaped, because the
    state may quote other programs.
    """
    lines = [f"{result.level:<5} {result.name:<{_NAME_WIDTH}} {printable(result.seen)}"]
    if result.advice:
        lines.append(f"{'':<6}{printable(result.advice)}")
    return "\n".join(lines)


def as_json(results: Iterable[CheckResult]) -> dict[str, object]:
    """Return the JSON object that `cc-bridge doctor --json` prints.

    Its fields are `exit_code`, and `findings` with all results.
    """
    listed = list(results)
    return {"exit_code": exit_code(listed), "findings": [asdict(each) for each in listed]}


def exit_code(results: Iterable[CheckResult]) -> int:
    """Return the exit code of `cc-bridge doctor`: 2 if a check failed, 1 for a warning, otherwise 0."""
    return max((_EXIT_CODES[each.level] for each in results), default=0)
