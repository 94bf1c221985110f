"""From a rating to an action, on a real Asterisk and a real PostgreSQL: no caller who rated low is forgotten.

A caller rates 1, and a person gets to call back until a time; the next call is looked up as of one who waits
for that; its result is the same in the timeline, the metrics and the report.
"""

import json
from datetime import UTC, datetime

import pytest

from pbx.daemon import Daemon
from pbx.test_caller_lookup import EMPTY, THROUGH_SECONDS, looked_up
from pbx.test_one_call import ended, question_is_asked, through_a_talk
from support.databases import PostgreSql

NUMBER = "09121234567"
LINKED_SECONDS = 120.0  # it is checked once a minute
OUTCOME = "کارت تازه فرستاده شد."


@pytest.fixture
def server(postgres):  # noqa: ARG001 - skips the tests if there is none
    """Start a server that may be stopped."""
    running = PostgreSql()
    try:
        running.make()
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def house(rig, tmp_path, server):
    daemon = Daemon(rig, tmp_path)
    daemon.url = server.fresh().render_as_string(hide_password=False)
    daemon.configure("storage", url=daemon.url, journal_file=f"{tmp_path}/journal.sqlite")
    daemon.configure("callers", country_code="98")
    daemon.configure("follow_ups", enabled=True, business_from="00:00", business_until="24:00", due_hours=8)
    daemon.configure("follow_ups", business_weekdays="mon-sun")
    daemon.configure("queues.sales", owner="sara")
    daemon.start()
    rig.survey_at(daemon.agi_port)
    yield daemon
    daemon.close()


def told(house, *words):
    """Run a command that must succeed; return what it says."""
    done = house.command(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def follow_ups(house, state="open"):
    lines = told(house, "follow-up", "list", "--state", state, "--json").splitlines()
    return [json.loads(line) for line in lines]


def happened(house, kind):
    """Return the entries of a kind in the caller's timeline, newest first."""
    timeline = json.loads(told(house, "customer", "show", NUMBER, "--json"))
    return [entry for entry in timeline["timeline"] if entry["kind_of_entry"] == kind]


def seconds(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.postgres
def test_a_low_rating_is_followed_up(rig, house, server):
    # A caller rates the talk with Alice with 1.
    caller = rig.call("sales", number=NUMBER)
    through_a_talk(rig, caller)
    question_is_asked(rig, caller)
    caller.press("1")
    ended(rig, caller)
    (opened,) = house.until(lambda: follow_ups(house))
    assert [opened[name] for name in ("reason", "queue", "agent", "owner", "state", "overdue")] == [
        "low_rating", "sales", "Alice", "sara", "open", False,
    ]  # fmt: skip
    assert (opened["number"], opened["call_id"]) == (NUMBER, caller.uniqueid)
    assert seconds(opened["due_at"]) == pytest.approx(seconds(opened["opened_at"]) + 8 * 3600, abs=1)
    house.until(lambda: house.metric("cc_bridge_follow_ups_open", owner="sara") == 1)
    assert house.metric("cc_bridge_follow_ups_opened_total", reason="low_rating") == 1

    # The same caller calls again, and the dialplan knows.
    known, took = looked_up(rig, NUMBER)
    assert (known["Rating"], known["FollowUp"], known["Calls"]) == ("1", "low_rating", "1")
    assert took < THROUGH_SECONDS

    # Sara takes it, and the caller is talked with, which the daemon sees a little later.
    told(house, "follow-up", "take", opened["follow_up_id"], "--by", "sara")
    again = rig.call("sales", number=NUMBER)
    through_a_talk(rig, again)
    question_is_asked(rig, again)
    again.press("5")
    ended(rig, again)

    # The follow-up is done, and everything says so.
    told(house, "follow-up", "done", opened["follow_up_id"], "--by", "sara", "--outcome", OUTCOME)
    house.until(lambda: house.metric("cc_bridge_follow_ups_open", owner="sara") == 0)
    house.until(lambda: house.metric("cc_bridge_follow_up_close_seconds_count", state="done") == 1)
    known, _ = looked_up(rig, NUMBER)
    assert (known["Rating"], known["FollowUp"]) == ("5", "")
    ratings = [entry["value"] for entry in happened(house, "rating")]
    assert ratings == [5, 1]
    assert [entry["queue"] for entry in happened(house, "visit")] == ["sales", "sales"]
    (followed,) = happened(house, "follow_up")
    assert (followed["state"], followed["outcome"]) == ("done", OUTCOME)
    day = datetime.fromtimestamp(seconds(opened["opened_at"]), UTC).date().isoformat()
    report = json.loads(told(house, "report", "voice", "--from", day, "--format", "json"))
    scores = next(table for table in report["tables"] if table["name"] == "scores")
    mean = scores["total"]["csat_mean"]
    assert (mean["value"], mean["n"]) == (sum(ratings) / len(ratings), len(ratings))
    assert house.metric("cc_bridge_ratings_total", queue="sales") == len(ratings)

    linked = house.until(
        lambda: [one for one in follow_ups(house, "done") if one["linked_call_id"]], LINKED_SECONDS
    )
    assert [(one["taken_by"], one["linked_call_id"]) for one in linked] == [("sara", again.uniqueid)]

    # Without its database no call waits.
    server.stop()
    for _ in range(3):
        known, took = looked_up(rig, NUMBER)
        assert known == EMPTY
        assert took < THROUGH_SECONDS
    rig.driver.until(lambda: not rig.driver.channels())
