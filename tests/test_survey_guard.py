"""Agents whose callers hang up first: who is suspected, who is not, and how often chance suspects someone."""

import random
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from cc_bridge.records import FunnelEntry, Trigger
from cc_bridge.surveys.guard import REMEMBERED, Lingering
from cc_bridge.surveys.policy import Stage
from cc_bridge.surveys.scores import MINIMUM, wilson


def callers(agent, left_first, invited, queue="sales"):
    first, then = (
        SimpleNamespace(queue=queue, agent=agent, stage=stage, trigger="queue")
        for stage in (Stage.CALLER_LEFT_FIRST, Stage.INVITED)
    )
    return [first] * left_first + [then] * invited


def standing(own, others, agent="Sara"):
    """Return how an agent with so many (left first, invited) stands against one colleague with so many."""
    return Lingering.of(callers(agent, *own) + callers("Ali", *others)).against_norm(agent, "sales")


# -- the share


def test_an_agent_is_compared_with_the_others_of_the_queue_only():
    lingering = Lingering.of(
        callers("Sara", 6, 14)
        + callers("Ali", 10, 30)
        + callers("Mina", 20, 40)
        + callers("Ali", 50, 0, queue="support")
    )
    got = lingering.against_norm("Sara", "sales")
    assert (got.queue, got.agent, got.share, got.n) == ("sales", "Sara", 6 / 20, 20)
    assert got.norm == 30 / 100
    assert lingering.against_norm("Ali", "support").norm is None


def test_the_interval_leaves_out_one_in_a_thousand_on_each_side():
    got = standing((6, 14), (30, 70))
    assert (got.low, got.high) == pytest.approx(wilson(6, 20, 3.0902), abs=1e-5)


def entry(stage, trigger=Trigger.QUEUE):
    return FunnelEntry("main", "1.1", "1.1", "sales", "Sara", "PJSIP/201", 1e9, "csat", trigger, stage, "")


def test_entries_of_the_funnel_count():
    lingering = Lingering.of(
        [entry(Stage.CALLER_LEFT_FIRST), entry(Stage.INVITED), entry(Stage.INVITED, Trigger.EXTENSION)]
    )
    assert lingering.against_norm("Sara", "sales").share == 1 / 3


@pytest.mark.parametrize(
    "other", [entry("sampled_out"), entry("no_consent"), entry(Stage.INVITED, Trigger.CALLBACK)]
)
def test_other_stages_and_who_was_called_back_do_not_count(other):
    lingering = Lingering.of([other])
    assert lingering.against_norm("Sara", "sales") is None
    assert list(lingering.queues()) == []


@pytest.mark.parametrize(("agent", "queue"), [("Sara", "support"), ("Ali", "sales")])
def test_who_had_no_callers_has_no_share(agent, queue):
    assert Lingering.of(callers("Sara", 1, 1)).against_norm(agent, queue) is None


# -- the suspicion


def test_far_above_the_others_is_suspicious():
    assert standing((40, 10), (100, 400)).suspicious


@pytest.mark.parametrize("share", [(10, 40), (5, 45), (0, 50), (14, 36)])
def test_as_the_others_below_them_or_a_little_above_is_not(share):
    assert not standing(share, (100, 400)).suspicious


def test_few_callers_are_never_suspicious():
    assert standing((MINIMUM, 0), (100, 400)).suspicious
    assert not standing((MINIMUM - 1, 0), (100, 400)).suspicious
    assert not standing((400, 100), (0, MINIMUM - 1)).suspicious


def test_nobody_to_compare_with_is_never_suspicious():
    got = Lingering.of(callers("Sara", 90, 10)).against_norm("Sara", "sales")
    assert got.norm is None
    assert not got.suspicious


def test_a_norm_of_few_callers_is_not_taken_for_the_truth():
    """The agent's interval alone is above the norm both times; 20 callers of a colleague prove nothing."""
    unsure, sure = standing((45, 55), (4, 16)), standing((45, 55), (200, 800))
    assert unsure.norm == sure.norm == 0.2
    assert unsure.low == sure.low > 0.2
    assert sure.suspicious
    assert not unsure.suspicious


COUNTS = st.tuples(st.integers(0, 120), st.integers(0, 120)).filter(any)


@given(COUNTS, COUNTS)
def test_a_suspicion_needs_the_interval_wholly_above_the_norm(own, others):
    got = standing(own, others)
    assert 0 <= got.low <= got.share <= got.high <= 1
    if got.suspicious:
        assert got.low > got.norm
        assert min(sum(own), sum(others)) >= MINIMUM


@given(COUNTS, COUNTS)
def test_two_agents_never_suspect_each_other(one, other):
    lingering = Lingering.of(callers("Sara", *one) + callers("Ali", *other))
    assert sum(got.suspicious for got in lingering.agents()) <= 1


@pytest.mark.parametrize("share", [0.15, 0.4])
@pytest.mark.parametrize(("own", "others"), [(30, 40), (30, 600), (200, 40), (200, 600)])
def test_chance_suspects_hardly_anyone(share, own, others):
    """1,000 agents who are like their colleague; the bounds allow for one."""
    chance = random.Random(3)

    def drawn(n):
        left_first = sum(chance.random() < share for _ in range(n))
        return left_first, n - left_first

    assert sum(standing(drawn(own), drawn(others)).suspicious for _ in range(1000)) <= 5


def test_who_really_lingers_is_found():
    """A colleague loses a fifth of the callers first, who plays the game a half: 100 callers show it."""
    chance = random.Random(4)
    found = 0
    for _ in range(200):
        left_first = sum(chance.random() < 0.5 for _ in range(100))
        found += standing((left_first, 100 - left_first), (200, 800)).suspicious
    assert found > 190


# -- the metrics' form and the report's


def test_a_queue_with_its_share_and_the_number_of_those_who_stand_out():
    lingering = Lingering.of(
        callers("Sara", 40, 10)
        + callers("Ali", 50, 200)
        + callers("Mina", 50, 200)
        + callers("Reza", 1, 1, queue="support")
    )
    sales, support = lingering.queues()
    assert (sales.queue, sales.n, sales.suspicious) == ("sales", 550, 1)
    assert sales.share == 140 / 550
    assert (support.queue, support.share, support.suspicious) == ("support", 0.5, 0)


def test_a_report_has_every_agent_of_every_queue():
    lingering = Lingering.of(callers("Sara", 1, 1) + callers("Ali", 0, 2) + callers("Sara", 2, 0, "support"))
    column = {(got.queue, got.agent): got.share for got in lingering.agents()}
    assert column == {("sales", "Sara"): 0.5, ("sales", "Ali"): 0.0, ("support", "Sara"): 1.0}


def test_a_habit_that_ended_is_forgotten_by_the_metrics_but_not_by_a_report():
    others = callers("Ali", 1, 4) * 60
    once, now = callers("Sara", 300, 0), callers("Sara", 1, 4) * 120
    lingering = Lingering()
    for entry in others + once:
        lingering.count(entry)
    assert lingering.against_norm("Sara", "sales").suspicious
    for entry in now:
        lingering.count(entry)
    assert not lingering.against_norm("Sara", "sales").suspicious
    report = Lingering.of(others + once + now).against_norm("Sara", "sales")
    assert (report.n, report.suspicious) == (900, True)


def test_the_metrics_remember_a_bounded_number_of_callers():
    lingering = Lingering()
    seen = []
    for entry in callers("Sara", 0, 5 * REMEMBERED):
        lingering.count(entry)
        seen.append(lingering.against_norm("Sara", "sales").n)
    assert max(seen) < REMEMBERED
    assert min(seen[REMEMBERED:]) >= REMEMBERED // 2
