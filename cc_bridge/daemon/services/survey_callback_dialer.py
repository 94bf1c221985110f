"""The dialler that calls back callers who hung up before the survey, so that they can still answer it.

Once a second it makes the callbacks that are due. An exception during a callback counts as a failed callback
and does not stop other callbacks.
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

CALLED_BACK = "called_back"  # the survey decision of a caller who was called back, whatever the result
# The options of [callback] that are rules of the plan; the other options belong to the dialler.
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
    """The service that makes the callbacks of one PBX.

    `call` dials a telephone number and returns the result; its second argument is the Uniqueid of the earlier
    call, which the survey will rate. `now` returns the PBX's clock in UTC seconds. `record` stores a survey
    decision for each callback, so that a restarted daemon knows which callers were called back.
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
        """Return the dialler, or None if `callback.enabled` is false.

        `link` is the AMI link, which has the PBX's clock. `record` stores a survey decision for each
        callback. `on_stage` is called for each callback that ends without a survey, with two arguments. The
        first is `callback_` followed by the reason, such as `callback_busy`. The second is the name of the
        queue.
        """
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
        """Stop waiting for the results of callbacks in progress; Asterisk continues these calls."""
        for calling in list(self._calls):
            calling.cancel()

    def caller_left_first(self, candidate: CallbackCandidate) -> None:
        """Plan a callback for a caller who hung up before the agent did, and so never reached the survey.

        `candidate` has the invitation that this caller missed. If a callback is not permitted, only the
        reason is logged.
        """
        refusal = self.plan.add(candidate, self._now())
        if refusal is not None:
            uniqueid = candidate.uniqueid
            _log.debug(
                "no survey callback is planned for call {uniqueid!r}; the reason is {refusal}",
                uniqueid=uniqueid,
                refusal=refusal,
            )

    def invitation(self, said: ScriptArguments) -> Invitation | None:
        """Return the survey invitation for a caller who answered a callback; None for any other call.

        `said` has the arguments that the dialplan passed to the survey script.
        """
        return self.plan.take_invitation(said.about)

    def tick(self) -> None:
        """Make the callbacks that are due; called once a second."""
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
            _log.warn(
                "survey callback for call {uniqueid!r} failed: {error}; the caller is not called again",
                error=error,
                uniqueid=uniqueid,
                call_id=call_id,
            )
            result = CallResult.FAILED
        except Exception:
            _log.failure(
                "survey callback for call {uniqueid!r} failed unexpectedly; the caller is not called again",
                uniqueid=uniqueid,
                call_id=call_id,
            )
            result = CallResult.FAILED
        self.plan.record_result(candidate.uniqueid, result, self._now())


def _rules(config: Config) -> CallbackRules:
    return config.callback.rules(config.general.zone)
