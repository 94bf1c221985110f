"""What each version of a survey asked, for those who read its answers later. Pure.

The wiring tells it at start and on SIGHUP what was loaded, and then what the database knows from before. An
answer names survey and version, so the first definition of a version stays: what another one asks under the
same number cannot be told apart any more, and `conflicting` tells about it.
"""

import json
from collections.abc import Iterable

from cc_bridge.records import SurveyDefinition
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.questions import Question

__all__ = ["SurveyVersions", "definition_of"]


def definition_of(pbx: str, survey: Survey, at: float) -> SurveyDefinition:
    """Return what is kept of a survey that was loaded `at`."""
    return SurveyDefinition(
        pbx=pbx,
        survey=survey.id,
        version=survey.version,
        languages=",".join(survey.languages),
        questions=json.dumps(
            [_question_definition(question) for question in survey.questions], ensure_ascii=False
        ),
        first_seen=at,
    )


def _question_definition(question: Question) -> dict[str, object]:
    values = question.values
    is_score = bool(values) and not question.labels
    return {
        "id": question.id,
        "kind": question.kind,
        "ask": question.ask,
        "rates": question.rates,
        "scale": [values[0], values[-1]] if is_score else None,
        "labels": {str(value): question.label(value) for value in values if question.label(value)},
    }


class SurveyVersions:
    """The first definition of each version on each PBX."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, int], SurveyDefinition] = {}

    def conflicting(self, definitions: Iterable[SurveyDefinition]) -> list[SurveyDefinition]:
        """Take note of definitions; return those that ask something else than another of their version."""
        changed = []
        for definition in definitions:
            version = definition.pbx, definition.survey, definition.version
            known = self._first.setdefault(version, definition)
            if (known.languages, known.questions) != (definition.languages, definition.questions):
                changed.append(definition)
            if definition.first_seen < known.first_seen:
                self._first[version] = definition
        return changed
