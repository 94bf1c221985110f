"""The registry of question kinds, such as csat and nps: one entry for each kind. Pure.

An entry has the kind's scale, keypad keys, scores, and the ratings that count as low. Survey files,
configuration, reports, the KPI catalogue and the schema reference are made from these entries. The texts that
people read are in `reports/render/texts.toml`. `tests/unit/kpis/test_question_kinds.py` checks that all these
parts agree with the entries.
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
    """A type of score that is computed from the answers to questions of one kind, such as their mean.

    Each score is also a KPI. `words` and `formula` are the meaning and the formula of this KPI.
    """

    name: str  # of the KPI, of its label in texts.toml, and of its field in CSV and JSON
    unit: Unit
    method: ScoreMethod
    words: str
    formula: str


@dataclass(frozen=True, slots=True)
class QuestionKind:
    """One kind of survey question. A kind without a scale (choice, spoken comment) has no score."""

    name: str
    meaning: str  # the meaning of its values
    scale: range = range(0)  # the values from the lowest to the highest; empty: no scale
    own_keys: Mapping[str, int] | None = None  # key that a caller presses -> stored value; None: the same
    labels: Mapping[int, str] = field(default_factory=dict)  # value -> its word, stored with the answer
    low_max: int | None = None  # the default of the highest low rating; None: no rating is low
    scores: tuple[ScoreType, ...] = ()  # the wallboard shows the first one
    replaced_by: str = ""  # the successor of a retired kind; empty: the kind is in use

    @property
    def keys(self) -> Mapping[str, int]:
        """The keys that a caller can press, with the stored value of each answer, such as `"10"` -> 10."""
        return {str(value): value for value in self.scale} if self.own_keys is None else self.own_keys

    @property
    def retired(self) -> bool:
        """Whether surveys can no longer ask questions of this kind; stored answers stay readable."""
        return bool(self.replaced_by)

    def compute(self, answers: AnswersByValue, minimum: int = MINIMUM) -> dict[str, Score | None]:
        """Return the scores of this kind: name of the score -> score, None without answers.

        `answers` is the number of answers by value. A score of fewer than `minimum` answers is marked as too
        few to be shown. Raise ValueError for a value outside the scale.
        """
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
                        "Share of satisfied callers (4 and 5) on the scale of 1 to 5",
                        "(answers[4] + answers[5]) / n",
                    ),
                    ScoreType(
                        "csat_mean",
                        Unit.MEAN,
                        mean,
                        "Mean satisfaction on the scale of 1 to 5, shown next to the share",
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
                        "Promoters (9 and 10) minus detractors (0 to 6) on the scale of 0 to 10, from -100 to"
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
                        "Promoters (8 and 9) minus detractors (0 to 5) on the scale of 0 to 9; not comparable"
                        " with NPS. Only stored answers have it: the kind is retired",
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
                        "Share of the callers who answered yes; yes is stored as 1, no as 0",
                        "answers[1] / n",
                    ),
                ),
            ),
            QuestionKind("choice", "the key that was pressed, with its label"),
            QuestionKind("comment", "seconds of a spoken comment"),
        )
    }
)
"""The kinds by name, with the retired kinds: the database may hold their answers."""

SCORES: Mapping[str, ScoreType] = MappingProxyType(
    {score.name: score for kind in KINDS.values() for score in kind.scores}
)
SCALE_KINDS = tuple(kind.name for kind in KINDS.values() if kind.scale and not kind.retired)
"""The names of the kinds that a survey can ask and that have a scale."""
RATING_KINDS = tuple(name for name in SCALE_KINDS if KINDS[name].low_max is not None)
"""The names of the scale kinds that have low ratings."""

if TYPE_CHECKING:
    ScaleKind = str
    RatingKind = str
else:  # pydantic then accepts only these names, and its error message lists all of them
    ScaleKind = Literal[SCALE_KINDS]
    RatingKind = Literal[RATING_KINDS]


def check_not_retired(name: object) -> None:
    """Raise ValueError for the name of a retired kind; the message names its successor."""
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind and kind.retired:
        raise ValueError(f"the kind {kind.name} is retired: use {kind.replaced_by}")
