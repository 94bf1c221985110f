"""The FastAGI script `survey`: invites callers to a survey and plays it.

The caller must not hear silence while the invitation is being decided. `invite` therefore gets the channel,
so that it can play a prompt. The channel variable CCB_SURVEY always shows the dialplan the progress of the
survey, or the reason why the caller was not invited.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from twisted.internet.interfaces import IReactorTime

from cc_bridge.agi.channel import AgiChannel
from cc_bridge.agi.request import Request
from cc_bridge.agi.survey_channel import VARIABLE
from cc_bridge.agi.survey_session import SurveyContext, SurveySession
from cc_bridge.agi.survey_store import StoreRecord
from cc_bridge.surveys.attribution import Invitation
from cc_bridge.surveys.eligibility import NotAskedReason

__all__ = ["RECORDINGS", "VARIABLE", "SurveyScript"]

RECORDINGS = "/var/spool/asterisk/cc_bridge"


class SurveyScript:
    """The survey script of one PBX.

    invite: decides whether a caller is invited, to which survey, and which agent is rated
    store: stores a record and returns a Deferred that fires when the record is on disk
    now: returns UTC seconds since the epoch
    on_stage: called with the name of each step that a caller reaches, and the name of the queue. The steps
        are invited, started, answered, invalid, no_input, skipped, not_recorded, not_stored, opted_out,
        hung_up, complete, partial and declined
    opted_out: called with the caller key after an opt-out is on disk
    recordings: a folder on the PBX for spoken comments. The folder must exist, because Asterisk does not
        create it
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
        """The folder on the PBX for spoken comments. A new value applies to surveys that start later."""
        return self._context.recordings

    @recordings.setter
    def recordings(self, folder: str) -> None:
        self._context = replace(self._context, recordings=folder)

    async def run(self, request: Request, channel: AgiChannel) -> None:
        """Run the survey if the caller is invited; return after all records are stored.

        If the caller is not invited, set the channel variable CCB_SURVEY to the reason.
        """
        invitation = await self._invite(request, channel)
        if isinstance(invitation, NotAskedReason):
            await channel.set_variable(VARIABLE, invitation)
        else:
            await SurveySession(self._context, invitation, request, channel).run()
