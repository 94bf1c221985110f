"""A PBX under test and a second Asterisk that has all phones, joined by SIP on 127.0.0.1.

Tests get it from the fixture `rig` (conftest.py). The PBX runs what we ship for it: the manager user,
the queue settings, the dialplan and the prompts. Callers and agents do what a test makes their phones
to do; a test waits for what the PBX says of it and then lets them do the next thing.
"""

import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from pbx.asterisk import Asterisk, free_port
from pbx.driver import Driver, Event, event
from pbx.rootfs import root_of

__all__ = [
    "AGENTS",
    "BEHIND_LOCAL",
    "CREW",
    "MEMBERS",
    "OUTSIDERS",
    "SLOW",
    "SOUNDS",
    "Caller",
    "Rig",
    "texts_of",
]

REPOSITORY = Path(__file__).parents[2]
SHIPPED = {  # what an administrator copies, by its place under /etc/asterisk
    "manager.d/cc_bridge.conf": REPOSITORY / "config" / "asterisk" / "manager.d" / "cc_bridge.conf",
    "manager.d/cc_bridge_callback.conf": (
        REPOSITORY / "config" / "asterisk" / "manager.d" / "cc_bridge_callback.conf"
    ),
    "queues_sample.conf": REPOSITORY / "config" / "asterisk" / "queues_sample.conf",
    "extensions_cc_bridge.conf": REPOSITORY / "dialplans" / "extensions_cc_bridge.conf",
    "extensions_cc_bridge_freepbx.conf": (
        REPOSITORY / "dialplans" / "freepbx" / "extensions_cc_bridge_freepbx.conf"
    ),
}
SOUNDS = REPOSITORY / "dialplans" / "sounds"
AGENTS = {"alice": "Alice", "bob": "بهار", "carol": "Carol", "dave": "Dave"}  # phones and members' names
BACK_OFFICE = "erin"  # extension 700; in no queue
OUTSIDERS = tuple(
    f"x{number:02}" for number in range(30)
)  # extensions 600 to 629; no caller's queue rings them
CREW = tuple(f"op{number}" for number in range(18))  # for parallel calls: the queues named help...
BEHIND_LOCAL = ("z0", "z1", "z2", "z3")  # of the queue helpshort
SLOW = ("y0", "y1", "y2", "y3")  # of the queue helpslow, extension 722
# Phones of the crew and of half of the outsiders, and the members' names.
MEMBERS = {op: op for op in (*CREW, *SLOW, *BEHIND_LOCAL)} | {
    phone: f"Member {phone}" for phone in OUTSIDERS[::2]
}
PHONE = """\
[{name}](phone)
aors = {name}

[{name}](place)
contact = sip:{name}@127.0.0.1:{port}
"""
KEY_PAUSE_SECONDS = 0.08  # no finger is faster, and Asterisk hears keys less than 45 ms apart twice
FOREVER = 3600.0  # seconds, longer than any test


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone who has dialled the PBX, and is on the line."""

    number: str  # as the PBX sees it, before the dialplan
    phone: str  # the channel of his phone, at the phones
    channel: str  # his channel at the PBX
    uniqueid: str  # of his channel at the PBX
    rig: "Rig"

    def press(self, keys: str) -> None:
        self.rig.press(self.phone, self.uniqueid, keys)

    def hang_up(self) -> None:
        self.rig.phones_driver.action("Hangup", Channel=self.phone)


class Rig:
    """Both PBXs of one version; `driver` sits at the PBX under test, `phones_driver` at the phones."""

    driver: Driver
    phones_driver: Driver

    def __init__(self, version: str) -> None:
        root = root_of(version)
        pbx_sip, phones_sip = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_DGRAM)
        values: dict[str, object] = {"PBX_SIP_PORT": pbx_sip, "PHONES_SIP_PORT": phones_sip}
        values |= _crew(phones_sip)
        values["CLOSED_PORT"] = self.closed_port = free_port(socket.SOCK_STREAM)  # nothing listens there
        self.version, self.sip_port = version, pbx_sip
        self.secret = values["SECRET"] = secrets.token_hex(16)  # every manager user's
        self._calls = 0
        shipped = {place: path.read_text() for place, path in SHIPPED.items()}
        for user in ("manager.d/cc_bridge.conf", "manager.d/cc_bridge_callback.conf"):
            shipped[user] = shipped[user].replace("CHANGE-ME", self.secret)
        self.pbx = Asterisk(root, "pbx", texts_of("pbx") | shipped, values | {"SIP_PORT": pbx_sip})
        self.phones = Asterisk(root, "phones", texts_of("phones"), values | {"SIP_PORT": phones_sip})

    def start(self) -> None:
        self.pbx.add_sounds(SOUNDS)
        self.phones_driver = self.phones.start(self.secret)
        self.driver = self.pbx.start(self.secret)
        self.reset()

    def stop(self) -> None:
        self.pbx.stop()
        self.phones.stop()

    def restart(self) -> None:
        """Let the PBX under test crash and come back; all its calls end, the phones continue."""
        self.pbx.crash()
        self.driver = self.pbx.start(self.secret)

    def reset(self) -> None:
        """Hang everyone up, wait until all agents are free, and forget what was seen."""
        self.driver.until(self._all_hung_up)
        for agent in (*AGENTS, BACK_OFFICE):
            self.agent(agent, does="never" if agent == "dave" else "answer")
        self.survey_at(self.closed_port)
        self.driver.set_global("CCB_SECONDS", "")
        self.driver.set_global("CCB_AGI_SECRET", "")
        self.driver.action("QueuePause", Interface="PJSIP/dave", Paused="false")
        self.driver.until(lambda: all(member["Status"] == "1" for member in self.members()))
        self.driver.forget()
        self.phones_driver.forget()

    def _all_hung_up(self) -> bool:
        """Hang up all lines; a queue may ring a phone meanwhile, so the lines are checked again."""
        busy = [side for side in (self.driver, self.phones_driver, self.driver) if side.channels()]
        for side in busy:
            side.action("Hangup", Channel="/.*/")
        return not busy

    def login(self, user: str) -> Driver:
        """Open a manager session at the PBX: `cc_bridge` as we ship it, or `unfiltered`."""
        return Driver(self.pbx.ami_port, user, self.secret)

    def members(self) -> list[Event]:
        items = self.driver.ask("QueueStatus", "QueueStatusComplete")
        return [item for item in items if item.name == "QueueMember"]

    def survey_at(self, port: int) -> None:
        """Set the port of the FastAGI server in the dialplan."""
        self.driver.set_global("CCB_AGI", f"127.0.0.1:{port}")

    # Agents

    def agent(self, agent: str, does: str = "answer", rings: float = 0.2, talks: float = FOREVER) -> None:
        """Set what an agent's phone does from now on: `answer` after some seconds, be `busy`, or `never`."""
        self.plan(agent, does=does, rings=rings, talks=talks)

    def forwards(self, agent: str, to: str, rings: float = 0.2) -> None:
        """Let an agent's phone send calls elsewhere after some seconds (SIP 302)."""
        self.plan(agent, does="forward", to=to, rings=rings)

    def plan(self, whose: str, **plan: object) -> None:
        """Set what an agent's phone does, or all phones for a caller's number; see phones/extensions.conf."""
        for what, value in plan.items():
            self.phones_driver.set_global(f"{whose}_{what}", value)

    def agent_hangs_up(self, agent: str) -> None:
        self.phones_driver.action("Hangup", Channel=self._agents_phone(agent))

    def agent_holds(self, agent: str) -> None:
        self._agent_goes_to(agent, "holds")

    def agent_resumes(self, agent: str) -> None:
        self._agent_goes_to(agent, "resumes")

    def agent_presses(self, agent: str, keys: str) -> None:
        """Press keys, such as a feature code, each a little after the PBX has heard the one before."""
        channels = self.driver.channels()
        (channel,) = (each for each in channels if each["Channel"].startswith(f"PJSIP/{agent}-"))
        self.press(self._agents_phone(agent), channel["Uniqueid"], keys)

    def agent_transfers(self, agent: str, exten: str) -> None:
        """Pass the caller on without a word, as the phone's transfer key does (REFER)."""
        phone = self._agents_phone(agent)
        self.phones_driver.action("Setvar", Channel=phone, Variable="TRANSFER_TO", Value=exten)
        self._agent_goes_to(agent, "transfers")

    def agent_consults_on_second_line(self, exten: str) -> None:
        """Dial an extension of the PBX from another line of an agent's phone."""
        self.dial(exten, "second-line")
        self.phones_driver.wait_for(event("Newchannel", Uniqueid="second-line"))

    def agent_joins_lines(self, agent: str) -> None:
        """Pass the caller on to the second line, as the phone's transfer key does (REFER with Replaces)."""
        target = self.replacing("second-line")
        phone = self._agents_phone(agent)
        self.phones_driver.action("Setvar", Channel=phone, Variable="JOINS", Value=target)
        self.phones_driver.action("Redirect", Channel=phone, Context="joins", Exten="s", Priority="1")

    def replacing(self, line: str) -> str:
        """Return the address for a REFER that replaces a phone's other line."""

        def dialog(part: str) -> str:
            variable = f"CHANNEL(pjsip,{part})"
            return self.phones_driver.action("Getvar", Channel=line, Variable=variable)["Value"]

        call_id, ours, theirs = dialog("call-id"), dialog("local_tag"), dialog("remote_tag")
        replaces = f"{call_id}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}"
        return f"sip:s@127.0.0.1:{self.sip_port}?Replaces={replaces}"

    def _agent_goes_to(self, agent: str, label: str) -> None:
        phone = self._agents_phone(agent)
        self.phones_driver.action("Redirect", Channel=phone, Context="agents", Exten=agent, Priority=label)

    def _agents_phone(self, agent: str) -> str:
        """Return the channel of an agent's phone; one may still be ending (seen on 22.10)."""
        phones: list[Event] = []

        def one_is_there() -> bool:
            phones[:] = self.phones_driver.channels(Context="agents", Exten=agent)
            return len(phones) == 1

        self.phones_driver.until(one_is_there)
        return phones[0]["Channel"]

    # Callers

    def press(self, phone: str, uniqueid: str, keys: str) -> None:
        """Press keys of a phone, each a little after the PBX has heard the one before on its channel."""
        for key in keys:
            start = len(self.driver.seen)
            self.phones_driver.action("PlayDTMF", Channel=phone, Digit=key)
            heard = event("DTMFEnd", Uniqueid=uniqueid, Digit=key, Direction="Received")
            self.driver.wait_for(heard, start=start)
            time.sleep(KEY_PAUSE_SECONDS)

    def call(
        self,
        exten: str,
        number: str = "",
        name: str = "Caller",
        language: str = "",
        patience: float = FOREVER,
    ) -> Caller:
        """Dial an extension of the PBX and return once the caller's channel is there.

        The caller hangs up after `patience` seconds on the line. Each caller has another number.
        """
        self._calls += 1
        number = number or f"0912{self._calls:07}"
        start = len(self.driver.seen)
        phone_id = f"caller-{self._calls}"
        self.dial(
            f"{language}{'*' if language else ''}{exten}", phone_id, f'"{name}" <{number}>', PATIENCE=patience
        )
        phone = self.phones_driver.wait_for(event("Newchannel", Uniqueid=phone_id))
        there = self.driver.wait_for(
            lambda seen: seen.name == "Newchannel" and seen["Channel"].startswith("PJSIP/trunk-"), start=start
        )
        return Caller(there["CallerIDNum"], phone["Channel"], there["Channel"], there["Uniqueid"], self)

    def dial(self, exten: str, line: str, caller_id: str = "", **variables: object) -> None:
        """Dial an extension of the PBX on a new line of this id, which is the Uniqueid of its channel.

        The PBX knows one of its own phones by the number in `caller_id`; all others come from the trunk.
        """
        variables = {"PATIENCE": FOREVER, **variables}
        headers = {"CallerID": caller_id} if caller_id else {}
        self.phones_driver.action(
            "Originate",
            Channel=f"PJSIP/{exten}@pbx",
            ChannelId=line,
            Context="caller",
            Exten="s",
            Priority="1",
            Variable=[f"{name}={value}" for name, value in variables.items()],
            Async="true",
            **headers,
        )

    def log(self) -> str:
        """Return what the PBX under test logged."""
        return self.pbx.log()


def _crew(sip_port: int) -> dict[str, object]:
    """Return what fills the places of the phones and of the crew's queues in the PBX's configuration."""
    phones = (
        PHONE.format(name=name, port=sip_port)
        for name in (*AGENTS, BACK_OFFICE, *CREW, *OUTSIDERS, *SLOW, *BEHIND_LOCAL)
    )
    return {
        "PHONES": "\n".join(phones),
        "HELPDESK": "\n".join(f"member => PJSIP/{op},0,{op}" for op in CREW[:12]),
        "HELPALL": "\n".join(f"member => PJSIP/{op},0,{op}" for op in CREW[:3]),
        "HELPSPARE": "\n".join(f"member => PJSIP/{phone},0,{MEMBERS[phone]}" for phone in OUTSIDERS[::2]),
        "HELPLOCAL": "\n".join(f"member => Local/{op}@agents/n,0,{op},PJSIP/{op}" for op in CREW[12:]),
    }


def texts_of(role: str) -> dict[str, str]:
    """Read the configuration of one side, by place under etc."""
    folders = [Path(__file__).parent / "etc" / folder for folder in ("both", role)]
    return {
        str(path.relative_to(folder)): path.read_text()
        for folder in folders
        for path in folder.rglob("*.conf")
    }
