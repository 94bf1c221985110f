"""A manager session for the checks. It uses the daemon's manager user, but its own connection.

`take_snapshot` reads the state of the PBX into a `ManagerSnapshot`. It uses read-only actions.

One action makes a test event: Getvar evaluates the dialplan function SET, which sets a variable on a
temporary channel and so causes the event VarSet. This was tested with Asterisk 16.28 and 22.10. The privilege
`reporting` is enough. A running daemon receives the event too, but ignores a variable with this name. Note:
Getvar of a function that is not loaded returns an empty value, not an error.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from cc_bridge.ami.client import AmiClient, AmiTimeouts
from cc_bridge.ami.codec import Codec, EventSpec
from cc_bridge.ami.messages import Event
from cc_bridge.errors import AmiRefused

__all__ = [
    "CONTEXTS",
    "DOCTOR_CONTEXT",
    "DOCTOR_EVENT",
    "ManagerSession",
    "ManagerSnapshot",
    "QueueState",
    "privileges",
    "take_snapshot",
]

DOCTOR_CONTEXT = "cc-bridge-doctor"
CONTEXTS = (
    "cc-bridge-queue",
    "cc-bridge-survey",
    "cc-bridge-transfer",
    "cc-bridge-consent",
    "cc-bridge-callback",
    DOCTOR_CONTEXT,
)  # the contexts in extensions_cc_bridge.conf
# Contexts of FreePBX: one that every release generates, and the one of cc_bridge for it.
_FREEPBX_CONTEXT = "app-blackhole"
FREEPBX_SURVEY_CONTEXT = "cc-bridge-freepbx-queue"
DOCTOR_EVENT = "CCBDoctor"  # the UserEvent of the test call

_WAIT_SECONDS = 2.0  # for an event; Asterisk can delay it until the next ping
_PING_SECONDS = 0.5
_POLL_SECONDS = 0.05
_MOST_FILTERS = 20
# The shipped event filter passes the first variable and blocks the second.
_WANTED_VARIABLE = "QUEUESTATUS_DOCTOR"
_UNWANTED_VARIABLE = "CCB_DOCTOR"
# A name that can be an argument of a dialplan function: without characters that separate or end arguments,
# or that start an expression. Names in Persian contain spaces and zero-width non-joiners.
_SAFE_NAME = re.compile(r"[^\x00-\x1f\x7f,()\[\]{}\"'\\$|;&<>]+")

_ANSWERS = (
    "QueueParams",
    "QueueMember",
    "QueueEntry",
    "QueueStatusComplete",
    "ListDialplan",
    "ShowDialPlanComplete",
)
_WANTED = {
    "FullyBooted": EventSpec(),
    "VarSet": EventSpec(("Variable",), ("Timestamp",)),
    "UserEvent": EventSpec(
        ("UserEvent", "Uniqueid"), ("AgiStatus", "Identity"), f"UserEvent: {DOCTOR_EVENT}"
    ),
    **dict.fromkeys(_ANSWERS, EventSpec()),
}


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue of the PBX, as the manager user sees it.

    A setting is None if the manager user cannot see it, and empty if queues.conf does not set it.
    """

    members: int
    wrapuptime: str | None
    setinterfacevar: str | None


@dataclass(frozen=True, slots=True)
class ManagerSnapshot:
    """The state of the PBX at one moment, as far as one manager user can see it.

    None means that the manager user cannot see the value.
    """

    version: str | None
    actions: Mapping[str, frozenset[str]]  # the user's actions, each with the classes that permit it
    booted: bool
    clock_offset: float | None  # seconds that the PBX's clock is ahead.
    read: str | None  # `read` of the user in manager.conf.
    filters: Sequence[str] | None  # `eventfilter` lines of the user in manager.conf.
    wanted_came: bool | None  # the test event that the shipped filter passes has arrived.
    unwanted_came: bool | None  # the test event that the shipped filter blocks has arrived.
    stamped: bool | None  # events have timestamps
    queues: Mapping[str, QueueState]
    contexts: Mapping[str, bool | None]  # whether each context of cc_bridge exists
    agi_address: str | None  # CCB_AGI, empty if not set.
    agi_secret: str | None = field(repr=False)  # CCB_AGI_SECRET, empty if not set
    data_folder: str | None  # ASTDATADIR
    etc_folder: str | None  # ASTETCDIR
    freepbx: bool  # the dialplan is one of FreePBX or Issabel


class ManagerSession:
    """One AMI connection of the checks, which sends its actions one after the other.

    The result of an action that Asterisk refuses is None.
    """

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self.events: list[Any] = []
        timeouts = AmiTimeouts(_PING_SECONDS, answer=seconds, list_gap=seconds)
        self.client = AmiClient(Codec(_WANTED), self.events.append, clock, timeouts)
        self._clock = clock

    async def ask(self, action: str, **headers: str) -> Mapping[str, Any] | None:
        """Send an AMI action, and return the headers of its response; None if Asterisk refuses the action."""
        try:
            return (await self.client.action(action, **headers)).headers
        except AmiRefused:
            return None

    async def items(self, action: str, **headers: str) -> list[Event] | None:
        """Send an AMI action whose response is a list, and return the events of the list.

        The result is None if Asterisk refuses the action.
        """
        items: list[Event] = []
        try:
            await self.client.list_items(action, items.append, **headers)
        except AmiRefused:
            return None
        return items

    async def variable(self, expression: str) -> str | None:
        """Return the value of a global variable or of a dialplan function.

        The value is empty if it is not set, and None if Asterisk refuses to return it.
        """
        answer = await self.ask("Getvar", Variable=expression)
        return None if answer is None else str(answer.get("Value", ""))

    async def heard(self, wanted: Callable[[Any], bool], seconds: float = _WAIT_SECONDS) -> Any | None:
        """Return the first event that `wanted` accepts; None if none arrives within `seconds`.

        Events that arrived earlier in this session count too.
        """
        for _ in range(round(seconds / _POLL_SECONDS)):
            if found := next(filter(wanted, self.events), None):
                return found
            await deferLater(self._clock, _POLL_SECONDS)
        return None


async def take_snapshot(session: ManagerSession, username: str) -> ManagerSnapshot:
    """Return the state of the PBX, as far as the manager user `username` can see it.

    Raises AmiLinkLost or AmiTimeout.
    """
    booted = await session.heard(lambda event: event.name == "FullyBooted")
    actions = await session.ask("ListCommands") or {}
    core = await session.ask("CoreSettings")
    wanted, unwanted, stamped = await _events(session)
    # `enabled` is set wherever the manager interface answers. Without it, settings are not visible.
    setting = _setting if await _setting(session, "manager.conf", "general", "enabled") else _no_setting
    if stamped is None:
        stamps = await setting(session, "manager.conf", "general", "timestampevents")
        stamped = None if stamps is None else stamps.lower() in ("yes", "true", "y", "t", "1", "on")
    freepbx = bool(await _has(session, _FREEPBX_CONTEXT, actions))
    contexts = (*CONTEXTS, FREEPBX_SURVEY_CONTEXT) if freepbx else CONTEXTS
    return ManagerSnapshot(
        version=None if core is None else core.get("AsteriskVersion"),
        actions=privileges(actions),
        booted=booted is not None,
        clock_offset=session.client.clock_offset if session.client.synced_until else None,
        read=await setting(session, "manager.conf", username, "read"),
        filters=await _filters(session, setting, username),
        wanted_came=wanted,
        unwanted_came=unwanted,
        stamped=stamped,
        queues=await _queues(session, setting),
        contexts={context: await _has(session, context, actions) for context in contexts},
        agi_address=await session.variable("CCB_AGI"),
        agi_secret=await session.variable("CCB_AGI_SECRET"),
        data_folder=await session.variable("ASTDATADIR") or None,
        etc_folder=await session.variable("ASTETCDIR") or None,
        freepbx=freepbx,
    )


async def _events(session: ManagerSession) -> tuple[bool | None, bool | None, bool | None]:
    """Make two test events, a needed and an unneeded one, to test the event filter of the manager user.

    The shipped filter in manager.d/cc_bridge.conf passes the needed event and blocks the unneeded one. Return
    three flags: the needed event has arrived, the unneeded event has arrived, and events have timestamps. All
    three flags are None if Asterisk cannot make the test events. The last flag is also None if no test event
    has arrived.
    """
    # The needed event is made last: when it has arrived, the other one would have arrived as well.
    for name in (_UNWANTED_VARIABLE, _WANTED_VARIABLE):
        if await session.variable(f"SET({name}=1)") != "1":
            return None, None, None
    wanted = await session.heard(lambda event: event.headers.get("Variable") == _WANTED_VARIABLE)
    arrived = [event for event in session.events if event.name == "VarSet"]
    unwanted = any(event.headers["Variable"] != _WANTED_VARIABLE for event in arrived)
    return (
        wanted is not None,
        unwanted,
        any("Timestamp" in event.headers for event in arrived) if arrived else None,
    )


_Setting = Callable[[ManagerSession, str, str, str], Any]


async def _setting(session: ManagerSession, file: str, section: str, key: str) -> str | None:
    """Return a setting of one of Asterisk's configuration files; empty if not set, None if not readable.

    If the setting occurs several times in the section, the last one counts. The settings of a section's
    template come first, so the section's own settings override them.
    """
    if not _SAFE_NAME.fullmatch(section):
        return None
    return await session.variable(f"AST_CONFIG({file},{section},{key if ',' in key else f'{key},-1'})")


async def _no_setting(_session: ManagerSession, _file: str, _section: str, _key: str) -> None:
    """Return None for every setting. Replaces `_setting` if Asterisk's configuration is not readable."""


async def _filters(session: ManagerSession, setting: _Setting, username: str) -> list[str] | None:
    """Return the event filters of a manager user in manager.conf; None if they are not readable.

    `setting` reads a setting of Asterisk's configuration files.
    """
    filters: list[str] = []
    for number in range(_MOST_FILTERS):
        line = await setting(session, "manager.conf", username, f"eventfilter,{number}")
        if line is None:
            return None
        if not line:
            break
        filters.append(line)
    return filters


async def _queues(session: ManagerSession, setting: _Setting) -> dict[str, QueueState]:
    """Return the queues of the PBX by name; `setting` reads a setting of Asterisk's configuration files."""
    items = await session.items("QueueStatus") or []
    names = [item.headers["Queue"] for item in items if item.name == "QueueParams"]
    members = [item.headers["Queue"] for item in items if item.name == "QueueMember"]
    return {name: await _queue(session, setting, name, members.count(name)) for name in names}


async def _queue(session: ManagerSession, setting: _Setting, name: str, members: int) -> QueueState:
    """Return the state of one queue with `members` members.

    `setting` reads a setting of Asterisk's configuration files.
    """
    found = [
        await setting(session, "queues.conf", name, key)
        for key in ("wrapuptime", "setinterfacevar", "strategy")
    ]
    if not any(found):  # a realtime queue, or a file that is not readable
        return QueueState(members, None, None)
    return QueueState(members, found[0], found[1])


async def _has(session: ManagerSession, context: str, actions: Mapping[str, Any]) -> bool | None:
    """Return whether the dialplan has a context; None if the manager user may not see the dialplan.

    `actions` are the AMI actions that the manager user may use.
    """
    if "ShowDialPlan" not in actions:
        return None
    return await session.items("ShowDialPlan", Context=context) is not None


def privileges(commands: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the AMI actions in a response to ListCommands, each with the privilege classes that permit it.

    A header of the response is `Ping: Keepalive command. (Priv: <none>)`, or ends in `(Priv:
    system,reporting,all)`.
    """
    found = {}
    for action, description in commands.items():
        _, found_mark, classes = str(description).rpartition("(Priv: ")
        if found_mark:
            found[action] = frozenset(classes.rstrip(")").split(",")) - {"all", "<none>"}
    return found
