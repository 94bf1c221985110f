"""A daemon that has just started: counters of a configured queue at 0; a foreign AGI request is reported."""

import json
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
# The values of each bounded label. A new value must be added here too.
EXPECTED = {
    "visits": {"outcome": set(Outcome)},
    "ring_attempts": {"outcome": set(RingOutcome)},
    "talks_ended": {"ended_by": set(EndedBy)},
    "survey_stages": {"stage": {SurveyStage.INVITED, *SurveyResult} - {SurveyResult.STARTED}},
    "ratings": {"question": {"satisfaction"}, "kind": {"csat"}, "value": {"1", "2", "3", "4", "5"}},
    "queue_wait_seconds": {"outcome": {Outcome.ANSWERED, Outcome.ABANDONED}},
}


class Daemon:
    """A daemon process with one queue and without a PBX."""

    def __init__(self, folder):
        ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.http, self.agi, ami = (port.getsockname()[1] for port in ports)
        for port in ports:
            port.close()
        config = folder / "cc-bridge.toml"
        config.write_text(
            f"""
            ami = {{ port = {ami}, username = "bridge", secret = "word" }}
            agi = {{ port = {self.agi} }}
            http = {{ port = {self.http} }}
            storage = {{ url = "sqlite:///{folder / "calls.sqlite"}" }}
            queues = {{ sales = {{ survey = "csat" }} }}
            """
        )
        command = [sys.executable, "-m", "cc_bridge", "run", "--config", str(config)]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as page:
                return page.read().decode()
        except urllib.error.HTTPError as error:  # the status of /readyz while the daemon is not ready
            return error.read().decode()

    def metrics(self):
        families = text_string_to_metric_families(self.get("/metrics"))
        return [sample for family in families for sample in family.samples]

    def wait(self):
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                return self.get("/healthz")
            except urllib.error.URLError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("fresh"))
    try:
        daemon.wait()
        yield daemon
    finally:
        daemon.process.send_signal(signal.SIGTERM)
        daemon.process.wait(30)


@pytest.fixture(scope="module")
def samples(daemon):
    return daemon.metrics()


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


def test_another_programs_agi_request_is_closed_at_once_and_seen_everywhere(samples, daemon):
    def count(samples):
        (sample,) = (one for one in samples if one.name == "cc_bridge_agi_foreign_requests_total")
        return sample.value

    assert count(samples) == 0
    assert json.loads(daemon.get("/readyz"))["checks"]["agi"] == "ok"
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", daemon.agi), timeout=10) as asterisk:
        asterisk.sendall(b"agi_network: yes\nagi_network_script: dialparties.agi\nagi_uniqueid: 1.5\n\n")
        assert asterisk.recv(100) == b""
    assert time.monotonic() - started < 3
    assert json.loads(daemon.get("/readyz"))["checks"]["agi"] == (
        "another program's AGI calls reach cc-bridge (dialparties.agi)"
    )
    deadline = time.monotonic() + 10
    while (
        count(daemon.metrics()) == 0 and time.monotonic() < deadline
    ):  # a page of metrics is kept for a moment
        time.sleep(0.05)
    assert count(daemon.metrics()) == 1
    (line,) = (line for line in daemon.log.read_text().splitlines() if "dialparties.agi" in line)
    assert "error" in line.lower()
    assert "from 127.0.0.1" in line


def test_a_configuration_file_that_was_emptied_is_refused_at_a_reload(daemon):
    config = daemon.log.with_name("cc-bridge.toml")
    before = config.read_text()
    metrics = {sample.labels.get("queue") for sample in daemon.metrics()}
    config.write_text("")
    daemon.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 30
    while "is it empty or cut off?" not in daemon.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    config.write_text(before)
    assert {sample.labels.get("queue") for sample in daemon.metrics()} == metrics
