"""Survey history in memory: each caller's last survey, opt-outs, and today's surveys per queue and agent.

The daemon fills the history from the database at start and reads the database again every minute, because
daemons of other PBXs and the command `cc-bridge opt-out` write there too. The daemon also adds each survey
attempt of its own PBX as soon as the attempt starts. No method waits for the database. While the database is
away, survey decisions use the history in memory.

Note: the same attempt or opt-out may be added late and several times. A repeated addition changes nothing.
Only surveys of this PBX are counted per queue and agent, because another PBX may have a queue of the same
name.

Pure.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import islice, takewhile

from cc_bridge.queue_names import queue_key
from cc_bridge.records import OptOut, SurveyAttempt
from cc_bridge.surveys.eligibility import SurveyCandidate, SurveyHistorySnapshot

__all__ = ["PastAttempt", "SurveyHistory"]

_TODAY = 25 * 3_600.0  # seconds: the longest day, on which clocks are set back


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """A past survey attempt, with only the columns that the survey history needs.

    The database returns thousands of attempts, so other columns are not read.
    """

    pbx: str
    attempt_id: str
    queue: str
    agent: str
    started_at: float  # UTC seconds since the epoch
    caller_key: str  # empty: the number is withheld


class SurveyHistory:
    """The survey history of the callers of all PBXs, and today's survey counts of this PBX.

    Attempts must be added in the order of their time, oldest first. If there are more than `limit` callers,
    those whose last survey is oldest are forgotten. 100,000 callers take 12 MB, or 14 MB if the caller keys
    are hashed. Opt-outs are never forgotten; 100,000 of them take 19 to 21 MB.
    """

    def __init__(self, pbx: str, limit: int = 500_000) -> None:
        self._pbx = pbx
        self._limit = limit  # callers
        self._last: dict[str, float] = {}  # by caller key, UTC seconds since the epoch, oldest first
        self._opt_outs: dict[str, OptOut] = {}  # by caller key, the latest only
        # The attempts of about one day, by queue (as `queue_key`) and by agent.
        self._in_queue: dict[str, _RecentAttempts] = {}
        self._of_agent: dict[str, _RecentAttempts] = {}

    def __len__(self) -> int:
        """Return the number of callers whose last survey is remembered."""
        return len(self._last)

    def add_attempt(self, attempt: SurveyAttempt | PastAttempt, now: float) -> None:
        """Add a survey attempt; nothing changes if it was added before.

        `now` is in UTC seconds since the epoch. An attempt that started more than 25 hours ago changes only
        its caller's last survey. It cannot be one of today's surveys, so it is not added to the counts.
        """
        at = attempt.started_at
        if attempt.caller_key and at > self._last.get(attempt.caller_key, 0.0):
            self._last.pop(attempt.caller_key, None)
            self._last[attempt.caller_key] = at
            if len(self._last) > self._limit:
                # Drop 1 % in one step: a dict steps over its deleted first entries at each iteration.
                self._drop(list(islice(self._last, 1 + self._limit // 100)))
        if attempt.pbx == self._pbx and at > now - _TODAY:
            for counted, name in (
                (self._in_queue, queue_key(attempt.queue)),
                (self._of_agent, attempt.agent),
            ):
                counted.setdefault(name, _RecentAttempts()).add(attempt.attempt_id, at)

    def record_opt_out(self, opt_out: OptOut) -> None:
        """Store a caller's opt-out or the withdrawal of an opt-out.

        Nothing changes if a later opt-out or withdrawal of the same caller is stored already.
        """
        known = self._opt_outs.get(opt_out.caller_key)
        if opt_out.caller_key and (known is None or opt_out.updated_at >= known.updated_at):
            self._opt_outs[opt_out.caller_key] = opt_out

    def opted_out(self, caller_key: str) -> bool:
        opt_out = self._opt_outs.get(caller_key)
        return opt_out is not None and opt_out.opted_out

    def snapshot(self, candidate: SurveyCandidate, midnight: float, running: int) -> SurveyHistorySnapshot:
        """Return the part of the survey history that the survey decision on a candidate needs.

        The result also has the numbers of surveys for which there are limits: today's surveys of the
        candidate's queue and agent, and `running`, the number of other surveys in progress. `midnight` is the
        start of the local day in UTC seconds since the epoch.
        """
        in_queue = self._in_queue.get(queue_key(candidate.queue))
        of_agent = self._of_agent.get(candidate.agent)
        return SurveyHistorySnapshot(
            last_asked_at=self._last.get(candidate.caller_key),
            opted_out=self.opted_out(candidate.caller_key),
            asked_today_in_queue=in_queue.count_since(midnight) if in_queue else 0,
            asked_today_of_agent=of_agent.count_since(midnight) if of_agent else 0,
            running=running,
        )

    def prune(self, before: float, now: float) -> None:
        """Forget callers whose last survey started before `before`, and survey attempts from before today.

        Attempts are remembered only in order to count today's surveys, so an attempt is forgotten after 25
        hours. `before` and `now` are UTC seconds since the epoch.
        """
        # Stop at the first caller to keep: there may be half a million, and a caller may be waiting.
        self._drop([key for key, _ in takewhile(lambda asked: asked[1] < before, self._last.items())])
        for counted in (self._in_queue, self._of_agent):
            for name, attempts in list(counted.items()):
                attempts.forget(now - _TODAY)
                if not attempts.started_at:
                    del counted[name]

    def _drop(self, keys: list[str]) -> None:
        for key in keys:
            del self._last[key]


@dataclass(slots=True)
class _RecentAttempts:
    """The survey attempts of about one day in one queue or of one agent.

    A count takes the same time however many attempts there are, because a caller waits for it.
    """

    started_at: list[float] = field(default_factory=list)  # UTC seconds since the epoch, in order
    _ids: dict[str, float] = field(default_factory=dict)  # attempt_id -> started_at

    def add(self, attempt_id: str, at: float) -> None:
        """Add an attempt that started at `at`; nothing changes if it was added before."""
        if attempt_id not in self._ids:
            self._ids[attempt_id] = at
            insort(self.started_at, at)

    def count_since(self, instant: float) -> int:
        """Return the number of attempts that started at `instant` or later."""
        return len(self.started_at) - bisect_left(self.started_at, instant)

    def forget(self, instant: float) -> None:
        """Remove the attempts that started at `instant` or before."""
        self._ids = {attempt: at for attempt, at in self._ids.items() if at > instant}
        self.started_at = sorted(self._ids.values())
