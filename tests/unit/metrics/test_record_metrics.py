"""The page that Prometheus scrapes, after some records."""

import subprocess
from collections import Counter as Tally
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from cc_bridge.ami.messages import MessageCounts
from cc_bridge.calls.events import Joined, MemberSeen
from cc_bridge.calls.tracker import Tracker
from cc_bridge.metrics.record_metrics import RecordMetrics
from cc_bridge.records import Answer, EndedBy, Outcome, QueueVisit, Ring, RingOutcome, Talk


class Link:
    up = True
    logins = 3
    last_event_at = 1000.5
    clock_offset = -0.25
    counts = MessageCounts(received=100, filtered=60, malformed=2, oversized=1)

    def pbx_now(self):
        return 1000.0


class Store:
    def __init__(self):
        self.written = {"queue_visits": 5}

    batches, failures, rejected, dropped = 4, 3, 2, 1
    backlog, oldest_seconds = 7, 0.25
    backlog_bytes, max_backlog_bytes = 4900, 268_435_456


class Journal:
    limit, size, pending, rejected, oldest_seconds = 1024, 512, 6, 2, 1.5


class Forwarder:
    journal = Journal()
    forwarded, failures = 8, 3


class Webhooks:
    receivers = ("crm",)

    def __init__(self):
        self.results = Tally({("crm", "delivered"): 9, ("crm", "failed"): 2})

    def pending(self, _receiver):
        return 3

    def oldest_seconds(self, _receiver):
        return 1.5

    def dead(self, _receiver):
        return 1


class Files:
    damaged, set_aside = True, 2


class Digests:
    failures, due_at, last_sent_at = {"week": 2}, {"week": 1_795_000_000.0}, {"week": 0.0}


class Foreign:
    total = 6


class Agi:
    accepted, failed, in_progress, foreign, pending = 9, 1, 2, Foreign(), {"a": None, "b": None, "c": None}
    refused, terminated = Tally(busy=4), Tally(time_limit=1)


class Http:
    connections, refused = 7, Tally(busy=2)


def visit(outcome=Outcome.ANSWERED, wait=12.5):
    return QueueVisit(
        "pbx", "1.1", "1.1", "sales", 100, 100 + wait, outcome, None, None, 1, "0912", "سارا", "fa", False, ""
    )


def watch_everything(metrics):
    tracker = Tracker("pbx", ["sales"])
    metrics.watch(tracker, Link(), Store(), Agi(), Forwarder(), Webhooks(), Digests(), Http())


@pytest.fixture
def metrics():
    return RecordMetrics(CollectorRegistry(), "pbx", [20.0, 17.0, 5.0])


def samples(metrics):
    """Return the values of all samples by name and label values, without the label `pbx`."""
    text = metrics.page("")[0].decode()
    return {
        (sample.name, *(value for key, value in sorted(sample.labels.items()) if key != "pbx")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_visit_is_counted_by_outcome_and_its_wait_in_its_buckets(metrics):
    metrics.count_visit(visit(), 20, short=5)
    got = samples(metrics)
    assert got["cc_bridge_visits_total", "answered", "sales"] == 1
    assert got["cc_bridge_queue_wait_seconds_sum", "answered", "sales"] == 12.5
    assert got["cc_bridge_queue_wait_seconds_bucket", "10.0", "answered", "sales"] == 0
    assert got["cc_bridge_queue_wait_seconds_bucket", "15.0", "answered", "sales"] == 1


def test_a_visit_in_whose_wait_the_clock_was_set_is_in_no_other_metric(metrics):
    metrics.init_queue("sales", 20)
    metrics.count_visit(visit(), 20, short=5)
    before = samples(metrics)
    for outcome in Outcome:
        metrics.count_visit(replace(visit(outcome, wait=4), partial=True), 20, short=5)
    changed = {key: value for key, value in samples(metrics).items() if value != before[key]}
    assert {key: value for key, value in changed.items() if key[0].startswith("cc_bridge_")} == {
        ("cc_bridge_partial_visits_total", "sales"): len(Outcome)
    }


def test_every_threshold_of_the_configuration_is_an_exact_bound(metrics):
    metrics.init_queue("sales", 20)
    bounds = {key[1] for key in samples(metrics) if key[0] == "cc_bridge_queue_wait_seconds_bucket"}
    assert {"5.0", "17.0", "20.0"} <= bounds


@pytest.mark.parametrize(("wait", "short"), [(4.9, 1), (5.0, 0), (30, 0)])
def test_short_abandons_have_a_bucket_of_their_own(metrics, wait, short):
    metrics.init_queue("sales", 20)
    metrics.count_visit(visit(Outcome.ABANDONED, wait), 20, short=5)
    got = samples(metrics)
    assert got["cc_bridge_short_abandons_total", "sales"] == short
    assert got["cc_bridge_visits_total", "abandoned", "sales"] == 1


def test_a_known_queue_has_all_its_series_at_zero(metrics):
    metrics.init_queue("sales", 20)
    got = samples(metrics)
    for outcome in Outcome:
        assert got["cc_bridge_visits_total", outcome, "sales"] == 0
    assert got["cc_bridge_talk_seconds_count", "sales"] == 0


def test_a_queue_that_the_pbx_spells_in_another_case_has_series_under_that_name_only(metrics):
    metrics.init_queue("SALES", 20)
    metrics.count_survey_stage("started", "SALES")  # before the PBX was observed
    metrics.count_visit(visit(), 20, short=5)
    metrics.init_queue("sales", 20)
    got = samples(metrics)
    assert not [key for key in got if "SALES" in key]
    assert got["cc_bridge_survey_stages_total", "sales", "started"] == 1
    assert got["cc_bridge_visits_total", "answered", "sales"] == 1
    assert got["cc_bridge_queue_wait_seconds_sum", "answered", "sales"] == 12.5
    assert got["cc_bridge_talk_seconds_count", "sales"] == 0
    assert got["cc_bridge_service_level_threshold_seconds", "sales"] == 20


def test_talks_handling_rings_and_ratings(metrics):
    talk = Talk("pbx", "1", "1", "2", "sales", "Alice", "PJSIP/a", 0, 60, 10, 1, EndedBy.AGENT, None, None)
    metrics.count_talk(talk, wrap_up=15)
    ring = Ring("pbx", "1", "1", "2", "sales", "Alice", "PJSIP/a", 0, 3, RingOutcome.ANSWERED)
    metrics.count_ring(ring)
    metrics.count_answer(Answer("pbx", "1-1", "csat", "csat", 4, 1, 0), "sales")
    metrics.count_survey_stage("started", "sales")
    got = samples(metrics)
    assert got["cc_bridge_talk_seconds_sum", "sales"] == 60
    assert got["cc_bridge_handle_seconds_sum", "sales"] == 75
    assert got["cc_bridge_hold_seconds_total", "sales"] == 10
    assert got["cc_bridge_talks_ended_total", "agent", "sales"] == 1
    assert got["cc_bridge_ring_attempts_total", "answered", "sales"] == 1
    assert got["cc_bridge_ratings_total", "csat", "csat", "sales", "4"] == 1
    assert got["cc_bridge_survey_stages_total", "sales", "started"] == 1


def test_live_gauges_are_computed_when_asked(metrics):
    tracker = Tracker("pbx", ["sales"])
    metrics.watch(tracker, Link(), Store(), Agi())
    assert samples(metrics)["cc_bridge_callers_waiting", "sales"] == 0
    tracker.apply(Joined(970, "1.1", "1.1", "sales", 1, "", "", ""))
    tracker.apply(Joined(990, "1.2", "1.2", "sales", 2, "", "", ""))
    tracker.apply(MemberSeen(0, "sales", "PJSIP/a", "Alice", 1, True, "lunch", 0))
    got = samples(metrics)
    assert got["cc_bridge_callers_waiting", "sales"] == 2
    assert got["cc_bridge_longest_current_wait_seconds", "sales"] == 30
    assert got["cc_bridge_queue_members", "sales", "paused"] == 1
    assert got["cc_bridge_queue_members", "sales", "available"] == 0


def test_live_gauges_have_no_series_while_the_pbx_is_not_observed(metrics):
    tracker, link = Tracker("pbx", ["sales"]), Link()
    metrics.watch(tracker, link, Store(), Agi())
    tracker.apply(Joined(970, "1.1", "1.1", "sales", 1, "", "", ""))
    link.up = False
    live = ("callers_waiting", "longest_current_wait_seconds", "talks_in_progress", "queue_members")
    assert [
        key for key in samples(metrics) if key[0].startswith(tuple(f"cc_bridge_{name}" for name in live))
    ] == []
    link.up = True
    assert samples(metrics)["cc_bridge_callers_waiting", "sales"] == 1


def test_the_state_of_link_storage_and_surveys(metrics):
    metrics.watch(Tracker("pbx"), Link(), Store(), Agi())
    got = samples(metrics)
    assert got["cc_bridge_ami_up",] == 1
    assert got["cc_bridge_ami_reconnects_total",] == 2
    assert got["cc_bridge_pbx_clock_offset_seconds",] == -0.25
    assert got["cc_bridge_ami_last_event_timestamp_seconds",] == 1000.5
    assert got["cc_bridge_ami_messages_total", "parsed"] == 37
    assert got["cc_bridge_ami_messages_total", "malformed"] == 2
    assert got["cc_bridge_storage_queue_records",] == 7
    assert got["cc_bridge_storage_written_records_total", "queue_visits"] == 5
    assert got["cc_bridge_agi_refused_total", "busy"] == 4
    assert got["cc_bridge_agi_pending_connections",] == 3
    assert got["cc_bridge_agi_foreign_requests_total",] == 6


def test_the_state_of_the_journal_where_there_is_one(metrics):
    metrics.watch(Tracker("pbx"), Link(), Store(), Agi(), Forwarder())
    got = samples(metrics)
    assert got["cc_bridge_journal_pending_records",] == 6
    assert got["cc_bridge_journal_oldest_seconds",] == 1.5
    assert (got["cc_bridge_journal_bytes",], got["cc_bridge_journal_limit_bytes",]) == (512, 1024)
    assert got["cc_bridge_journal_rejected_records",] == 2
    assert (
        got["cc_bridge_journal_forwarded_records_total",],
        got["cc_bridge_journal_forward_failures_total",],
    ) == (8, 3)
    without = RecordMetrics(CollectorRegistry(), "pbx", [])
    without.watch(Tracker("pbx"), Link(), Store(), Agi())
    assert not [name for name, *_ in samples(without) if "journal" in name or "forward" in name]


def test_the_state_of_webhooks_where_there_are_endpoints(metrics):
    metrics.watch(Tracker("pbx"), Link(), Store(), Agi(), webhooks=Webhooks())
    got = samples(metrics)
    results = {"delivered": 9, "failed": 2, "dead": 0, "dropped": 0}
    for result, n in results.items():
        assert got["cc_bridge_webhook_deliveries_total", "crm", result] == n
    assert got["cc_bridge_webhook_pending_events", "crm"] == 3
    assert got["cc_bridge_webhook_oldest_pending_seconds", "crm"] == 1.5
    assert got["cc_bridge_webhook_dead_letters", "crm"] == 1
    without = RecordMetrics(CollectorRegistry(), "pbx", [])
    without.watch(Tracker("pbx"), Link(), Store(), Agi())
    assert not [name for name, *_ in samples(without) if "webhook" in name]


def test_digests_that_were_due_sent_or_given_up(metrics):
    metrics.watch(Tracker("pbx"), Link(), Store(), Agi(), digests=Digests())
    got = samples(metrics)
    assert got["cc_bridge_digest_due_timestamp_seconds", "week"] == 1_795_000_000
    assert got["cc_bridge_digest_last_sent_timestamp_seconds", "week"] == 0
    assert got["cc_bridge_digest_failures_total", "week"] == 2


@pytest.mark.parametrize(
    ("accept", "kind", "parse"),
    [
        ("", "text/plain", text_string_to_metric_families),
        ("text/plain;version=1.0.0;q=0.5", "text/plain", text_string_to_metric_families),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", openmetrics),
    ],
)
def test_the_page_has_all_families_whole_in_either_format(metrics, accept, kind, parse):
    parts = Link(), Store(), Agi(), Forwarder(), Webhooks(), Digests(), Http(), Files()
    metrics.watch(Tracker("pbx", ["sales"]), *parts)
    metrics.init_queue("sales", 20)
    metrics.count_visit(visit(), 20, short=5)
    page, content_type = metrics.page(accept)
    assert content_type.startswith(kind)
    families = {family.name: family for family in parse(page.decode())}
    known = {family.name: family for family in metrics.registry.collect()}
    suffix = "" if kind == "application/openmetrics-text" else "_info"
    assert families.keys() == (known.keys() - {"cc_bridge_build"}) | {f"cc_bridge_build{suffix}"}
    for name in families.keys() & known.keys():
        assert (families[name].type, families[name].documentation) == (
            known[name].type,
            known[name].documentation,
        )
    assert len(families["cc_bridge_queue_wait_seconds"].samples) > 30


@pytest.mark.prometheus
def test_promtool_finds_nothing_wrong(metrics):
    parts = Link(), Store(), Agi(), Forwarder(), Webhooks(), Digests(), Http(), Files()
    metrics.watch(Tracker("pbx", ["sales"]), *parts)
    metrics.init_queue("sales", 20)
    metrics.count_visit(visit(), 20, short=5)
    page, _ = metrics.page("")
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_no_caller_is_ever_a_label(metrics):
    metrics.count_visit(visit(), 20, short=5)
    text = metrics.page("")[0].decode()
    assert "0912" not in text
    assert "سارا" not in text


def test_every_sample_of_ours_says_of_which_pbx(metrics):
    parts = Link(), Store(), Agi(), Forwarder(), Webhooks(), Digests(), Http(), Files()
    metrics.watch(Tracker("pbx", ["sales"]), *parts)
    metrics.init_queue("sales", 20)
    for family in text_string_to_metric_families(metrics.page("")[0].decode()):
        for sample in family.samples:
            assert not sample.name.startswith("cc_bridge_") or sample.labels["pbx"] == "pbx", sample.name
