"""Comparison of the daemon's rows about the calls of the mix with the witness."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pbx.daemon import Daemon
from pbx.hearing import Hearing, Spoke
from pbx.mix import MixCall
from pbx.rig import MEMBERS
from pbx.test_one_call import seconds

__all__ = ["Verdict", "unexplained"]

NEAR = 0.15  # seconds between two accounts of one instant
LIVE = ("cc_bridge_talks_in_progress", "cc_bridge_callers_waiting", "cc_bridge_storage_queue_records")
Row = dict[str, Any]


class Verdict:
    """The faults by agent, and the number of rated calls."""

    def __init__(self, calls: list[MixCall], hearing: Hearing, daemon: Daemon, *, direct: bool) -> None:
        daemon.until(lambda: not any(daemon.metric(name) for name in LIVE))
        self.surveyed = self.rated = 0
        self.about_somebody_else: list[str] = []
        self.about_nobody: list[str] = []
        self.faults: list[str] = []
        self._hearing = hearing
        self._direct = direct
        tables = ("queue_visits", "talks", "survey_attempts", "answers", "calls")
        self._rows = {table: daemon.rows(table) for table in tables}
        known = {call.uniqueid for call in calls}
        for table in ("queue_visits", "talks", "survey_attempts", "calls"):
            others = [row for row in self._rows[table] if row["call_id"] not in known]
            if table != "calls":
                self.faults += [f"{table}: of no caller: {row}" for row in others]
        for call in calls:
            self._rating(call)
            self.faults += [f"{call}: {fault}" for fault in (*self._visits(call), *self._talks(call))]

    def __str__(self) -> str:
        figures = (
            f"{self.surveyed} surveyed, {self.rated} rated: {len(self.about_somebody_else)} about another"
            f" agent, {len(self.about_nobody)} about none; {len(self.faults)} faults of visits and talks"
        )
        return "\n  ".join([figures, *self.about_somebody_else, *self.about_nobody, *self.faults])

    @property
    def is_right(self) -> bool:
        return not (self.about_somebody_else or self.about_nobody or self.faults)

    def _of(self, table: str, call: MixCall) -> list[Row]:
        return [row for row in self._rows[table] if row["call_id"] == call.uniqueid]

    # Ratings

    def _rating(self, call: MixCall) -> None:
        attempts = self._of("survey_attempts", call)
        if not call.kind.surveyed:
            self.faults += [f"{call}: asked: {row}" for row in attempts]
            return
        self.surveyed += 1
        values = {row["attempt_id"]: row["value"] for row in self._rows["answers"]}
        if [values.get(row["attempt_id"]) for row in attempts] != [int(call.key)]:
            self.faults.append(f"{call}: pressed {call.key}: {attempts}")
            return
        self.rated += 1
        (attempt,) = attempts
        assert call.surveyed_at is not None
        last = self._hearing.last_heard(call.uniqueid, call.surveyed_at)
        expected = _name(last.device) if last else ""
        if attempt["agent"] == expected:
            return
        told = f"{call}: heard {expected or 'nobody'}, rated {attempt['agent']} ({attempt['attributed_by']})"
        (self.about_somebody_else if attempt["agent"] or not last else self.about_nobody).append(told)

    # Visits and talks

    def _visits(self, call: MixCall) -> Iterator[str]:
        rows = sorted(self._of("queue_visits", call), key=lambda row: row["entered_at"])
        found = [(row["queue"], row["outcome"], row["agent"]) for row in rows]
        expected = [
            (queue, "answered" if device else "unanswered", _name(device) if device else None)
            for queue, device in self._hearing.answered_visits(call.uniqueid, call.lines)
        ]
        if call.kind.lost:
            expected = [(row["queue"], call.kind.lost, None) for row in rows[:1]]
        if found != expected:
            yield f"visits {found}, not {expected}"

    def _talks(self, call: MixCall) -> Iterator[str]:
        told = sorted(self._of("talks", call), key=lambda row: row["answered_at"])
        spoken = [talk for talk in self._hearing.talks(call.uniqueid) if talk.queue or self._direct]
        for row in told:
            talk = next((each for each in spoken if each.phone == row["agent_uniqueid"]), None)
            if talk is None:
                yield f"talk that did not happen: {_shown(row)}"
                continue
            spoken.remove(talk)
            yield from self._faults_of(row, talk)
        yield from (f"talk missing: {talk}" for talk in spoken)

    def _faults_of(self, row: Row, talk: Spoke) -> Iterator[str]:
        right = (
            (row["agent"], row["queue"]) == (_name(talk.device), talk.queue)
            and abs(seconds(row["answered_at"]) - talk.since) < NEAR
            and abs(seconds(row["ended_at"]) - talk.until) < NEAR
            and not row["partial"]
        )
        if not right:
            yield f"talk {_shown(row)}, not {talk}"


def _name(device: str) -> str:
    """Return the name under which a device's agent is reported."""
    return MEMBERS.get(device.partition("/")[2], device)


def _shown(row: Row) -> tuple[object, ...]:
    began, ended = seconds(row["answered_at"]), seconds(row["ended_at"])
    return row["agent"], row["queue"], round(began, 2), round(ended, 2), row["ended_by"], row["partial"]


def unexplained(calls: list[MixCall], daemon: Daemon, queue_log: Path) -> list[str]:
    """Return what differs from a queue_log for no known reason."""
    done = daemon.command("reconcile", "--json", "--database", "--queue-log", str(queue_log))
    callers = {channel: call for call in calls for channel in (call.uniqueid, *call.lines)}
    return [
        f"reconcile {callers.get(each['call'])}: {each}"
        for each in json.loads(done.stdout)["differences"]
        if each["reason"] is None
    ]
