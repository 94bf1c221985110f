"""Who was asked when, and who never wants to be: what `eligibility.py` knows of before. In memory, pure.

The wiring fills it from the database at the start and again every minute, because the daemons of other PBXs
and the command `cc-bridge opt-out` write there too, and notes each attempt of its own as it begins. Nothing
here waits: while the database is away, what is in memory decides.

100,000 callers take 12 MB, 14 if their keys are hashed; beyond `limit` those who were asked longest ago are
forgotten. Opt-outs are people's wishes and never forgotten: 19 to 21 MB for 100,000.

The traps: everything comes more than once, from here and from the database, and late; noting it again must
change nothing. And a queue's and an agent's count is that of this PBX alone: another one may have a queue of
the same name.
"""

from dataclasses import dataclass
from itertools import islice, takewhile

from cc_bridge.records import OptOut, SurveyAttempt
from cc_bridge.surveys.eligibility import SurveyCandidate, SurveyHistorySnapshot

__all__ = ["PastAttempt", "SurveyHistory"]

_TODAY = 25 * 3_600.0  # seconds; the day on which clocks go back has no more


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """What is to be known of a SurveyAttempt; the database gives them by the thousands."""

    pbx: str
    attempt_id: str
    queue: str
    agent: str
    started_at: float
    caller_key: str


class SurveyHistory:
    """The callers whom all PBXs asked, and how many this one asked today; filled oldest first."""

    def __init__(self, pbx: str, limit: int = 500_000) -> None:
        self._pbx = pbx
        self._limit = limit  # callers
        self._last: dict[str, float] = {}  # by caller key, UTC seconds since the epoch, longest ago first
        self._opt_outs: dict[str, OptOut] = {}  # by caller key, what was said last
        # Attempts of about a day, started_at by attempt_id.
        self._in_queue: dict[str, dict[str, float]] = {}
        self._of_agent: dict[str, dict[str, float]] = {}

    def __len__(self) -> int:
        """Return how many callers are remembered as asked."""
        return len(self._last)

    def add_attempt(self, attempt: SurveyAttempt | PastAttempt, now: float) -> None:
        """Take in that a caller was asked."""
        at = attempt.started_at
        if attempt.caller_key and at > self._last.get(attempt.caller_key, 0.0):
            self._last.pop(attempt.caller_key, None)
            self._last[attempt.caller_key] = at
            if len(self._last) > self._limit:
                # Some at once: what lay at the front of a dict is passed over again each time.
                self._drop(list(islice(self._last, 1 + self._limit // 100)))
        if attempt.pbx == self._pbx and at > now - _TODAY:
            self._in_queue.setdefault(attempt.queue, {})[attempt.attempt_id] = at
            self._of_agent.setdefault(attempt.agent, {})[attempt.attempt_id] = at

    def record_opt_out(self, said: OptOut) -> None:
        """Take in what a caller said about being asked; the latest holds."""
        known = self._opt_outs.get(said.caller_key)
        if said.caller_key and (known is None or said.updated_at >= known.updated_at):
            self._opt_outs[said.caller_key] = said

    def opted_out(self, caller_key: str) -> bool:
        said = self._opt_outs.get(caller_key)
        return said is not None and said.opted_out

    def snapshot(self, candidate: SurveyCandidate, midnight: float, running: int) -> SurveyHistorySnapshot:
        """Return what was before a caller; `midnight` is the local one, `running` counts other surveys."""
        return SurveyHistorySnapshot(
            last_asked_at=self._last.get(candidate.caller_key),
            opted_out=self.opted_out(candidate.caller_key),
            asked_today_in_queue=_count_since(midnight, self._in_queue.get(candidate.queue, {})),
            asked_today_of_agent=_count_since(midnight, self._of_agent.get(candidate.agent, {})),
            running=running,
        )

    def prune(self, before: float, now: float) -> None:
        """Drop whoever was asked last before an instant, and the attempts of yesterday."""
        # No look at those who stay: there may be half a million, and a caller may be waiting.
        self._drop([key for key, _ in takewhile(lambda asked: asked[1] < before, self._last.items())])
        for counted in (self._in_queue, self._of_agent):
            for name, attempts in list(counted.items()):
                counted[name] = {attempt: at for attempt, at in attempts.items() if at > now - _TODAY}
                if not counted[name]:
                    del counted[name]

    def _drop(self, keys: list[str]) -> None:
        for key in keys:
            del self._last[key]


def _count_since(instant: float, attempts: dict[str, float]) -> int:
    return sum(at >= instant for at in attempts.values())
