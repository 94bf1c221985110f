"""A PBX as FreePBX configures it, with the phones of rig.py; cc_bridge is installed on it by its own page.

Agents are members `Local/1001@from-queue/n` whose state is a hint. The dialplan makes the channels that
FreePBX's makes: by Macro() on 16, as FreePBX 15 and 16 do, and by Gosub() on 22, as FreePBX 17 does. The
files that the web interface writes come from `Gui`, those of cc_bridge from the commands of
dialplans/freepbx/README.md, which are run as they stand there.
"""

import os
import re
import secrets
import socket
import subprocess
import tempfile
from pathlib import Path

from pbx.asterisk import Asterisk, free_port
from pbx.core_fastagi import FREEPBX_PORT, CoreFastAgi, CoreFastAgiProcess
from pbx.freepbx_gui import Gui
from pbx.machine import commands_in
from pbx.rig import PHONE, REPOSITORY, Rig
from pbx.rootfs import root_of

__all__ = ["EXTENSIONS", "PAGE", "STEPS", "FreePbxRig"]

ETC = Path(__file__).parent / "etc"
PAGE = REPOSITORY / "dialplans" / "freepbx" / "README.md"
STEPS = ("2. Manager user", "3. Setting of the queues", "4. Dialplan", "5. Prompts")
ELSEWHERE = "app-blackhole,goodbye,1"  # a fail-over destination that is no queue
EXTENSIONS = {  # extensions and the phones behind them (etc/phones)
    "1001": "alice",
    "1002": "bob",
    "1003": "carol",
    "1004": "dave",
    "1005": "erin",
}
STEP_SECONDS = 60.0


def _read(folder: str, *ignored: str) -> dict[str, str]:
    """Return the texts of a folder of etc, by place."""
    root = ETC / folder
    return {
        place: path.read_text()
        for path in root.rglob("*.conf")
        if not (place := str(path.relative_to(root))).startswith(ignored or ("none",))
    }


class FreePbxRig(Rig):
    """Both sides of one version; `gui` is the web interface, `core_agi` FreePBX's own FastAGI server."""

    def __init__(
        self, version: str, core_agi: CoreFastAgi | CoreFastAgiProcess | None = None, ami_port: int = 0
    ) -> None:
        """Write the configuration; without `ami_port` the manager interface gets a free port."""
        root = root_of(version)
        self.version, self.sip_port = version, free_port(socket.SOCK_DGRAM)
        phones_sip = free_port(socket.SOCK_DGRAM)
        self.core_agi = core_agi or CoreFastAgi()
        self.closed_port = free_port(socket.SOCK_STREAM)
        self.secret = secrets.token_hex(16)
        self._calls = 0
        values: dict[str, object] = {
            "PBX_SIP_PORT": self.sip_port,
            "PHONES_SIP_PORT": phones_sip,
            # FreePBX's dialplan names no port: 4573 is Asterisk's default.
            "CORE_AGI": "127.0.0.1"
            if self.core_agi.port == FREEPBX_PORT
            else f"127.0.0.1:{self.core_agi.port}",
            "SECRET": self.secret,
            "MACRO_MODULE": "load = app_macro.so" if version == "16" else "",
            "PHONES": "\n".join(
                PHONE.format(name=exten, port=phones_sip).replace(f"sip:{exten}@", f"sip:{phone}@")
                for exten, phone in EXTENSIONS.items()
            ),
        }
        both = _read("both")
        ours = _read("freepbx")
        ours["modules.conf"] = both["modules.conf"] + ours["modules.conf"]
        ours["musiconhold.conf"] = (ETC / "pbx" / "musiconhold.conf").read_text()
        ours["extensions_base.conf"] = self.in_its_form(ours["extensions_base.conf"])
        pbx = {place: text for place, text in both.items() if not place.startswith("manager.d")}
        self.pbx = Asterisk(
            root, "freepbx", pbx | ours, values | {"SIP_PORT": self.sip_port}, ami_port=ami_port
        )
        self.phones = Asterisk(root, "phones", both | _read("phones"), values | {"SIP_PORT": phones_sip})
        self.etc = self.pbx.sounds.parents[1] / "etc"
        self.gui = Gui(self._write, self._reload)
        self.gui.apply_config()
        self._root = root

    def in_its_form(self, dialplan: str) -> str:
        """Return a dialplan with subroutines as this FreePBX makes them: macros, or Gosub()."""
        if self.version == "16":
            dialplan = re.sub(r"\bSub\(([\w-]+)((?:,[^()]*)?)\)", r"Macro(\1\2)", dialplan)
            return dialplan.replace("EndSub()", "MacroExit()")
        calls = re.sub(
            r"\bSub\(([\w-]+)(?:,([^()]*))?\)",
            lambda found: f"Gosub(macro-{found[1]},s,1({found[2] or ''}))",
            dialplan,
        )
        return calls.replace("EndSub()", "Return()")

    def _write(self, name: str, text: str) -> None:
        (self.etc / name).write_text(self.in_its_form(text))

    def _reload(self) -> None:
        if hasattr(self, "driver"):
            for command in ("dialplan reload", "queue reload all", "manager reload"):
                self.driver.command(command)

    def start(self) -> None:
        self.phones_driver = self.phones.start(self.secret)
        self.driver = self.pbx.start(self.secret)
        self.driver.command("database put AMPUSER/1004 cidname Dave")

    def stop(self) -> None:
        super().stop()
        self.core_agi.stop()

    def reset(self) -> None:
        """Hang everyone up, wait until all agents are free, and forget what was seen."""
        self.driver.until(self._all_hung_up)
        for phone in EXTENSIONS.values():
            self.agent(phone)
        self.survey_at(self.closed_port)
        self.driver.until(lambda: all(member["Status"] == "1" for member in self.members()))
        self.core_agi.forget()
        self.driver.forget()
        self.phones_driver.forget()

    def install(self) -> None:
        """Install cc_bridge by its page, and set what an administrator sets in the web interface."""
        self.follow(*STEPS)
        self.choose_destinations()

    def choose_destinations(self) -> None:
        """Do the page's step 6 in the web interface, for every way to each queue."""
        gui = self.gui
        queue = {each: gui.custom_destination(f"cc-bridge-freepbx-queue,{each},1") for each in gui.queues}
        gui.inbound_routes = {f"02191000{each}": queue[each] for each in gui.queues} | {
            "02191000001": "ivr-1,s,1",
            "02191000002": "timeconditions,1,1",
            "02191000003": gui.custom_destination("cc-bridge-freepbx-consent,600,1"),
            "02191000004": gui.custom_destination("cc-bridge-freepbx-caller-lookup,600,1"),
            "02191000005": gui.custom_destination("cc-bridge-freepbx,survey,1", "ext-queues,600,1"),
            "02191000006": gui.custom_destination("cc-bridge-freepbx-queue,699,1"),  # was deleted
        }
        gui.ivr_entries = {"1": queue["600"], "t": queue["603"]}
        gui.time_conditions = {"1": queue["600"]}
        gui.fail_over = {"601": queue["602"], "602": ELSEWHERE}
        gui.apply_config()

    def follow(self, *steps: str) -> str:
        """Run the commands of the page's sections with these headings, and return what they printed.

        Only the places differ: the rig's folders and console instead of the machine's.
        """
        printed = []
        for step in steps:
            printed += [self._run(block) for block in commands_in(PAGE, step)]
        return "".join(printed)

    @property
    def console_command(self) -> str:
        """The command that replaces the page's `asterisk`."""
        conf = self.etc.relative_to(self._root) / "asterisk.conf"
        return f"chroot {self._root} asterisk -C /{conf}"

    def _run(self, block: str) -> str:
        """Run one block of commands; AssertionError if one fails."""
        places = {
            "/etc/asterisk": str(self.etc),
            "/var/lib/asterisk/sounds": str(self.pbx.sounds),
            "/etc/cc-bridge/ami-secret": "$HOME/ami-secret",
            "asterisk:asterisk": "root:root",
            "-o asterisk -g asterisk": "-o root -g root",
        }
        for there, here in places.items():
            block = block.replace(there, here)
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / "ami-secret").write_text(self.secret + "\n")
            console = Path(home) / "asterisk"
            console.write_text(f'#!/bin/sh\nexec {self.console_command} "$@"\n')
            console.chmod(0o755)
            done = subprocess.run(
                ["bash", "-eu", "-c", block],
                cwd=REPOSITORY,
                env={**os.environ, "PATH": f"{home}:{os.environ['PATH']}", "HOME": home},
                capture_output=True,
                text=True,
                timeout=STEP_SECONDS,
                check=False,
            )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout

    def console(self, command: str) -> str:
        """Return what a command of Asterisk's console prints."""
        return self._run(f"asterisk -rx '{command}'")

    def from_phone(self, exten: str, number: str) -> None:
        """Let an agent's phone dial a number or a code, such as `**1003`."""
        self.driver.action(
            "Originate",
            Channel=f"PJSIP/{exten}",
            Context="from-internal",
            Exten=number,
            Priority="1",
            CallerID=exten,
            Async="true",
        )

    def agent_presses(self, agent: str, keys: str) -> None:
        """Press keys of an agent's phone, given by its name or its extension."""
        (exten,) = (exten for exten, phone in EXTENSIONS.items() if agent in (exten, phone))
        channels = self.driver.channels()
        (channel,) = (each for each in channels if each["Channel"].startswith(f"PJSIP/{exten}-"))
        self.press(self._agents_phone(EXTENSIONS[exten]), channel["Uniqueid"], keys)
