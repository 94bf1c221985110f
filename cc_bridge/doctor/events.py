"""Checks of AMI events: needed events arrive, unneeded ones are filtered out, all have timestamps. Pure.

The checks cannot wait for a real call. So they compare the event filters of the manager user, if Asterisk
shows them, with the events that the daemon needs. Also, session.py makes the PBX send two test events.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from cc_bridge import resource_path
from cc_bridge.ami.codec import EventSpec
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS
from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.manager import CLASSES, in_user_section
from cc_bridge.doctor.session import ManagerSnapshot

__all__ = ["check", "held_back"]

_USER_FILE = "config/asterisk/manager.d/cc_bridge.conf"
# POSIX classes in Asterisk's regular expressions, and their Python equivalents.
_POSIX = {"[:space:]": r"\s", "[:digit:]": r"\d", "[:alpha:]": "A-Za-z", "[:alnum:]": "A-Za-z0-9"}
# Further lines of events of which only some are needed: those of a needed one.
_LINES = {
    "SoftHangupRequest": "Cause: 32\r\n",
    "VarSet": "Variable: QUEUESTATUS\r\nValue: FULL\r\n",
    "Newexten": "Application: Queue\r\nAppData: sales,tc\r\n",
    "UserEvent": "UserEvent: CCQueueExit\r\n",
}


def check(config: Config, snapshot: ManagerSnapshot) -> Iterator[CheckResult]:
    """Yield the results of three checks of the AMI events that Asterisk sends.

    The checks are: the needed events arrive, the unneeded events are filtered out, and the events have
    timestamps.
    """
    username = config.ami.username
    section = in_user_section(username, freepbx=snapshot.freepbx)
    lines = f"the eventfilter lines of {_USER_FILE} (from line {_first_filter()})"
    missing = held_back(
        snapshot.filters or (), WANTED_FOR_DIRECT_CALLS if config.direct_calls.enabled else WANTED
    )
    if snapshot.wanted_came is False and "VarSet" not in missing:
        missing.append("VarSet")
    if missing:
        yield fail(
            "ami.events",
            f"Asterisk does not send these needed events: {', '.join(missing)}",
            f"set read = {','.join(CLASSES)} and copy {lines} {section}",
        )
    elif snapshot.wanted_came:
        yield ok("ami.events", "the test event arrived")
    else:
        yield skip(
            "ami.events",
            "no test event possible (Getvar or func_logic is missing)",
            "use cc-bridge doctor --call",
        )
    if snapshot.unwanted_came:
        yield warn(
            "ami.filter",
            "Asterisk sends every dialplan event; they are not needed",
            f"copy {lines} {section}",
        )
    elif snapshot.wanted_came:
        yield ok("ami.filter", "unneeded events are filtered out")
    else:
        yield skip(
            "ami.filter",
            "unknown without a test event",
            f"check: asterisk -rx 'manager show user {username}'",
        )
    yield _stamps(snapshot.stamped, freepbx=snapshot.freepbx)


def held_back(filters: Iterable[str], wanted: Mapping[str, EventSpec]) -> list[str]:
    """Return the names of the needed events (`wanted`) that the manager user's event filters block.

    `filters` are the `eventfilter` lines of manager.conf. The result is empty if there are no filters. It is
    also empty if a filter is not a valid regular expression in Python, because its effect is then unknown.
    """
    try:
        including = [_expression(line) for line in filters if not line.startswith("!")]
        excluding = [_expression(line[1:]) for line in filters if line.startswith("!")]
    except re.error:  # valid for Asterisk, but not for Python
        return []
    names = [name for name, spec in wanted.items() if spec.headers or name == "FullyBooted"]
    events = {name: f"Event: {name}\r\nPrivilege: call,all\r\n{_LINES.get(name, '')}" for name in names}
    return [
        name
        for name, text in events.items()
        if (including and not any(each.search(text) for each in including))
        or any(each.search(text) for each in excluding)
    ]


def _expression(line: str) -> re.Pattern[str]:
    """Return an event filter of Asterisk as a compiled regular expression of Python. Raises re.error."""
    for posix, ours in _POSIX.items():
        line = line.replace(posix, ours)
    return re.compile(line, re.DOTALL)


def _stamps(stamped: bool | None, *, freepbx: bool) -> CheckResult:
    """Return the result of the check that AMI events have timestamps.

    `stamped` is True if events have timestamps, False if they have none, and None if that is unknown.
    """
    if stamped is None:
        return skip(
            "ami.timestamps", "unknown without a test event", "check: asterisk -rx 'manager show settings'"
        )
    if not stamped:
        general = "[general](+) of manager_custom.conf" if freepbx else "[general] of manager.conf"
        return warn(
            "ami.timestamps",
            "events have no timestamp; the arrival time is used, which is late on a busy link",
            f"set timestampevents = yes in {general}, then: asterisk -rx 'manager reload'",
        )
    return ok("ami.timestamps", "events have timestamps")


def _first_filter() -> int:
    """Return the line number of the first `eventfilter` in the shipped manager.d/cc_bridge.conf.

    Lines are counted from 1.
    """
    lines = resource_path(_USER_FILE).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith("eventfilter"))
