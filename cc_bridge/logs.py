"""Log lines on standard error: text for people, JSON for programs, one line an event whatever is in it.

`daemon/main.py` and the demo start it once. Log calls about a caller pass `uniqueid`, `call_id` and
`attempt_id`, as far as they know them, as keywords: a program then finds all that was logged of one. Numbers
and names of callers are never logged above debug.

The trap: values come from callers. A line break in one would forge a line, an escape sequence would repaint a
terminal and U+202E turns text round; so nothing that is not printable gets through.
"""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    globalLogBeginner,
)
from zope.interface import implementer

__all__ = ["Form", "as_json", "as_text", "set_level", "start_logging"]

Form = Literal["auto", "text", "json"]

_IDS = ("call_id", "attempt_id", "uniqueid")
# What journald takes off a line and keeps as its priority (sd-daemon(3)), for `journalctl -p warning`.
_PRIORITIES = {"debug": "<7>", "info": "<6>", "warn": "<4>", "error": "<3>", "critical": "<2>"}


def start_logging(level: str, stream: TextIO = sys.stderr, form: Form = "text") -> LogLevelFilterPredicate:
    """Write events of `level` and above to `stream`; `set_level` changes the returned filter later.

    The form `auto` is text on a terminal, and JSON where a program reads: journald, a container's log.
    """
    levels = LogLevelFilterPredicate()
    set_level(levels, level)
    if form == "auto":
        form = "text" if stream.isatty() else "json"
    write = as_json if form == "json" else as_text
    prefixes = _PRIORITIES if _is_journal(stream) else {}

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        stream.write(write(event, prefixes.get(_level(event), "")))
        stream.flush()

    observer = FilteringLogObserver(observe, [levels])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    return levels


def set_level(levels: LogLevelFilterPredicate, level: str) -> None:
    # "-": what Twisted's older parts say; like twisted.*, they announce every start and stop at info.
    levels.clearLogLevels()
    levels.setLogLevelForNamespace("cc_bridge", LogLevel.levelWithName(level))
    for namespace in ("twisted", "-", "log_legacy"):
        levels.setLogLevelForNamespace(namespace, LogLevel.warn)


def as_json(event: LogEvent, prefix: str = "") -> str:
    line = {
        "time": _instant(event),
        "level": _level(event),
        "logger": event.get("log_namespace", "-"),
        "message": formatEvent(event),
    }
    line |= {name: str(event[name]) for name in _IDS if event.get(name)}
    if "log_failure" in event:
        line["traceback"] = _traceback(event)
    text = json.dumps(line).replace("\x7f", "\\u007f")  # of what is not printable, json leaves only this
    return f"{prefix}{text}\n"


def as_text(event: LogEvent, prefix: str = "") -> str:
    head = f"{_instant(event)} {_level(event):<5} [{event.get('log_namespace', '-')}] "
    lines = [head + _printable(formatEvent(event))]
    if "log_failure" in event:
        # Indented: a line that an exception's text holds cannot pass for one of ours.
        lines += [f"    {_printable(line)}" for line in _traceback(event).splitlines()]
    return "".join(f"{prefix}{line}\n" for line in lines)


def _instant(event: LogEvent) -> str:
    """Return UTC to the millisecond, as 2026-11-21T23:57:29.656Z."""
    at = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _level(event: LogEvent) -> str:
    level = event.get("log_level")
    return level.name if level is not None else "info"


def _traceback(event: LogEvent) -> str:
    try:
        return str(event["log_failure"].getTraceback()).rstrip()
    except Exception as error:  # such as an exception whose own __str__ raises
        return f"no traceback: {type(error).__name__}"


def _printable(text: str) -> str:
    r"""Return the text with what is not printable as an escape: a line break becomes \n."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def _is_journal(stream: TextIO) -> bool:
    """Tell whether journald reads this stream: systemd names its socket in the environment."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # not a file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
