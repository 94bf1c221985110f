"""A daemon that has just started: every counter of a configured queue is there, at 0."""

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cc_bridge.metrics.families import BY_NAME
from cc_bridge.records import EndedBy, Outcome, RingOutcome, SurveyResult
from cc_bridge.surveys.eligibility import SurveyStage

PER_QUEUE = [
    family
    for family in BY_NAME.values()
    if family.kind in {"counter", "histogram"} and "queue" in family.labels and "agent" not in family.labels
]
# The values of each bounded label; a new one is to be added here too.
EXPECTED = {
    "visits": {"outcome": set(Outcome)},
    "ring_attempts": {"outcome": set(RingOutcome)},
    "talks_ended": {"ended_by": set(EndedBy)},
    "survey_stages": {"stage": {SurveyStage.INVITED, *SurveyResult} - {SurveyResult.STARTED}},
    "ratings": {"question": {"satisfaction"}, "kind": {"csat"}, "value": {"1", "2", "3", "4", "5"}},
    "queue_wait_seconds": {"outcome": {Outcome.ANSWERED, Outcome.ABANDONED}},
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Return the samples of a fresh daemon that has one queue and reaches no PBX."""
    folder = tmp_path_factory.mktemp("fresh")
    with socket.socket() as http, socket.socket() as closed:
        http.bind(("127.0.0.1", 0))
        closed.bind(("127.0.0.1", 0))
        port, nobody = http.getsockname()[1], closed.getsockname()[1]
    (folder / "cc-bridge.toml").write_text(
        f"""
        ami = {{ port = {nobody}, username = "bridge", secret = "word" }}
        agi = {{ port = 0 }}
        http = {{ port = {port} }}
        storage = {{ url = "sqlite:///{folder / "calls.sqlite"}" }}
        queues = {{ sales = {{ survey = "csat" }} }}
        """
    )
    command = [sys.executable, "-m", "cc_bridge", "run", "--config", str(folder / "cc-bridge.toml")]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
        try:
            page = scrape(port, daemon)
        finally:
            daemon.send_signal(signal.SIGTERM)
    return [sample for family in text_string_to_metric_families(page) for sample in family.samples]


def scrape(port, daemon):
    deadline = time.monotonic() + 60
    while daemon.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
                return page.read().decode()
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("no daemon")


@pytest.mark.parametrize("family", PER_QUEUE, ids=lambda family: family.name)
def test_every_counter_of_a_configured_queue_starts_at_zero(family, samples):
    suffix = "_count" if family.kind == "histogram" else ""
    found = [
        sample
        for sample in samples
        if sample.name == family.exposed_name + suffix and sample.labels["queue"] == "sales"
    ]
    assert found
    assert all(sample.value == 0 for sample in found)
    for label in set(family.labels) - {"queue"}:
        assert {sample.labels[label] for sample in found} == set(map(str, EXPECTED[family.name][label]))


def test_it_is_about_more_than_a_few():
    assert len(PER_QUEUE) >= 13
    assert {family.name for family in PER_QUEUE if len(family.labels) > 1} == EXPECTED.keys()
