"""A queue whose name the configuration and the PBX write in different case, on a real Asterisk.

queues.conf has `[ringall]`, the configuration `[queues.RINGALL]`. Every option of the section must apply, and
every output must have the spelling of the PBX.
"""

import json
from datetime import UTC, datetime

import pytest

from pbx.daemon import Daemon
from pbx.test_surveys import asked_after_a_talk, attempt_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def daemon(rig, tmp_path):
    running = Daemon(rig, tmp_path)
    running.configure("queue_defaults", survey="")
    in_three_days = WEEKDAYS[(datetime.now(UTC).weekday() + 3) % 7]
    running.configure("queues.RINGALL", title="Everyone", service_level_seconds=11, survey="csat")
    running.configure("queues.RINGALL", opening_weekdays=in_three_days)
    running.configure("wallboard", queues=["RingAll"])
    running.start()
    rig.survey_at(running.agi_port)
    yield running
    running.close()


def report(daemon, name, *options):
    printed = daemon.command("report", name, "--format", "json", *options)
    assert printed.returncode == 0, printed.stderr
    return json.loads(printed.stdout)["tables"][0]


def test_the_section_of_a_queue_applies_in_any_case(rig, daemon):
    rig.agent("bob", does="never")
    listener = asked_after_a_talk(rig, "ringall")
    listener.answers("csat_ask", "4")
    attempt = attempt_of(daemon, listener)
    assert (attempt["queue"], attempt["survey"]) == ("ringall", "csat")
    daemon.wait_for_rows("queue_visits")

    page = daemon.get("/metrics")[1]
    assert 'queue="RINGALL"' not in page
    assert 'queue_info{pbx="test",queue="ringall",title="Everyone"}' in page
    of_queue = {"queue": "ringall"}
    assert daemon.metric("cc_bridge_service_level_threshold_seconds", **of_queue) == 11
    assert daemon.metric("cc_bridge_visits_total", outcome="answered", **of_queue) == 1
    assert daemon.metric("cc_bridge_survey_stages_total", stage="complete", **of_queue) == 1

    (shown,) = json.loads(daemon.get("/api/live")[1])["queues"]
    assert (shown["queue"], shown["title"]["en"]) == ("ringall", "Everyone")
    assert (shown["service_level_seconds"], shown["rating"]["n"]) == (11, 1)

    (row,) = report(daemon, "service", "--queue", "RingALL")["rows"]
    assert row["queue"] == "ringall"
    assert row["threshold"]["value"] == 11
    hours = report(daemon, "hours", "--queue", "RINGALL")["total"]
    assert (hours["visits"]["value"], hours["visits_open"]["value"]) == (1, 0)
