"""Survey scores: the computation of shares, means and NPS, each with n and a 95 % interval. Pure.

A 95 % interval holds the true value in 95 of 100 samples. The input is the number of answers by value, as
SQL's GROUP BY returns it.

A score of few answers says nothing about an agent. So a score of fewer than `minimum` answers is computed,
but its field `enough` is False: it is neither shown nor ranked. Without answers the score is None, not 0 %.
"""

# The intervals. Shares have Wilson's interval.
# NPS has the interval of its variance after three answers are added: 3/4 promoters, 3/4 detractors, the rest
# passives (Rocks, The American Statistician 70, 2016). With 15 answers in a good queue (85 % promoters, 5 %
# detractors) the plain interval holds the true value in 76 of 100 samples, this one in 96.
# Means have Student's t interval, which is too narrow if nearly all callers give the highest value. If 85 %
# do, it holds the true value in 84 of 100 samples of 15 answers, and in 92 of 100 samples of 100 answers.

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

__all__ = [
    "MINIMUM", "AnswersByValue", "Score", "ScoreMethod", "mean", "net", "ranked", "response_rate", "share_of",
    "student_t", "wilson",
]  # fmt: skip

AnswersByValue = Mapping[int, int]
"""The number of answers by value."""

MINIMUM = 15  # answers; with fewer, a share's interval is half of the scale wide
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Score:
    """A score of n answers (at least 1) with its 95 % interval, in its unit: %, points or scale value."""

    name: str  # as in kpis/catalogue.py
    value: float
    n: int
    low: float  # the lower end of the 95 % interval
    high: float  # the upper end
    enough: bool  # n has reached the minimum: the score may be shown and ranked


ScoreMethod = Callable[[str, AnswersByValue, range, int], Score | None]
"""A function that computes one score; None if there are no answers.

Its arguments are the score's name, the numbers of answers by value, the scale, and the minimum number of
answers. It raises ValueError for an answer outside the scale.
"""


def share_of(*values: int) -> ScoreMethod:
    """Return a function that computes a score: the % of the answers that have one of the given values."""

    def share(name: str, answers: AnswersByValue, scale: range, minimum: int) -> Score | None:
        n = _count(answers, scale)
        return _share(name, sum(answers.get(value, 0) for value in values), n, minimum)

    return share


def response_rate(answered: int, eligible: int, minimum: int = MINIMUM) -> Score | None:
    """Return the response rate: the % of eligible callers who gave at least one valid answer.

    `answered` is the number of callers with a valid answer, `eligible` the number of eligible callers. None
    means that no caller was eligible. The rate may be shown only if `eligible` is at least `minimum`.
    """
    return _share("response_rate", answered, eligible, minimum)


def mean(name: str, answers: AnswersByValue, scale: range, minimum: int) -> Score | None:
    """Return the mean of the answers as the score `name`; None if there are no answers.

    The score has Student's 95 % interval, cut off at the ends of the scale. It may be shown only if there are
    at least `minimum` answers. Raise ValueError for an answer outside the scale.
    """
    n = _count(answers, scale)
    if not n:
        return None
    middle = sum(value * count for value, count in answers.items()) / n
    squares = sum(count * (value - middle) ** 2 for value, count in answers.items())
    if squares:
        below = above = student_t(n - 1) * sqrt(squares / (n - 1) / n)
    else:
        # All answers are equal, or there is one answer, so the sample has no spread. Other callers may still
        # answer differently. Their share is at most Wilson's upper bound for 0 of n, and they are assumed at
        # the end of the scale.
        _, others = wilson(0, n)
        below, above = others * (middle - scale[0]), others * (scale[-1] - middle)
    low, high = max(middle - below, scale[0]), min(middle + above, scale[-1])
    return Score(name, middle, n, low, high, n >= minimum)


def net(name: str, answers: AnswersByValue, scale: range, minimum: int) -> Score | None:
    """Return the score `name`, the % of promoters minus the % of detractors, as in NPS; None without answers.

    The two highest values of the scale are promoters, the next two are passives, all others are detractors.
    The score may be shown only if there are at least `minimum` answers. Raise ValueError for an answer
    outside the scale.
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
    """Return names (of agents or queues) and scores, highest first; scores of too few answers are left out.

    Raise ValueError for scores of different kinds: NPS values of two scales cannot be compared.
    """
    names = {score.name for score in scores.values() if score}
    if len(names) > 1:
        raise ValueError(f"scores of different kinds cannot be ranked: {', '.join(sorted(names))}")
    enough = [(who, score) for who, score in scores.items() if score and score.enough]
    return sorted(enough, key=lambda one: (-one[1].value, one[0]))


# -- intervals


def wilson(part: int, n: int, z: float = Z) -> tuple[float, float]:
    """Return the two ends of Wilson's interval (1927) for the share `part / n`, as fractions from 0 to 1.

    `z` is the quantile of the normal distribution for the wanted confidence; the default gives 95 %. `n` must
    be at least 1.
    """
    share, spread = part / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt((share * (1 - share) + spread / 4) / n) / (1 + spread)
    # At a share of 0 or 1 one bound equals the share. The comparison removes a rounding error.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


# The 97.5 % points of Student's t for 1 to 9 degrees of freedom, as printed in tables.
_STUDENT_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)


def student_t(freedom: int) -> float:
    """Return the 97.5 % point of Student's t for `freedom` degrees of freedom, exact to 0.0002.

    Up to 9 degrees of freedom, the result comes from a table. From 10 on, it is computed from the 97.5 %
    point of the normal distribution (Abramowitz and Stegun 26.7.5).
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
    """Return the number of answers; raise ValueError for a value outside the scale."""
    if strange := [value for value in answers if value not in scale]:
        raise ValueError(f"answers off the scale of {scale[0]} to {scale[-1]}: {strange[:5]}")
    return sum(answers.values())


def _share(name: str, part: int, n: int, minimum: int) -> Score | None:
    """Return `part` of `n` as the score `name` in %; None if n is 0.

    The score may be shown only if `n` is at least `minimum`. Raise ValueError if `part` is not from 0 to `n`.
    """
    if not 0 <= part <= n:
        raise ValueError(f"{name}: {part} of {n}")
    if not n:
        return None
    low, high = wilson(part, n)
    return Score(name, 100 * part / n, n, 100 * low, 100 * high, n >= minimum)
