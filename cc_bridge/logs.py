"""Log lines on standard error, one a line, with an instant and a level; systemd adds the rest.

`daemon.py` starts it once. Caller numbers and names are never logged above debug.
"""

import sys
from typing import TextIO

from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

__all__ = ["set_level", "start_logging"]


def start_logging(level: str, stream: TextIO = sys.stderr) -> LogLevelFilterPredicate:
    """Write events of `level` and above to `stream`; `set_level` changes the returned filter later."""
    levels = LogLevelFilterPredicate()
    set_level(levels, level)
    observer = FilteringLogObserver(textFileLogObserver(stream), [levels])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    return levels


def set_level(levels: LogLevelFilterPredicate, level: str) -> None:
    # "-": what Twisted's older parts say; like twisted.*, they announce every start and stop at info.
    levels.clearLogLevels()
    levels.setLogLevelForNamespace("cc_bridge", LogLevel.levelWithName(level))
    for namespace in ("twisted", "-", "log_legacy"):
        levels.setLogLevelForNamespace(namespace, LogLevel.warn)
