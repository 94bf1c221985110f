"""The warning about one version number with two definitions."""

from dataclasses import replace
from types import SimpleNamespace

from twisted.logger import capturedLogs, formatEvent

from cc_bridge.daemon.services.survey_version_check import SurveyVersionCheck
from cc_bridge.records import SurveyDefinition
from support.service_context import context


def test_the_warning_names_the_pbx_and_the_survey():
    check = SurveyVersionCheck(context(), SimpleNamespace(surveys={}), lambda _: None, lambda: 0.0)
    first = SurveyDefinition("north", "csat", 2, "en", "[]", 0.0)
    with capturedLogs() as logs:
        check.compare([first, replace(first, pbx="south")])
        assert logs == []
        check.compare([replace(first, languages="fa")])
    (line,) = map(formatEvent, logs)
    assert line.startswith("survey csat of PBX north: version 2 already exists")
