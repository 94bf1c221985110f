"""The surveys of served callers in the simulated contact centre: decision, attempt and answers. Pure."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cc_bridge.demo.history.centre import LINGERING, QUEUES, RUDE
from cc_bridge.records import (
    Answer,
    NotRoutedCall,
    Record,
    SurveyAttempt,
    SurveyDecision,
    SurveyResult,
    Talk,
    Trigger,
)

__all__ = ["SURVEY", "Opinions", "Served"]

SURVEY = "full"  # config/surveys/full.toml
_VERSION = 1
_STEP_SECONDS = 7.0  # a question with its answer
_REASONS = ((1, "delivery"), (2, "bill"), (3, "other"))


@dataclass(frozen=True, slots=True)
class Served:
    """A caller at the end of the last talk: the talk, the whole wait in seconds, and who the caller is."""

    talk: Talk
    waited: float
    caller_key: str
    language: str


class Opinions:
    """The maker of surveys.

    `recording` returns the path and the length in seconds of a spoken comment; it gets the id of the attempt.
    """

    def __init__(self, chance: random.Random, recording: Callable[[str], tuple[str, int]]) -> None:
        self._chance = chance
        self._recording = recording

    def of(self, served: Served) -> Iterator[Record]:
        """Yield the records of the survey, or the one that says why there is none."""
        talk, chance = served.talk, self._chance
        at, about = talk.ended_at, (talk.queue, talk.agent, talk.interface)
        if chance.random() < 0.02:
            yield NotRoutedCall(talk.pbx, talk.call_id, talk.uniqueid, *about, at, SURVEY, served.caller_key)
            return
        fate = chance.random()
        left = 0.5 if talk.agent == LINGERING else 0.12
        stage = "caller_left_first" if fate < left else "sampled_out" if fate > 0.93 else "invited"
        yield SurveyDecision(
            talk.pbx, talk.call_id, talk.uniqueid, *about, at, SURVEY, Trigger.QUEUE, stage, served.caller_key
        )
        if stage == "invited":
            yield from self._attempt(served)

    def _attempt(self, served: Served) -> Iterator[Record]:
        talk, chance = served.talk, self._chance
        asked = list(self._answers(served))
        heard = len(asked) if chance.random() < 0.7 else chance.randrange(len(asked))
        if chance.random() < 0.3:
            heard = 0
        result = (
            SurveyResult.DECLINED if not heard
            else SurveyResult.COMPLETE if heard == len(asked) else SurveyResult.PARTIAL
        )  # fmt: skip
        reason = "" if result is SurveyResult.COMPLETE else chance.choice(("hung_up", "hung_up", "no_input"))
        attempt = f"{talk.uniqueid}-{round(1000 * talk.ended_at)}"
        end = talk.ended_at + _STEP_SECONDS * (heard + 1)
        yield SurveyAttempt(
            talk.pbx, attempt, talk.call_id, talk.uniqueid, talk.queue, talk.agent, talk.interface, SURVEY,
            _VERSION, served.language, talk.ended_at + 1, end, result, reason, caller_key=served.caller_key,
        )  # fmt: skip
        for place, (question, kind, value, label) in enumerate(asked[:heard], 1):
            of_company = question in {"effort", "recommend", "reason"}
            path, seconds = self._recording(attempt) if kind == "comment" else ("", value)
            yield Answer(
                talk.pbx, attempt, question, kind, seconds, 1 if chance.random() < 0.93 else 2,
                talk.ended_at + _STEP_SECONDS * place, "" if of_company else talk.queue,
                "" if of_company else talk.agent, "" if of_company else talk.interface, label, path,
            )  # fmt: skip

    def _answers(self, served: Served) -> Iterator[tuple[str, str, int, str]]:
        """Yield what the caller would answer: question, kind, value and label, in the order of the survey."""
        chance, talk = self._chance, served.talk
        low = QUEUES[talk.queue].low_share + 0.45 * min(served.waited / 240, 1.0)
        low += 0.35 if talk.agent == RUDE else 0.0
        pleased = chance.random() > low
        rating = chance.choice((3, 4, 4, 5, 5, 5)) if pleased else chance.choice((1, 1, 2))
        yield "satisfaction", "csat", rating, ""
        if not pleased and chance.random() < 0.45:
            yield "comment", "comment", 0, ""
        solved = int(chance.random() < (0.86 if pleased else 0.4))
        yield "solved", "yes_no", solved, "yes" if solved else "no"
        yield "effort", "ces", chance.choice((5, 6, 6, 7, 7) if pleased else (1, 2, 3, 4, 5)), ""
        yield "recommend", "nps", chance.choice((7, 8, 9, 9, 10, 10) if pleased else (0, 2, 4, 5, 6, 7)), ""
        value, label = chance.choice(_REASONS)
        yield "reason", "choice", value, label
