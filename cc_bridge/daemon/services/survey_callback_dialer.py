"""Calls callers back who hung up before the survey: the plan joined with the dialler, once a second.

One call that goes wrong must not stop the others, so each runs by itself, and whatever it raises counts as a
failed call.
"""

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from cc_bridge.agi.script_arguments import ScriptArguments
from cc_bridge.ami.endpoint import ami_endpoint
from cc_bridge.ami.originate import OriginateSettings, Originator
from cc_bridge.ami.service import AmiService
from cc_bridge.config import Config
from cc_bridge.daemon.service import Context, DaemonService
from cc_bridge.errors import AmiError
from cc_bridge.records import SurveyDecision, Trigger
from cc_bridge.surveys.attribution import Invitation
from cc_bridge.surveys.callback import (
    CallbackCandidate,
    CallbackPlan,
    CallbackRules,
    CallResult,
    NoCallbackReason,
)

__all__ = ["CALLED_BACK", "SurveyCallbackDialer"]

_log = Logger()

CALLED_BACK = "called_back"  # the stage of a caller whom we called, whatever came of it
# The options of [callback] that are rules; the others are the dialler's own.
_RULES = tuple(
    f"callback.{option}"
    for option in (
        "legitimate_interest",
        "delay_seconds",
        "retry_minutes",
        "call_from",
        "call_until",
        "max_per_hour",
        "max_per_day",
        "min_days_between",
    )
)


class SurveyCallbackDialer(DaemonService):
    """The call-backs of one PBX; `call` is `Originator.call`, `now` gives UTC seconds since the epoch.

    `record` takes a survey decision for each call, by which a restart knows who was called.
    """

    taken_over = ("general.time_zone", *_RULES)

    def __init__(
        self,
        context: Context,
        plan: CallbackPlan,
        call: Callable[[str, str], Awaitable[CallResult]],
        now: Callable[[], float],
        record: Callable[[SurveyDecision], None],
    ) -> None:
        super().__init__(context)
        self.plan = plan
        self._pbx = context.config.pbx.name
        self._call = call
        self._now = now
        self._record = record
        self._calls: set[Deferred[None]] = set()

    @classmethod
    def from_config(
        cls,
        context: Context,
        link: AmiService,
        record: Callable[[SurveyDecision], None],
        on_stage: Callable[[str, str], None],
    ) -> "SurveyCallbackDialer | None":
        """Return the dialler, if the configuration wants one."""
        callback = context.config.callback
        if not callback.enabled:
            return None
        originator = Originator(
            ami_endpoint(context.config.ami, context.reactor),
            (callback.username, callback.password()),
            OriginateSettings(callback.channel, callback.caller_id, callback.ring_seconds),
            context.reactor,
        )

        def done(candidate: CallbackCandidate, reason: NoCallbackReason) -> None:
            on_stage(f"callback_{reason}", candidate.invitation.attribution.last.queue)

        plan = CallbackPlan(_rules(context.config), done)
        return cls(context, plan, originator.call, link.pbx_now, record)

    def reconfigure(self, config: Config) -> None:
        super().reconfigure(config)
        self.plan.rules = _rules(config)

    def stop(self) -> None:
        """Leave the calls under way to Asterisk, and wait for none of them."""
        for calling in list(self._calls):
            calling.cancel()

    def caller_left_first(self, candidate: CallbackCandidate) -> None:
        """Take a caller who hung up on the agent and would have been asked."""
        refusal = self.plan.add(candidate, self._now())
        if refusal is not None:
            uniqueid = candidate.uniqueid
            _log.debug("no call-back for {uniqueid!r}: {refusal}", uniqueid=uniqueid, refusal=refusal)

    def invitation(self, said: ScriptArguments) -> Invitation | None:
        """Return what to ask somebody who answered our call; None for a call that is not ours."""
        return self.plan.take_invitation(said.about)

    def tick(self) -> None:
        """Make the calls that are due; called once a second."""
        for candidate in self.plan.due(self._now()):
            self._record(self._entry(candidate))
            calling = Deferred.fromCoroutine(self._make(candidate))
            self._calls.add(calling)
            calling.addBoth(self._over, calling)

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
            decided_at=self._now(),
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
        self.plan.record_result(candidate.uniqueid, result, self._now())


def _rules(config: Config) -> CallbackRules:
    return config.callback.rules(config.general.zone)
