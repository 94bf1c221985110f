"""Two hundred calls of all kinds, ten at a time, and again while the daemon's link is cut twenty times.

What the daemon wrote is held against Asterisk's queue_log and against what an independent client of the
manager interface heard (witness.py). Of what it could not see it must say so: each row is right, or says
that a part of it was not observed.
"""

import json
import random
import time
from collections import Counter, defaultdict

import pytest

from cc_bridge.records import Outcome
from pbx.crowd import KINDS, Crowd, plans
from pbx.daemon import Daemon
from pbx.proxy import Proxy
from pbx.test_one_call import seconds
from pbx.witness import true_talks, true_visits

NEAR = 0.1  # seconds between two accounts of one instant
CUTS = 20
PAUSE_SECONDS = (0.2, 2.0)  # from being back to the next cut, at least and at most
SHORTLY = 0.15  # seconds around a gap: several messages report the end of a visit
APART = 1.1  # seconds; a caller who waited in a gap has waited since then, Asterisk says, in whole seconds
EXPLAINED = {"late_end", "not_let_in", "picked_up", "redirected", "unseen_transfer"}  # faults of queue_log


class Morning:
    """The calls of one crowd, as they were and as the daemon wrote them down."""

    def __init__(self, rig, daemon, folder, seed):
        self.daemon = daemon
        self._rig = rig
        self._crowd = Crowd(rig, plans(seed), random.Random(seed))
        self._log = folder / "queue_log"
        self._log_begins = len(rig.pbx.queue_log())

    def run(self, alongside=lambda: True):
        """Let all calls happen, stop the daemon, and read both accounts."""
        self._crowd.run(alongside)
        assert Counter(plan.kind for plan in self._crowd.by_channel.values()) == {
            name: kind.number for name, kind in KINDS.items()
        }
        live = ("cc_bridge_talks_in_progress", "cc_bridge_callers_waiting", "cc_bridge_storage_queue_records")
        self.daemon.until(lambda: not any(self.daemon.metric(name) for name in live))
        self.counted = Counter(
            {word: int(self.daemon.metric("cc_bridge_visits_total", outcome=word)) for word in Outcome}
        )
        self._rig.driver.action("Ping")
        assert self.daemon.stop() == 0
        self._log.write_bytes(self._rig.pbx.queue_log(self._log_begins))
        events = self._rig.driver.events(lambda _: True)
        self.visits, self.talks = true_visits(events, self._log.read_bytes()), true_talks(events)
        for visit in self.visits:
            if visit.outcome == "abandoned" and self.kind(visit) == "is redirected while waiting":
                visit.outcome = "transferred_away"  # queue_log has one word for both
        self.visit_rows, self.talk_rows = self._rows("queue_visits"), self._rows("talks")

    def _rows(self, table):
        rows = defaultdict(list)
        for row in self.daemon.rows(table):
            rows[row["uniqueid"], row["queue"]].append(row)
        return rows

    def kind(self, what):
        """Return what kind of call it was; a transferred Local channel comes alone to a second queue."""
        plan = self._crowd.by_channel.get(what.uniqueid)
        return plan.kind if plan else "is transferred from behind Local"

    def reconciled(self):
        """Return the reasons for what differs from queue_log; `cc-bridge reconcile` must find one for all."""
        done = self.daemon.command("reconcile", "--json", "--database", "--queue-log", str(self._log))
        told = json.loads(done.stdout)
        assert [each for each in told["differences"] if each["reason"] is None] == []
        assert (done.returncode, told["junk_lines"]) == (0, 0)
        return set(told["explained"])


@pytest.fixture
def busy(rig):
    """Let the rig's clients hear no more than they need, and the back office hang up."""
    rig.agent("erin", talks=2.0)
    rig.driver.action("QueuePause", Interface="PJSIP/dave", Paused="true")
    rig.driver.hear_only("call", "agent")
    rig.phones_driver.hear_only("off")
    rig.driver.forget()
    yield rig
    rig.driver.hear_only("on")
    rig.phones_driver.hear_only("on")


@pytest.fixture
def link(busy):
    with Proxy(busy.pbx.ami_port) as cable:
        yield cable


@pytest.fixture
def daemon(busy, link, tmp_path):
    running = Daemon(busy, tmp_path, ami_port=link.port)
    running.configure("survey", enabled=False)
    try:
        yield running.start()
    finally:
        running.close()


def test_two_hundred_calls(busy, daemon, tmp_path):
    morning = Morning(busy, daemon, tmp_path, seed=1)
    morning.run()
    assert morning.reconciled() <= EXPLAINED
    assert daemon.rows("gaps") == []

    let_in, turned_away = len(morning.visits), KINDS["finds it closed"].number
    outcomes = Counter(row["outcome"] for row in daemon.rows("queue_visits"))
    assert (outcomes.total(), outcomes["join_empty"]) == (let_in + turned_away, turned_away)
    assert outcomes == morning.counted  # the metrics show what the database has
    for visit in morning.visits:
        (row,) = morning.visit_rows[visit.uniqueid, visit.queue]
        assert list(faults_of_visit(visit, [row], [], morning.kind(visit))) == [], (visit, row)

    assert len(daemon.rows("talks")) == len(morning.talks)
    for talk in morning.talks:
        (row,) = morning.talk_rows[talk.uniqueid, talk.queue]
        assert row["agent_uniqueid"] == talk.phone
        assert list(faults_of_talk(talk, [row], [])) == [], (talk, row, morning.kind(talk))


def test_two_hundred_calls_while_the_link_is_cut_twenty_times(busy, daemon, link, tmp_path):
    morning = Morning(busy, daemon, tmp_path, seed=2)
    cuts = Cuts(daemon, link, random.Random(2))
    morning.run(cuts)
    assert morning.reconciled() <= EXPLAINED | {"gap"}

    rows = daemon.rows("gaps")
    assert [row["reason"] for row in rows] == ["link_lost"] * CUTS
    assert sum(row["calls_affected"] for row in rows) > CUTS
    gaps = [(seconds(row["started_at"]), seconds(row["ended_at"])) for row in rows]
    for (started_at, ended_at), cut_at in zip(gaps, cuts.made, strict=True):
        assert started_at < cut_at < ended_at

    whole = [visit for visit in morning.visits if seen(visit.entered_at, visit.left_at, gaps)]
    assert len(whole) > len(morning.visits) / 4
    for visit in morning.visits:
        rows = morning.visit_rows.pop((visit.uniqueid, visit.queue), [])
        assert list(faults_of_visit(visit, rows, gaps, morning.kind(visit))) == [], (visit, rows)
    assert {row["outcome"] for rows in morning.visit_rows.values() for row in rows} <= {"join_empty"}

    for talk in morning.talks:
        rows = morning.talk_rows.pop((talk.uniqueid, talk.queue), [])
        assert list(faults_of_talk(talk, rows, gaps)) == [], (talk, rows, morning.kind(talk))
    assert list(morning.talk_rows.values()) == []


class Cuts:
    """Cuts the link again and again, a while after the daemon is back; true when that was often enough."""

    def __init__(self, daemon, link, rng):
        self.made = []  # the moments just after: until then something may have been heard
        self._daemon, self._link, self._rng = daemon, link, rng
        self._due = 0.0
        self._back = False

    def __call__(self):
        if not self._back:
            self._back = self._daemon.get("/readyz")[0] == 200
            self._due = time.monotonic() + self._rng.uniform(*PAUSE_SECONDS)
        elif len(self.made) < CUTS and time.monotonic() >= self._due:
            self._link.cut()
            self.made.append(time.time())
            self._back = False
        return self._back and len(self.made) == CUTS


def seen(start, end, gaps):
    """Say whether no gap touches a stretch."""
    return not any(began < end + SHORTLY and start - SHORTLY < ended for began, ended in gaps)


def hidden(start, end, gaps):
    """Return whether a stretch is within one gap."""
    return any(began - SHORTLY < start and end < ended + SHORTLY for began, ended in gaps)


def faults_of_visit(visit, rows, gaps, kind):
    """Yield what is wrong with the rows of a visit, of which there must be one unless a gap hides it all."""
    whole = seen(visit.entered_at, visit.left_at, gaps)
    if len(rows) > 1:
        yield "twice"
    if not rows and not hidden(visit.entered_at, visit.left_at, gaps):
        yield "missing"
    for row in rows:
        if row["outcome"] == "unobserved":
            if whole:
                yield "not observed"
            continue
        if row["outcome"] != visit.outcome:
            yield "outcome"
        if row["agent"] != visit.agent and kind != "is picked up":  # queue_log names the phone that rang
            yield "agent"
        if abs(seconds(row["entered_at"]) - visit.entered_at) > (NEAR if whole else APART):
            yield "entered_at"
        if abs(seconds(row["left_at"]) - visit.left_at) > (NEAR if whole else APART):
            yield "left_at"


def faults_of_talk(talk, rows, gaps):
    """Yield what is wrong with the rows of a talk, of which there must be one unless a gap hides it all."""
    whole = seen(talk.connected_at, talk.ended_at, gaps)
    # If a part of the ring was not observed, another phone may have picked the call up. The id of a channel
    # begins with the second of its start.
    with_ring = seen(int(talk.phone.partition(".")[0]), talk.ended_at, gaps)
    if len(rows) > 1:
        yield "twice"
    if not rows and not hidden(talk.connected_at, talk.ended_at, gaps):
        yield "missing"
    for row in rows:
        if row["partial"]:
            if with_ring:
                yield "partial"
            continue
        if abs(seconds(row["answered_at"]) - talk.answered_at) > NEAR:
            yield "answered_at"
        if abs(seconds(row["ended_at"]) - talk.ended_at) > NEAR:
            yield "ended_at"
        unseen_hold = talk.hold_seconds - row["hold_seconds"]  # a hold counts as far as it was observed
        if abs(unseen_hold) > NEAR and (whole or unseen_hold < 0):
            yield "hold_seconds"
