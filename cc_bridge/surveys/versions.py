"""Survey versions: the definition of each version of a survey, which the stored answers refer to. Pure.

An answer names only the survey and its version. If two different definitions have the same version number,
their answers cannot be distinguished. So the first definition of a version is kept, and `conflicting`
returns later definitions that differ from it. The daemon calls `conflicting` at start and on SIGHUP, first
with the loaded surveys and then with the definitions in the database.
"""

import json
from collections.abc import Iterable

from cc_bridge.records import SurveyDefinition
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.questions import Question

__all__ = ["SurveyVersions", "definition_of"]


def definition_of(pbx: str, survey: Survey, at: float) -> SurveyDefinition:
    """Return the record that stores the definition of a survey.

    `at` is the time when the survey was loaded, in UTC seconds since the epoch.
    """
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
    """The known survey definitions: for each PBX, survey and version number, the definition seen first."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, int], SurveyDefinition] = {}

    def conflicting(self, definitions: Iterable[SurveyDefinition]) -> list[SurveyDefinition]:
        """Remember the definitions of new survey versions, and return the definitions that conflict.

        A definition conflicts if it differs from the first known definition of the same survey version.
        """
        changed = []
        for definition in definitions:
            version = definition.pbx, definition.survey, definition.version
            known = self._first.setdefault(version, definition)
            if (known.languages, known.questions) != (definition.languages, definition.questions):
                changed.append(definition)
            if definition.first_seen < known.first_seen:
                self._first[version] = definition
        return changed
