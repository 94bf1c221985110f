"""Calls callers back: joins the plan with what dials, once a second.

`daemon/bridge.py` makes one when the configuration wants it, ticks it, and gives `left_first` and
`invitation` to `Asking`. The trap: one call that goes wrong must not stop the others, so each runs by itself,
and whatever it raises counts as a failed call.
"""

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from cc_bridge.agi.script_arguments import ScriptArguments
from cc_bridge.errors import AmiError
from cc_bridge.records import SurveyDecision, Trigger
from cc_bridge.surveys.attribution import Invitation
from cc_bridge.surveys.callback import CallbackCandidate, CallbackPlan, CallResult

__all__ = ["CALLED_BACK", "CallbackDialer"]

_log = Logger()

CALLED_BACK = "called_back"  # the stage of a caller whom we called, whatever came of it


class CallbackDialer:
    """The call-backs of one PBX; `call` is `Originator.call`, `now` gives UTC seconds since the epoch.

    `record` takes an entry of the funnel for each call, by which a restart knows who was called.
    """

    def __init__(
        self,
        pbx: str,
        plan: CallbackPlan,
        call: Callable[[str, str], Awaitable[CallResult]],
        now: Callable[[], float],
        consented: Callable[[str], bool | None],
        record: Callable[[SurveyDecision], None],
    ) -> None:
        self.plan = plan
        self._pbx = pbx
        self._call = call
        self._now = now
        self._consented = consented
        self._record = record
        self._calls: set[Deferred[None]] = set()

    def left_first(self, invitation: Invitation, uniqueid: str, number: str) -> None:
        """Take a caller who hung up on the agent and would have been asked."""
        candidate = CallbackCandidate(uniqueid, number, self._consented(uniqueid), invitation)
        refusal = self.plan.hung_up_first(candidate, self._now())
        if refusal is not None:
            _log.debug("no call-back for {uniqueid!r}: {refusal}", uniqueid=uniqueid, refusal=refusal)

    def invitation(self, said: ScriptArguments) -> Invitation | None:
        """Return what to ask somebody who answered our call; None for a call that is not ours."""
        return self.plan.invitation(said.about)

    def tick(self) -> None:
        """Make the calls that are due; called once a second."""
        for candidate in self.plan.due(self._now()):
            self._record(self._entry(candidate))
            calling = Deferred.fromCoroutine(self._make(candidate))
            self._calls.add(calling)
            calling.addBoth(self._over, calling)

    def stop(self) -> None:
        """Leave the calls under way to Asterisk, and hear no more of them."""
        for calling in list(self._calls):
            calling.cancel()

    def _over(self, _result: object, calling: Deferred[None]) -> None:
        self._calls.discard(calling)

    def _entry(self, candidate: CallbackCandidate) -> SurveyDecision:
        invitation = candidate.invitation
        rated = invitation.attribution.last
        return SurveyDecision(
            pbx=self._pbx,
            call_id=invitation.attribution.call_id,
            uniqueid=candidate.uniqueid,
            queue=rated.queue,
            agent=rated.agent,
            interface=rated.interface,
            at=self._now(),
            survey=invitation.survey.id,
            trigger=Trigger.CALLBACK,
            stage=CALLED_BACK,
            caller_key=invitation.caller_key,
        )

    async def _make(self, candidate: CallbackCandidate) -> None:
        uniqueid, call_id = candidate.uniqueid, candidate.invitation.attribution.call_id
        try:
            result = await self._call(candidate.number, candidate.uniqueid)
        except CancelledError:
            return
        except (AmiError, ValueError) as error:
            text = "call-back about {uniqueid!r}: {error}"
            _log.warn(text, error=error, uniqueid=uniqueid, call_id=call_id)
            result = CallResult.FAILED
        except Exception:
            _log.failure("call-back about {uniqueid!r} failed", uniqueid=uniqueid, call_id=call_id)
            result = CallResult.FAILED
        self.plan.told(candidate.uniqueid, result, self._now())
