"""Asks callers: the FastAGI script `survey`.

The wiring gives `SurveyScript.run` to the FastAGI listener. The trap: until it is decided whether a
caller is asked, the caller must not hear silence; `invite` gets the channel for that. The channel variable
CCB_SURVEY always tells the dialplan how far the survey came, or why the caller was not asked.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from twisted.internet.interfaces import IReactorTime

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import Request
from cc_bridge.agi.survey_session import VARIABLE, StoreRecord, SurveyContext, SurveySession
from cc_bridge.surveys.attribution import Invitation
from cc_bridge.surveys.eligibility import NotAskedReason

__all__ = ["RECORDINGS", "VARIABLE", "SurveyScript"]

RECORDINGS = "/var/spool/asterisk/cc_bridge"


class SurveyScript:
    """Asks the callers of one PBX.

    `invite` decides whether a caller is asked, what and about whom. The Deferred of `store` fires once the
    record is on disk. `now` gives UTC seconds since the epoch. `on_stage` hears each stage of the funnel,
    with the queue: invited, started, answered, invalid, no_input, skipped, not_recorded, opted_out, hung_up,
    complete, partial, declined. `opted_out` hears who is not to be asked again (the caller_key), once that is
    on disk. `recordings` is a folder on the PBX, which Asterisk does not make by itself.
    """

    def __init__(
        self,
        pbx: str,
        invite: Callable[[Request, AgiChannel], Awaitable[Invitation | NotAskedReason]],
        store: StoreRecord,
        now: Callable[[], float],
        *,
        clock: IReactorTime,
        on_stage: Callable[[str, str], None] = lambda _stage, _queue: None,
        opted_out: Callable[[str], None] = lambda _caller_key: None,
        recordings: str = RECORDINGS,
    ) -> None:
        self._invite = invite
        self._context = SurveyContext(pbx, store, now, clock, on_stage, opted_out, recordings)

    @property
    def recordings(self) -> str:
        """Where surveys that start from now on are recorded."""
        return self._context.recordings

    @recordings.setter
    def recordings(self, folder: str) -> None:
        self._context = replace(self._context, recordings=folder)

    async def run(self, request: Request, channel: AgiChannel) -> None:
        """Ask the caller, if the caller is invited; returns when all is stored."""
        invitation = await self._invite(request, channel)
        if isinstance(invitation, NotAskedReason):
            await channel.set_variable(VARIABLE, invitation)
        else:
            await SurveySession(self._context, invitation, request, channel).run()
