"""Limits of label values: more queues and agents than a limit count together."""

from prometheus_client import CollectorRegistry

from cc_bridge.calls.events import MemberSeen
from cc_bridge.calls.tracker import Tracker
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.records import Outcome
from unit.metrics.test_families import talk, visit
from unit.metrics.test_record_metrics import Agi, Link, Store, samples


def test_queues_beyond_the_limit_count_together(logged):
    metrics = RecordMetrics(CollectorRegistry(), "main", [20], max_queues=2)
    for queue in ("a", "b", "c", "d"):
        metrics.init_queue(queue, 20)
        metrics.count_visit(visit(Outcome.ANSWERED, queue=queue), 20, 5)
    page = samples(metrics)
    visits = {key[2]: n for key, n in page.items() if key[0] == "cc_bridge_visits_total" and n}
    assert visits == {"a": 1, "b": 1, "(other)": 2}
    assert page["cc_bridge_label_overflows_total", "queue"] == 6
    assert page["cc_bridge_label_overflows_total", "agent"] == 0
    assert len([each for each in logged if each.get("label") == "queue"]) == 1


def test_agents_beyond_the_limit_count_together():
    metrics = RecordMetrics(CollectorRegistry(), "main", [20], agents=True, max_agents=1)
    for agent in ("Sara", "Reza", "Ali"):
        metrics.count_talk(talk(agent), 0)
    page = samples(metrics)
    talks = {key[1]: n for key, n in page.items() if key[0] == "cc_bridge_agent_talks_total"}
    assert talks == {"Sara": 1, "(other)": 2}


def test_live_figures_keep_to_the_limit():
    metrics = RecordMetrics(CollectorRegistry(), "main", [20], max_queues=2)
    tracker = Tracker("main", ["a"])
    for queue in ("b", "c", "d"):
        tracker.apply(MemberSeen(0, queue, "PJSIP/201", "Sara", 1, False, "", 0))
    metrics.watch(tracker, Link(), Store(), Agi())
    page = samples(metrics)
    assert {key[1] for key in page if key[0] == "cc_bridge_callers_waiting"} >= {"(other)"}
    assert len([key for key in page if key[0] == "cc_bridge_callers_waiting"]) == 3
    members = {key[1:]: n for key, n in page.items() if key[0] == "cc_bridge_queue_members"}
    assert sum(n for (_, state), n in members.items() if state == "available") == 3
