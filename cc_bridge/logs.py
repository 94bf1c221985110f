"""Log output on standard error: text for people or JSON for programs.

Each event is exactly one line. In text, an indented traceback can follow the line.

Code that logs an event of a caller passes the ids that it knows, `uniqueid`, `call_id` and `attempt_id`, as
keywords. So all lines about one telephone call can be found. Telephone numbers and names of callers are
logged at level debug only.

Logged values may come from callers. A line break in a value could forge a log line, an escape sequence could
change the terminal, and U+202E reverses the text direction. So all characters that are not printable are
escaped.
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
# Priority prefixes: journald removes them from a line and stores them (sd-daemon(3)), so that
# `journalctl -p warning` works.
_PRIORITIES = {"debug": "<7>", "info": "<6>", "warn": "<4>", "error": "<3>", "critical": "<2>"}


def start_logging(level: str, stream: TextIO = sys.stderr, form: Form = "text") -> LogLevelFilterPredicate:
    """Start to write log events of `level` and above to `stream`.

    Return the filter of levels, which `set_level` can change later. The form `auto` means text if `stream` is
    a terminal, and otherwise JSON, for example for journald or a container's log.
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
    """Change the lowest level that is logged: `level` for cc_bridge's events, warn for Twisted's events.

    `levels` is the filter that `start_logging` returned.
    """
    # "-" is the namespace of Twisted's older modules, which log every start and stop at level info.
    levels.clearLogLevels()
    levels.setLogLevelForNamespace("cc_bridge", LogLevel.levelWithName(level))
    for namespace in ("twisted", "-", "log_legacy"):
        levels.setLogLevelForNamespace(namespace, LogLevel.warn)


def as_json(event: LogEvent, prefix: str = "") -> str:
    """Return an event as one line of JSON after `prefix`, which gives journald the priority.

    The object has time, level, logger and message. If the event has ids of a call or a traceback, the object
    has them too.
    """
    line = {
        "time": _instant(event),
        "level": _level(event),
        "logger": event.get("log_namespace", "-"),
        "message": formatEvent(event),
    }
    line |= {name: str(event[name]) for name in _IDS if event.get(name)}
    if "log_failure" in event:
        line["traceback"] = _traceback(event)
    text = json.dumps(line).replace("\x7f", "\\u007f")  # the only unprintable character that json keeps
    return f"{prefix}{text}\n"


def as_text(event: LogEvent, prefix: str = "") -> str:
    """Return an event as one line of text, followed by an indented traceback if there is one.

    Each line starts with `prefix`, which gives journald the priority.
    """
    head = f"{_instant(event)} {_level(event):<5} [{event.get('log_namespace', '-')}] "
    lines = [head + _printable(formatEvent(event))]
    if "log_failure" in event:
        # Indented, so that a line break in an exception's text cannot forge a log line.
        lines += [f"    {_printable(line)}" for line in _traceback(event).splitlines()]
    return "".join(f"{prefix}{line}\n" for line in lines)


def _instant(event: LogEvent) -> str:
    """Return the time of an event in UTC to the millisecond, such as 2026-11-21T23:57:29.656Z."""
    at = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def _level(event: LogEvent) -> str:
    level = event.get("log_level")
    return level.name if level is not None else "info"


def _traceback(event: LogEvent) -> str:
    try:
        return str(event["log_failure"].getTraceback()).rstrip()
    except Exception as error:  # for example, the exception's own __str__ raises
        return f"no traceback: {type(error).__name__}"


def _printable(text: str) -> str:
    r"""Return the text with all unprintable characters escaped; a line break becomes \n."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )


def _is_journal(stream: TextIO) -> bool:
    """Return whether journald reads this stream.

    systemd names journald's stream in the environment variable JOURNAL_STREAM.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # not a file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
