"""What we ship for the PBX, read as text: promises that must hold where no Asterisk can be run."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DIALPLAN = REPOSITORY / "dialplans" / "extensions_cc_bridge.conf"
MANAGER = REPOSITORY / "config" / "asterisk" / "manager.d" / "cc_bridge.conf"


def lines_of(path: Path) -> list[str]:
    """Return the lines that Asterisk acts on."""
    return [line.strip() for line in path.read_text().splitlines() if line.strip() and line.strip()[0] != ";"]


def settings_of(path: Path) -> dict[str, str]:
    pairs = (re.split(r"\s*=\s*", line, maxsplit=1) for line in lines_of(path) if "=" in line)
    return {key: value for key, value in pairs if key != "eventfilter"}


def test_no_extension_is_a_pattern():
    extensions = {line.split("=>")[1].split(",")[0].strip() for line in lines_of(DIALPLAN) if line[0] == "e"}
    assert extensions == {"s", "T"}


def test_every_context_is_ours_and_every_gosub_finds_one():
    contexts = set(re.findall(r"^\[(.+)\]$", DIALPLAN.read_text(), re.MULTILINE))
    assert all(context.startswith("cc-bridge-") for context in contexts)
    assert set(re.findall(r"Gosub\(([^,]+),s,1\(", DIALPLAN.read_text())) == contexts


def test_nothing_is_left_over_from_an_earlier_queue():
    before, _, _ = DIALPLAN.read_text().partition("Queue(${ARG1}")
    for variable in ("QUEUESTATUS", "MEMBERNAME", "MEMBERINTERFACE"):
        assert f"Set({variable}=)" in before


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
