"""The registry of question kinds: one entry for each kind, from which everything about it follows. Pure.

An entry has the scale and the keys of a kind, its low ratings and its scores. Survey files, configuration,
reports, pages, the KPI definitions and the schema reference read it. The words of a kind for people are its
table in `reports/render/texts.toml`. `tests/unit/kpis/test_question_kinds.py` holds every entry against all
of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from cc_bridge.kpis.scores import MINIMUM, AnswersByValue, Score, ScoreMethod, mean, net, share_of
from cc_bridge.kpis.units import Unit

__all__ = [
    "KINDS",
    "RATING_KINDS",
    "SCALE_KINDS",
    "SCORES",
    "QuestionKind",
    "RatingKind",
    "ScaleKind",
    "ScoreType",
    "check_not_retired",
]


@dataclass(frozen=True, slots=True)
class ScoreType:
    """One score of a kind. Words and formula are its KPI definition."""

    name: str  # of the KPI, of its label in texts.toml, and in CSV and JSON
    unit: Unit
    method: ScoreMethod
    words: str
    formula: str


@dataclass(frozen=True, slots=True)
class QuestionKind:
    """One kind. A kind without a scale has no score: a choice, or a spoken comment."""

    name: str
    meaning: str  # of its values
    scale: range = range(0)  # from the lowest value to the highest
    own_keys: Mapping[str, int] | None = None  # what a caller types -> what is stored; None: the value itself
    labels: Mapping[int, str] = field(
        default_factory=dict
    )  # value -> its meaning in words, stored with the answer
    low_max: int | None = None  # the highest low rating unless the configuration sets it; None: none is low
    scores: tuple[ScoreType, ...] = ()  # the first one stands on the wallboard
    replaced_by: str = ""  # what to ask instead of a retired kind, of which stored answers stay readable

    @property
    def keys(self) -> Mapping[str, int]:
        return {str(value): value for value in self.scale} if self.own_keys is None else self.own_keys

    @property
    def retired(self) -> bool:
        return bool(self.replaced_by)

    def compute(self, answers: AnswersByValue, minimum: int = MINIMUM) -> dict[str, Score | None]:
        """Return the scores by name. Raises ValueError for a value off the scale."""
        return {score.name: score.method(score.name, answers, self.scale, minimum) for score in self.scores}


KINDS: Mapping[str, QuestionKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            QuestionKind(
                "csat",
                "1 (very dissatisfied) to 5 (very satisfied)",
                range(1, 6),
                low_max=2,
                scores=(
                    ScoreType(
                        "csat",
                        Unit.PERCENT,
                        share_of(4, 5),
                        "Share of satisfied callers on the scale of 1 to 5",
                        "(answers[4] + answers[5]) / n",
                    ),
                    ScoreType(
                        "csat_mean",
                        Unit.MEAN,
                        mean,
                        "Mean satisfaction on the scale of 1 to 5, shown beside the share",
                        "sum of the answers / n",
                    ),
                ),
            ),
            QuestionKind(
                "nps",
                "0 (not at all likely) to 10 (very likely)",
                range(11),
                low_max=6,
                scores=(
                    ScoreType(
                        "nps",
                        Unit.POINTS,
                        net,
                        "Promoters (9 and 10) less detractors (0 to 6) on the scale of 0 to 10, from -100 to"
                        " 100",
                        "100 * (promoters - detractors) / n",
                    ),
                ),
            ),
            QuestionKind(
                "nps_0_9",
                "0 (not at all likely) to 9 (very likely)",
                range(10),
                low_max=5,
                scores=(
                    ScoreType(
                        "nps_0_9",
                        Unit.POINTS,
                        net,
                        "Promoters (8 and 9) less detractors (0 to 5) on the scale of 0 to 9: no NPS, and not"
                        " to be compared with one; of stored answers only, no survey asks it any more",
                        "100 * (promoters - detractors) / n",
                    ),
                ),
                replaced_by="nps, from 0 to 10",
            ),
            QuestionKind(
                "ces",
                "1 (very difficult) to 7 (very easy)",
                range(1, 8),
                low_max=3,
                scores=(
                    ScoreType(
                        "ces",
                        Unit.MEAN,
                        mean,
                        "Mean ease of getting help on the scale of 1 to 7, where 7 is very easy",
                        "sum of the answers / n",
                    ),
                ),
            ),
            QuestionKind(
                "yes_no",
                "1 (yes) or 0 (no)",
                range(2),
                own_keys={"1": 1, "2": 0},
                labels={0: "no", 1: "yes"},
                scores=(
                    ScoreType(
                        "yes_no",
                        Unit.PERCENT,
                        share_of(1),
                        "Share of the callers who said yes, which is stored as 1; no is 0",
                        "answers[1] / n",
                    ),
                ),
            ),
            QuestionKind("choice", "the key that was pressed, with its label"),
            QuestionKind("comment", "seconds of a spoken comment"),
        )
    }
)
"""The kinds by name, retired ones too: answers of them may be stored."""

SCORES: Mapping[str, ScoreType] = MappingProxyType(
    {score.name: score for kind in KINDS.values() for score in kind.scores}
)
SCALE_KINDS = tuple(kind.name for kind in KINDS.values() if kind.scale and not kind.retired)
"""What a survey can ask on a scale."""
RATING_KINDS = tuple(name for name in SCALE_KINDS if KINDS[name].low_max is not None)
"""Those of them that have a low end."""

if TYPE_CHECKING:
    ScaleKind = str
    RatingKind = str
else:  # so that a file may name these alone, and who misspells one is told all of them
    ScaleKind = Literal[SCALE_KINDS]
    RatingKind = Literal[RATING_KINDS]


def check_not_retired(name: object) -> None:
    """Raise ValueError, with what to ask instead, for a kind that is no longer asked."""
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind and kind.retired:
        raise ValueError(f"the kind {kind.name} is retired: use {kind.replaced_by}")
