"""What the dialplan may ask of the daemon: agi://.../<script>, and who serves a caller that comes there.

`app.py` makes the factory and listens with it. The trap: prompts and the settings of surveys can be reloaded,
so they are asked of `Asking` when a caller comes, and not kept here.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from cc_bridge.agi.caller_lookup_script import Greeter
from cc_bridge.agi.channel import Channel
from cc_bridge.agi.consent_script import ConsentAsker
from cc_bridge.agi.request import Request
from cc_bridge.agi.server import FastAgiFactory
from cc_bridge.agi.survey_script import Interviewer
from cc_bridge.config import Config
from cc_bridge.daemon.parts import limits
from cc_bridge.daemon.services.survey_invitations import Asking
from cc_bridge.records import Answer, OptOut, SurveyAttempt

__all__ = ["make_agi"]


def make_agi(
    config: Config,
    asking: Asking,
    greeter: Greeter,
    store: Callable[[SurveyAttempt | Answer | OptOut], Deferred[None]],
    now: Callable[[], float],
    on_stage: Callable[[str, str], None],
    reactor: Any,
) -> FastAgiFactory:
    """Return what serves callers; `store` fires when a record is on disk, `now` is the PBX's clock."""
    interviewer = Interviewer(
        config.pbx.name,
        asking.invite,
        store=store,
        now=now,
        clock=reactor,
        on_stage=on_stage,
        recordings=config.survey.recordings,
    )

    async def ask_consent(request: Request, channel: Channel) -> None:
        await ConsentAsker(asking.sounds, asking.consented).ask(request, channel)

    scripts: Mapping[str, Callable[[Request, Channel], Awaitable[None]]] = {
        "survey": interviewer.interview,
        "consent": ask_consent,
        "greet": greeter.greet,
        "doctor": _nothing,
    }

    async def serve(request: Request, channel: Channel) -> None:
        await scripts[request.script](request, channel)

    return FastAgiFactory(serve, limits(config), reactor, scripts)


async def _nothing(_request: Request, _channel: Channel) -> None:
    """Serve the doctor, who only looks whether the PBX reaches us."""
