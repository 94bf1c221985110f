"""Lines of queue_log, and the visits made from them, in good and in broken files."""

from zoneinfo import ZoneInfo

import pytest

from cc_bridge.queue_log.parse import LineCounts, QueueLogLine, of_row, read
from cc_bridge.queue_log.report import events_text
from cc_bridge.queue_log.visits import QueueLogVisits
from cc_bridge.records import EndedBy, Outcome, Transfer
from support.recordings import RECORDINGS

ANSWERED = (
    "1795300000|c1|sales|NONE|ENTERQUEUE||0912|2|Sara\n"
    "1795300005|c1|sales|زهرا|CONNECT|5|a1|3\n"
    "1795300065|c1|sales|زهرا|COMPLETEAGENT|5|60|2\n"
)


def lines(text, counts=None):
    return list(read([text.encode()], counts or LineCounts()))


def visits(text):
    made = QueueLogVisits()
    return [visit for line in lines(text) for visit in made.feed(line)] + list(made.finish())


def test_a_line():
    assert lines(ANSWERED)[1] == QueueLogLine(
        1_795_300_005.0, "c1", "sales", "زهرا", "CONNECT", ["5", "a1", "3"]
    )


@pytest.mark.parametrize("size", [1_000, 65_536, 10_000_000])
def test_the_end_of_a_line_that_is_too_long_is_no_line(size):
    line = "1795300000|c9|sales|NONE|ENTERQUEUE||0912|1|x\n"
    data = ("x" * 100_000 + line + ANSWERED).encode()
    counts = LineCounts()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert list(read(chunks, counts)) == lines(ANSWERED)
    assert (counts.lines, counts.junk) == (4, 1)


def test_unknown_events_beyond_ten_are_counted():
    counts = LineCounts()
    lines("".join(f"1795300000|c|sales|NONE|NEW{n}|x\n" * (13 - n) for n in range(12)), counts)
    assert events_text(counts).endswith("NEW9 4, and 2 others")


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_chunks_cut_anywhere_give_the_same_lines(size):
    data = ANSWERED.encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert list(read(chunks, LineCounts())) == lines(ANSWERED)


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "\x00\x00",
        "not a line",
        "1795300000|c1|sales|NONE",
        "179530000a|c1|sales|NONE|ABANDON|1|1|4",
        "۱۷۹۵۳۰۰۰۰۰|c1|sales|NONE|ABANDON|1|1|4",
        "99999999999999|c1|sales|NONE|ABANDON|1|1|4",
        "-5|c1|sales|NONE|ABANDON|1|1|4",
        "1795300000|c1|sales|NONE||1|1|4",
        "1795300000||sales|NONE|ABANDON|1|1|4",
        "x" * 200_000,
    ],
    ids=lambda junk: junk[:20],
)
def test_what_does_not_fit_is_counted_and_left_out(junk):
    counts = LineCounts()
    assert lines(f"{junk}\n{ANSWERED}", counts) == lines(ANSWERED)
    assert (counts.lines, counts.junk) == (4, 1)


@pytest.mark.parametrize("event", ["BLINDTRANSFER", "ATTENDEDTRANSFER", "TRANSFER", "COMPLETEAGENT"])
def test_a_line_may_lack_every_field_of_its_event(event):
    begun = "1795300000|c1|sales|NONE|ENTERQUEUE\n1795300005|c1|sales|Sara|CONNECT\n"
    (visit,) = visits(f"{begun}1795300065|c1|sales|Sara|{event}\n")
    _, talked = visit.records("pbx")
    assert visit.call == "c1"
    assert talked is None or talked.transfer_target in {None, ""}


def test_a_last_line_that_is_still_being_written_is_left_out():
    counts = LineCounts()
    assert len(lines(ANSWERED.removesuffix("0|2\n"), counts)) == 2
    assert counts.junk == 1


def test_every_recorded_line_fits():
    for path in RECORDINGS.glob("*/*.queue_log"):
        counts = LineCounts()
        assert len(list(read([path.read_bytes()], counts))) == counts.lines
        assert counts.junk == 0


def test_a_row_of_the_table_is_the_line_of_the_file():
    row = ("2026-11-22 02:40:05.250000", "c1", "sales", "زهرا", "CONNECT", "5", "a1", "3", "", None)
    line = of_row(row, ZoneInfo("Asia/Tehran"))
    assert line == QueueLogLine(1_795_302_605.25, "c1", "sales", "زهرا", "CONNECT", ["5", "a1", "3"])
    assert of_row(("2026-11-22 02:40:05", *row[1:]), ZoneInfo("Asia/Tehran")).at == 1_795_302_605.0
    assert of_row(("yesterday", *row[1:]), None) is None


def test_an_answered_visit_and_its_talk():
    (visit,) = visits(ANSWERED)
    waited, talked = visit.records("pbx")
    assert (waited.uniqueid, waited.queue, waited.agent) == ("c1", "sales", "زهرا")
    assert (waited.entered_at, waited.left_at, waited.outcome) == (1_795_300_000, 1_795_300_005, "answered")
    assert (waited.caller_number, waited.caller_name, waited.position) == ("0912", "Sara", 2)
    assert (talked.agent_uniqueid, talked.answered_at, talked.ended_at) == (
        "a1",
        1_795_300_005,
        1_795_300_065,
    )
    assert (talked.ended_by, talked.transfer) == (EndedBy.AGENT, None)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        ("ABANDON|1|2|9", Outcome.ABANDONED),
        ("EXITWITHTIMEOUT|1|2|9", Outcome.TIMED_OUT),
        ("EXITEMPTY|1|2|9", Outcome.LEAVE_EMPTY),
        ("EXITWITHKEY|4|1|2|9", Outcome.LEFT_BY_KEY),
        ("WITHDRAW|1|2|9|gone", Outcome.TRANSFERRED_AWAY),
    ],
)
def test_the_other_ends_of_a_visit(end, outcome):
    (visit,) = visits(f"1795300000|c|q|NONE|ENTERQUEUE||1|2\n1795300009|c|q|NONE|{end}\n")
    waited, talked = visit.records("pbx")
    assert (waited.outcome, waited.wait_seconds, talked) == (outcome, 9, None)
    assert visit.wait_seconds == 9


@pytest.mark.parametrize(
    ("end", "transfer", "target"),
    [
        ("BLINDTRANSFER|300|ctx|5|7|1", Transfer.BLIND, "300"),
        ("TRANSFER|300|ctx|5|7", Transfer.BLIND, "300"),
        ("ATTENDEDTRANSFER|BRIDGE|b|5|7|1", Transfer.ATTENDED, None),
        ("ATTENDEDTRANSFER|LINK|x|y|5|7|1", Transfer.ATTENDED, None),
    ],
)
def test_transfers(end, transfer, target):
    (visit,) = visits(
        f"1795300000|c|q|NONE|ENTERQUEUE||1|2\n1795300005|c|q|A|CONNECT|5|a|1\n1795300012|c|q|A|{end}\n"
    )
    talk = visit.records("pbx")[1]
    assert (talk.talk_seconds, talk.ended_by) == (7, EndedBy.TRANSFER)
    assert (talk.transfer, talk.transfer_target) == (transfer, target)


@pytest.mark.parametrize(
    ("data", "caller"),
    [
        ("|0912|3", ("0912", 3, "")),
        ("|0912|3|Sara", ("0912", 3, "Sara")),
        ("|0912|3|110", ("0912", 3, "110")),
        ("|09|12|3|Sara", ("09|12", 3, "Sara")),
        ("|a|b|c|3", ("a|b|c", 3, "")),
        ("||3", ("", 3, "")),
        ("|cut by a line feed", ("cut by a line feed", 0, "")),
        ("", ("", 0, "")),
    ],
)
def test_a_bar_in_a_callers_number_does_not_hide_the_position(data, caller):
    (visit,) = visits(f"1795300000|c|q|NONE|ENTERQUEUE|{data}\n")
    assert (visit.number, visit.position, visit.name) == caller


def test_a_late_end_goes_to_the_talk_of_its_agent():
    """A caller is transferred back to the same queue. The line of the first agent's end may come last."""
    first, second = visits(
        "1795300000|c|q|NONE|ENTERQUEUE||1|1\n"
        "1795300001|c|q|A|CONNECT|1|a|1\n"
        "1795300010|c|q|NONE|ENTERQUEUE||1|1\n"
        "1795300012|c|q|B|CONNECT|2|b|1\n"
        "1795300020|c|q|B|COMPLETEAGENT|2|8|1\n"
        "1795300020|c|q|A|COMPLETEAGENT|1|19|1\n"
    )
    assert (first.agent, first.talk_seconds) == ("B", 8)
    assert (second.agent, second.talk_seconds) == ("A", 19)


def test_an_end_under_another_channel_is_found_by_its_time():
    (visit,) = visits(
        "1795300000|c|q|NONE|ENTERQUEUE||1|1\n"
        "1795300001|c|q|A|CONNECT|1|a|1\n"
        "1795300009|other|q|A|COMPLETECALLER|1|8|1\n"
    )
    assert (visit.call, visit.end, visit.talk_seconds) == ("c", "COMPLETECALLER", 8)


def test_visits_that_began_in_one_second_stay_apart():
    both = visits(
        "1795300000|c|q|NONE|ENTERQUEUE||1|1\n1795300000|c|q|NONE|EXITEMPTY|1|1|0\n"
        "1795300000|c|q|NONE|ENTERQUEUE||1|1\n1795300000|c|q|NONE|EXITEMPTY|1|1|0\n"
    )
    assert len({visit.records("pbx")[0].entered_at for visit in both}) == 2


def test_a_log_that_begins_in_mid_visit_tells_the_entry_by_the_wait():
    nothing, entered = visits(
        "1795300005|c|q|A|CONNECT|5|a|1\n1795300006|d|q|A|COMPLETEAGENT|5|60|1\n1795300007|e|q|NONE|ENTERQUEUE\n"
    )
    assert (nothing.call, nothing.outcome) == ("e", None)
    assert (entered.entered_at, entered.position) == (1_795_300_000, 0)


def test_a_start_of_asterisk_ends_what_was_open():
    open_ones = visits(
        "1795300000|c|q|NONE|ENTERQUEUE||1|1\n1795300000|d|q|A|CONNECT|0|a|0\n1795300100|NONE|NONE|NONE|QUEUESTART|\n"
    )
    assert [(visit.call, visit.restarted, visit.end) for visit in open_ones] == [
        ("c", True, ""),
        ("d", True, ""),
    ]


@pytest.mark.parametrize(("cancelled", "ringing"), [(1_795_300_009, True), (1_795_300_004, False)])
def test_an_agent_rang_when_the_caller_left(cancelled, ringing):
    (visit,) = visits(
        f"1795300000|c|q|NONE|ENTERQUEUE||1|2\n{cancelled}|c|q|A|RINGCANCELED|900\n"
        "1795300009|c|q|NONE|ABANDON|1|1|9\n"
    )
    assert visit.records("pbx")[0].ringing is ringing
