"""What the dialplan may ask of the daemon: agi://.../<script>, and who serves a caller that comes there.

`daemon/bridge.py` makes the factory and listens with it. The trap: prompts and the settings of surveys can be
reloaded, so they are asked of `SurveyInvitations` when a caller comes, and not kept here.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from cc_bridge.agi.caller_lookup_script import CallerLookupScript
from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.consent_script import ConsentScript
from cc_bridge.agi.request import Request
from cc_bridge.agi.server import FastAgiFactory
from cc_bridge.agi.survey_script import SurveyScript
from cc_bridge.config import Config
from cc_bridge.daemon.parts import limits
from cc_bridge.daemon.services.survey_invitations import SurveyInvitations
from cc_bridge.records import Answer, OptOut, SurveyAttempt

__all__ = ["make_agi"]


def make_agi(
    config: Config,
    asking: SurveyInvitations,
    greeter: CallerLookupScript,
    store: Callable[[SurveyAttempt | Answer | OptOut], Deferred[None]],
    now: Callable[[], float],
    on_stage: Callable[[str, str], None],
    reactor: Any,
) -> FastAgiFactory:
    """Return what serves callers; `store` fires when a record is on disk, `now` is the PBX's clock."""
    interviewer = SurveyScript(
        config.pbx.name,
        asking.invite,
        store=store,
        now=now,
        clock=reactor,
        on_stage=on_stage,
        recordings=config.survey.recordings,
    )

    async def ask_consent(request: Request, channel: AgiChannel) -> None:
        await ConsentScript(asking.sounds, asking.consented).ask(request, channel)

    scripts: Mapping[str, Callable[[Request, AgiChannel], Awaitable[None]]] = {
        "survey": interviewer.interview,
        "consent": ask_consent,
        "greet": greeter.greet,
        "doctor": _nothing,
    }

    async def serve(request: Request, channel: AgiChannel) -> None:
        await scripts[request.script](request, channel)

    return FastAgiFactory(serve, limits(config), reactor, scripts)


async def _nothing(_request: Request, _channel: AgiChannel) -> None:
    """Serve the doctor, who only looks whether the PBX reaches us."""
