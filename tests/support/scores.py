"""Score functions by question kind, each from a list of answers."""

from collections.abc import Callable

from cc_bridge.kpis.question_kinds import KINDS
from cc_bridge.kpis.scores import MINIMUM, AnswersByValue, Score


def score_of(kind: str, name: str) -> Callable[..., Score | None]:
    def score(answers: AnswersByValue, minimum: int = MINIMUM) -> Score | None:
        return KINDS[kind].compute(answers, minimum)[name]

    return score


csat, csat_mean = score_of("csat", "csat"), score_of("csat", "csat_mean")
nps, nps_0_9 = score_of("nps", "nps"), score_of("nps_0_9", "nps_0_9")
ces, yes_no = score_of("ces", "ces"), score_of("yes_no", "yes_no")
