"""PromQL of shared queries, and of scores with their confidence intervals. Pure.

The formulas are those of `cc_bridge/kpis/scores.py`; tests compare the results of Prometheus with them.

Note: increase() extrapolates to the edges of its range. Counts therefore have fractions, and less than half a
call counts as none. A sum with a missing vector is missing as well, hence `or 0 * n`.
"""

from cc_bridge.kpis.scores import MINIMUM, Z

__all__ = ["PBX", "QUEUE", "RECORDED", "Scored", "increase", "too_few"]

# Label selectors of a dashboard's variables: for metrics by queue, metrics by PBX, and recorded series.
QUEUE = 'job=~"$job", pbx=~"$pbx", queue=~"$queue"'
PBX = 'job=~"$job", pbx=~"$pbx"'
RECORDED = 'pbx=~"$pbx", queue=~"$queue"'


def increase(metric: str, labels: str = "", by: str = "", window: str = "$__range") -> str:
    """Return the query for the increase of a queue counter in `window`, in total or `by` these labels."""
    chosen = f"{QUEUE}, {labels}" if labels else QUEUE
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (increase(cc_bridge_{metric}{{{chosen}}}[{window}]))"


def too_few(score: str, n: str) -> str:
    """Return the query for a score that is NaN if `n` is below the minimum sample size."""
    return f"({score} and {n} >= {MINIMUM - 0.5}) or {n} * NaN"


class Scored:
    """Queries for the answers to one kind of question in the displayed time, in total or `by` labels."""

    def __init__(self, kind: str, by: str = "") -> None:
        self._kind = kind
        self._by = by
        self.n = self._given()

    def _given(self, values: str = "") -> str:
        labels = f'kind="{self._kind}"' + (f', value=~"{values}"' if values else "")
        return increase("ratings_total", labels, self._by)

    def _some(self, values: str) -> str:
        """Return the query for the number of answers with these values; 0 if there is none."""
        return f"({self._given(values)} or 0 * {self.n})"

    def _sum(self, power: int, highest: int) -> str:
        """Return the query for the sum of all values to the given power. Each value is a separate series."""
        each = " or ".join(
            f"{value**power} * increase(cc_bridge_ratings_total{{{QUEUE}, "
            f'kind="{self._kind}", value="{value}"}}[$__range])'
            for value in range(1, highest + 1)
        )
        return f"sum by ({self._by}) ({each})" if self._by else f"sum ({each})"

    def csat(self) -> str:
        """Return the query for the share of answers 4 and 5 (0 to 1)."""
        return f"{self._some('4|5')} / ({self.n} > 0.5)"

    def csat_bound(self, sign: str) -> str:
        """Return the query for the lower (-) or upper (+) bound of the Wilson interval."""
        share, n = f"({self.csat()})", f"({self.n} > 0.5)"
        spread = f"{Z**2:.4f} / {n}"
        half = f"{Z:.4f} * sqrt(({share} * (1 - {share}) + {spread} / 4) / {n})"
        return f"({share} + {spread} / 2 {sign} {half}) / (1 + {spread})"

    def mean(self, highest: int) -> str:
        """Return the query for the mean on a scale from 1 to `highest`."""
        return f"{self._sum(1, highest)} / ({self.n} > 0.5)"

    def mean_bound(self, sign: str, highest: int) -> str:
        """Return the query for a bound of Student's interval, by two terms of its expansion (for n >= 15)."""
        mean, freedom = f"({self.mean(highest)})", f"({self.n} - 1)"
        first, second = (Z**3 + Z) / 4, (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
        point = f"({Z:.4f} + {first:.4f} / {freedom} + {second:.4f} / {freedom} ^ 2)"
        squares = f"({self._sum(2, highest)} - {self.n} * {mean} ^ 2)"
        half = f"{point} * sqrt(clamp_min({squares}, 0) / {freedom} / {self.n})"
        return f"clamp({mean} {sign} {half}, 1, {highest})"

    def nps(self) -> str:
        """Return the query for the NPS: promoters less detractors, from -100 to 100."""
        return f"100 * ({self._some('9|10')} - {self._some('[0-6]')}) / ({self.n} > 0.5)"

    def nps_bound(self, sign: str) -> str:
        """Return the query for a bound of the NPS interval; three answers are added to avoid a width of 0."""
        more = f"({self.n} + 3)"
        net = f"(({self._some('9|10')} - {self._some('[0-6]')}) / {more})"
        either = f"(({self._some('9|10')} + {self._some('[0-6]')} + 1.5) / {more})"
        half = f"{Z:.4f} * sqrt(({either} - {net} ^ 2) / {more})"
        return f"clamp(100 * ({net} {sign} {half}), -100, 100)"
