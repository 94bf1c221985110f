"""What each version of a survey asks, recorded so that the questions of stored answers are known later.

Two surveys under one version cannot be repaired afterwards, since an answer has only the number. So the log
warns as soon as it happens.
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
    """The definitions of one daemon's surveys; `record` stores them, `now` is the PBX's clock."""

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
        """Warn of a version that has had other questions or languages, here or at another PBX."""
        for changed in self._versions.conflicting(definitions):
            _log.warn(
                "survey {survey}: version {version} has had other questions or languages before; its answers "
                "cannot be told from theirs: give it the next number",
                survey=changed.survey,
                version=changed.version,
            )

    def _record_loaded(self) -> None:
        now, pbx = self._now(), self.config.pbx.name
        definitions = [definition_of(pbx, survey, now) for survey in self._surveys.surveys.values()]
        self.compare(definitions)
        self._record(definitions)
