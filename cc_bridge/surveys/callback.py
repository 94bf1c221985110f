"""Whom to call back, when, and how often: callers who hung up before they could be asked. Pure.

The wiring tells it who hung up first, asks `due` each second, has `ami/originate.py` call those, and tells
what came of it. A call-back goes like this:

    PLANNED --due--> CALLING --answered--> ANSWERED --the dialplan asks--> the survey
                             --busy------> BUSY_ONCE --due--> CALLING_AGAIN, and no third time

The traps: it is a machine that rings people, so everything is refused unless it is allowed, and what can no
longer be done in time is given up, never caught up on. And `called_at` must survive a restart, or a daemon
that restarts would call the same people again: the wiring fills it from the database.
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

MAX_PLANNED = 1000  # a caller costs 1 KB; at a cap of 100 an hour more could never be called
ANSWERED_SECONDS = 600.0  # the dialplan comes for the survey at once, or never

_HOUR, _DAY = 3600.0, 86400.0
_DIALABLE = re.compile(r"\+?[0-9]{3,15}", re.ASCII)  # E.164 has 15 digits; a PBX's codes begin with * or #


def dialable(number: str) -> bool:
    """Say whether it is a number, and nothing that a dialplan could take for more."""
    return _DIALABLE.fullmatch(number) is not None


class CallResult(StrEnum):
    """What came of one call."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"


class NoCallbackReason(StrEnum):
    """Why a caller is not called back, or no more."""

    NO_CONSENT = "no_consent"
    WITHHELD = "withheld"  # no number, or one that cannot be dialled
    CALLED_RECENTLY = "called_recently"
    TOO_MANY = "too_many"  # planned already
    OUTSIDE_HOURS = "outside_hours"
    HOUR_FULL = "hour_full"
    DAY_FULL = "day_full"
    BUSY = "busy"  # twice
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    NOT_ASKED = "not_asked"  # answered, and hung up before the survey began


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """What is allowed."""

    legitimate_interest: bool = False  # call without the caller's own yes
    delay_seconds: float = 60.0  # after the hang-up
    retry_seconds: float = 1800.0  # after busy
    hours: BusinessHours = field(default_factory=lambda: BusinessHours(begin=9 * 60, end=20 * 60))
    max_per_hour: int = 20
    max_per_day: int = 100
    min_days_between: float = 30.0


@dataclass(frozen=True, slots=True)
class CallbackCandidate:
    """A caller who hung up first, and what he would have been asked."""

    uniqueid: str  # of the call that is asked about
    number: str = field(repr=False)
    consented: bool | None  # before the queue; None: was not asked
    invitation: Invitation


class _State(Enum):
    PLANNED = auto()
    CALLING = auto()
    BUSY_ONCE = auto()
    CALLING_AGAIN = auto()
    ANSWERED = auto()


_S, _R = _State, CallResult

_DUE: Mapping[_State, _State] = {_S.PLANNED: _S.CALLING, _S.BUSY_ONCE: _S.CALLING_AGAIN}
"""The state of who waits for a call -> of who is called."""

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
"""What came of a call -> the next state, or why it is done."""


@dataclass(frozen=True, slots=True)
class _Callback:
    candidate: CallbackCandidate
    state: _State
    at: float  # when to call; when it was answered


class CallbackPlan:
    """All call-backs of one PBX. Instants are UTC seconds since the epoch.

    `on_done` hears of each candidate that was taken and is called no more without a survey, and why.
    """

    def __init__(
        self,
        rules: CallbackRules,
        on_done: Callable[[CallbackCandidate, NoCallbackReason], None] = lambda _candidate, _reason: None,
    ) -> None:
        self.rules = rules
        self.called_at: dict[str, float] = {}  # caller_key -> the last time; filled at start
        self.results: Counter[CallResult] = Counter()
        self._on_done = on_done
        self._callbacks: dict[str, _Callback] = {}  # by uniqueid
        self._calls: deque[float] = deque()  # when calls were made, the last day's

    def __len__(self) -> int:
        return len(self._callbacks)

    def add(self, candidate: CallbackCandidate, now: float) -> NoCallbackReason | None:
        """Plan a call-back, or say why there is none."""
        if (refusal := self._refusal(candidate, now)) is not None:
            return refusal
        at = now + self.rules.delay_seconds
        self._callbacks[candidate.uniqueid] = _Callback(candidate, _State.PLANNED, at)
        return None

    def due(self, now: float) -> list[CallbackCandidate]:
        """Return who is to be called now; `record_result` must follow for each."""
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
        """Take what came of a call that was due."""
        self.results[result] += 1
        callback = self._callbacks.get(uniqueid)
        following = _AFTER_RESULT.get(callback.state, {}).get(result) if callback is not None else None
        if callback is None or following is None:
            return  # the dialplan was faster: the survey has begun
        if isinstance(following, NoCallbackReason):
            self._done(callback.candidate, following)
        else:
            wait = self.rules.retry_seconds if following is _State.BUSY_ONCE else 0.0
            self._change(callback, following, now + wait)

    def take_invitation(self, uniqueid: str) -> Invitation | None:
        """Return what to ask somebody who answered, about the call of this uniqueid; once.

        The dialplan may come for it before Asterisk's manager interface tells that the call was answered.
        """
        callback = self._callbacks.get(uniqueid)
        if callback is None or callback.state in _DUE:
            return None
        del self._callbacks[uniqueid]
        return replace(callback.candidate.invitation, trigger=Trigger.CALLBACK)

    # -- inside

    def _refusal(self, candidate: CallbackCandidate, now: float) -> NoCallbackReason | None:
        # A no is a no, whatever the interest; where nobody asked, the interest decides.
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
        """Let go of who answered and was never asked, and of who may be called again."""
        for callback in list(self._callbacks.values()):
            if callback.state is _State.ANSWERED and now - callback.at > ANSWERED_SECONDS:
                self._done(callback.candidate, NoCallbackReason.NOT_ASKED)
        kept = self.rules.min_days_between * _DAY
        for key in [key for key, at in self.called_at.items() if now - at >= kept]:
            del self.called_at[key]
