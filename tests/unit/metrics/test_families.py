"""The catalogue of metrics equals the exported metrics, with the stated numbers of series."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

import cc_bridge
from cc_bridge.calls.events import MemberSeen
from cc_bridge.calls.tracker import Tracker
from cc_bridge.follow_ups.follow_up import FollowUp, FollowUpCount
from cc_bridge.metrics.families import BY_NAME, SIZES, MetricFamily
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.records import (
    Answer,
    Call,
    Direction,
    EndedBy,
    Gap,
    GapReason,
    NotRoutedCall,
    Outcome,
    QueueVisit,
    Ring,
    RingOutcome,
    SurveyDecision,
    SurveyResult,
    Talk,
    Trigger,
)
from cc_bridge.surveys.callback import NoCallbackReason
from cc_bridge.surveys.eligibility import NotAskedReason, SurveyStage
from unit.metrics.test_record_metrics import (
    Agi,
    Digests,
    Files,
    Forwarder,
    Http,
    Link,
    Store,
    Webhooks,
    samples,
)

# The stages of an interview, from `surveys/interview.py` and `agi/survey_session.py`.
STAGES = [
    "invited", "started", "answered", "invalid", "no_input", "skipped", "not_recorded", "not_stored",
    "opted_out", "hung_up", SurveyResult.COMPLETE, SurveyResult.PARTIAL, SurveyResult.DECLINED,
]  # fmt: skip


def visit(outcome, wait=1, queue="sales"):
    return QueueVisit("main", "1", "1", queue, 100, 100 + wait, outcome, None, None, 1, "", "", "", False, "")


def talk(agent, ended_by=EndedBy.AGENT, queue="sales"):
    return Talk("main", "1", "1", "2", queue, agent, "PJSIP/201", 0, 60, 3, 1, ended_by, None, None)


def asked(stage, trigger=Trigger.QUEUE, queue="sales"):
    return SurveyDecision("main", "1", "1", queue, "Sara", "PJSIP/201", 0, "csat", trigger, stage, "")


def everything():
    """Return metrics that have counted at least one of each event."""
    metrics = RecordMetrics(CollectorRegistry(), "main", [20, 5, 17], agents=True)
    tracker = Tracker("main", ["sales", "support"])
    metrics.watch(tracker, Link(), Store(), Agi(), Forwarder(), Webhooks(), Digests(), Http(), Files())
    for queue in ("sales", "support"):
        metrics.init_queue(queue, 17)
        count_calls(metrics, queue)
        count_surveys(metrics, queue)
        tracker.apply(MemberSeen(0, queue, "PJSIP/201", "Sara", 1, False, "", 0))
    closed = FollowUp("1", "main", "comment", "1", "", "sales", "", "1", "", "", 0, 60, "done", closed_at=30)
    metrics.count_follow_ups({"comment": 1}, [closed], {"": FollowUpCount(1, 1, 1), "sara": FollowUpCount()})
    for reason in GapReason:
        metrics.count_gap(Gap("main", 0, 1, reason, 2))
    metrics.count_caller_lookup("found")
    return metrics


def count_calls(metrics, queue):
    for direction in Direction:
        metrics.count_call(
            Call("main", "1", "1", direction, 0, 1, "", "", "", "", queue, True, 1, 1, 1, 1, False)
        )
    for outcome in Outcome:
        metrics.count_visit(visit(outcome, queue=queue), 17, 5)
    metrics.count_visit(replace(visit(Outcome.ANSWERED, queue=queue), partial=True), 17, 5)
    for outcome in RingOutcome:
        metrics.count_ring(Ring("main", "1", "1", "2", queue, "Sara", "PJSIP/201", 0, 1, outcome))
    for agent in ("Sara", "Ali"):
        for ended_by in EndedBy:
            metrics.count_talk(talk(agent, ended_by, queue), 15)


def count_surveys(metrics, queue):
    for stage in [*NotAskedReason, *SurveyStage, "called_back"]:
        metrics.count_survey_decision(asked(stage, queue=queue))
    metrics.count_not_routed(NotRoutedCall("main", "1", "1", queue, "Sara", "PJSIP/201", 0, "csat", ""))
    for stage in [*STAGES, *(f"callback_{reason}" for reason in NoCallbackReason)]:
        metrics.count_survey_stage(stage, queue)
    for agent in ("Sara", "Ali"):
        for value in range(1, 6):
            metrics.count_answer(Answer("main", "1", "agent", "csat", value, 1, 0, queue, agent), queue)


def test_names_follow_the_conventions_of_prometheus():
    for family in BY_NAME.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]+", family.name)
        assert family.help.endswith(".")
        assert family.unit
        if family.kind != "counter":
            assert not family.exposed_name.endswith("_total")
        if family.unit in {"seconds", "bytes", "ratio"}:
            assert family.name.endswith(family.unit), family.name
        assert not {"le", "quantile", "job", "instance", "pbx"} & set(family.labels)


def test_what_exists_from_the_start_is_of_known_labels():
    for family in BY_NAME.values():
        assert "queue" not in family.labels[1:]
        assert family.initial.keys() <= set(family.labels)
        if family.counted and not family.per_agent and "question" not in family.labels:
            assert list(family.initial_labels()), family.name
        assert bool(family.bounds) == (family.kind == "histogram"), family.name
        if family.kind == "histogram":
            assert family.counted


def test_a_label_whose_values_nobody_knows_is_found_at_the_start():
    family = MetricFamily("x", "counter", "X.", "calls", ("queue", "trunk"), counted=True)
    with pytest.raises(KeyError, match="trunk"):
        list(family.initial_labels())


def test_everything_that_is_counted_grows_with_the_record_that_it_is_about():
    page = everything().page("")[0].decode()
    grown = {
        family.name
        for family in text_string_to_metric_families(page)
        if any(sample.value > 0 for sample in family.samples)
    }
    counted = {f"cc_bridge_{family.name}" for family in BY_NAME.values() if family.counted}
    assert counted - grown == set(), "counted nowhere, or nothing in `everything` is counted there"


def test_the_catalogue_is_what_is_exported_with_no_more_series_than_it_says():
    sizes = {"queues": 2, "agents": 4, "thresholds": 1, "values": 5, "endpoints": 1, "owners": 2, "tables": 1}
    assert sizes.keys() == SIZES.keys()
    families = {
        family.name: family for family in text_string_to_metric_families(everything().page("")[0].decode())
    }
    names = {f"cc_bridge_{family.name}{'_info' * (family.kind == 'info')}" for family in BY_NAME.values()}
    assert {name for name in families if name.startswith("cc_bridge_")} == names
    for listed in BY_NAME.values():
        found = families[f"cc_bridge_{listed.name}{'_info' * (listed.kind == 'info')}"]
        labels = {label for sample in found.samples for label in sample.labels} - {"pbx", "le"}
        assert labels == set(listed.labels), listed.name
        assert found.documentation == listed.help
        assert len(found.samples) == eval(listed.series, {"__builtins__": {}}, sizes), listed.name


def test_the_reasons_of_fastagi_are_those_of_its_server():
    server = (Path(cc_bridge.__file__).parent / "agi" / "server.py").read_text()
    got = samples(everything())
    for name, words in (("refused", r'refuse(?:\(|, )"(\w+)"'), ("terminated", r'terminate, "(\w+)"')):
        known = {key[1] for key in got if key[0] == f"cc_bridge_agi_{name}_total"}
        assert known == set(re.findall(words, server))


def test_the_reasons_of_http_are_those_of_its_server():
    web = Path(cc_bridge.__file__).parent / "web"
    code = "".join((web / f"{name}.py").read_text() for name in ("connection", "page_site", "json_resource"))
    known = {key[1] for key in samples(everything()) if key[0] == "cc_bridge_http_refused_total"}
    assert known == set(re.findall(r'refused?(?:\[|\(\s*)"(\w+)"', code))


def test_agents_are_named_only_if_the_configuration_says_so():
    metrics = RecordMetrics(CollectorRegistry(), "main", [20])
    metrics.init_queue("sales", 20)
    metrics.count_talk(talk("Sara"), 15)
    metrics.count_answer(Answer("main", "1", "agent", "csat", 4, 1, 0, "sales", "Sara"), "sales")
    page = metrics.page("")[0].decode()
    assert "Sara" not in page
    assert "cc_bridge_agent_" not in page
    got = samples(everything())
    assert got["cc_bridge_agent_talks_total", "Sara", "sales"] == 5
    assert got["cc_bridge_agent_handle_seconds_total", "Sara", "sales"] == 5 * 75
    assert got["cc_bridge_agent_ratings_total", "Sara", "csat", "agent", "sales", "4"] == 1


def test_an_answer_about_the_company_is_no_agents():
    metrics = RecordMetrics(CollectorRegistry(), "main", [20], agents=True)
    metrics.count_answer(Answer("main", "1", "again", "nps", 9, 1, 0), "sales")
    got = samples(metrics)
    assert got["cc_bridge_ratings_total", "nps", "again", "sales", "9"] == 1
    assert not [key for key in got if key[0] == "cc_bridge_agent_ratings_total"]


# -- series that the rules need from the start


def test_all_that_a_share_is_made_of_is_there_at_zero_before_the_first_call():
    metrics = RecordMetrics(CollectorRegistry(), "main", [20])
    metrics.init_queue("sales", 20)
    got = samples(metrics)
    for name in ("short_abandons", "answered_within", "abandoned_within", "survey_eligible"):
        assert got[f"cc_bridge_{name}_total", "sales"] == 0
    assert got["cc_bridge_observation_gap_seconds_total", GapReason.LINK_LOST] == 0
    assert got["cc_bridge_service_level_threshold_seconds", "sales"] == 20


@pytest.mark.parametrize(
    ("outcome", "wait", "answered", "abandoned", "short"),
    [
        (Outcome.ANSWERED, 17, 1, 0, 0),
        (Outcome.ANSWERED, 17.000001, 0, 0, 0),
        (Outcome.ABANDONED, 17, 0, 1, 0),
        (Outcome.ABANDONED, 4.999999, 0, 1, 1),
        (Outcome.ABANDONED, 17.000001, 0, 0, 0),
        (Outcome.TIMED_OUT, 1, 0, 0, 0),
    ],
)
def test_within_the_threshold_of_the_queue(outcome, wait, answered, abandoned, short):
    metrics = RecordMetrics(CollectorRegistry(), "main", [17, 5])
    metrics.init_queue("sales", 17)
    metrics.count_visit(visit(outcome, wait), 17, 5)
    got = samples(metrics)
    assert got["cc_bridge_answered_within_total", "sales"] == answered
    assert got["cc_bridge_abandoned_within_total", "sales"] == abandoned
    assert got["cc_bridge_short_abandons_total", "sales"] == short


@pytest.mark.parametrize(
    ("stage", "trigger", "eligible"),
    [
        (SurveyStage.INVITED, Trigger.QUEUE, 1),
        (SurveyStage.CALLER_LEFT_FIRST, Trigger.QUEUE, 1),
        (NotAskedReason.QUOTA, Trigger.QUEUE, 1),
        (NotAskedReason.DISABLED, Trigger.QUEUE, 0),
        (NotAskedReason.NOT_ELIGIBLE, Trigger.QUEUE, 0),
        ("called_back", Trigger.CALLBACK, 0),
    ],
)
def test_whoever_could_be_asked_is_eligible_once(stage, trigger, eligible):
    metrics = RecordMetrics(CollectorRegistry(), "main", [])
    metrics.init_queue("sales", 20)
    metrics.count_survey_decision(asked(stage, trigger))
    assert samples(metrics)["cc_bridge_survey_eligible_total", "sales"] == eligible
