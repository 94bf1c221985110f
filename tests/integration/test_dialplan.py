"""What we ship for the PBX, read as text: promises that must hold where no Asterisk can be run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cc_bridge.config import Config
from support.paths import ROOT

REPOSITORY = ROOT
DIALPLAN = REPOSITORY / "dialplans" / "extensions_cc_bridge.conf"
FREEPBX = REPOSITORY / "dialplans" / "freepbx" / "extensions_cc_bridge_freepbx.conf"
INSTALL = REPOSITORY / "dialplans" / "freepbx" / "README.md"
MANAGER = REPOSITORY / "config" / "asterisk" / "manager.d" / "cc_bridge.conf"
CALLBACK = REPOSITORY / "config" / "asterisk" / "manager.d" / "cc_bridge_callback.conf"

# What the shipped files stand on: an administrator's own, and what FreePBX generates.
AROUND = """\
[general]
static=yes

[globals]

#include "extensions_cc_bridge_freepbx.conf"

[ext-queues]
exten => _X!,1,NoOp()
 same => n(gotodest),Hangup()
"""
UNKNOWN = "function 'CDR_PROP' does not exist"  # asterisklint is older than that function


def lines_of(path: Path) -> list[str]:
    """Return the lines that Asterisk acts on."""
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and line.strip()[0] != ";"]


def settings_of(path: Path) -> dict[str, str]:
    pairs = (re.split(r"\s*=\s*", line, maxsplit=1) for line in lines_of(path) if "=" in line)
    return {key: value for key, value in pairs if key != "eventfilter"}


def contexts_of(path: Path) -> dict[str, list[str]]:
    """Return the lines of each context."""
    contexts: dict[str, list[str]] = {}
    for line in lines_of(path):
        if named := re.fullmatch(r"\[(.+)\]", line):
            contexts[named[1]] = []
        elif contexts:
            contexts[list(contexts)[-1]].append(line)
    return contexts


def lint(folder: Path) -> str:
    """Return what asterisklint has to say about the dialplan in a folder."""
    command = [Path(sys.executable).with_name("asterisklint"), "dialplan-check", folder / "extensions.conf"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return "".join(
        line for line in (said.stdout + said.stderr).splitlines(keepends=True) if UNKNOWN not in line
    )


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Lay the dialplan out as an administrator does."""
    (tmp_path / "extensions.conf").write_text(AROUND)
    for shipped in (DIALPLAN, FREEPBX):
        (tmp_path / shipped.name).write_text(shipped.read_text())
    return tmp_path


def test_asterisklint_finds_nothing(etc: Path):
    assert lint(etc) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("StopPlayTones()", "StopPlayingTones()", "E_APP_MISSING"),
        ("Gosub(cc-bridge-caller,s,1())", "Gosub(cc-bridge-nobody,s,1())", "E_DP_GOTO_NOCONTEXT"),
        ("?wait)", "?wiat)", "W_DP_GOTO_CONTEXT_NOEXTEN"),
    ],
)
def test_asterisklint_would_find_a_slip(etc: Path, right: str, wrong: str, found: str):
    dialplan = etc / DIALPLAN.name
    assert right in dialplan.read_text()
    dialplan.write_text(dialplan.read_text().replace(right, wrong, 1))
    assert found in lint(etc)


def test_every_address_has_the_port_where_the_daemon_listens():
    ports = set(re.findall(r"CCB_AGI=\S+?:(\d+)", DIALPLAN.read_text() + INSTALL.read_text()))
    assert ports == {str(Config().agi.port)}
    assert set(re.findall(r"agi://([^/]*)/", DIALPLAN.read_text())) == {"${CCB_AGI}"}


def test_no_extension_is_a_pattern_but_the_numbers_of_queues():
    """Only destinations that an administrator has written lead into these contexts."""
    patterns = set()
    for context, lines in (contexts_of(DIALPLAN) | contexts_of(FREEPBX)).items():
        extensions = {line.split("=>")[1].split(",")[0].strip() for line in lines if line.startswith("exten")}
        assert extensions <= {"s", "T", "survey", "consent", "caller-lookup", "after", "8099", "_X!"}
        if "_X!" in extensions:
            patterns.add(context)
    assert patterns == {f"cc-bridge-freepbx-{name}" for name in ("queue", "consent", "caller-lookup")}


def test_every_context_is_ours():
    contexts = {*contexts_of(DIALPLAN), *contexts_of(FREEPBX)} - {"from-internal-custom"}
    assert all(context.startswith("cc-bridge-") for context in contexts)


def test_every_way_through_comes_to_an_end():
    for lines in (*contexts_of(DIALPLAN).values(), *contexts_of(FREEPBX).values()):
        extensions: list[list[str]] = []
        for line in lines:
            if line.startswith("exten"):
                extensions.append([])
            extensions[-1].append(line.partition("=>")[2])
        for steps in extensions:
            assert re.search(r"(Return|Hangup)\(\)$|Goto\(.+\)$", steps[-1]), steps[-1]


def test_nothing_is_left_over_from_an_earlier_queue():
    for before in (DIALPLAN.read_text().partition("Queue(${ARG1}")[0], FREEPBX.read_text()):
        for variable in ("QUEUESTATUS", "MEMBERNAME", "MEMBERINTERFACE"):
            assert f"Set({variable}=)" in before


def test_no_variable_reaches_the_agents_channel():
    for line in lines_of(DIALPLAN) + lines_of(FREEPBX):
        assert not re.search(r"Set\((LOCAL\()?_", line), line


def test_whoever_is_sent_to_the_daemon_gets_the_time_limit_back_and_leaves_no_channel():
    for context, lines in contexts_of(DIALPLAN).items():
        if context == "cc-bridge-doctor" or not any("AGI(" in line for line in lines):
            continue
        text = "\n".join(lines)
        limited = text.index("Set(LOCAL(ccb_limit)=${TIMEOUT(absolute)})")
        asked, restored = text.index(",AGI(agi://"), text.index("Set(TIMEOUT(absolute)=${ccb_limit})")
        assert text.index("AGIEXITONHANGUP=yes") < limited < asked < restored
        assert "exten => T,1,Goto(s,done)" in lines
        assert "same => n(done),Set(TIMEOUT(absolute)=${ccb_limit})" in lines


def test_the_doctors_call_ends_whatever_the_daemon_does():
    text = "\n".join(contexts_of(DIALPLAN)["cc-bridge-doctor"])
    asked = text.index(",AGI(agi://")
    assert max(text.index("AGIEXITONHANGUP=yes"), text.index("Set(TIMEOUT(absolute)=5)")) < asked
    assert "same => n(report),UserEvent(CCBDoctor," in text
    assert "exten => T,1,Goto(s,report)" in text


def test_the_user_who_calls_back_can_do_nothing_else():
    settings = settings_of(CALLBACK)
    assert (settings["read"], settings["write"]) == ("call", "originate")
    assert settings["deny"] == "0.0.0.0/0.0.0.0"
    assert settings["permit"] == "127.0.0.1/255.255.255.255"
    assert settings["secret"] == "CHANGE-ME"
    filters = [line.split("=", 1)[1].strip() for line in lines_of(CALLBACK) if line.startswith("eventfilter")]
    passed = "Event: Hangup\r\nUniqueid: ccb-12\r\nCause: 17\r\n"
    patterns = [re.compile(each, re.DOTALL) for each in filters]
    assert [any(each.search(text) for each in patterns) for text in (passed, passed.replace("ccb-", ""))] == [
        True,
        False,
    ]


def test_the_manager_user_has_no_more_than_it_needs():
    settings = settings_of(MANAGER)
    assert set(settings["read"].split(",")) == {"system", "call", "agent", "user", "dialplan"}
    assert settings["write"] == "reporting"
    assert settings["deny"] == "0.0.0.0/0.0.0.0"
    assert settings["permit"] == "127.0.0.1/255.255.255.255"
    assert settings["secret"] == "CHANGE-ME"


@pytest.mark.parametrize(
    ("event", "sent"),
    [
        ("Event: QueueCallerJoin\r\nPrivilege: agent,all\r\n", True),
        ("Event: SoftHangupRequest\r\nPrivilege: call,all\r\n", True),
        ("Event: VarSet\r\nChannel: PJSIP/a-1\r\nVariable: QUEUESTATUS\r\nValue: FULL\r\n", True),
        ("Event: VarSet\r\nChannel: PJSIP/a-1\r\nVariable: MEMBERNAME\r\nValue: Alice\r\n", False),
        ("Event: Newexten\r\nApplication: Queue\r\nAppData: sales\r\n", True),
        ("Event: Newexten\r\nApplication: QueueLog\r\nAppData: sales\r\n", False),
        ("Event: RTCPSent\r\nCallerIDName: Event: QueueCallerJoin\r\n", False),
    ],
)
def test_the_filters_let_through_what_is_used(event: str, sent: bool):
    filters = [line.split("=", 1)[1].strip() for line in lines_of(MANAGER) if line.startswith("eventfilter")]
    # POSIX's [[:space:]] is Python's \s, and its dot matches a line's end as well.
    patterns = [re.compile(each.replace("[[:space:]]", r"\s"), re.DOTALL) for each in filters]
    assert any(pattern.search(event) for pattern in patterns) == sent
