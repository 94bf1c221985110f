"""Our records compared with queue_log: every recording by the real command, and planted faults."""

import json
import lzma
import sqlite3
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from cc_bridge.cli import main
from cc_bridge.queue_log.compared_sides import QueueLogSide, RecordedSide
from cc_bridge.queue_log.differences import DifferenceKind, DifferenceReason
from cc_bridge.queue_log.parse import LineCounts, QueueLogLine, read
from cc_bridge.queue_log.reconcile import compare
from cc_bridge.queue_log.visits import QueueLogVisits
from cc_bridge.records import EndedBy, Gap, GapReason, Outcome, QueueVisit, Talk, Transfer
from support.paths import FIXTURES
from support.recordings import RECORDINGS, all_recordings, queue_log

T = 1_795_300_000.0


def names():
    return [f"{path.parent.name}/{path.name.removesuffix('.ami.gz')}" for path in all_recordings()]


def reconcile(*words):
    result = CliRunner().invoke(main, ["reconcile", *(str(word) for word in words)])
    assert result.exit_code in (0, 1), result.output
    assert not result.exception or isinstance(result.exception, SystemExit)
    return result


def found(name, log, *words):
    """Return the exit code and all differences between a recording and a log."""
    result = reconcile("--json", "--queue-log", log, "--replay", RECORDINGS / f"{name}.ami.gz", *words)
    return result.exit_code, json.loads(result.output)


@pytest.mark.parametrize("name", names())
def test_nothing_is_unexplained_in_a_recording(name):
    code, told = found(name, RECORDINGS / f"{name}.queue_log")
    assert [d for d in told["differences"] if d["reason"] is None] == []
    assert code == 0
    visits = sum(line[4] == "ENTERQUEUE" for line in queue_log(name))
    assert sum(outcome["queue_log"] for outcome in told["visits"].values()) == visits


@pytest.mark.parametrize(
    ("name", "explained"),
    [
        ("22/agent_ends_with_feature_code", {"late_end": 2}),
        ("22/attended_transfer", {"late_end": 2}),
        ("22/caller_redirected_by_ami", {"late_end": 1}),
        ("22/local_member_n_blind_transfer_by_refer", {"unseen_transfer": 2}),
        ("22/join_empty", {"not_let_in": 1}),
        ("22/ringing_member_picked_up_by_another", {"picked_up": 1}),
        ("22/blind_transfer_to_queue", {}),
        ("22/attended_transfer_completed", {}),
    ],
)
def test_known_errors_are_named(name, explained):
    assert found(name, RECORDINGS / f"{name}.queue_log")[1]["explained"] == explained


NAME = "16/three_callers_two_agents_persian_names"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("|Bob|CONNECT|", "|Alice|CONNECT|", ["agent"]),
        ("Alice|CONNECT|10|pbx-1795306025.80|1", "NONE|ABANDON|1|3|10", ["outcome"]),
        ("Alice|CONNECT|10|", "Alice|CONNECT|13|", ["wait"]),
        ("COMPLETEAGENT|2|5|2", "COMPLETEAGENT|2|3|2", ["talk"]),
        ("COMPLETEAGENT|2|5|2", "COMPLETEAGENT|2|8|2", ["talk"]),
        ("COMPLETEAGENT|2|5|2", "COMPLETECALLER|2|5|2", []),  # explained by the agent's feature code
    ],
)
def test_a_planted_fault_is_found(tmp_path, old, new, what):
    text = (RECORDINGS / f"{NAME}.queue_log").read_text()
    assert text.count(old) == 1
    log = tmp_path / "queue_log"
    log.write_text(text.replace(old, new))
    code, told = found(NAME, log)
    assert [d["what"] for d in told["differences"] if d["reason"] is None] == what
    assert code == (1 if what else 0)


def test_a_visit_that_one_side_lacks_is_found(tmp_path):
    lines = (RECORDINGS / f"{NAME}.queue_log").read_text().splitlines(keepends=True)
    log = tmp_path / "queue_log"
    log.write_text("".join(line for line in lines if "pbx-1795306015.76" not in line))
    code, told = found(NAME, log)
    assert (code, [d["what"] for d in told["differences"]]) == (1, ["extra"])
    log.write_text(
        "".join(lines[:3])
        + "1795306016|c.99|support|NONE|ENTERQUEUE||1|4\n1795306019|c.99|support|NONE|ABANDON|4|4|3\n"
        + "".join(lines[3:])
    )
    code, told = found(NAME, log)
    assert (code, [d["what"] for d in told["differences"]]) == (1, ["missing"])


def test_people_get_a_table(tmp_path):
    log = tmp_path / "queue_log"
    text = (RECORDINGS / f"{NAME}.queue_log").read_text()
    log.write_text("junk\n" + text.replace("CONNECT|10|", "CONNECT|13|"))
    result = reconcile("--queue-log", log, "--replay", RECORDINGS / f"{NAME}.ami.gz")
    assert result.exit_code == 1
    assert "answered                   3         3" in result.output
    assert "1 of 10 lines of queue_log did not fit" in result.output
    assert "wait     queue_log: 13 s; ours: 10.0 s" in result.output


def test_nothing_recorded_excuses_nothing(tmp_path):
    (tmp_path / "nothing").write_bytes(b"")
    name = "22/abandoned"
    code, told = found(name, tmp_path / "nothing")
    assert (code, told["unexplained"]) == (1, 1)
    result = reconcile(
        "--queue-log", RECORDINGS / f"{name}.queue_log", "--replay", tmp_path / "nothing", "--json"
    )
    assert (result.exit_code, json.loads(result.output)["unexplained"]) == (1, 1)


def test_a_stretch_of_time(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    name = "22/timeout_overflow_to_second_queue"
    words = ("--from", "2026-11-21 23:58:04", "--to", "2026-11-21 23:58:06")
    code, told = found(name, RECORDINGS / f"{name}.queue_log", *words)
    assert (code, told["matched"], list(told["visits"])) == (0, 1, ["answered"])


@pytest.mark.parametrize("fraction", ["", ".431200"])
def test_the_realtime_table_says_the_same_as_the_file(tmp_path, fraction):
    name = "22/blind_transfer_to_queue"
    database = sqlite3.connect(tmp_path / "realtime.sqlite")
    database.execute(
        "CREATE TABLE queue_log (id INTEGER PRIMARY KEY, time TEXT, callid TEXT, queuename TEXT, agent TEXT, "
        "event TEXT, data1 TEXT, data2 TEXT, data3 TEXT, data4 TEXT, data5 TEXT)"
    )
    for at, *fields in queue_log(name):
        (local,) = database.execute("SELECT datetime(?, 'unixepoch', '+210 minutes')", (at,)).fetchone()
        row = [local + fraction, *fields, *[""] * (9 - len(fields))]
        database.execute("INSERT INTO queue_log VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    database.commit()
    database.close()
    before = (tmp_path / "realtime.sqlite").read_bytes()
    words = ("--timezone", "Asia/Tehran", "--from", "2026-11-01", "--to", "2026-12-01")
    code, told = found(name, f"table:sqlite:///{tmp_path}/realtime.sqlite", *words)
    assert (code, told["matched"], told["lines"]) == (0, 2, 10)
    assert (tmp_path / "realtime.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--queue-log", "/no/such/log", "--replay", str(RECORDINGS / "22/abandoned.ami.gz")],
            "No such file",
        ),
        (["--queue-log", "x"], "either --database or --replay"),
        (["--queue-log", "x", "--database", "--timezone", "Mars/Base"], "no such time zone"),
        (["--queue-log", "table:nonsense", "--replay", str(RECORDINGS / "22/abandoned.ami.gz")], "not valid"),
        (
            ["--queue-log", "table:sqlite://", "--replay", str(RECORDINGS / "22/abandoned.ami.gz")],
            "queue_log",
        ),
    ],
)
def test_what_a_user_can_mend_is_told_in_a_line(words, says):
    result = CliRunner().invoke(main, ["reconcile", *words])
    assert result.exit_code in (1, 2)
    assert says in result.stderr
    assert isinstance(result.exception, SystemExit)


# -- cases without a recording


def visit(entered=0.4, left=5.4, outcome=Outcome.ABANDONED, **more):
    fields = {
        "pbx": "pbx", "call_id": "c", "uniqueid": "c", "queue": "q", "entered_at": T + entered,
        "left_at": T + left, "outcome": outcome, "agent": None, "interface": None, "position": 1,
        "caller_number": "", "caller_name": "", "language": "", "ringing": False, "decided_by": "",
    }  # fmt: skip
    return QueueVisit(**fields | more)


def talk(answered=5.4, ended=65.4, by=EndedBy.AGENT, transfer=None):
    return Talk(
        pbx="pbx", call_id="c", uniqueid="c", agent_uniqueid="a", queue="q", agent="A", interface="",
        answered_at=T + answered, ended_at=T + ended, hold_seconds=0.0, holds=0, ended_by=by,
        transfer=transfer, transfer_target=None,
    )  # fmt: skip


def log(*lines, since=-60, until=600):
    """Return the log's side of a comparison: caller c in queue q, from (seconds, agent, event, data...)."""
    visits = QueueLogVisits()
    told = [QueueLogLine(T + at, "c", "q", agent, event, list(data)) for at, agent, event, *data in lines]
    made = [made for line in told for made in visits.feed(line)]
    return QueueLogSide([*made, *visits.finish()], T + since, T + until)


def reasons(theirs, ours):
    return [(d.what, d.reason) for d in compare(theirs, ours).differences]


ENTER = (0, "NONE", "ENTERQUEUE", "", "1", "1")
ABANDON = (5, "NONE", "ABANDON", "1", "1", "5")
CONNECT = (5, "A", "CONNECT", "5", "a", "1")
COMPLETE = (65, "A", "COMPLETEAGENT", "5", "60", "1")


@pytest.mark.parametrize(
    ("outcome", "end", "reason"),
    [
        (Outcome.ABANDONED, "EXITEMPTY", None),
        (Outcome.LEAVE_UNAVAILABLE, "EXITEMPTY", DifferenceReason.ONE_WORD),
        (Outcome.TRANSFERRED_AWAY, "EXITEMPTY", DifferenceReason.ONE_WORD),
        (Outcome.TRANSFERRED_AWAY, "ABANDON", DifferenceReason.REDIRECTED),
        (Outcome.TIMED_OUT, "ABANDON", None),
        (Outcome.UNOBSERVED, "ABANDON", None),
    ],
)
def test_outcomes_for_which_the_log_has_another_word(outcome, end, reason):
    theirs = log(ENTER, (5, "NONE", end, "1", "1", "5"))
    assert reasons(theirs, RecordedSide([visit(outcome=outcome)], [])) == [(DifferenceKind.OUTCOME, reason)]


def gap(start, end):
    return Gap("pbx", T + start, T + end, "link_lost", 1)


@pytest.mark.parametrize(
    ("gaps", "reason"), [([gap(3, 9)], DifferenceReason.GAP), ([gap(7, 9), gap(-9, -1)], None), ([], None)]
)
def test_a_gap_excuses_what_it_touches(gaps, reason):
    theirs = log(ENTER, ABANDON)
    assert reasons(theirs, RecordedSide([], [], gaps=gaps)) == [(DifferenceKind.MISSING, reason)]
    unobserved = visit(outcome=Outcome.UNOBSERVED)
    assert reasons(theirs, RecordedSide([unobserved], [], gaps=gaps)) == [(DifferenceKind.OUTCOME, reason)]
    # A wrong outcome is not explained by a gap.
    assert reasons(theirs, RecordedSide([visit(outcome=Outcome.TIMED_OUT)], [], gaps=gaps)) == [
        (DifferenceKind.OUTCOME, None)
    ]


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        (-60, 600, None),
        (3, 600, DifferenceReason.WE_BEGAN),
        (-60, 4, DifferenceReason.WE_ENDED),
        (0.5, 600, None),
    ],
)
def test_the_edges_of_our_observation(since, until, reason):
    ours = RecordedSide([], [], T + since, T + until)
    assert reasons(log(ENTER, ABANDON), ours) == [(DifferenceKind.MISSING, reason)]


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [(-60, 600, None), (3, 600, DifferenceReason.LOG_BEGAN), (-60, 4, DifferenceReason.LOG_ENDED)],
)
def test_the_edges_of_the_log(since, until, reason):
    assert reasons(log(since=since, until=until), RecordedSide([visit()], [])) == [
        (DifferenceKind.EXTRA, reason)
    ]


def test_a_visit_without_an_end_in_the_log():
    assert reasons(log(ENTER), RecordedSide([visit()], [])) == [(DifferenceKind.OUTCOME, None)]
    assert reasons(log(ENTER, until=3), RecordedSide([visit()], [])) == [
        (DifferenceKind.OUTCOME, DifferenceReason.LOG_ENDED)
    ]
    assert reasons(log(ENTER), RecordedSide([], [])) == [(DifferenceKind.MISSING, DifferenceReason.LOG_ENDED)]
    again = (9, *ENTER[1:])
    assert reasons(log(ENTER, again), RecordedSide([], []))[0] == (DifferenceKind.MISSING, None)
    start = (9, "NONE", "QUEUESTART")
    assert reasons(log(ENTER, start), RecordedSide([visit()], [])) == [
        (DifferenceKind.OUTCOME, DifferenceReason.RESTART)
    ]


ANSWERED = visit(outcome=Outcome.ANSWERED, agent="A")


@pytest.mark.parametrize(
    ("end", "ours", "differences"),
    [
        (COMPLETE, talk(), []),
        (COMPLETE, talk(ended=66.9), [(DifferenceKind.TALK, None)]),
        (COMPLETE, talk(ended=60.4), [(DifferenceKind.TALK, None)]),
        (COMPLETE, None, [(DifferenceKind.TALK, None)]),
        (
            (5, "A", "COMPLETECALLER", "5", "0", "1"),
            None,
            [(DifferenceKind.TALK, DifferenceReason.NEVER_SPOKE)],
        ),
        (COMPLETE, talk(by=EndedBy.CALLER), [(DifferenceKind.TALK_END, None)]),
        (COMPLETE, talk(by=EndedBy.SYSTEM), []),
        (
            COMPLETE,
            talk(ended=20, by=EndedBy.TRANSFER, transfer=Transfer.BLIND),
            [
                (DifferenceKind.TALK, DifferenceReason.UNSEEN_TRANSFER),
                (DifferenceKind.TALK_END, DifferenceReason.UNSEEN_TRANSFER),
            ],
        ),
        (
            (65, "A", "BLINDTRANSFER", "1", "x", "5", "60", "1"),
            talk(by=EndedBy.TRANSFER, transfer=Transfer.ATTENDED),
            [(DifferenceKind.TALK_END, None)],
        ),
        ((6, "B", "RINGNOANSWER", "1000"), talk(), [(DifferenceKind.TALK, DifferenceReason.NO_END)]),
        (COMPLETE, talk(ended=9, by=EndedBy.UNOBSERVED), [(DifferenceKind.TALK, None)]),
    ],
)
def test_talks(end, ours, differences):
    talks = [] if ours is None else [ours]
    assert reasons(log(ENTER, CONNECT, end), RecordedSide([ANSWERED], talks)) == differences


def test_a_talk_that_a_gap_cut_off():
    ours = RecordedSide([ANSWERED], [talk(ended=9, by=EndedBy.UNOBSERVED)], gaps=[gap(9, 20)])
    assert reasons(log(ENTER, CONNECT, COMPLETE), ours) == [(DifferenceKind.TALK, DifferenceReason.GAP)]


@pytest.mark.parametrize(
    ("gaps", "reason"),
    [([], DifferenceReason.NEVER_SPOKE), ([gap(4, 5.5)], DifferenceReason.GAP)],
)
def test_a_gap_explains_a_short_talk_without_a_record(gaps, reason):
    end = (5, "A", "COMPLETECALLER", "5", "0", "1")
    ours = RecordedSide([ANSWERED], [], gaps=gaps)
    assert reasons(log(ENTER, CONNECT, end), ours) == [(DifferenceKind.TALK, reason)]


@pytest.mark.parametrize(
    ("talks", "gaps", "reason"),
    [
        ([replace(talk(), picked_up=True)], [], DifferenceReason.PICKED_UP),
        ([talk()], [gap(9, 20)], None),
        ([], [gap(9, 20)], DifferenceReason.GAP),
    ],
)
def test_another_agent_is_explained_by_a_talk_or_by_its_absence(talks, gaps, reason):
    other = replace(ANSWERED, agent="Bob")
    found = reasons(log(ENTER, CONNECT, COMPLETE), RecordedSide([other], talks, gaps=gaps))
    assert (DifferenceKind.AGENT, reason) in found


def test_another_channel_of_the_same_call_is_the_same_visit():
    ours = RecordedSide([visit(uniqueid="local;2")], [])
    assert reasons(log(ENTER, ABANDON), ours) == [(DifferenceKind.CHANNEL, DifferenceReason.OTHER_LEG)]


def test_of_two_visits_in_one_queue_the_missing_one_is_named():
    later = [(at + 5, *rest) for at, *rest in (ENTER, ABANDON)]
    (difference,) = compare(log(ENTER, ABANDON, *later), RecordedSide([visit(5.9, 10.4)], [])).differences
    assert (difference.what, difference.at, difference.reason) == (DifferenceKind.MISSING, T, None)


# -- less usual logs and calls

ODD = FIXTURES / "queue_log"


@pytest.mark.parametrize(
    ("name", "matched", "explained"),
    [
        ("agent_complete_comes_late", 0, {"late_end": 1}),
        ("queue_name_in_other_case", 1, {}),
        ("queue_refused_in_another_case", 2, {"not_let_in": 1}),
    ],
)
def test_causes_of_less_usual_calls(name, matched, explained):
    words = ("--queue-log", ODD / f"{name}.queue_log", "--replay", ODD / f"{name}.ami.gz", "--json")
    result = reconcile(*words)
    told = json.loads(result.output)
    assert (result.exit_code, told["matched"], told["explained"]) == (0, matched, explained)
    assert told["unexplained"] == 0


def test_imported_records_are_partial_if_the_clock_was_put_back():
    log = (
        b"1795003600|1.1|sales|NONE|ENTERQUEUE||0912|1\n1795000010|1.1|sales|Ali|CONNECT|-3590|1.2|1\n"
        b"1795000020|1.1|sales|Ali|COMPLETEAGENT|-3590|10|1\n"
        b"1795000100|1.3|sales|NONE|ENTERQUEUE||0913|1\n1795000110|1.3|sales|Ali|CONNECT|10|1.4|1\n"
        b"1795000120|1.3|sales|Ali|COMPLETEAGENT|10|10|1\n"
    )
    visits = QueueLogVisits()
    found = [visit.records("pbx") for line in read([log], LineCounts()) for visit in visits.feed(line)]
    marks = [(visit.uniqueid, visit.partial, talk and talk.partial) for visit, talk in found]
    assert marks == [("1.1", True, True), ("1.3", False, False)]


def test_a_clock_that_is_put_back_hides_no_visit():
    words = ("--queue-log", ODD / "clock_put_back_an_hour.queue_log")
    result = reconcile(*words, "--replay", ODD / "clock_put_back_an_hour.ami.gz", "--json")
    told = json.loads(result.output)
    assert (result.exit_code, told["unexplained"]) == (0, 0)
    assert {d["what"] for d in told["differences"]} <= {"wait", "talk", "talk_end"}


def test_a_clock_that_is_put_back_a_second_is_shown_by_the_records_alone():
    waited = replace(ANSWERED, entered_at=T - 2, left_at=T + 5.4, partial=True)
    spoken = replace(talk(answered=5.4, ended=67.4), partial=True)
    step = Gap("pbx", T + 60, T + 60, GapReason.CLOCK_STEP, 1)
    end = (65, "A", "COMPLETEAGENT", "5", "60", "1")
    ours = RecordedSide([waited], [spoken], gaps=[step])
    assert reasons(log(ENTER, CONNECT, end), ours) == [
        (DifferenceKind.WAIT, DifferenceReason.CLOCK_STEP),
        (DifferenceKind.TALK, DifferenceReason.CLOCK_STEP),
    ]
    whole = RecordedSide([replace(waited, partial=False)], [replace(spoken, partial=False)])
    assert reasons(log(ENTER, CONNECT, end), whole) == [
        (DifferenceKind.WAIT, None),
        (DifferenceKind.TALK, None),
    ]


@pytest.mark.parametrize(
    ("end", "hung_up", "reason"),
    [
        (COMPLETE, 60.5, DifferenceReason.LATE_END),  # the agent's channel ended with the talk
        (COMPLETE, 65.2, None),  # the channel lasted as long as queue_log's talk, so our talk is too short
        (COMPLETE, None, None),
        ((65, "A", "COMPLETEAGENT", "5", "90", "1"), 60.5, None),  # longer than until its line
    ],
)
def test_a_late_end_is_shown_by_another_record(end, hung_up, reason):
    over = {} if hung_up is None else {"a": [T + hung_up]}
    ours = RecordedSide([ANSWERED], [talk(ended=60.4)], over=over)
    assert reasons(log(ENTER, CONNECT, end), ours) == [(DifferenceKind.TALK, reason)]


@pytest.mark.parametrize("end", [COMPLETE, (65, "A", "COMPLETECALLER", "5", "60", "1")])
def test_a_parked_caller_spoke_with_others_until_the_end_in_queue_log(end):
    ours = RecordedSide([ANSWERED], [talk(ended=9, by=EndedBy.SYSTEM)])
    assert reasons(log(ENTER, CONNECT, end), ours) == [(DifferenceKind.TALK, DifferenceReason.LATE_END)]


def consulted(end, seconds):
    """Return the line that ends the colleague's talk, which started at the fifth second."""
    return (5 + seconds, "A", end, "BRIDGE", "x", "5", str(seconds), "1")


@pytest.mark.parametrize(
    ("end", "customer", "reason"),
    [
        (consulted("ATTENDEDTRANSFER", 35), (40.4, 65.4), DifferenceReason.CONSULTATION),
        ((65, "A", "COMPLETEAGENT", "5", "60", "1"), (40.4, 65.4), DifferenceReason.CONSULTATION),
        ((65, "A", "COMPLETEAGENT", "5", "60", "1"), (40.4, 90.4), None),
        (consulted("ATTENDEDTRANSFER", 60), (40.4, 65.4), None),
    ],
)
def test_a_customer_who_was_connected_later_was_consulted_about(end, customer, reason):
    ours = RecordedSide([ANSWERED], [talk(*customer)])
    assert {found for _, found in reasons(log(ENTER, CONNECT, end), ours)} == {reason}


@pytest.mark.parametrize(("until", "reason"), [(70, DifferenceReason.CONSULTATION), (40, None)])
def test_a_consultation_alone_is_part_of_another_talk_of_the_call(until, reason):
    other = replace(talk(1, until), agent="B", queue="", uniqueid="c2")
    found = reasons(log(ENTER, CONNECT, COMPLETE), RecordedSide([ANSWERED], [other]))
    assert found == [(DifferenceKind.TALK, reason)]


@pytest.mark.parametrize(
    ("bridged", "reason"),
    [
        ({"a": [T + 5.4, T + 67], "c": [T + 5.4, T + 68]}, DifferenceReason.CONFERENCE),
        ({"a": [T + 5.4, T + 67], "c": [T + 5.4]}, None),
        ({}, None),
    ],
)
def test_a_conference_is_a_talk_in_another_bridge(bridged, reason):
    ours = RecordedSide([ANSWERED], [talk(ended=90.4)], bridged=bridged)
    assert reasons(log(ENTER, CONNECT, COMPLETE), ours) == [(DifferenceKind.TALK, reason)]


NAMES = ["time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5"]


def make_table(path, name, columns, rows):
    database = sqlite3.connect(path)
    named = ", ".join(f'"{column}" {kind}' for column, kind in columns)
    database.execute(f'CREATE TABLE "{name}" ({named})')
    marks = ", ".join("?" * len(columns))
    database.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
    database.commit()
    database.close()
    return f"table:sqlite:///{path}"


def local(at):
    return datetime.fromtimestamp(int(at), ZoneInfo("Asia/Tehran")).strftime("%Y-%m-%d %H:%M:%S.000000")


@pytest.mark.parametrize(
    ("table", "columns", "row"),
    [
        ("queuelog", NAMES, lambda at, *f: [local(at), *f]),
        ("QueueLog", [n.upper() for n in NAMES], lambda at, *f: [local(at), *f]),
        ("queuelog", NAMES[:9], lambda at, *f: [local(at), *f[:8]]),
        ("queuelog", [*NAMES[:5], "data"], lambda at, *f: [local(at), *f[:4], "|".join(f[4:])]),
        ("queuelog", NAMES, lambda at, *f: [at, *f]),
        ("queuelog", NAMES, lambda at, *f: [int(at), *f]),
        ("queuelog", NAMES, lambda at, *f: [float(at), *f]),
    ],
    ids=["name", "capitals", "four", "single", "epoch text", "epoch integer", "epoch real"],
)
def test_tables_of_all_sites(tmp_path, table, columns, row):
    name = "22/blind_transfer_to_queue"
    rows = [row(at, *fields, *[""] * (9 - len(fields))) for at, *fields in queue_log(name)]
    kind = {int: "INTEGER", float: "REAL", str: "VARCHAR(80)"}[type(rows[0][0])]
    typed = [(column, kind if column.lower() == "time" else "VARCHAR(80)") for column in columns]
    url = make_table(tmp_path / "realtime.sqlite", table, typed, rows)
    words = ("--timezone", "Asia/Tehran", "--from", "2026-11-01", "--to", "2026-12-01")
    code, told = found(name, f"{url}#{table}", *words)
    assert (code, told["matched"], told["lines"], told["junk_lines"]) == (0, 2, 10, 0)
    none = found(name, f"{url}#{table}", "--timezone", "Asia/Tehran", "--to", "2026-11-01")
    assert none[1]["lines"] == 0


@pytest.mark.parametrize(
    ("columns", "says"), [(NAMES[:5], "lacks the column data1"), (NAMES[1:], "lacks the column time")]
)
def test_a_table_without_a_needed_column_says_so(tmp_path, columns, says):
    url = make_table(tmp_path / "x.sqlite", "queuelog", [(name, "TEXT") for name in columns], [])
    result = reconcile("--queue-log", f"{url}#queuelog", "--replay", RECORDINGS / "22/abandoned.ami.gz")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"the table queuelog {says}" in result.stderr


@pytest.mark.parametrize("command", ["reconcile", "import-queue-log"])
def test_a_log_of_which_no_line_fits_is_an_error(tmp_path, monkeypatch, command):
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"sqlite:///{tmp_path}/calls.sqlite")
    file = tmp_path / "queue_log.csv"
    file.write_text("time,callid,queue\n1,2,3\n")
    words = [str(file)]
    if command == "reconcile":
        words = ["--queue-log", *words, "--replay", str(RECORDINGS / "22/abandoned.ami.gz")]
    result = CliRunner().invoke(main, [command, *words])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].endswith("none of 2 lines is a line of queue_log")


@pytest.mark.parametrize(
    ("encoding", "name", "seen", "warned"),
    [
        ("utf-8", "زهرا", "utf-8", False),
        ("windows-1256", "زهرا", "windows-1256", False),
        ("latin-1", "Jérôme", "latin-1", False),
        ("windows-1256", "زهرا", "utf-8", True),
    ],
)
def test_a_log_in_another_encoding(tmp_path, monkeypatch, encoding, name, seen, warned):
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"sqlite:///{tmp_path}/calls.sqlite")
    file = tmp_path / "queue_log.xz"
    lines = f"1795300000|c|q|NONE|ENTERQUEUE||1|1\n1795300005|c|q|{name}|CONNECT|5|a|1\n"
    file.write_bytes(lzma.compress(lines.encode(encoding)))
    result = CliRunner().invoke(main, ["import-queue-log", str(file), "--encoding", seen])
    assert result.exit_code == 0
    assert ("1 lines of queue_log have bytes that are not of the encoding" in result.stderr) is warned
    database = sqlite3.connect(tmp_path / "calls.sqlite")
    ((agent,),) = database.execute("SELECT agent FROM queue_visits").fetchall()
    database.close()
    assert (agent == name) is not warned


def test_an_unknown_encoding_is_told_in_a_line(tmp_path):
    result = CliRunner().invoke(main, ["import-queue-log", str(tmp_path), "--encoding", "klingon"])
    assert result.exit_code == 2
    assert "no such encoding: klingon" in result.stderr


def imported(tmp_path, monkeypatch, log):
    """Import a log. Return the command's result and the stored visits."""
    monkeypatch.setenv("CC_BRIDGE_STORAGE__URL", f"sqlite:///{tmp_path}/calls.sqlite")
    result = CliRunner().invoke(main, ["import-queue-log", str(log)])
    database = sqlite3.connect(tmp_path / "calls.sqlite")
    rows = database.execute(
        "SELECT uniqueid, queue, caller_number, outcome, position, wait_seconds FROM queue_visits "
        "ORDER BY entered_at"
    ).fetchall()
    database.close()
    return result, rows


def test_a_consultation_under_two_channels_is_one_visit(tmp_path, monkeypatch):
    result, rows = imported(tmp_path, monkeypatch, ODD / "consult_under_two_channels.queue_log")
    assert result.stdout == "2 visits and 2 talks from 9 lines\n"
    assert "no end" not in result.stderr
    assert rows == [
        ("1717397243.100", "1501", "9030000000", "answered", 1, 12.0),
        ("1717397243.100", "1509", "9030000000", "answered", 1, 7.0),
    ]


def test_events_of_wazo_are_outcomes_or_counted(tmp_path, monkeypatch):
    result, rows = imported(tmp_path, monkeypatch, ODD / "wazo_own_events.queue_log")
    assert rows == [
        ("1700000000.1", "sales", "", "queue_full", 0, 0.0),
        ("1700000020.1", "sales", "", "join_empty", 0, 0.0),
        ("1700000050.1", "sales", "0912", "leave_empty", 1, 10.0),
    ]
    assert "4 lines have unknown events and were skipped: CLOSED 1, DIVERT_CA_RATIO 1" in result.stderr


def test_a_queue_is_spelled_as_the_members_lines_spell_it(tmp_path, monkeypatch):
    _, rows = imported(tmp_path, monkeypatch, ODD / "queue_refused_in_another_case.queue_log")
    assert [row[1] for row in rows] == ["sales", "nobody"]


def test_a_table_is_imported(tmp_path, monkeypatch):
    rows = [
        [at, *fields, *[""] * (9 - len(fields))] for at, *fields in queue_log("22/blind_transfer_to_queue")
    ]
    typed = [(name, "VARCHAR(80)") for name in NAMES]
    url = make_table(tmp_path / "realtime.sqlite", "queuelog", typed, rows)
    result, stored = imported(tmp_path, monkeypatch, f"{url}#queuelog")
    assert result.exit_code == 0
    assert [row[3] for row in stored] == ["answered", "timed_out"]


@pytest.mark.parametrize(
    ("started", "reason"),
    [(80, DifferenceReason.CONFERENCE), (90.5, None), (4, None)],
)
def test_a_conference_is_a_talk_that_another_agent_joined(started, reason):
    other = replace(talk(ended=95.4), agent="Carol", agent_uniqueid="c", queue="", answered_at=T + started)
    ours = RecordedSide([ANSWERED], [talk(ended=90.4), other])
    assert reasons(log(ENTER, CONNECT, COMPLETE), ours) == [(DifferenceKind.TALK, reason)]
