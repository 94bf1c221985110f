"""Many callers at the same time, each with a plan, as a contact centre has them on a busy morning.

`test_random_calls.py` lets them in. What a caller does, and what the phones do that are rung for the caller,
is drawn beforehand and runs in the phones' dialplan: a seed gives the same plans again. Only what is done
without a phone, a redirect or a pickup, is done here.
"""

import heapq
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import NamedTuple

from asterisk.manager import ManagerException

from pbx.driver import Event
from pbx.rig import FOREVER, Rig

__all__ = ["KINDS", "Crowd", "Kind", "Plan", "plans"]

AT_ONCE = 10
LONGEST_SECONDS = 300.0  # for all of them; usually 40


class Kind(NamedTuple):
    """A way for a call to go. Stretches of time are from .. to, in seconds."""

    number: int  # of two hundred calls
    exten: str
    phones: Mapping[str, str]  # what the agents' phones do, beside answering; see phones/extensions.conf
    patience: tuple[float, float] | None = None  # until the caller hangs up, or presses keys
    keys: str = ""
    act: str = ""  # redirect or pick_up, when the caller's channel shows this event
    at: str = ""


class Plan(NamedTuple):
    """The plan of one caller."""

    kind: str
    number: str
    phones: Mapping[str, object]
    patience: float


TALKS_ON = {"talks": str(FOREVER)}
NEVER = {"does": "never"}
TO_LOCAL, TO_HELPDESK, TO_BACK_OFFICE = (
    {"does": "transfer", "next": "answer", "to": exten} for exten in ("helplocal", "helpdesk", "700")
)
CONSULTS = {"does": "keys", "next": "answer", "to": "*2700"}

KINDS = {
    "the agent hangs up": Kind(36, "helpdesk", {}),
    "the caller hangs up": Kind(28, "helpdesk", TALKS_ON, (0.8, 2.0)),
    "an agent behind Local": Kind(24, "helplocal", {}),
    "hangs up on one behind Local": Kind(8, "helplocal", TALKS_ON, (0.8, 2.0)),
    "all are rung": Kind(6, "helpall", {}),
    "an agent is busy": Kind(8, "helpdesk", {"does": "busy", "next": "answer"}),
    "an agent does not answer": Kind(4, "helpdesk", {"does": "never", "next": "answer"}),
    "the agent holds": Kind(8, "helpdesk", {"does": "hold"}),
    "abandons": Kind(18, "helpdesk", NEVER, (0.3, 1.8)),
    "the queue gives up": Kind(10, "helpbrief", NEVER),
    "a second queue follows": Kind(10, "helpboth", {"does": "never", "next": "answer"}),
    "leaves by key": Kind(10, "helpdesk", NEVER, (0.3, 1.5), keys="9"),
    "finds it closed": Kind(2, "closed", NEVER),
    "is transferred": Kind(6, "helpdesk", TO_LOCAL),
    "is transferred from behind Local": Kind(5, "helplocal", TO_HELPDESK),
    "is transferred out of the queues": Kind(3, "helpdesk", TO_BACK_OFFICE),
    "is transferred attended": Kind(3, "helpdesk", CONSULTS),
    "the agent hangs up by code": Kind(2, "helplocal", {"does": "keys", "to": "*0"}),
    "is redirected in a talk": Kind(4, "helpdesk", TALKS_ON, act="redirect", at="BridgeEnter"),
    "is redirected while waiting": Kind(2, "helpdesk", NEVER, act="redirect", at="QueueCallerJoin"),
    "is picked up": Kind(3, "helpdesk", NEVER, (2.0, 3.0), act="pick_up", at="AgentCalled"),
}


def plans(seed: int) -> list[Plan]:
    """Return two hundred plans, in an order of chance."""
    rng = random.Random(seed)
    kinds = [name for name, kind in KINDS.items() for _ in range(kind.number)]
    rng.shuffle(kinds)
    return [_plan(name, f"0935{seed:03}{n:04}", rng) for n, name in enumerate(kinds)]


def _plan(name: str, number: str, rng: random.Random) -> Plan:
    kind = KINDS[name]
    phones = {"does": "answer", "next": "", "rings": rng.uniform(0.1, 0.5), "talks": rng.uniform(0.4, 1.4)}
    return Plan(name, number, phones | kind.phones, rng.uniform(*kind.patience) if kind.patience else FOREVER)


class Crowd:
    """Callers of these plans; `run` admits up to that many at the same time, until all have called."""

    def __init__(self, rig: Rig, coming: list[Plan], rng: random.Random) -> None:
        self.by_channel: dict[str, Plan] = {}  # by the uniqueid of the caller's channel at the PBX
        self._rig = rig
        self._coming = list(reversed(coming))
        self._rng = rng
        self._dialled: dict[str, Plan] = {}  # by number, until the channel is there
        self._there: set[str] = set()
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._heard = 0

    def run(self, alongside: Callable[[], bool] = lambda: True) -> None:
        """Run all calls to their end; `alongside` is called all the time, until it is true as well."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while not alongside() or self._coming or self._dialled or self._there:
            assert time.monotonic() < deadline, (self._dialled, [self.by_channel[c] for c in self._there])
            if self._coming and len(self._dialled) + len(self._there) < AT_ONCE:
                self._dial(self._coming.pop())
            while self._acts and self._acts[0][0] <= time.monotonic():
                heapq.heappop(self._acts)[2]()
            fresh = self._rig.driver.since(self._heard, 0.05)
            self._heard += len(fresh)
            for event in fresh:
                self._hear(event)

    def _dial(self, plan: Plan) -> None:
        kind = KINDS[plan.kind]
        self._dialled[plan.number] = plan
        self._rig.plan(plan.number, **plan.phones)
        self._rig.phones_driver.action(
            "Originate",
            Channel=f"PJSIP/{kind.exten}@pbx",
            Context="caller",
            Exten="s",
            Priority="1",
            CallerID=plan.number,
            Variable=[f"PATIENCE={plan.patience}", f"KEYS={kind.keys}"],
            Async="true",
        )

    def _hear(self, event: Event) -> None:
        uniqueid = event.get_header("Uniqueid") or ""
        if event.name == "Newchannel" and event["Channel"].startswith("PJSIP/trunk-"):
            self.by_channel[uniqueid] = self._dialled.pop(event["CallerIDNum"])
            self._there.add(uniqueid)
        elif event.name == "Hangup":
            self._there.discard(uniqueid)
        plan = self.by_channel.get(uniqueid)
        if plan is not None and event.name == KINDS[plan.kind].at:
            act = {"redirect": self._redirect, "pick_up": self._pick_up}[KINDS[plan.kind].act]
            due = time.monotonic() + self._rng.uniform(0.1, 0.8)
            heapq.heappush(self._acts, (due, next(self._order), lambda: act(event)))

    def _redirect(self, seen: Event) -> None:
        there = {"Context": "keyexit", "Exten": "9", "Priority": "1"}
        with suppress(ManagerException):  # hung up meanwhile
            self._rig.driver.action("Redirect", Channel=seen["Channel"], **there)

    def _pick_up(self, seen: Event) -> None:
        ringing = {"Application": "PickupChan", "Data": seen["DestChannel"], "Async": "true"}
        self._rig.driver.action("Originate", Channel="PJSIP/bob", **ringing)
