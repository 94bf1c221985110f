"""The FastAGI scripts that the dialplan can call: survey, consent, caller-lookup and doctor."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from cc_bridge.agi.caller_lookup_script import CallerLookupScript
from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.consent_script import ConsentScript
from cc_bridge.agi.doctor_script import DoctorScript
from cc_bridge.agi.request import Request
from cc_bridge.agi.survey_script import SurveyScript
from cc_bridge.config import Config
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.daemon.services.fast_agi import FastAgi
from cc_bridge.daemon.services.survey_invitations import SurveyInvitations
from cc_bridge.records import Answer, OptOut, SurveyAttempt

__all__ = ["AgiScripts"]


class AgiScripts(DaemonService):
    """The service that adds the FastAGI scripts to the FastAGI server `server`.

    `lookup` is the caller lookup script. `store` stores a survey record; its Deferred fires when the record
    is on disk. `now` returns the PBX's clock in UTC seconds. `on_stage` counts the steps of surveys for the
    metrics. A configuration reload can change prompts and surveys. So the scripts get the present prompts and
    surveys from `invitations` for each caller.
    """

    taken_over = ("survey.recordings_directory",)

    def __init__(
        self,
        context: Context,
        server: FastAgi,
        invitations: SurveyInvitations,
        lookup: CallerLookupScript,
        store: Callable[[SurveyAttempt | Answer | OptOut], Deferred[Any]],
        now: Callable[[], float],
        on_stage: Callable[[str, str], None],
    ) -> None:
        super().__init__(context)
        self._invitations = invitations
        self.survey = SurveyScript(
            context.config.pbx.name,
            invitations.invite,
            store=store,
            now=now,
            clock=context.reactor,
            on_stage=on_stage,
            recordings=context.config.survey.recordings_directory,
        )
        server.add_script("survey", self.survey.run)
        server.add_script("consent", self._ask_consent)
        server.add_script("caller-lookup", lookup.run)
        server.add_script("doctor", DoctorScript(context.config.pbx.name).run)

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self.survey.recordings = config.survey.recordings_directory

    async def _ask_consent(self, request: Request, channel: AgiChannel) -> None:
        script = ConsentScript(self._invitations.sounds, self._invitations.record_consent)
        await script.run(request, channel)
