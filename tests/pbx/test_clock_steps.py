"""The clock of a real Asterisk is set in mid-calls: no figure is negative or contains the step.

Asterisk's own durations in queue_log do contain the step; `reconcile` explains them.
"""

import json
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text

from cc_bridge.reports.registry import REPORTS
from pbx.daemon import Daemon
from pbx.driver import event
from pbx.rig import Rig
from pbx.rootfs import VERSIONS, Unavailable
from support.parts import missing

TABLES = (
    "calls",
    "queue_visits",
    "rings",
    "talks",
    "agent_intervals",
    "gaps",
    "v_calls_by_hour",
    "v_agent_day",
)
# Differences of two shares, so below 0 without any fault.
DIFFERENCES = {"gap"}


@pytest.fixture(scope="module", params=[pytest.param(each, marks=pytest.mark.asterisk) for each in VERSIONS])
def clocked(request):
    try:
        running = Rig(request.param)
        running.pbx.make_clock_settable(request.param)
    except Unavailable as reason:
        missing("asterisk", reason)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def rig(clocked, request):
    request.node.asterisk_log = (clocked, len(clocked.log()))
    clocked.pbx.clock.set_ahead(0)
    clocked.reset()
    return clocked


@pytest.mark.parametrize("step", [-3600, -1, 3600])
def test_no_figure_is_negative_or_contains_the_step(rig, tmp_path, step):
    log_start = len(rig.pbx.queue_log())
    with closing(Daemon(rig, tmp_path)) as daemon:
        daemon.configure("survey", enabled=False)
        daemon.start()
        began = time.monotonic()
        talking = rig.call("sales")
        rig.driver.wait_for(event("BridgeEnter", Uniqueid=talking.uniqueid))
        daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
        rig.agent("bob", "never")
        waiting = rig.call("sales")
        daemon.until(lambda: daemon.metric("cc_bridge_callers_waiting", queue="sales") == 1)
        pages = [samples(daemon)]
        rig.pbx.clock.set_ahead(step)
        daemon.until(lambda: [gap["reason"] for gap in daemon.rows("gaps")] == ["clock_step"])
        pages.append(samples(daemon))
        rig.agent_hangs_up("alice")
        if step < 300:
            waiting.hang_up()  # else the time limit of the queue has passed: app_queue lets the caller go
        daemon.wait_for_rows("talks")
        daemon.wait_for_rows("queue_visits", 2)
        daemon.wait_for_rows("calls", 2)
        pages.append(samples(daemon))
        # The next call is observed as if nothing had been.
        rig.agent("bob", "answer")
        caller = rig.call("sales")
        rig.driver.wait_for(event("BridgeEnter", Uniqueid=caller.uniqueid))
        daemon.until(lambda: daemon.metric("cc_bridge_talks_in_progress", queue="sales") == 1)
        caller.hang_up()
        daemon.wait_for_rows("talks", 2)
        daemon.wait_for_rows("calls", 3)
        pages.append(samples(daemon))
        live = json.loads(daemon.get("/api/live")[1])
        lasted = time.monotonic() - began
        assert daemon.stop() == 0

        for table in TABLES:
            for row in rows(daemon, table):
                assert {name: value for name, value in row.items() if wrong(value, name, lasted)} == {}, table
        moved = [bool(row["partial"]) for row in daemon.rows("queue_visits")]
        assert moved.count(True) == 1  # of the caller who waited; the first was answered before
        assert [bool(row["partial"]) for row in daemon.rows("talks")] == [True, False]
        for before, after in pairwise(pages):
            counters = {key for key, (kind, _) in before.items() if kind != "gauge"}
            assert {key for key in counters if after[key][1] < before[key][1]} == set()
            assert {key[0] for key, (_, value) in after.items() if value < 0} <= {
                "cc_bridge_pbx_clock_offset_seconds"  # it shows that the clock is wrong
            }
        assert [each for each in numbers(live) if each[1] < 0] == []
        for name in REPORTS:
            assert [each for each in numbers(report(daemon, name)) if wrong(each[1], each[0], lasted)] == []

        log = tmp_path / "queue_log"
        log.write_bytes(rig.pbx.queue_log(log_start))
        done = daemon.command("reconcile", "--json", "--database", "--queue-log", str(log))
        assert done.returncode == 0, (
            f"{done.stdout}{done.stderr} {rows(daemon, 'gaps')} {rows(daemon, 'talks')[:1]} {log.read_text()}"
        )
        assert [each for each in json.loads(done.stdout)["differences"] if each["reason"] is None] == []


def wrong(value, name, lasted):
    """Return whether a number is negative, or is a time in seconds that is longer than the test."""
    if not isinstance(value, int | float):
        return False
    return (value < 0 and name not in DIFFERENCES) or (name.endswith("_seconds") and value > lasted + 60)


def samples(daemon):
    """Return the type and the value of each sample of cc_bridge's own metrics."""
    return {
        (sample.name, *sorted(sample.labels.items())): (family.type, sample.value)
        for family in text_string_to_metric_families(daemon.get("/metrics")[1])
        if family.name.startswith("cc_bridge")
        for sample in family.samples
    }


def rows(daemon, table):
    engine = create_engine(daemon.url)
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
    engine.dispose()
    return found


def report(daemon, name):
    days = [(datetime.now(UTC) + timedelta(days)).date().isoformat() for days in (-1, 0, 1)]
    span = ["--from", days[0], "--to", days[2], *(["--at", days[1]] if name == "change" else [])]
    made = daemon.command("report", name, *span, "--format", "json")
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def numbers(value, name=""):
    """Yield the name and the value of each number in a JSON object."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner, name)
    elif isinstance(value, int | float):
        yield name, value
