"""Stores the questions of each survey version, so that stored answers can be understood later.

A stored answer is linked to its survey and version number, but does not contain the question. If two
different sets of questions have the same version number, their answers cannot be separated afterwards. So the
log warns as soon as this happens.
"""

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from cc_bridge.config import Config
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.configured_surveys import ConfiguredSurveys
from cc_bridge.records import SurveyDefinition
from cc_bridge.surveys.versions import SurveyVersions, definition_of

__all__ = ["SurveyVersionCheck"]

_log = Logger()


class SurveyVersionCheck(DaemonService):
    """The service that records the definitions of the loaded surveys and checks their version numbers.

    `record` stores the definitions. `now` returns the PBX's clock in UTC seconds.
    """

    def __init__(
        self,
        context: Context,
        surveys: ConfiguredSurveys,
        record: Callable[[Iterable[SurveyDefinition]], None],
        now: Callable[[], float],
    ) -> None:
        super().__init__(context)
        self._surveys = surveys
        self._record = record
        self._now = now
        self._versions = SurveyVersions()

    def start(self) -> None:
        self._record_loaded()

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self._record_loaded()

    def compare(self, definitions: Iterable[SurveyDefinition]) -> None:
        """Log a warning if one version number of a PBX's survey belongs to two different definitions.

        Definitions differ if their questions or languages differ. `definitions` are compared with each other
        and with all definitions seen since the start of the daemon. Two PBXs may use the same version number
        for different questions.
        """
        for changed in self._versions.conflicting(definitions):
            _log.warn(
                "survey {survey} of PBX {pbx}: version {version} already exists with other questions or "
                "languages, and the answers to both are indistinguishable; increment `version` in the survey "
                "file",
                pbx=changed.pbx,
                survey=changed.survey,
                version=changed.version,
            )

    def _record_loaded(self) -> None:
        now, pbx = self._now(), self.config.pbx.name
        definitions = [definition_of(pbx, survey, now) for survey in self._surveys.surveys.values()]
        self.compare(definitions)
        self._record(definitions)
