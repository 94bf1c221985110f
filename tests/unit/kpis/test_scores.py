"""Scores: published examples, computations by hand, simulations, few answers and equal answers."""

import random
from collections import Counter
from math import atan, cos, pi, sin, sqrt

import pytest
from hypothesis import given, strategies as st

from cc_bridge.kpis.catalogue import KPIS
from cc_bridge.kpis.question_kinds import KINDS, SCORES
from cc_bridge.kpis.scores import MINIMUM, ranked, response_rate, student_t, wilson
from cc_bridge.kpis.units import Unit
from cc_bridge.reports.figures import of_score
from cc_bridge.reports.render.localization import Localization
from support.scores import ces, csat, csat_mean, nps, nps_0_9, yes_no

SCALES = {name: kind.scale for name, kind in KINDS.items() if kind.scores}
FORMULAS = {measure.name: measure.formula for measure in KPIS["Survey"]}


def text(score):
    """Return a score in the notation of reports."""
    unit = SCORES[score.name].unit if score and score.name in SCORES else Unit.PERCENT
    full = Localization().full(unit, of_score(score))
    return full.replace("\u2013", " to ").replace("\u2212", "-")


def bounds(score, decimals=4):
    return round(score.low, decimals), round(score.high, decimals)


# -- against published figures


@pytest.mark.parametrize(
    ("part", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_newcombe_printed_it(part, n, low, high):
    """R. G. Newcombe, Statistics in Medicine 17 (1998), 857 to 872, table I, method 3."""
    assert tuple(round(bound, 4) for bound in wilson(part, n)) == (low, high)
    score = response_rate(part, n)
    assert bounds(score, 2) == (round(100 * low, 2), round(100 * high, 2))
    assert score.value == 100 * part / n


@pytest.mark.parametrize(
    ("freedom", "printed"),
    [(1, 12.706), (2, 4.303), (5, 2.571), (9, 2.262), (10, 2.228), (14, 2.145), (19, 2.093), (30, 2.042),
     (60, 2.000), (100, 1.984), (194, 1.9723)],
)  # fmt: skip
def test_student_t_as_printed_in_tables(freedom, printed):
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2; the last value from its 1.3.5.2."""
    assert student_t(freedom) == pytest.approx(printed, abs=0.0006)


def mass_within(t, freedom):
    """Return the probability of -t to t as a finite sum (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = atan(t / sqrt(freedom))
    term, total = cos(angle) if freedom % 2 else 1.0, 0.0
    for power in range(freedom % 2, freedom - 1, 2):
        total += term
        term *= cos(angle) ** 2 * (power + 1) / (power + 2)
    return 2 / pi * (angle + sin(angle) * total) if freedom % 2 else sin(angle) * total


@pytest.mark.parametrize("freedom", [*range(1, 61), 100, 101, 999, 1000])
def test_student_t_leaves_out_a_fortieth_on_each_side(freedom):
    t = student_t(freedom)
    assert mass_within(t - 0.0002, freedom) < 0.95 < mass_within(t + 0.0002, freedom)


# -- by hand


def test_csat_counts_four_and_five():
    answers = {1: 3, 2: 2, 3: 5, 4: 20, 5: 10}
    assert csat(answers).value == 75.0
    assert csat_mean(answers).value == 3.8
    assert csat(answers).n == csat_mean(answers).n == 40


def test_the_interval_of_a_mean():
    # Variance 16/15, so the error is sqrt(1/15) and t of 15 is 2.1314: 4 -+ 0.5503.
    score = ces({3: 8, 5: 8})
    assert score.value == 4.0
    assert bounds(score) == (3.4497, 4.5503)


def test_nps_and_its_interval():
    # 60.75 and 20.75 of 103: 0.58981 - 0.20146 = 0.38835; variance 0.79126 - 0.15082 = 0.64045, error
    # sqrt(0.64045 / 103) = 0.078854, times 1.95996 = 0.15455.
    score = nps({10: 35, 9: 25, 8: 15, 7: 5, 6: 4, 3: 6, 0: 10})
    assert score.value == 40.0
    assert bounds(score, 1) == (23.4, 54.3)


@pytest.mark.parametrize(
    ("value", "points"),
    [(10, 100), (9, 100), (8, 0), (7, 0), (6, -100), (5, -100), (0, -100)],
)
def test_the_groups_of_nps(value, points):
    assert nps({value: 20}).value == points


@pytest.mark.parametrize(
    ("value", "points"), [(9, 100), (8, 100), (7, 0), (6, 0), (5, -100), (4, -100), (0, -100)]
)
def test_the_groups_of_the_scale_of_one_key_are_counted_from_the_top(value, points):
    score = nps_0_9({value: 20})
    assert score.value == points
    assert score.name == "nps_0_9"


def test_yes_is_one_and_no_is_zero():
    assert yes_no({1: 12, 0: 8}).value == 60.0


# -- by the catalogue


def test_every_score_is_in_the_catalogue_and_follows_its_formula():
    chance = random.Random(6)
    for kind, scale in SCALES.items():
        answers = Counter(chance.choices(scale, k=137))
        promoters = sum(answers[value] for value in {"nps": (9, 10), "nps_0_9": (8, 9)}.get(kind, ()))
        detractors = sum(answers[value] for value in range(7 if kind == "nps" else 6))
        names = {"answers": answers, "n": 137, "promoters": promoters, "detractors": detractors}
        for got in KINDS[kind].compute(answers).values():
            if FORMULAS[got.name].startswith("sum of the answers"):
                assert got.value == pytest.approx(sum(answers.elements()) / 137)
            else:
                share = eval(FORMULAS[got.name], {}, names)
                percent = 1 if got.name.startswith("nps") else 100
                assert got.value == pytest.approx(percent * share)
    got = response_rate(33, 150)
    assert got.value == 100 * eval(FORMULAS[got.name], {}, {"answered": 33, "eligible": 150})


# -- few answers, the same answers, no answers


def test_no_answers_is_no_data():
    for kind in KINDS.values():
        assert kind.compute({}, MINIMUM) == {score.name: None for score in kind.scores}
    assert response_rate(0, 0) is None
    assert text(None) == "no data"


def test_nobody_content_is_data():
    assert text(csat({1: 20})) == "0.0 % (0.0 to 16.1, n=20)"


@pytest.mark.parametrize(("n", "shown"), [(1, "too few (n=1)"), (14, "too few (n=14)")])
def test_below_the_minimum_is_too_few(n, shown):
    assert text(csat({5: n})) == shown


def test_the_minimum_itself_is_enough_and_can_be_set():
    assert csat({5: 15}).enough
    assert csat({5: 4}, minimum=4).enough
    assert not csat({5: 15}, minimum=16).enough


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        (csat({4: 33, 1: 7}), "82.5 % (68.1 to 91.3, n=40)"),
        (csat_mean({4: 8, 5: 8}), "4.50 (4.22 to 4.78, n=16)"),
        (ces({3: 8, 5: 8}), "4.00 (3.45 to 4.55, n=16)"),
        (nps({0: 8, 10: 8}), "+0.0 (-43.2 to +43.2, n=16)"),
        (nps_0_9({9: 60, 0: 40}), "+20.0 (+0.6 to +38.2, n=100)"),
        (yes_no({1: 8, 0: 8}), "50.0 % (28.0 to 72.0, n=16)"),
        (response_rate(15, 148), "10.1 % (6.2 to 16.0, n=148)"),
    ],
)
def test_how_a_score_is_shown(score, shown):
    assert text(score) == shown


def test_all_the_same_is_not_certain():
    happy = csat_mean({5: 15})
    assert happy.value == happy.high == 5.0
    # Wilson allows for 20.4 % of other answers. At the other end of the scale each is lower by 4 points.
    assert happy.low == pytest.approx(5 - 4 * wilson(0, 15)[1])
    assert 4.0 < happy.low < 4.5
    assert csat_mean({5: 1500}).low > 4.98


def test_one_answer_tells_nearly_nothing():
    score = csat_mean({4: 1})
    assert (score.value, score.n, score.enough) == (4.0, 1, False)
    assert score.high - score.low > 3


@pytest.mark.parametrize(
    ("score", "answers"),
    [(csat, {0: 1}), (csat, {6: 1}), (csat_mean, {7: 2}), (nps, {11: 1}), (nps, {-1: 1}), (nps_0_9, {10: 1}),
     (ces, {0: 1}), (ces, {8: 1}), (yes_no, {2: 1})],
)  # fmt: skip
def test_an_answer_off_the_scale_is_refused(score, answers):
    with pytest.raises(ValueError, match="off the scale"):
        score(answers | {1: 20})


@pytest.mark.parametrize(("answered", "eligible"), [(5, 4), (-1, 4), (1, 0)])
def test_more_answered_than_could_be_asked_is_refused(answered, eligible):
    with pytest.raises(ValueError, match="response_rate"):
        response_rate(answered, eligible)


# -- ranking


def test_who_has_too_few_answers_is_not_ranked():
    scores = {
        "Sara": csat({5: 15, 1: 5}),
        "Ali": csat({5: 18, 1: 2}),
        "Mina": csat({5: 14}),
        "Reza": csat({}),
        "Dara": csat({5: 15, 1: 5}),
    }
    assert [who for who, _ in ranked(scores)] == ["Ali", "Dara", "Sara"]
    assert ranked({}) == []


def test_the_two_scales_of_recommendation_are_never_ranked_together():
    with pytest.raises(ValueError, match="nps, nps_0_9"):
        ranked({"Sara": nps({10: 20}), "Ali": nps_0_9({9: 3})})


# -- any answers


@given(st.sampled_from(sorted(SCALES)), st.data())
def test_the_interval_holds_the_score_and_stays_on_the_scale(kind, data):
    scale = SCALES[kind]
    answers = data.draw(st.dictionaries(st.sampled_from(scale), st.integers(1, 300), min_size=1))
    for got in KINDS[kind].compute(answers).values():
        least, most = {
            Unit.MEAN: (scale[0], scale[-1]), Unit.POINTS: (-100, 100), Unit.PERCENT: (0, 100)
        }[SCORES[got.name].unit]  # fmt: skip
        assert least <= got.low <= got.value <= got.high <= most
        assert got.low < got.high
        assert got.n == sum(answers.values())


# -- the share of intervals with the true score


def held(score, truth, weights, scale, n, samples=2500):
    """Return the share of samples whose interval contains the true score, exact to 1 point."""
    chance = random.Random(n)
    held = 0
    for _ in range(samples):
        got = score(Counter(chance.choices(scale, weights, k=n)))
        held += got.low <= truth <= got.high
    return held / samples


SATISFACTION = [(10, 10, 20, 30, 30), (30, 10, 10, 20, 30), (5, 5, 10, 35, 45)]


@pytest.mark.parametrize("weights", SATISFACTION)
@pytest.mark.parametrize("n", [30, 120])
def test_the_interval_of_csat_holds_the_truth_in_95_of_100_samples(weights, n):
    assert 0.92 < held(csat, sum(weights[3:]), weights, SCALES["csat"], n) < 0.98


@pytest.mark.parametrize("weights", SATISFACTION)
@pytest.mark.parametrize("n", [30, 120])
def test_the_interval_of_a_mean_holds_the_truth_in_95_of_100_samples(weights, n):
    mean = sum(value * weight for value, weight in zip(SCALES["csat"], weights, strict=True)) / 100
    assert 0.92 < held(csat_mean, mean, weights, SCALES["csat"], n) < 0.98


@pytest.mark.parametrize(("promoters", "detractors"), [(30, 30), (50, 20), (85, 5)])
@pytest.mark.parametrize("n", [15, 30, 120])
def test_the_interval_of_nps_holds_the_truth_in_95_of_100_samples(promoters, detractors, n):
    weights = (detractors, 100 - promoters - detractors, promoters)
    assert 0.93 < held(nps, promoters - detractors, weights, (3, 7, 9), n) < 0.98


def test_the_interval_of_the_response_rate_holds_the_truth_in_95_of_100_samples():
    def score(answers):
        return response_rate(answers[1], 60)

    assert 0.93 < held(score, 12, (88, 12), (0, 1), 60) < 0.98
