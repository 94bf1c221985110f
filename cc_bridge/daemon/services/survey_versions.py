"""Says what each version of a survey asks, so that whoever reads its answers later knows the questions.

`daemon/bridge.py` makes one, and tells it at the start and on SIGHUP what was loaded;
`daemon/jobs/survey_history.py` tells it what the database knows from before and from other PBXs. The trap:
nothing can mend two surveys under one version, since an answer has only its number. So a person must hear of
it, when it begins.
"""

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from cc_bridge.records import SurveyDefinition
from cc_bridge.surveys.definition import Survey
from cc_bridge.surveys.versions import SurveyVersions, definition_of

__all__ = ["SurveyVersionCheck"]

_log = Logger()


class SurveyVersionCheck:
    """The definitions of one daemon's surveys; `record` keeps them, `now` is the PBX's clock."""

    def __init__(
        self,
        pbx: str,
        record: Callable[[Iterable[SurveyDefinition]], None],
        now: Callable[[], float],
    ) -> None:
        self._pbx = pbx
        self._record = record
        self._now = now
        self._versions = SurveyVersions()

    def loaded(self, surveys: Iterable[Survey]) -> None:
        """Keep what is asked from now on."""
        now = self._now()
        definitions = [definition_of(self._pbx, survey, now) for survey in surveys]
        self.compare(definitions)
        self._record(definitions)

    def compare(self, definitions: Iterable[SurveyDefinition]) -> None:
        for changed in self._versions.changed(definitions):
            _log.warn(
                "survey {survey}: version {version} has had other questions or languages before; its answers "
                "cannot be told from theirs: give it the next number",
                survey=changed.survey,
                version=changed.version,
            )
