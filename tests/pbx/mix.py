"""Callers who are transferred, picked up, parked, consulted about or put into a conference, in parallel.

Each call is a script: a generator that does something at a phone and yields what it waits for. The conductor
runs several side by side. A script waits for what the witness (hearing.py) hears, never for a time that may
be too short; the pauses in between are the talks. `mix_kinds.py` has the scripts.
"""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from itertools import count
from typing import NamedTuple

from asterisk.manager import ManagerException

from pbx.driver import Event, event
from pbx.hearing import CALLERS, Hearing
from pbx.rig import BEHIND_LOCAL, CREW, FOREVER, OUTSIDERS, SLOW, Rig

__all__ = ["Conductor", "Kind", "MixCall", "Phone", "Script"]

STEP_SECONDS = 20.0  # for one step of a script; all take far less
TALK_SECONDS = (0.3, 1.0)
RING_SECONDS = 0.2
SLOW_SECONDS = 1.5

Condition = Callable[[], object]
Script = Generator[Condition, None, None]


class Phone(NamedTuple):
    """One line of a phone."""

    name: str  # of the phone, such as op3
    channel: str  # Uniqueid at the PBX
    line: str  # Uniqueid at the phones


class Kind(NamedTuple):
    """A way for a call to go."""

    name: str
    exten: str | None  # that the caller dials; empty: an outsider's phone; None: the script begins the call
    script: Callable[["MixCall"], Script]
    surveyed: bool = True
    agents_answer: bool = True
    lost: str = ""  # the outcome of the only visit, if no agent answers
    phone: str = ""  # of ours that calls; empty: a caller from outside
    slow: tuple[str, ...] = ()  # phones that ring for long


class MixCall:
    """One caller, and what a script may do with the phones of the call."""

    def __init__(self, conductor: "Conductor", kind: Kind, number: str) -> None:
        self.kind = kind
        self.number = number
        self.key = str(1 + int(number) % 5)
        self.uniqueid = ""  # of the caller's channel at the PBX
        self.surveyed_at: float | None = None
        self.rated = False  # the key was taken
        self.lines: set[str] = set()  # channels on which phones called others, for this caller
        self.rig = conductor.rig
        self.hearing = conductor.hearing
        self._conductor = conductor
        self._outsiders: list[str] = []
        self._lines = count()

    def __repr__(self) -> str:
        return f"<{self.kind.name}: {self.uniqueid}>"

    def run(self) -> Script:
        if not self.kind.agents_answer:
            self.rig.plan(self.number, does="never")
        for phone in self.kind.slow:  # before the call: a phone reads its plan when it is called
            self.rings(phone, 4 * SLOW_SECONDS)
        if self.kind.exten is None:
            yield from self.kind.script(self)
            return
        exten = self.kind.exten or f"to-{self.outsider()}"
        if self.kind.phone:
            self.uniqueid = (yield from self.calls(self.kind.phone, exten)).channel
        else:
            self.rig.dial(exten, self.number, self.number)
            yield lambda: self.number in self._conductor.arrived
            self.uniqueid = self._conductor.arrived[self.number]
        yield from self.kind.script(self)
        if self.kind.surveyed:
            yield from self._rates()
        yield lambda: not self.hearing.is_living(self.uniqueid)
        for name in self._outsiders:
            self.rings(name, RING_SECONDS)
        self._conductor.outsiders += self._outsiders

    # The caller

    def hangs_up(self) -> None:
        self._hangs_up(self.number)

    def _rates(self) -> Script:
        yield lambda: self._asked_on() or not self.hearing.is_living(self.uniqueid)
        channel = self._asked_on()
        if channel is None:
            return
        self.surveyed_at = self._conductor.surveys[channel]
        self.rig.phones_driver.action("PlayDTMF", Channel=self.number, Digit=self.key)
        yield lambda: any('"complete"' in each for each in self._conductor.commands[channel])
        self.rated = True
        self.hangs_up()

    def _asked_on(self) -> str | None:
        """Return the channel on which this caller hears the question; it may be half of a Local channel."""
        ours = {self.uniqueid, *self.carriers()}
        for channel, commands in self._conductor.commands.items():
            if any("csat_ask" in each for each in commands) and channel in ours:
                return channel
        return None

    def caller(self) -> Phone:
        """Return the caller's line, if a phone of ours called."""
        return Phone(self.kind.phone, self.uniqueid, f"{self.number}-0")

    # Events

    def answered(self, *but: Phone) -> Generator[Condition, None, Phone]:
        """Wait until the caller hears a phone that is none of these; return it."""
        known = {each.channel for each in but}

        def heard() -> list[str]:
            return [each for each in self.hearing.heard_now(self.uniqueid) if each not in known]

        yield heard
        return (yield from self._line_of(heard()[0]))

    def meets(self, phone: Phone, *but: Phone) -> Generator[Condition, None, Phone]:
        """Wait until a line hears a phone that is none of these, and not the caller's; return it."""
        known = {self.uniqueid, *(each.channel for each in but)}

        def met() -> list[str]:
            return [each for each in self.hearing.phones_near(phone.channel) if each not in known]

        yield met
        return (yield from self._line_of(met()[0]))

    def hears(self, phone: Phone) -> Condition:
        return lambda: phone.channel in self.hearing.heard_now(self.uniqueid)

    def carriers(self) -> list[str]:
        """Return the halves of Local channels through which the caller hears now."""
        return self.hearing.halves_near(self.uniqueid)

    def is_alone(self) -> bool:
        return not self.hearing.heard_now(self.uniqueid)

    def talks(self) -> Script:
        """Let some time pass in which people talk."""
        over = time.monotonic() + self._conductor.rng.uniform(*TALK_SECONDS)
        yield lambda: time.monotonic() > over

    def first(self, name: str, **headers: str) -> Event | None:
        """Return the first event of this name and headers if it came."""
        return next(iter(self.events_since(0, name, **headers)), None)

    def now(self) -> int:
        """Return a mark for `events_since`."""
        return len(self._conductor.events)

    def events_since(self, mark: int, name: str, **headers: str) -> list[Event]:
        """Return the events of this name and headers since a mark."""
        wanted = event(name, **headers)
        return [each for each in self._conductor.events[mark:] if wanted(each)]

    # Actions of phones

    def outsider(self) -> str:
        """Return the name of a phone that no other call uses during this one."""
        self._outsiders.append(self._conductor.outsiders.pop(0))
        return self._outsiders[-1]

    def rings(self, name: str, seconds: float) -> None:
        """Let a phone ring for this many seconds during this call."""
        self.rig.plan(name, rings=seconds)

    def ends(self, phone: Phone) -> None:
        self._hangs_up(phone.line)

    def refers(self, phone: Phone, exten: str) -> None:
        """Transfer blind, as the phone's transfer key does (REFER)."""
        self._does(phone, "refer", TO=f"sip:{exten}@127.0.0.1:{self.rig.sip_port}")

    def joins(self, phone: Phone, second: Phone) -> None:
        """Connect the callers of two lines, as the phone's transfer key does (REFER with Replaces)."""
        self._does(phone, "refer", TO=self.rig.replacing(second.line))

    def is_early(self, line: Phone) -> bool:
        """Say whether a line that calls has heard from the PBX, so that its dialog can be named."""
        variable = "CHANNEL(pjsip,remote_tag)"
        return bool(self.rig.phones_driver.action("Getvar", Channel=line.line, Variable=variable)["Value"])

    def presses(self, phone: Phone, keys: str) -> None:
        self._does(phone, "keys", KEYS=keys)

    def calls(self, name: str, exten: str) -> Generator[Condition, None, Phone]:
        """Call an extension on a new line of a phone; return it when it is there."""
        before = self.hearing.at(f"PJSIP/{name}")
        line = f"{self.number}-{next(self._lines)}"

        def new() -> list[str]:
            return [each for each in self.hearing.at(f"PJSIP/{name}") if each not in before]

        self.rig.dial(exten, line, f"<{name}>")
        yield new
        phone = Phone(name, new()[0], line)
        self.lines.add(phone.channel)
        return phone

    def _hangs_up(self, line: str) -> None:
        with suppress(ManagerException):  # hung up meanwhile
            self.rig.phones_driver.action("Hangup", Channel=line)

    def _does(self, phone: Phone, what: str, **variables: str) -> None:
        for name, value in variables.items():
            self.rig.phones_driver.action("Setvar", Channel=phone.line, Variable=name, Value=value)
        self.rig.phones_driver.action(
            "Redirect", Channel=phone.line, Context="does", Exten=what, Priority="1"
        )

    def _line_of(self, channel: str) -> Generator[Condition, None, Phone]:
        """Wait for the line of a phone that was rung, and return it; an older one may still be ending."""
        name = self.hearing.channels[channel].device.partition("/")[2]

        def lines() -> list[list[int]]:
            there = self.rig.phones_driver.channels(Context="agents", Exten=name)
            return sorted([int(number) for number in line["Uniqueid"].split(".")] for line in there)

        yield lines
        return Phone(name, channel, ".".join(map(str, lines()[-1])))


class Conductor:
    """Runs calls side by side."""

    def __init__(self, rig: Rig, rng: random.Random, at_once: int) -> None:
        self.rig = rig
        self.rng = rng
        self.hearing = Hearing()
        self.arrived: dict[str, str] = {}  # Uniqueid of each caller's channel, by number
        self.commands: dict[str, list[str]] = defaultdict(list)  # the commands to each channel in a survey
        self.surveys: dict[str, float] = {}  # the time of the first command
        self.outsiders = list(OUTSIDERS)
        self.events: list[Event] = []
        self._at_once = at_once
        self._heard = 0

    def run(self, kinds: Iterable[Kind], first_number: int) -> list[MixCall]:
        """Make a call of each of these kinds; return them when all have ended."""
        for phone in (*CREW, *OUTSIDERS, *BEHIND_LOCAL):
            self.rig.plan(phone, does="answer", rings=RING_SECONDS, talks=FOREVER)
        for phone in SLOW:
            self.rig.plan(phone, does="answer", rings=SLOW_SECONDS, talks=FOREVER)
        self.calls = calls = [
            MixCall(self, kind, f"0936{first_number + n:07}") for n, kind in enumerate(kinds)
        ]
        coming = list(reversed(calls))
        running: list[tuple[MixCall, Script, Condition, float]] = []
        while coming or running:
            while coming and len(running) < self._at_once:
                call = coming.pop()
                running.append((call, call.run(), lambda: True, time.monotonic()))
            self._hear()
            running = [each for each in map(self._advance, running) if each is not None]
        over = time.monotonic() + STEP_SECONDS
        while self.hearing.anybody and time.monotonic() < over:
            self._hear()
        return calls

    def _advance(
        self, step: tuple[MixCall, Script, Condition, float]
    ) -> tuple[MixCall, Script, Condition, float] | None:
        call, script, condition, since = step
        if condition():
            try:
                return call, script, next(script), time.monotonic()
            except StopIteration:
                return None
        assert time.monotonic() < since + STEP_SECONDS, f"{call} stands still: {_where(script)}"
        return step

    def _hear(self) -> None:
        fresh = self.rig.driver.since(self._heard, 0.02)
        self._heard += len(fresh)
        self.events += fresh
        for each in fresh:
            self.hearing.hear(each)
            if each.name == "Newchannel" and each["Channel"].startswith(CALLERS):
                self.arrived[each["CallerIDNum"]] = each["Uniqueid"]
            elif each.name == "AGIExecStart":
                self.surveys.setdefault(each["Uniqueid"], float(each["Timestamp"]))
                self.commands[each["Uniqueid"]].append(each["Command"])


def _where(script: Script) -> str:
    """Return the line at which a script waits."""
    place = ""
    inner: object = script
    while isinstance(inner, Generator):
        place = f"{inner.gi_code.co_name}:{inner.gi_frame.f_lineno}"
        inner = inner.gi_yieldfrom
    return place
