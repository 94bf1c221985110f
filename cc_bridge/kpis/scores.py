"""How scores are computed: each with its n and an interval that holds the truth in 95 of 100 samples.

`question_kinds.py` has the scores of each kind. Answers come counted, value -> how many gave it, as SQL's
GROUP BY gives them. Pure.

Shares have Wilson's interval. NPS has that of its variance after three answers were added, 3/4 of them
promoters and 3/4 detractors (Rocks, The American Statistician 70, 2016): of 15 answers in a good queue (85 %
promoters, 5 % detractors) the plain one holds the truth in 76 of 100 samples, this one in 96. Means have
that of Student's t, which is too narrow where nearly everybody gives the highest value: with 85 % of them it
holds the truth in 84 of 100 samples of 15, and in 92 of 100 samples of 100.

A score of few answers says nothing about an agent. Below `minimum` it is computed, but it is not `enough` to
be shown, and `ranked` leaves it out; without any answer there is no score at all, which is not 0 %.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

__all__ = [
    "MINIMUM", "AnswersByValue", "Score", "ScoreMethod", "mean", "net", "ranked", "response_rate", "share_of",
    "student_t", "wilson",
]  # fmt: skip

AnswersByValue = Mapping[int, int]
"""Value -> how many callers gave it."""

MINIMUM = 15  # answers; with fewer, a share's interval is half of the scale wide
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of n answers, n at least 1, in the unit in which people read it: %, points, mean."""

    name: str  # as in kpis/catalogue.py
    value: float
    n: int
    low: float
    high: float
    enough: bool  # to be shown and ranked


ScoreMethod = Callable[[str, AnswersByValue, range, int], Score | None]
"""From the score's name, the answers, their scale and the minimum; ValueError for an answer off the scale."""


def share_of(*values: int) -> ScoreMethod:
    """Return what computes the % of the answers that have one of these values."""

    def share(name: str, answers: AnswersByValue, scale: range, minimum: int) -> Score | None:
        n = _count(answers, scale)
        return _share(name, sum(answers.get(value, 0) for value in values), n, minimum)

    return share


def response_rate(answered: int, eligible: int, minimum: int = MINIMUM) -> Score | None:
    """Return the % of attempts with at least one valid answer among all who could have been asked."""
    return _share("response_rate", answered, eligible, minimum)


def mean(name: str, answers: AnswersByValue, scale: range, minimum: int) -> Score | None:
    """Return the mean."""
    n = _count(answers, scale)
    if not n:
        return None
    middle = sum(value * count for value, count in answers.items()) / n
    squares = sum(count * (value - middle) ** 2 for value, count in answers.items())
    if squares:
        below = above = student_t(n - 1) * sqrt(squares / (n - 1) / n)
    else:
        # All the same, or one answer: t knows no spread, which is not that there is none. As many callers
        # as Wilson's interval leaves room for may think otherwise, and be at either end of the scale.
        _, others = wilson(0, n)
        below, above = others * (middle - scale[0]), others * (scale[-1] - middle)
    low, high = max(middle - below, scale[0]), min(middle + above, scale[-1])
    return Score(name, middle, n, low, high, n >= minimum)


def net(name: str, answers: AnswersByValue, scale: range, minimum: int) -> Score | None:
    """Return the % of promoters less the % of detractors.

    The groups of NPS are counted from the top of the scale: two steps of promoters, two of passives.
    """
    n = _count(answers, scale)
    if not n:
        return None
    promoters = sum(answers.get(value, 0) for value in scale[-2:])
    detractors = sum(answers.get(value, 0) for value in scale[:-4])
    value = 100 * (promoters - detractors) / n
    more = n + 3
    up, down = (promoters + 0.75) / more, (detractors + 0.75) / more
    balance = up - down
    half = Z * sqrt((up + down - balance**2) / more)
    low, high = max(100 * (balance - half), -100.0), min(100 * (balance + half), 100.0)
    return Score(name, value, n, min(low, value), max(high, value), n >= minimum)


def ranked(scores: Mapping[str, Score | None]) -> list[tuple[str, Score]]:
    """Return agents or queues with their score, the highest first; who has too few answers has no rank.

    Raises ValueError for scores of different names: NPS on two scales does not rank.
    """
    names = {score.name for score in scores.values() if score}
    if len(names) > 1:
        raise ValueError(f"different scores cannot be ranked: {', '.join(sorted(names))}")
    enough = [(who, score) for who, score in scores.items() if score and score.enough]
    return sorted(enough, key=lambda one: (-one[1].value, one[0]))


# -- intervals


def wilson(part: int, n: int, z: float = Z) -> tuple[float, float]:
    """Return the bounds of a share from 0 to 1 (Wilson, 1927); n is at least 1."""
    share, spread = part / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt((share * (1 - share) + spread / 4) / n) / (1 + spread)
    # At a share of 0 or 1 a bound is the share itself, give or take a rounding error.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


# The 97.5 % point for 1 to 9 degrees of freedom, as every table has it.
_STUDENT_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)


def student_t(freedom: int) -> float:
    """Return the 97.5 % point of Student's t, right to 0.0002.

    From 10 degrees of freedom on it is the expansion by the normal point (Abramowitz and Stegun 26.7.5).
    """
    if freedom <= len(_STUDENT_T):
        return _STUDENT_T[freedom - 1]
    terms = (
        Z,
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
    )
    return sum(term / float(freedom) ** power for power, term in enumerate(terms))


# -- inside


def _count(answers: AnswersByValue, scale: range) -> int:
    if strange := [value for value in answers if value not in scale]:
        raise ValueError(f"answers off the scale of {scale[0]} to {scale[-1]}: {strange[:5]}")
    return sum(answers.values())


def _share(name: str, part: int, n: int, minimum: int) -> Score | None:
    if not 0 <= part <= n:
        raise ValueError(f"{name}: {part} of {n}")
    if not n:
        return None
    low, high = wilson(part, n)
    return Score(name, 100 * part / n, n, 100 * low, 100 * high, n >= minimum)
