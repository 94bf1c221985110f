"""A manager session that asks: the daemon's client, the daemon's user, but a session of its own.

`look` gathers in a `ManagerSnapshot` what the modules about the PBX judge. Only questions are asked.

The traps: to see whether events come through, one has to happen. A user with `write = reporting` can make
one that concerns nobody: the dialplan function SET, evaluated by Getvar, sets a variable of a channel that
exists for this one action alone (16.28 and 22.10), and VarSet tells it. A running daemon hears it too, so the
variables have names that it passes over. And Getvar says nothing of a function that is not loaded: the value
is empty.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from cc_bridge.ami.client import AmiClient, AmiTimeouts
from cc_bridge.ami.codec import Codec, Event, EventSpec
from cc_bridge.errors import AmiRefused

__all__ = [
    "CONTEXTS",
    "DOCTOR_CONTEXT",
    "DOCTOR_EVENT",
    "ManagerSession",
    "ManagerSnapshot",
    "QueueState",
    "look",
    "privileges",
]

DOCTOR_CONTEXT = "cc-bridge-doctor"
CONTEXTS = (
    "cc-bridge-queue",
    "cc-bridge-survey",
    "cc-bridge-transfer",
    "cc-bridge-consent",
    "cc-bridge-callback",
    DOCTOR_CONTEXT,
)  # of extensions_cc_bridge.conf
DOCTOR_EVENT = "CCBDoctor"  # the UserEvent of the test call

_WAIT_SECONDS = 2.0  # for an event; Asterisk may keep it back until the next ping
_PING_SECONDS = 0.5
_LOOK_SECONDS = 0.05
_MOST_FILTERS = 20
# The shipped event filter lets the first pass, and not the second.
_WANTED_VARIABLE = "QUEUESTATUS_DOCTOR"
_UNWANTED_VARIABLE = "CCB_DOCTOR"
_PLAIN_NAME = re.compile(r"[\w.@+-]+")  # what can stand in a function's arguments

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
    "UserEvent": EventSpec(("UserEvent", "Uniqueid"), ("AgiStatus",), f"UserEvent: {DOCTOR_EVENT}"),
    **dict.fromkeys(_ANSWERS, EventSpec()),
}


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue of the PBX; settings are None when they cannot be seen, empty when they are not set."""

    members: int
    wrapuptime: str | None
    setinterfacevar: str | None


@dataclass(frozen=True, slots=True)
class ManagerSnapshot:
    """What the PBX told. None: it does not tell this user."""

    version: str | None
    actions: Mapping[str, frozenset[str]]  # that this user may use, with the privileges of which one suffices
    booted: bool
    clock_offset: float | None  # seconds that the PBX's clock is ahead of ours
    read: str | None  # of the user's section in manager.conf, like the next
    filters: Sequence[str] | None
    wanted_came: bool | None  # the event that the shipped filter lets pass
    unwanted_came: bool | None  # the event that it stops
    stamped: bool | None  # events have their instant
    queues: Mapping[str, QueueState]
    contexts: Mapping[str, bool | None]
    agi_address: str | None  # CCB_AGI; empty: not set
    data_folder: str | None


class ManagerSession:
    """Asks, one question after the other. Whatever Asterisk refuses to tell is None."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self.events: list[Any] = []
        timeouts = AmiTimeouts(_PING_SECONDS, answer=seconds, list_gap=seconds)
        self.client = AmiClient(Codec(_WANTED), self.events.append, clock, timeouts)
        self._clock = clock

    async def ask(self, action: str, **headers: str) -> Mapping[str, Any] | None:
        try:
            return (await self.client.action(action, **headers)).headers
        except AmiRefused:
            return None

    async def items(self, action: str, **headers: str) -> list[Event] | None:
        items: list[Event] = []
        try:
            await self.client.list_items(action, items.append, **headers)
        except AmiRefused:
            return None
        return items

    async def variable(self, expression: str) -> str | None:
        """Return a global variable's value or a function's."""
        answer = await self.ask("Getvar", Variable=expression)
        return None if answer is None else str(answer.get("Value", ""))

    async def heard(self, wanted: Callable[[Any], bool], seconds: float = _WAIT_SECONDS) -> Any | None:
        """Return the first event that is wanted, None if it has not come in time."""
        for _ in range(round(seconds / _LOOK_SECONDS)):
            if found := next(filter(wanted, self.events), None):
                return found
            await deferLater(self._clock, _LOOK_SECONDS)
        return None


async def look(session: ManagerSession, username: str) -> ManagerSnapshot:
    """Ask for all that is judged. Raises AmiLinkLost or AmiTimeout."""
    booted = await session.heard(lambda event: event.name == "FullyBooted")
    actions = await session.ask("ListCommands") or {}
    core = await session.ask("CoreSettings")
    wanted, unwanted, stamped = await _events(session)
    # The manager interface is off by default, so where it answers this setting is there.
    setting = _setting if await _setting(session, "manager.conf", "general", "enabled") else _unseen
    if stamped is None:
        stamps = await setting(session, "manager.conf", "general", "timestampevents")
        stamped = None if stamps is None else stamps.lower() in ("yes", "true", "y", "t", "1", "on")
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
        contexts={context: await _has(session, context, actions) for context in CONTEXTS},
        agi_address=await session.variable("CCB_AGI"),
        data_folder=await session.variable("ASTDATADIR") or None,
    )


async def _events(session: ManagerSession) -> tuple[bool | None, bool | None, bool | None]:
    """Tell whether a wanted event comes, whether an unwanted one does, whether they have their instant."""
    # The wanted one last: once it is there the other one would be as well.
    for name in (_UNWANTED_VARIABLE, _WANTED_VARIABLE):
        if await session.variable(f"SET({name}=1)") != "1":
            return None, None, None
    wanted = await session.heard(lambda event: event.headers.get("Variable") == _WANTED_VARIABLE)
    came = [event for event in session.events if event.name == "VarSet"]
    unwanted = any(event.headers["Variable"] != _WANTED_VARIABLE for event in came)
    return wanted is not None, unwanted, any("Timestamp" in event.headers for event in came) if came else None


_Setting = Callable[[ManagerSession, str, str, str], Any]


async def _setting(session: ManagerSession, file: str, section: str, key: str) -> str | None:
    """Return a setting of Asterisk's own files, as it would be read now; empty if it is not set.

    The last one counts: a section has those of its template first.
    """
    if not _PLAIN_NAME.fullmatch(section):
        return None
    return await session.variable(f"AST_CONFIG({file},{section},{key if ',' in key else f'{key},-1'})")


async def _unseen(_session: ManagerSession, _file: str, _section: str, _key: str) -> None:
    """Stand in where Asterisk's files cannot be seen."""


async def _filters(session: ManagerSession, setting: _Setting, username: str) -> list[str] | None:
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
    items = await session.items("QueueStatus") or []
    names = [item.headers["Queue"] for item in items if item.name == "QueueParams"]
    members = [item.headers["Queue"] for item in items if item.name == "QueueMember"]
    return {name: await _queue(session, setting, name, members.count(name)) for name in names}


async def _queue(session: ManagerSession, setting: _Setting, name: str, members: int) -> QueueState:
    found = [
        await setting(session, "queues.conf", name, key)
        for key in ("wrapuptime", "setinterfacevar", "strategy")
    ]
    if not any(found):  # a queue of a database, or of no file that can be seen
        return QueueState(members, None, None)
    return QueueState(members, found[0], found[1])


async def _has(session: ManagerSession, context: str, actions: Mapping[str, Any]) -> bool | None:
    if "ShowDialPlan" not in actions:
        return None
    return await session.items("ShowDialPlan", Context=context) is not None


def privileges(commands: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return the classes of each action in an answer to ListCommands.

    A line of it is `Ping: Keepalive command.  (Priv: <none>)`, or `(Priv: system,reporting,all)`.
    """
    found = {}
    for action, says in commands.items():
        _, told, classes = str(says).rpartition("(Priv: ")
        if told:
            found[action] = frozenset(classes.rstrip(")").split(",")) - {"all", "<none>"}
    return found
