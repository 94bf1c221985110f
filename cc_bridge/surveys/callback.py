"""Survey callbacks: calls to callers who hung up before the survey, to ask them its questions. Pure.

`CallbackPlan.add` plans a callback, `due` returns the callbacks to dial now, and `record_result` takes the
result of each call. The states of a callback:

    PLANNED --due--> CALLING --answered--> ANSWERED --the dialplan requests the survey--> the survey.

    CALLING --busy--> BUSY_ONCE --due--> CALLING_AGAIN; there is no third call.

A machine calls people here. So a callback is refused unless a rule allows it. A callback that is due outside
the allowed hours or above the limits is dropped, not postponed. `called_at` has the time of each caller's
last callback. The daemon fills it from the database at start. Otherwise a restarted daemon would call the
same people again.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto

from cc_bridge.records import Trigger
from cc_bridge.surveys.attribution import Invitation
from cc_bridge.surveys.business_hours import BusinessHours

__all__ = ["CallResult", "CallbackCandidate", "CallbackPlan", "CallbackRules", "NoCallbackReason", "dialable"]

MAX_PLANNED = 1000  # 1 KB each; at a cap of 100 calls an hour more could never be called
CALL_SECONDS = 300.0  # a call rings for up to two minutes, and its result comes some seconds later
ANSWERED_SECONDS = 600.0  # the dialplan asks for the invitation immediately, or never

_HOUR, _DAY = 3600.0, 86400.0
_DIALABLE = re.compile(r"\+?[0-9]{3,15}", re.ASCII)  # E.164 has up to 15 digits; PBX codes start with * or #


def dialable(number: str) -> bool:
    """Return whether a text is a phone number: 3 to 15 digits, with or without a leading `+`.

    Such a text contains nothing that a dialplan could execute.
    """
    return _DIALABLE.fullmatch(number) is not None


class CallResult(StrEnum):
    """The result of one call that was made for a callback."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"


class NoCallbackReason(StrEnum):
    """The reason why a caller is not called back, or why a callback ended without a survey."""

    NO_CONSENT = "no_consent"
    WITHHELD = "withheld"  # no number, or a number that cannot be dialled
    CALLED_RECENTLY = "called_recently"
    TOO_MANY = "too_many"  # MAX_PLANNED callbacks are planned already
    OUTSIDE_HOURS = "outside_hours"
    HOUR_FULL = "hour_full"
    DAY_FULL = "day_full"
    BUSY = "busy"  # at both calls
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    NOT_ASKED = "not_asked"  # the caller answered, and hung up before the survey started


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """The rules that decide which callers may be called back, when, and how many of them."""

    legitimate_interest: bool = False  # also call callers who were not asked for consent
    delay_seconds: float = 60.0  # from the hang-up to the call
    retry_seconds: float = 1800.0  # from a busy call to the second call
    hours: BusinessHours = field(default_factory=lambda: BusinessHours(begin=9 * 60, end=20 * 60))
    max_per_hour: int = 20
    max_per_day: int = 100
    min_days_between: float = 30.0  # between two callbacks to one caller


@dataclass(frozen=True, slots=True)
class CallbackCandidate:
    """A caller who may be called back for a survey.

    The caller hung up before the agent did, and so never reached the survey. `invitation` is the invitation
    that the caller would have received.
    """

    uniqueid: str  # Asterisk's Uniqueid of the call that the survey rates
    number: str = field(repr=False)
    consented: bool | None  # before the queue; None: the caller was not asked for consent
    invitation: Invitation


class _State(Enum):
    PLANNED = auto()
    CALLING = auto()
    BUSY_ONCE = auto()
    CALLING_AGAIN = auto()
    ANSWERED = auto()


_S, _R = _State, CallResult

_DUE: Mapping[_State, _State] = {_S.PLANNED: _S.CALLING, _S.BUSY_ONCE: _S.CALLING_AGAIN}
"""The state of a callback that waits for its time -> its state during the call."""

_AFTER_RESULT: Mapping[_State, Mapping[CallResult, _State | NoCallbackReason]] = {
    _S.CALLING: {
        _R.ANSWERED: _S.ANSWERED,
        _R.BUSY: _S.BUSY_ONCE,
        _R.NO_ANSWER: NoCallbackReason.NO_ANSWER,
        _R.FAILED: NoCallbackReason.FAILED,
    },
    _S.CALLING_AGAIN: {
        _R.ANSWERED: _S.ANSWERED,
        _R.BUSY: NoCallbackReason.BUSY,
        _R.NO_ANSWER: NoCallbackReason.NO_ANSWER,
        _R.FAILED: NoCallbackReason.FAILED,
    },
}
"""The state during a call -> result of the call -> the next state, or the reason for the end."""


@dataclass(frozen=True, slots=True)
class _Callback:
    candidate: CallbackCandidate
    state: _State
    at: float  # when the call is due, was started or was answered, depending on the state


class CallbackPlan:
    """All survey callbacks of one PBX that are planned or in progress.

    Instants are UTC seconds since the epoch. If a planned callback ends without a survey, `on_done` is called
    with the caller who was to be called back and the reason.
    """

    def __init__(
        self,
        rules: CallbackRules,
        on_done: Callable[[CallbackCandidate, NoCallbackReason], None] = lambda _candidate, _reason: None,
    ) -> None:
        self.rules = rules
        self.called_at: dict[str, float] = {}  # caller_key -> last callback; filled at start
        self.results: Counter[CallResult] = Counter()
        self._on_done = on_done
        self._callbacks: dict[str, _Callback] = {}  # by uniqueid
        self._calls: deque[float] = deque()  # times of the calls of the last 24 hours

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, candidate: CallbackCandidate, now: float) -> NoCallbackReason | None:
        """Plan a callback and return None, or return the reason why the callback is refused."""
        if (refusal := self._refusal(candidate, now)) is not None:
            return refusal
        at = now + self.rules.delay_seconds
        self._callbacks[candidate.uniqueid] = _Callback(candidate, _State.PLANNED, at)
        return None

    def due(self, now: float) -> list[CallbackCandidate]:
        """Return the candidates whose callback is due now, and mark each of them as being called.

        If the allowed hours or the limits forbid a callback that is due, it is dropped. The result of each
        call must be passed to `record_result`.
        """
        self._prune(now)
        calling: list[CallbackCandidate] = []
        for waiting in list(self._callbacks.values()):
            following = _DUE.get(waiting.state)
            if following is None or now < waiting.at:
                continue
            if (refusal := self._limit_reached(now)) is not None:
                self._done(waiting.candidate, refusal)
                continue
            self._change(waiting, following, now)
            self._calls.append(now)
            self.called_at[waiting.candidate.invitation.caller_key] = now
            calling.append(waiting.candidate)
        return calling

    def record_result(self, uniqueid: str, result: CallResult, now: float) -> None:
        """Record the result of a call to a candidate that `due` returned.

        `uniqueid` identifies the candidate. After an answer, the callback waits until the dialplan asks for
        the invitation. If the number was busy for the first time, it is called once more later. After any
        other result, the callback ends.
        """
        self.results[result] += 1
        callback = self._callbacks.get(uniqueid)
        following = _AFTER_RESULT.get(callback.state, {}).get(result) if callback is not None else None
        if callback is None or following is None:
            return  # the survey has started: the dialplan asked for the invitation before this result
        if isinstance(following, NoCallbackReason):
            self._done(callback.candidate, following)
        else:
            wait = self.rules.retry_seconds if following is _State.BUSY_ONCE else 0.0
            self._change(callback, following, now + wait)

    def take_invitation(self, uniqueid: str) -> Invitation | None:
        """Return the invitation of a callback whose call was made, and remove the callback.

        Return None if there is no such callback or its call was not made yet. `uniqueid` is the Uniqueid of
        the earlier call, which the survey rates. The callback need not be in the state ANSWERED yet. The
        dialplan may ask for the invitation before the AMI event arrives that sets this state.
        """
        callback = self._callbacks.get(uniqueid)
        if callback is None or callback.state in _DUE:
            return None
        del self._callbacks[uniqueid]
        return replace(callback.candidate.invitation, trigger=Trigger.CALLBACK)

    # -- inside

    def _refusal(self, candidate: CallbackCandidate, now: float) -> NoCallbackReason | None:
        # A refusal always counts. Legitimate interest decides only about callers who were not asked.
        if not (self.rules.legitimate_interest if candidate.consented is None else candidate.consented):
            return NoCallbackReason.NO_CONSENT
        key = candidate.invitation.caller_key
        if not (key and dialable(candidate.number)):
            return NoCallbackReason.WITHHELD
        called_at = self.called_at.get(key)
        planned = any(each.candidate.invitation.caller_key == key for each in self._callbacks.values())
        if planned or (called_at is not None and now - called_at < self.rules.min_days_between * _DAY):
            return NoCallbackReason.CALLED_RECENTLY
        return NoCallbackReason.TOO_MANY if len(self._callbacks) >= MAX_PLANNED else None

    def _limit_reached(self, now: float) -> NoCallbackReason | None:
        if not self.rules.hours.contains(now):
            return NoCallbackReason.OUTSIDE_HOURS
        while self._calls and now - self._calls[0] >= _DAY:
            self._calls.popleft()
        if len(self._calls) >= self.rules.max_per_day:
            return NoCallbackReason.DAY_FULL
        in_this_hour = sum(now - made < _HOUR for made in self._calls)
        return NoCallbackReason.HOUR_FULL if in_this_hour >= self.rules.max_per_hour else None

    def _change(self, callback: _Callback, state: _State, at: float) -> None:
        self._callbacks[callback.candidate.uniqueid] = replace(callback, state=state, at=at)

    def _done(self, candidate: CallbackCandidate, reason: NoCallbackReason) -> None:
        del self._callbacks[candidate.uniqueid]
        self._on_done(candidate, reason)

    def _prune(self, now: float) -> None:
        """End the callbacks that will lead to no survey, and forget old times of callbacks.

        A callback ends when it was answered more than ANSWERED_SECONDS ago and no invitation was asked for.
        It also ends when its call started more than CALL_SECONDS ago and no result has come. The time of a
        caller's last callback is removed from `called_at` after `min_days_between` days.
        """
        for callback in list(self._callbacks.values()):
            age = now - callback.at
            if callback.state is _State.ANSWERED and age > ANSWERED_SECONDS:
                self._done(callback.candidate, NoCallbackReason.NOT_ASKED)
            elif callback.state in _AFTER_RESULT and age > CALL_SECONDS:
                self._done(callback.candidate, NoCallbackReason.FAILED)
        kept = self.rules.min_days_between * _DAY
        for key in [key for key, at in self.called_at.items() if now - at >= kept]:
            del self.called_at[key]
