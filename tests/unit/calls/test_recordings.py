"""Each recording as a story of visits, rings and talks, compared with Asterisk's queue_log."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.tracker import Tracker
from cc_bridge.calls.visit import REFUSALS
from cc_bridge.offline.replay import read_stream, replay
from cc_bridge.records import QueueVisit, Ring, Talk
from support.recordings import EVERYDAY, RECORDINGS, all_recordings, queue_log, recording


def records_of(name):
    return list(replay(iter([recording(name)]), Tracker("pbx"), MessageCounts()))


def story(records):
    """Return each record as a line, with times rounded to 0.1 s."""
    lines = []
    for record in records:
        match record:
            case QueueVisit():
                by = f" by {record.agent}" if record.agent else ""
                lines.append(f"{record.queue}: {record.outcome}{by} after {record.wait_seconds:.1f}")
            case Ring():
                lines.append(f"  rang {record.agent} {record.ring_seconds:.1f}: {record.outcome}")
            case Talk():
                hold = f", {record.hold_seconds:.1f} on hold" if record.holds else ""
                how = f" ({record.transfer} to {record.transfer_target})" if record.transfer else ""
                talked = f"talked to {record.agent} {record.talk_seconds:.1f}{hold}"
                lines.append(f"  {talked}, ended by {record.ended_by}{how}")
    return lines


STORIES = {
    "abandoned": ["  rang Dave 3.0: no_answer", "nobody: abandoned after 3.5"],
    "abandoned_short": ["nobody: abandoned after 0.5", "  rang Dave 0.5: caller_gone"],
    "answered_agent_hangup_survey": [
        "support: answered by Alice after 1.0",
        "  rang Alice 1.0: answered",
        "  talked to Alice 5.5, ended by agent",
    ],
    "answered_caller_hangup": [
        "support: answered by Alice after 1.0",
        "  rang Alice 1.0: answered",
        "  talked to Alice 2.5, ended by caller",
    ],
    "direct_dial_no_queue": [],
    "join_empty": ["empty: join_empty after 0.0"],
    "exit_with_key": ["  rang Dave 1.7: caller_gone", "keyexit: left_by_key after 1.7"],
    "local_agents_freepbx_style": [
        "freepbx: answered by Alice after 1.0",
        "  rang Alice 1.0: answered",
        "  talked to Alice 5.5, ended by agent",
    ],
    "ringall_two_agents": [
        "  rang Bob 1.0: answered_elsewhere",
        "all: answered by Alice after 1.0",
        "  rang Alice 1.0: answered",
        "  talked to Alice 5.5, ended by agent",
    ],
    "three_callers_two_agents_persian_names": [
        "support: answered by Alice after 1.0",
        "  rang Alice 1.0: answered",
        "support: answered by Bob after 2.0",
        "  rang Bob 2.0: answered",
        "  talked to Alice 5.5, ended by agent",
        "  talked to Bob 5.5, ended by agent",
        "support: answered by Alice after 10.0",
        "  rang Alice 1.0: answered",
        "  talked to Alice 5.5, ended by agent",
    ],
    "timeout_overflow_to_second_queue": [
        "  rang Dave 3.0: no_answer",
        "nobody: timed_out after 5.0",
        "  rang Dave 1.0: no_answer",
        "support: answered by Alice after 1.0",
        "  rang Alice 1.0: answered",
        "  talked to Alice 5.5, ended by agent",
    ],
}


def in_any_order(lines):
    return sorted(lines)


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("version", ["16", "22"])
def test_the_story_of_a_recording(version, name):
    # A ring may end just before or after its visit, depending on Asterisk's threads.
    assert in_any_order(story(records_of(f"{version}/{name}"))) == in_any_order(STORIES[name])


HARDER = {
    "agent_busy_then_second_agent": [
        "  rang Agent One 0.0: busy",
        "qlin: answered by Agent Two after 1.0",
        "  rang Agent Two 1.0: answered",
        "  talked to Agent Two 3.0, ended by agent",
    ],
    "agent_ends_with_feature_code": [  # AgentComplete has 6 s, ended by the caller
        "qa: answered by Agent One after 1.0",
        "  rang Agent One 1.0: answered",
        "  talked to Agent One 2.4, ended by agent",
    ],
    "agent_hangs_up_during_announce": [
        "  rang Agent One 1.0: declined",
        "qrep: abandoned after 8.5",
        "  rang Agent One 3.5: caller_gone",
    ],
    "agent_holds_and_resumes": [
        "qa: answered by Agent One after 1.0",
        "  rang Agent One 1.0: answered",
        "  talked to Agent One 4.5, 2.0 on hold, ended by agent",
    ],
    "agent_pool_member": [
        "qpool: answered by Pool One after 4.4",
        "  rang Pool One 0.4: answered",
        "  talked to Pool One 1.1, ended by caller",
    ],
    "attended_transfer": [  # never connected; AgentComplete has 25 s, ended by the caller
        "support: answered by Alice after 1.0",
        "  rang Alice 1.0: answered",
        "  talked to Alice 5.5, 4.2 on hold, ended by agent",
    ],
    "attended_transfer_completed": [
        "qa: answered by Agent One after 1.0",
        "  rang Agent One 1.0: answered",
        "  talked to Agent One 6.7, 4.8 on hold, ended by transfer (attended to 1002)",
    ],
    "blind_transfer_by_refer_to_second_queue": [
        "qa: answered by Agent One after 1.0",
        "  rang Agent One 1.0: answered",
        "  talked to Agent One 1.5, ended by transfer (blind to 200)",
        "qb: answered by Agent Two after 1.0",
        "  rang Agent Two 1.0: answered",
        "  talked to Agent Two 3.0, ended by agent",
    ],
    "caller_redirected_by_ami": [  # AgentComplete adds the 3 s after it
        "qa: answered by Agent One after 1.0",
        "  rang Agent One 1.0: answered",
        "  talked to Agent One 2.0, ended by system",
    ],
    "local_member_n_blind_transfer_by_refer": [  # AgentComplete has 5 s for Agent One
        "qloc: answered by Agent One after 1.0",
        "  rang Agent One 1.0: answered",
        "  talked to Agent One 1.5, ended by transfer (blind to 200)",
        "qb: answered by Agent Two after 1.0",
        "  rang Agent Two 1.0: answered",
        "  talked to Agent Two 3.0, ended by agent",
    ],
    "local_member_optimised_away": [
        "qlocopt: answered by Agent One after 1.0",
        "  rang Agent One 1.0: answered",
        "  talked to Agent One 3.0, ended by agent",
    ],
    "queue_empties_while_waiting": ["qleave: leave_empty after 6.0", "  rang Agent One 6.0: no_answer"],
    "ringing_member_picked_up_by_another": [  # AgentConnect names Agent One, but that phone only rang
        "qa: answered by Agent Two after 2.0",
        "  rang Agent One 2.0: answered_elsewhere",
        "  talked to Agent Two 3.0, ended by agent",
    ],
}


@pytest.mark.parametrize("name", HARDER)
def test_the_story_of_a_harder_recording(name):
    assert in_any_order(story(records_of(f"22/{name}"))) == in_any_order(HARDER[name])


OUTCOMES_OF_QUEUE_LOG = {
    "CONNECT": "answered",
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timed_out",
    "EXITWITHKEY": "left_by_key",
    "EXITEMPTY": "leave_empty",
}


@pytest.mark.parametrize(
    "name",
    [f"{version}/{name}" for version in ("16", "22") for name in EVERYDAY] + ["22/mix"],
)
def test_outcomes_agents_and_queues_are_those_of_queue_log(name):
    # queue_log has no line for a caller that the queue refused.
    visits = [
        record
        for record in records_of(name)
        if isinstance(record, QueueVisit) and record.outcome not in REFUSALS
    ]
    ours = Counter((visit.uniqueid, visit.queue, str(visit.outcome), visit.agent) for visit in visits)
    asterisks = Counter(
        (call, queue, OUTCOMES_OF_QUEUE_LOG[event], agent if event == "CONNECT" else None)
        for _, call, queue, agent, event, *_ in queue_log(name)
        if event in OUTCOMES_OF_QUEUE_LOG
    )
    assert ours == asterisks


@pytest.mark.parametrize("name", [f"22/{name}" for name in EVERYDAY])
def test_waits_are_those_of_queue_log_within_its_whole_second(name):
    waits = {
        (visit.uniqueid, visit.queue): visit.wait_seconds
        for visit in records_of(name)
        if isinstance(visit, QueueVisit)
    }
    place = {"CONNECT": 5, "ABANDON": 7, "EXITWITHTIMEOUT": 7, "EXITWITHKEY": 8}
    logged = [fields for fields in queue_log(name) if fields[4] in place]
    assert len(logged) == len(waits)
    for fields in logged:
        assert abs(waits[fields[1], fields[2]] - int(fields[place[fields[4]]])) < 1.0


@pytest.mark.parametrize(
    "path",
    [*all_recordings(), RECORDINGS / "load-22.ami.gz"],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_nothing_stays_behind_and_nothing_is_unexpected(path):
    tracker, counts = Tracker("pbx"), MessageCounts()
    for _ in replay(read_stream(path), tracker, counts):
        pass
    assert counts.dropped == 0
    assert tracker.unexpected == 0
    assert not tracker.visits
    assert not tracker.talks.by_leg.all()
    assert not tracker.state.rings
    assert not tracker.talks._parted


@pytest.mark.parametrize("path", all_recordings(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_random_cuts_tell_the_same_story(path):
    stream = b"".join(read_stream(path))
    rng = random.Random(path.name)
    cuts = [0, *sorted(rng.sample(range(len(stream)), 300)), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(cuts)]
    whole = list(replay(iter([stream]), Tracker("pbx"), MessageCounts()))
    assert list(replay(iter(pieces), Tracker("pbx"), MessageCounts())) == whole


def test_a_second_is_a_second_of_the_pbx_not_of_the_arrival():
    """Wait and talk times come from the Timestamp headers, with microseconds."""
    visit, talk = [r for r in records_of("22/answered_caller_hangup") if isinstance(r, QueueVisit | Talk)]
    stamps = {}
    for block in recording("22/answered_caller_hangup").decode().split("\r\n\r\n"):
        headers = dict(line.split(": ", 1) for line in block.split("\r\n") if ": " in line)
        stamps.setdefault(headers.get("Event"), []).append(headers.get("Timestamp"))
    assert visit.entered_at == float(stamps["QueueCallerJoin"][0])
    assert visit.left_at == float(stamps["AgentConnect"][0])
    assert talk.answered_at == float(stamps["BridgeEnter"][1])
    assert talk.ended_at == float(stamps["BridgeLeave"][0])
