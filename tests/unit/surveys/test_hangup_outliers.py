"""Agents whose callers hang up first: who is suspected, who is not, and errors by chance."""

import math
import random
from bisect import bisect
from itertools import accumulate
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from cc_bridge.kpis.scores import MINIMUM, wilson
from cc_bridge.records import SurveyDecision, Trigger
from cc_bridge.surveys.eligibility import SurveyStage
from cc_bridge.surveys.hangup_outliers import REMEMBERED, HangupOutliers


def callers(agent, left_first, invited, queue="sales"):
    first, then = (
        SimpleNamespace(queue=queue, agent=agent, stage=stage, trigger="queue")
        for stage in (SurveyStage.CALLER_LEFT_FIRST, SurveyStage.INVITED)
    )
    return [first] * left_first + [then] * invited


def of(lingering, agent, queue="sales"):
    (found,) = [each for each in lingering.agents() if (each.agent, each.queue) == (agent, queue)]
    return found


def standing(own, others, agent="Sara"):
    """Return the result of one agent next to one colleague, from (left first, invited) of each."""
    return of(HangupOutliers.of(callers(agent, *own) + callers("Ali", *others)), agent)


# -- the share


def test_an_agent_is_compared_with_the_others_of_the_queue_only():
    lingering = HangupOutliers.of(
        callers("Sara", 6, 14)
        + callers("Ali", 10, 30)
        + callers("Mina", 20, 40)
        + callers("Ali", 50, 0, queue="support")
    )
    got = of(lingering, "Sara")
    assert (got.queue, got.agent, got.share, got.n) == ("sales", "Sara", 6 / 20, 20)
    assert got.norm == 30 / 100
    assert of(lingering, "Ali", "support").norm is None


def test_the_interval_leaves_out_one_in_a_thousand_on_each_side():
    got = standing((6, 14), (30, 70))
    assert (got.low, got.high) == pytest.approx(wilson(6, 20, 3.0902), abs=1e-5)


def entry(stage, trigger=Trigger.QUEUE):
    return SurveyDecision("main", "1.1", "1.1", "sales", "Sara", "PJSIP/201", 1e9, "csat", trigger, stage, "")


def test_entries_of_the_funnel_count():
    lingering = HangupOutliers.of(
        [
            entry(SurveyStage.CALLER_LEFT_FIRST),
            entry(SurveyStage.INVITED),
            entry(SurveyStage.INVITED, Trigger.EXTENSION),
        ]
    )
    assert of(lingering, "Sara").share == 1 / 3


@pytest.mark.parametrize(
    "other", [entry("sampled_out"), entry("no_consent"), entry(SurveyStage.INVITED, Trigger.CALLBACK)]
)
def test_other_stages_and_who_was_called_back_do_not_count(other):
    lingering = HangupOutliers.of([other])
    assert list(lingering.agents()) == list(lingering.queues()) == []


# -- the suspicion


def test_far_above_the_others_is_suspicious():
    assert standing((40, 10), (100, 400)).is_outlier


@pytest.mark.parametrize("share", [(10, 40), (5, 45), (0, 50), (14, 36)])
def test_as_the_others_below_them_or_a_little_above_is_not(share):
    assert not standing(share, (100, 400)).is_outlier


def test_few_callers_are_never_suspicious():
    assert standing((MINIMUM, 0), (100, 400)).is_outlier
    assert not standing((MINIMUM - 1, 0), (100, 400)).is_outlier
    assert not standing((400, 100), (0, MINIMUM - 1)).is_outlier


def test_nobody_to_compare_with_is_never_suspicious():
    got = of(HangupOutliers.of(callers("Sara", 90, 10)), "Sara")
    assert got.norm is None
    assert not got.is_outlier


def test_a_norm_of_few_callers_is_not_taken_for_the_truth():
    """The agent's interval is above the norm in both cases, but a colleague's 20 callers prove nothing."""
    unsure, sure = standing((45, 55), (4, 16)), standing((45, 55), (200, 800))
    assert unsure.norm == sure.norm == 0.2
    assert unsure.low == sure.low > 0.2
    assert sure.is_outlier
    assert not unsure.is_outlier


COUNTS = st.tuples(st.integers(0, 120), st.integers(0, 120)).filter(any)


@given(COUNTS, COUNTS)
def test_a_suspicion_needs_the_interval_wholly_above_the_norm(own, others):
    got = standing(own, others)
    assert 0 <= got.low <= got.share <= got.high <= 1
    if got.is_outlier:
        assert got.low > got.norm
        assert min(sum(own), sum(others)) >= MINIMUM


@given(COUNTS, COUNTS)
def test_two_agents_never_suspect_each_other(one, other):
    lingering = HangupOutliers.of(callers("Sara", *one) + callers("Ali", *other))
    assert sum(got.is_outlier for got in lingering.agents()) <= 1


@pytest.mark.parametrize("share", [0.15, 0.4])
@pytest.mark.parametrize(("own", "others"), [(30, 40), (30, 600), (200, 40), (200, 600)])
def test_chance_suspects_hardly_anyone(share, own, others):
    """The 1,000 agents equal their colleague; the bounds allow one suspicion."""
    chance = random.Random(3)

    def drawn(n):
        left_first = sum(chance.random() < share for _ in range(n))
        return left_first, n - left_first

    assert sum(standing(drawn(own), drawn(others)).is_outlier for _ in range(1000)) <= 5


def test_who_really_lingers_is_found():
    """A fifth of the colleague's callers hang up first, and half of the agent's. 100 callers are enough."""
    chance = random.Random(4)
    found = 0
    for _ in range(200):
        left_first = sum(chance.random() < 0.5 for _ in range(100))
        found += standing((left_first, 100 - left_first), (200, 800)).is_outlier
    assert found > 190


# -- many agents


def test_many_agents_are_judged_more_strictly_each():
    """The same agent and colleague in a contact centre of few agents, and in one of thousands."""

    def suspicious(queues):
        others = [
            each
            for n in range(queues)
            for who in ("Mina", "Reza")
            for each in callers(who, 2, 18, f"queue {n}")
        ]
        return of(
            HangupOutliers.of(callers("Sara", 45, 55) + callers("Ali", 20, 80) + others), "Sara"
        ).is_outlier

    assert suspicious(0)
    assert suspicious(10)
    assert not suspicious(2000)


def test_who_has_too_few_callers_makes_nobody_else_harder_to_find():
    few = [each for n in range(5000) for each in callers(f"Agent {n}", 1, 3, "support")]
    lingering = HangupOutliers.of(callers("Sara", 45, 55) + callers("Ali", 20, 80) + few)
    assert of(lingering, "Sara").is_outlier


def by_chance(k, n, left_first, everyone):
    """Return the exact probability that at least `k` of an agent's `n` callers left first.

    The agent's callers are a random draw from `everyone` callers, with `left_first` callers who left first.
    """
    ways = [
        math.comb(left_first, each) * math.comb(everyone - left_first, n - each)
        for each in range(k, min(n, left_first) + 1)
    ]
    return sum(ways) / math.comb(everyone, n)


@given(st.integers(15, 90), st.integers(15, 400), st.integers(1, 40), st.data())
def test_what_is_suspicious_is_as_rare_as_is_promised(n, others_n, queues, data):
    """Chance may suspect one pair in 1,000, and make a suspicion in one report of 40."""
    k, others_k = data.draw(st.integers(0, n)), data.draw(st.integers(0, others_n))
    lingering = HangupOutliers(fades=False)
    for queue in range(queues):
        add(lingering, "Sara", k, n - k, f"queue {queue}")
        add(lingering, "Ali", others_k, others_n - others_k, f"queue {queue}")
    if of(lingering, "Sara", "queue 0").is_outlier:
        chance = by_chance(k, n, k + others_k, n + others_n)
        assert chance <= min(0.001, 1 / 40 / (2 * queues)) * (1 + 1e-6)


def add(lingering, agent, left_first, invited, queue):
    first, then = callers(agent, 1, 1, queue)
    lingering.count(first, left_first)
    lingering.count(then, invited)


class ContactCentres:
    """A source of random contact centres: 20 queues with 200 agents each, all agents alike."""

    def __init__(self, share, n, seed):
        self._n = n
        self._chance = random.Random(seed)
        likely = [math.comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n)]
        self._up_to = list(accumulate(likely))

    def drawn(self):
        lingering = HangupOutliers(fades=False)
        for queue in range(20):
            for agent in range(200):
                left_first = bisect(self._up_to, self._chance.random())
                add(lingering, f"Agent {agent}", left_first, self._n - left_first, f"queue {queue}")
        return lingering


# The share of callers who leave first, and the callers of each agent in each queue. Bounds for one in 1,000
# would suspect 5 to 10 of the 4,000 pairs, and 69 if both numbers are small.
@pytest.mark.parametrize(("share", "n"), [(0.01, 20), (0.1, 100), (0.4, 255)])
def test_of_thousands_of_innocent_pairs_hardly_ever_one_is_suspected(share, n):
    centres = ContactCentres(share, n, seed=5)
    wrong = sum(any(queue.outliers for queue in centres.drawn().queues()) for _ in range(20))
    assert wrong <= 2  # of 20 reports; the promised mean is half a report


def test_who_lingers_is_found_among_thousands():
    """Four of ten of the agent's 120 callers leave first, and one of ten of all other agents' callers."""
    centres, chance = ContactCentres(0.1, 120, seed=6), random.Random(7)
    found = []
    for _ in range(20):
        lingering = centres.drawn()
        left_first = sum(chance.random() < 0.4 for _ in range(120))
        add(lingering, "Sara", left_first, 120 - left_first, "queue 7")
        found.append([each.agent for each in lingering.agents() if each.is_outlier])
    assert found.count(["Sara"]) >= 19


# -- the form for metrics and the form for reports


def test_a_queue_with_its_share_and_the_number_of_those_who_stand_out():
    lingering = HangupOutliers.of(
        callers("Sara", 40, 10)
        + callers("Ali", 50, 200)
        + callers("Mina", 50, 200)
        + callers("Reza", 1, 1, queue="support")
    )
    sales, support = lingering.queues()
    assert (sales.queue, sales.n, sales.outliers) == ("sales", 550, 1)
    assert sales.share == 140 / 550
    assert (support.queue, support.share, support.outliers) == ("support", 0.5, 0)


def test_a_report_has_every_agent_of_every_queue():
    lingering = HangupOutliers.of(
        callers("Sara", 1, 1) + callers("Ali", 0, 2) + callers("Sara", 2, 0, "support")
    )
    column = {(got.queue, got.agent): got.share for got in lingering.agents()}
    assert column == {("sales", "Sara"): 0.5, ("sales", "Ali"): 0.0, ("support", "Sara"): 1.0}


def test_a_habit_that_ended_is_forgotten_by_the_metrics_but_not_by_a_report():
    others = callers("Ali", 1, 4) * 60
    once, now = callers("Sara", 300, 0), callers("Sara", 1, 4) * 120
    lingering = HangupOutliers()
    for entry in others + once:
        lingering.count(entry)
    assert of(lingering, "Sara").is_outlier
    for entry in now:
        lingering.count(entry)
    assert not of(lingering, "Sara").is_outlier
    report = of(HangupOutliers.of(others + once + now), "Sara")
    assert (report.n, report.is_outlier) == (900, True)


def test_the_metrics_remember_a_bounded_number_of_callers():
    lingering = HangupOutliers()
    seen = []
    for entry in callers("Sara", 0, 5 * REMEMBERED):
        lingering.count(entry)
        seen.append(of(lingering, "Sara").n)
    assert max(seen) < REMEMBERED
    assert min(seen[REMEMBERED:]) >= REMEMBERED // 2


# -- the bounds by their numbers


def test_the_least_number_of_callers_may_be_another_one():
    ten, few = callers("Sara", 10, 0), callers("Ali", 10, 90)
    assert not of(HangupOutliers.of(ten + few), "Sara").is_outlier
    assert of(HangupOutliers.of(ten + few, minimum=10), "Sara").is_outlier


def test_the_metrics_halve_what_they_remember_and_keep_the_share():
    lingering = HangupOutliers()
    add(lingering, "Sara", 101, 298, "sales")
    assert of(lingering, "Sara").n == 399
    lingering.count(callers("Sara", 0, 1)[0])
    got = of(lingering, "Sara")
    assert (got.n, got.share) == (200, 50 / 200)


def pairs(n, callers_each):
    """Return the callers of `n` pairs of agents, each pair in its own queue, all alike."""
    return [
        each
        for queue in range(n)
        for agent in ("Mina", "Reza")
        for each in callers(agent, 1, callers_each - 1, f"queue {queue}")
    ]


def suspected(own, others, other_pairs):
    return of(HangupOutliers.of([*callers("Sara", *own), *callers("Ali", *others), *other_pairs]), "Sara")


def test_pairs_with_the_least_number_of_callers_are_compared_too():
    """Chance makes this pair once in 2,600 times: rare enough next to 30 such queues, but not next to 50."""
    own, others = (10, 10), (6, 54)
    chance = by_chance(10, 20, 16, 80)
    assert 0.025 / 102 < chance < 0.025 / 62
    assert suspected(own, others, pairs(30, MINIMUM)).is_outlier
    assert not suspected(own, others, pairs(50, MINIMUM)).is_outlier
    assert suspected(own, others, pairs(50, MINIMUM - 1)).is_outlier


def test_an_agent_without_colleagues_is_compared_with_nobody_and_makes_nobody_harder_to_find():
    alone = [each for n in range(500) for each in callers("Mina", 1, 99, f"queue {n}")]
    assert suspected((10, 10), (6, 54), alone).is_outlier


@pytest.mark.parametrize(
    ("own", "others"),
    [
        ((10, 10), (6, 54)),
        ((45, 55), (20, 80)),
        ((15, 5), (30, 70)),
        ((5, 15), (1, 199)),
        ((20, 0), (50, 50)),
    ],
)
def test_a_suspicion_ends_with_the_pair_that_makes_chance_too_likely(own, others):
    """Chance may make a suspicion in one report of 40. This limit is shared by all pairs of the report."""
    left_first, everyone = own[0] + others[0], sum(own) + sum(others)
    most_pairs = 0.025 / by_chance(own[0], sum(own), left_first, everyone)
    most_queues = int((most_pairs - 2) / 2)

    def is_suspected(queues):
        outliers = HangupOutliers(fades=False)
        add(outliers, "Sara", *own, "sales")
        add(outliers, "Ali", *others, "sales")
        for queue in range(queues):
            for agent in ("Mina", "Reza"):
                add(outliers, agent, 1, 19, f"queue {queue}")
        return of(outliers, "Sara").is_outlier

    assert is_suspected(most_queues)
    assert not is_suspected(most_queues + 1)


@pytest.mark.parametrize(
    ("own", "others"), [((32, 1), (64, 26)), ((18, 35), (0, 21)), ((42, 0), (97, 22)), ((13, 29), (0, 26))]
)
def test_what_is_rare_by_chance_is_not_suspicious_while_the_bounds_of_the_two_meet(own, others):
    chance = by_chance(own[0], sum(own), own[0] + others[0], sum(own) + sum(others))
    assert chance < 0.001
    assert not standing(own, others).is_outlier
