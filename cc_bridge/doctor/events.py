"""What events reach us: all that are read, few others, each with its instant. No input or output.

What happens on a PBX at night cannot be waited for. So the filters of the manager user are held against the
events that the daemon reads, where Asterisk shows them, and one event is made (session.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from cc_bridge import resource_path
from cc_bridge.ami.codec import EventSpec
from cc_bridge.calls.ami_events import WANTED, WANTED_FOR_DIRECT_CALLS
from cc_bridge.config import Config
from cc_bridge.doctor.check_result import CheckResult, fail, ok, skip, warn
from cc_bridge.doctor.manager import CLASSES, reading
from cc_bridge.doctor.session import ManagerSnapshot

__all__ = ["findings", "held_back"]

_USER_FILE = "config/asterisk/manager.d/cc_bridge.conf"
# What Asterisk's regular expressions have and ours write otherwise.
_POSIX = {"[:space:]": r"\s", "[:digit:]": r"\d", "[:alpha:]": "A-Za-z", "[:alnum:]": "A-Za-z0-9"}
# An event that is wanted only in part: one that is.
_LINES = {
    "VarSet": "Variable: QUEUESTATUS\r\nValue: FULL\r\n",
    "Newexten": "Application: Queue\r\nAppData: sales,tc\r\n",
    "UserEvent": "UserEvent: CCQueueExit\r\n",
}


def findings(config: Config, look: ManagerSnapshot) -> Iterator[CheckResult]:
    username = config.ami.username
    lines = f"the eventfilter lines of {_USER_FILE} (from line {_first_filter()})"
    missing = held_back(
        look.filters or (), WANTED_FOR_DIRECT_CALLS if config.direct_calls.enabled else WANTED
    )
    if look.wanted_came is False and "VarSet" not in missing:
        missing.append("VarSet")
    if missing:
        yield fail(
            "ami.events",
            f"kept back from us: {', '.join(missing)}",
            f"read = {','.join(CLASSES)} and {lines} {reading(username)}",
        )
    elif look.wanted_came:
        yield ok("ami.events", "an event that was made for this came")
    else:
        yield skip("ami.events", "none could be made: no Getvar, or no func_logic", "cc-bridge doctor --call")
    if look.unwanted_came:
        yield warn(
            "ami.filter",
            "all that the dialplan does is sent here; nobody reads it",
            f"{lines} {reading(username)}",
        )
    elif look.wanted_came:
        yield ok("ami.filter", "what nobody reads is not sent")
    else:
        yield skip("ami.filter", "not known without an event", f"asterisk -rx 'manager show user {username}'")
    yield _stamps(look.stamped)


def held_back(filters: Iterable[str], wanted: Mapping[str, EventSpec]) -> list[str]:
    """Return the events that are read and that the filters let not pass; none without filters."""
    try:
        including = [_expression(line) for line in filters if not line.startswith("!")]
        excluding = [_expression(line[1:]) for line in filters if line.startswith("!")]
    except re.error:  # one that Asterisk reads and we do not
        return []
    names = [name for name, wish in wanted.items() if wish.headers or name == "FullyBooted"]
    events = {name: f"Event: {name}\r\nPrivilege: call,all\r\n{_LINES.get(name, '')}" for name in names}
    return [
        name
        for name, text in events.items()
        if (including and not any(each.search(text) for each in including))
        or any(each.search(text) for each in excluding)
    ]


def _expression(line: str) -> re.Pattern[str]:
    for posix, ours in _POSIX.items():
        line = line.replace(posix, ours)
    return re.compile(line, re.DOTALL)


def _stamps(stamped: bool | None) -> CheckResult:
    if stamped is None:
        return skip("ami.timestamps", "not known without an event", "asterisk -rx 'manager show settings'")
    if not stamped:
        return warn(
            "ami.timestamps",
            "events do not say when they happened; a busy link shifts the time of arrival, which is taken",
            "timestampevents = yes in [general] of manager.conf, then: asterisk -rx 'manager reload'",
        )
    return ok("ami.timestamps", "events say when they happened")


def _first_filter() -> int:
    """Return the line of the shipped file where the filters begin."""
    lines = resource_path(_USER_FILE).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith("eventfilter"))
