"""Calls on a PBX of FreePBX's shape: as a real FreePBX was recorded, and few enough events for each.

`fixtures/ami/freepbx/expected.json` says who talked and who is rated; the recordings say which events such
a call sends. The rig is as good as they agree.
"""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from pbx.daemon import Daemon
from pbx.driver import Event, event
from pbx.freepbx_rig import FreePbxRig
from support.event_filter import SHIPPED
from support.recordings import RECORDINGS, recording

EXPECTED = json.loads((RECORDINGS / "freepbx" / "expected.json").read_text())
MOST_EVENTS = 80  # of a call, also with a transfer into a second queue, through the shipped filter


def recorded(name: str) -> Counter[str]:
    """Return the events of a recording that the shipped filter passes, by name."""
    messages = recording(f"freepbx/{name}").decode(errors="replace").split("\r\n\r\n")
    passed = filter(SHIPPED.passes, (each.lstrip() for each in messages))
    return Counter(each.partition("\r\n")[0].removeprefix("Event: ") for each in passed)


def talking(rig: FreePbxRig, phone: str) -> Event:
    """Wait until a phone, given by its extension or as `trunk`, talks."""
    return rig.driver.wait_for(
        lambda e: e.name == "BridgeEnter" and e["Channel"].startswith(f"PJSIP/{phone}-")
    )


def both_talk(rig, caller, phone):
    """Wait until the caller and the phone are each in a bridge, so that nothing of the answer is missing."""
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    talking(rig, phone)


# Each scenario begins with a call, and ends when the agent's part is over: the survey follows automatically.


def caller_hangs_up_first(rig):
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    caller.hang_up()


def abandoned_in_queue(rig):
    rig.agent("alice", does="never")
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    rig.driver.until(
        lambda: (
            len(
                [e for e in rig.driver.events(event("DialBegin")) if e["DestChannel"].startswith("PJSIP/100")]
            )
            == 2
        )
    )
    caller.hang_up()


def agent_ends_by_code(rig):
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    rig.agent_presses("1001", "**")


def followme_own_phone_answers(rig):
    caller = rig.call("02191000606")
    both_talk(rig, caller, "1003")
    rig.driver.wait_for(event("LocalOptimizationEnd"))
    rig.agent_hangs_up("carol")


def followme_mobile_answers(rig):
    rig.agent("carol", does="never")
    caller = rig.call("02191000606")
    rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
    rig.driver.wait_for(event("LocalOptimizationEnd"))
    rig.agent_hangs_up("erin")  # who plays the mobile


def directed_pickup_by_code(rig):
    rig.agent("carol", does="never")
    caller = rig.call("02191000603")
    rig.driver.wait_for(lambda e: e.name == "DialBegin" and e["DestChannel"].startswith("PJSIP/1003-"))
    rig.driver.wait_for(lambda e: e.name == "Newstate" and e["ChannelStateDesc"] == "Ringing")
    rig.from_phone("1005", "**1003")
    both_talk(rig, caller, "1005")
    rig.agent_hangs_up("erin")


def blind_transfer_code_to_survey(rig):
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    rig.agent_presses("1001", "##8099")


def attended_transfer_code_to_survey(rig):
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    rig.agent_presses("1001", "*28099")
    rig.driver.wait_for(event("Newexten", Context="cc-bridge-transfer", Application="PlayTones"))
    rig.agent_hangs_up("alice")


def blind_transfer_code_to_extension(rig):
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    rig.agent_presses("1001", "##1005")
    talking(rig, "1005")
    rig.agent_hangs_up("erin")


def attended_transfer_code_to_extension(rig):
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    rig.agent_presses("1001", "*21005")
    talking(rig, "1005")
    rig.agent_hangs_up("alice")
    rig.driver.wait_for(event("AttendedTransfer"))
    rig.driver.wait_for(event("LocalOptimizationEnd"))
    rig.agent_hangs_up("erin")


def phone_transfer_refer_to_extension(rig):
    rig.agent("bob", does="never")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    rig.agent_transfers("alice", "1005")
    talking(rig, "1005")
    rig.agent_hangs_up("erin")


def blind_transfer_code_to_second_queue(rig):
    rig.agent("bob", does="busy")
    caller = rig.call("02191000600")
    both_talk(rig, caller, "1001")
    rig.agent_presses("1001", "##603")
    talking(rig, "1003")
    rig.agent_hangs_up("carol")


SCENARIOS: list[Callable[[FreePbxRig], None]] = [
    caller_hangs_up_first,
    abandoned_in_queue,
    agent_ends_by_code,
    followme_own_phone_answers,
    followme_mobile_answers,
    directed_pickup_by_code,
    blind_transfer_code_to_survey,
    attended_transfer_code_to_survey,
    blind_transfer_code_to_extension,
    attended_transfer_code_to_extension,
    phone_transfer_refer_to_extension,
    blind_transfer_code_to_second_queue,
]


@pytest.fixture(scope="module")
def running(running_freepbx, tmp_path_factory):
    daemon = Daemon(running_freepbx, tmp_path_factory.mktemp("daemon"))
    daemon.configure("survey", enabled=False)  # a survey makes no event, and takes ten seconds
    try:
        yield daemon.start()
    finally:
        daemon.close()


@pytest.fixture
def daemon(freepbx, running):
    freepbx.survey_at(running.agi_port)
    running.until_idle(freepbx)
    running.forget()
    return running


@pytest.fixture
def filtered(freepbx):
    """Return a manager session of the user that the page has installed, behind its filter."""
    driver = freepbx.login("cc_bridge")
    driver.wait_for(event("FullyBooted"))
    driver.forget()
    yield driver
    driver.close()


def outcome(daemon: Daemon, name: str) -> tuple[list[list[str]], list[list[str]]]:
    """Wait for the visits and talks of a call, and return who answered and who ended what."""
    expected = EXPECTED[name]
    visits, talks = [], []

    def are_there() -> bool:
        visits[:] = [[row["queue"], row["outcome"], row["agent"]] for row in daemon.rows("queue_visits")]
        talks[:] = [[row["agent"], row["ended_by"], row["transfer"]] for row in daemon.rows("talks")]
        return len(visits) >= len(expected["visits"]) and len(talks) >= len(expected["talks"])

    daemon.until(are_there)
    return visits, talks


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_a_call_is_as_it_was_recorded(freepbx, daemon, filtered, scenario, capsys):
    scenario(freepbx)
    freepbx.driver.until(lambda: not freepbx.driver.channels(), timeout=60)
    name, expected = scenario.__name__, EXPECTED[scenario.__name__]
    visits, talks = outcome(daemon, name)
    assert visits == expected["visits"]
    assert talks == [[agent, ended_by, transfer] for agent, _, ended_by, transfer, _ in expected["talks"]]

    filtered.action("Ping")
    sent, theirs = Counter(each.name for each in filtered.seen if not is_ours(each)), recorded(name)
    with capsys.disabled():
        print(  # noqa: T201 - the figures of each call
            f"\n{freepbx.version} {name}: {sent.total()} events, recorded {theirs.total()}"
        )
    assert alike(sent) == alike(theirs)
    assert sent.total() <= MOST_EVENTS


def is_ours(each: Event) -> bool:
    """Return whether an event is from the Originate with which the rig lets a phone dial."""
    dial = each.name in ("DialBegin", "DialEnd") and each.get_header("Uniqueid") is None
    return dial and each["DestChannel"].startswith("PJSIP/")


def alike(events: Counter[str]) -> dict[str, int]:
    """Return the events that FreePBX's dialplan and the phones cause.

    QueueMemberStatus comes once for each queue of an agent, and UserEvent is ours.
    """
    return {name: n for name, n in events.items() if not name.startswith(("QueueMember", "UserEvent"))}
