"""A second `Source` of the reports, counted in Python row by row, for `reports.py --verify` to compare.

It shares no code with storage/reports: local hours are those of `datetime`, and each row is counted singly. A
count takes minutes for millions of rows, so each answer is kept.
"""

import math
from collections import Counter, defaultdict
from datetime import datetime
from functools import wraps

from cc_bridge.reports import source
from cc_bridge.reports.query import INTERVALS, Dimension

__all__ = ["Counted"]

_QUARTER = 900  # seconds: no time zone changes its offset within one
_AWAY = {"logged_out", "unreachable"}


def _once(question):
    """Decorate a method so that its answer to the same arguments is computed only once."""

    @wraps(question)
    def answer(self, *about, **_grouping):  # all groupings have the same sums
        if (question, about) not in self._answers:
            self._answers[question, about] = question(self, *about)
        return self._answers[question, about]

    return answer


class Counted:
    """A `Source` that counts all rows of the database. So the span of `ask` must contain all of them."""

    def __init__(self, connection, ask):
        self._connection = connection
        self._ask = ask
        self._answers = {}
        self._clock = {}  # quarter of an hour -> number of the day, weekday, hour

    def _local(self, at):
        quarter = at // _QUARTER
        if quarter not in self._clock:
            there = datetime.fromtimestamp(quarter * _QUARTER, self._ask.days.zone)
            self._clock[quarter] = (there.toordinal() - 719163, there.weekday(), there.hour)
        return self._clock[quarter]

    def _read(self, columns, table):
        """Yield the rows of a table. Instants are epoch seconds."""
        cursor = self._connection.connection.cursor()
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        with cursor.copy(f"COPY (SELECT {columns} FROM {table}) TO STDOUT") as rows:
            rows.set_types(["text" if name in _TEXT else "float8" for name in _names(columns)])
            yield from rows.rows()

    def _key(self, by, at, queue="", agent="", language="", wait=0.0):
        match by:
            case Dimension.QUEUE:
                return queue
            case Dimension.AGENT:
                return agent
            case Dimension.LANGUAGE:
                return language
            case Dimension.WAIT_BAND:
                return self._band(wait)
            case Dimension.PART:
                return int(at >= self._ask.change)
            case Dimension.HALF_HOUR | Dimension.QUARTER_HOUR:
                return self._ask.days.minute_of_day(at) // INTERVALS[by]
            case Dimension.DAY | Dimension.WEEKDAY | Dimension.HOUR:
                return self._local(at)[(Dimension.DAY, Dimension.WEEKDAY, Dimension.HOUR).index(by)]

    def _band(self, wait):
        return sum(wait > bound for bound in self._ask.bands)

    @_once
    def visits(self, by):
        found = {}
        columns = (
            f"{_at('entered_at')}, queue, outcome, wait_seconds, language, ringing::int::text AS flag,"
            " partial::int::text AS unsure"
        )
        for at, queue, outcome, wait, language, ringing, partial in self._read(columns, "queue_visits"):
            key = self._key(by, at, queue, "", language, wait), outcome, partial == "1"
            sums = found.setdefault(key, [0, 0.0, 0.0, 0.0, 0, 0, 0])
            settings = self._ask.of(queue)
            sums[0] += 1
            sums[1] += wait
            sums[2] += wait * wait
            sums[3] = max(sums[3], wait)
            sums[4] += wait <= settings.threshold
            sums[5] += wait < settings.short_abandon
            sums[6] += ringing == "1"
        return [source.VisitSums(*key, *sums, partial) for (*key, partial), sums in found.items()]

    @_once
    def waits(self, by):
        found = Counter()
        columns = f"{_at('entered_at')}, queue, wait_seconds, language"
        for at, queue, wait, language in self._read(columns, "queue_visits WHERE NOT partial"):
            found[self._key(by, at, queue, "", language, wait), math.ceil(wait)] += 1
        return [source.WaitCount(*key, n) for key, n in found.items()]

    @_once
    def visited_hours(self):
        found = Counter()
        columns = f"{_at('entered_at')}, queue, outcome"
        for at, queue, outcome in self._read(columns, "queue_visits WHERE NOT partial"):
            _, weekday, hour = self._local(at)
            found[queue, weekday, hour, outcome] += 1
        return [(*key, n) for key, n in found.items()]

    @_once
    def observed(self):
        """Return the whole span without the gaps: the rows of the database fill the span."""
        at, parts = self._ask.since, []
        columns = f"{_at('started_at')}, {_at('ended_at')}"
        for begin, end in sorted(self._read(columns, "gaps")):
            parts.append((at, begin))
            at = end
        return [*parts, (at, self._ask.until)]

    @_once
    def talks(self, by):
        found = {}
        columns = (
            f"{_at('answered_at')}, queue, agent, talk_seconds, hold_seconds, partial::int::text AS flag"
        )
        for at, queue, agent, talk, hold, partial in self._read(columns, "talks WHERE queue <> ''"):
            sums = found.setdefault(self._key(by, at, queue, agent), [0, 0, 0.0, 0.0, 0.0, 0.0])
            sums[0] += 1
            if partial == "0":
                wrap_up = self._ask.of(queue).wrap_up
                for place, value in enumerate((1, talk, hold, wrap_up, (talk + wrap_up) ** 2), 1):
                    sums[place] += value
        return [source.TalkSums(key, *sums) for key, sums in found.items()]

    @_once
    def transfers(self, by):
        found = Counter()
        columns = f"{_at('answered_at')}, queue, transfer"
        for at, queue, kind in self._read(columns, "talks WHERE queue <> ''"):
            if kind is not None:
                found[self._key(by, at, queue), kind] += 1
        return [source.TransferCount(*key, n) for key, n in found.items()]

    @_once
    def agent_activities(self, states):
        found = {}

        def add(agent, key=None, **sums):
            name, word = key or ("", "")
            kept = found.setdefault((agent, name, word), Counter())
            kept.update(sums)

        columns = "agent, talk_seconds, hold_seconds, partial::int::text AS flag"
        for agent, talk, hold, partial in self._read(columns, "talks WHERE queue <> ''"):
            if partial == "0":
                add(agent, talks=1, talk_seconds=talk, hold_seconds=hold)
        for agent, outcome in self._read("agent, outcome", "rings"):
            add(agent, ("ring_outcome", outcome), rings=1)
        for agent, state, since, until in self._states():
            if state in states:
                add(agent, ("state", state), state_seconds=until - since)
        return [
            source.AgentActivity(agent, **({name: word} if name else {}), **sums)
            for (agent, name, word), sums in found.items()
        ]

    @_once
    def presence(self):
        found = defaultdict(float)
        for _agent, state, since, until in self._states():
            at = since
            while state not in _AWAY and at < until:
                later = min((at // _QUARTER + 1) * _QUARTER, until)
                found[self._local(at)[1:]] += later - at
                at = later
        return [source.PresenceSum(*key, seconds) for key, seconds in found.items()]

    def _states(self):
        columns = f"agent, state, {_at('started_at')}, {_at('ended_at')}"
        for agent, state, started_at, ended_at in self._read(columns, "agent_intervals"):
            since, until = max(started_at, self._ask.since), min(ended_at, self._ask.until)
            if since < until:
                yield agent, state, since, until

    @_once
    def answers(self, by):
        found = Counter()
        for key, question, kind, value, _ in self._answered(by):
            if by is not Dimension.AGENT or key:
                found[key, question, kind, int(value)] += 1
        return [source.AnswerCount(*key, n) for key, n in found.items()]

    @_once
    def rated(self):
        found = Counter()
        for (wait, talks, hour, queue), _, kind, value, _ in self._answered(None):
            if kind == "csat":
                found[Dimension.WAIT_BAND, self._band(wait), int(value)] += 1
                found["agents_spoken", min(int(talks), 3), int(value)] += 1
                found[Dimension.HOUR, hour, int(value)] += 1
                found[Dimension.QUEUE, queue, int(value)] += 1
        return [source.RatedBy(*key, n) for key, n in found.items()]

    def _answered(self, by):
        calls = {call: rest for call, *rest in self._read("call_id, wait_seconds, talks", "calls")}
        asked = {
            attempt: rest
            for attempt, *rest in self._read("attempt_id, call_id, queue, language", "survey_attempts")
        }
        columns = f"attempt_id, {_at('answered_at')}, queue, agent, question, kind, value"
        for attempt, at, its_queue, agent, question, kind, value in self._read(columns, "answers"):
            call, asked_queue, language = asked[attempt]
            wait, talks = calls[call]
            queue = its_queue or asked_queue
            if by is None:
                key = wait, talks, self._local(at)[2], queue
            else:
                key = self._key(by, at, queue, agent, language, wait)
            yield key, question, kind, value, at

    @_once
    def invitations(self, by):
        found = Counter()
        columns = f"{_at('decided_at')}, queue, agent, stage, trigger"
        for at, queue, agent, stage, trigger in self._read(columns, "survey_decisions"):
            if trigger != "callback":
                found[self._key(by, at, queue, agent), stage] += 1
        return [source.InvitationCount(*key, n) for key, n in found.items()]

    @_once
    def not_routed(self, by):
        rows = self._read(f"{_at('ended_at')}, queue, agent", "not_routed_calls")
        found = Counter(self._key(by, at, queue, agent) for at, queue, agent in rows)
        return [source.NotRoutedCount(*key, n) for key, n in found.items()]

    @_once
    def hangups(self):
        found = Counter(self._read("queue, agent, stage, trigger", "survey_decisions"))
        return [source.HangupCount(*key, n) for key, n in found.items()]

    @_once
    def attempts(self, by):
        with_answer = {attempt for (attempt,) in self._read("attempt_id", "answers")}
        found = {}
        columns = f"attempt_id, {_at('started_at')}, queue, agent, language, result, reason"
        for attempt, at, queue, agent, language, result, reason in self._read(columns, "survey_attempts"):
            sums = found.setdefault((self._key(by, at, queue, agent, language), result, reason), [0, 0])
            sums[0] += 1
            sums[1] += result in {"complete", "partial"} or (result == "started" and attempt in with_answer)
        return [source.AttemptCount(*key, *sums) for key, sums in found.items()]

    @_once
    def journeys(self, by):
        found = Counter()
        columns = f"{_at('started_at')}, queue, queues, talks, answered::int::text AS flag"
        for at, queue, queues, talks, answered in self._read(columns, "calls"):
            if queues > 0:
                found[self._key(by, at, queue), queues, talks, answered == "1"] += 1
        return [source.JourneyCount(*key, n) for key, n in found.items()]


_TEXT = {
    "queue", "outcome", "language", "flag", "agent", "transfer", "state", "question", "kind", "call_id",
    "attempt_id", "stage", "trigger", "result", "reason",
}  # fmt: skip


def _at(column):
    return f"date_part('epoch', {column}) AS {column}"


def _names(columns):
    """Return the column names of the column list of a SELECT."""
    return [part.split()[-1] for part in columns.replace("('epoch', ", "(").split(", ")]
