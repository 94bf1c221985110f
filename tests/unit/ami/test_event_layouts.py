import pytest

from cc_bridge.ami.codec import Codec, EventSpec
from cc_bridge.ami.event_layouts import EventLayouts
from cc_bridge.ami.messages import MessageCounts

HANGUP = (
    "Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/1-00000001\r\nCallerIDName: Ann\r\n"
    "Uniqueid: 1.1\r\nCause: 16"
)
NAMES = ("Uniqueid", "Cause", "")
VALUES = NAMES, ("1.1", "16", "")


def learned(*events: str) -> EventLayouts:
    layouts = EventLayouts(("Uniqueid", "Cause", "Forward"))
    for event in events:
        layouts.learn(event)
    return layouts


def test_an_event_with_a_learned_layout() -> None:
    layouts = learned(HANGUP)
    assert layouts.extract(HANGUP) == VALUES
    other = HANGUP.replace("1.1", "2.7").replace("16", "").replace("Ann", "Uniqueid: 9.9")
    assert layouts.extract(other) == (NAMES, ("2.7", "", ""))


@pytest.mark.parametrize(
    "event",
    [
        HANGUP.replace("\r\nCause: 16", ""),
        HANGUP + "\r\nForward: x",
        HANGUP + "\r\nCause: 17",
        HANGUP.replace("Ann", "Ann\r\nUniqueid: 9.9"),
        HANGUP.replace("Ann", "Ann\nUniqueid: 9.9"),
        HANGUP.replace("Ann", "Ann\rBob"),
        HANGUP.replace("Uniqueid: 1.1\r\nCause: 16", "Cause: 16\r\nUniqueid: 1.1"),
        HANGUP.replace("call,all", ""),
        HANGUP.replace("call,all", " "),
        HANGUP + "\r\n",
        "\r\n" + HANGUP,
        "",
    ],
)
def test_an_event_with_another_layout(event: str) -> None:
    assert learned(HANGUP).extract(event) is None


@pytest.mark.parametrize(
    "event",
    [
        HANGUP.replace("Ann", "Ann\nBob"),
        HANGUP.replace("Ann", "Ann\rBob"),
        HANGUP.replace("Ann", "Ann\r\nBob"),
        HANGUP + "\r\n",
    ],
)
def test_nothing_is_learned_from_a_line_break_in_a_value(event: str) -> None:
    assert learned(event).extract(event) is None


def test_only_the_first_four_layouts_are_learned() -> None:
    events = [HANGUP + "\r\nX: y" * n for n in range(6)]
    layouts = learned(*events)
    assert [layouts.extract(event) for event in events] == [VALUES] * 4 + [None] * 2


@pytest.mark.parametrize("name", ["Ann\r\nUniqueid: 9.9", "Ann\nUniqueid: 9.9", "Ann\r\n\r\nEvent: Hangup"])
def test_a_forged_event_is_dropped_after_its_layout_was_learned(name: str) -> None:
    counts = MessageCounts()
    codec = Codec({"Hangup": EventSpec(("Uniqueid", "Cause"))}, counts)
    whole, forged = (f"{event}\r\n\r\n".encode() for event in (HANGUP, HANGUP.replace("Ann", name)))
    assert [event.headers["Uniqueid"] for event in codec.feed(whole * 3)] == ["1.1"] * 3
    assert codec.feed(forged) == []
    assert counts.malformed > 0


def test_events_are_the_same_before_and_after_their_layouts_are_learned() -> None:
    codec = Codec({"Hangup": EventSpec(("Uniqueid", "Cause"), ("CallerIDName", "Forward"))})
    stream = b"".join(
        f"{HANGUP.replace('Ann', name)}{more}\r\n\r\n".encode()
        for name in ("Ann", "", "Zoë", "a: b")
        for more in ("", "\r\nForward: x", "\r\nCause-txt: Normal")
    )
    first, second = codec.feed(stream), codec.feed(stream)
    assert [event.headers for event in first] == [event.headers for event in second]
    assert len(first) == 12
