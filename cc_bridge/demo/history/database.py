"""The storage of the made-up month in the demo's database, and of its spoken comments as sound files."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, insert, select

from cc_bridge.config import Config
from cc_bridge.config.report_parameters import report_days
from cc_bridge.demo.history.callers import Caller, callers
from cc_bridge.demo.history.comment_sound import comment_sound
from cc_bridge.demo.history.follow_ups import past_follow_ups
from cc_bridge.demo.history.opinions import Opinions
from cc_bridge.demo.history.simulation import Simulation
from cc_bridge.follow_ups.due_dates import due_at
from cc_bridge.follow_ups.follow_up import UNCLOSED, FollowUp
from cc_bridge.records import Call, CustomerNumber, Gap, GapReason, Record
from cc_bridge.storage.schema.tables import follow_ups, queue_visits, row_of

__all__ = ["store_history"]

_SOUNDS = 3  # made-up comments; the files of more comments have the same content
_MINUTE, _HOUR = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class _Comments:
    """The sound files of spoken comments, in the folder of the configuration."""

    folder: Path
    sounds: list[tuple[int, bytes]]  # length in seconds and content

    def store(self, attempt: str) -> tuple[str, int]:
        """Write the comment of a survey attempt; return the path of the file and its length in seconds."""
        seconds, content = self.sounds[sum(attempt.encode()) % len(self.sounds)]
        file = self.folder / f"{attempt}-comment.wav"
        file.write_bytes(content)
        return str(file), seconds


def store_history(engine: Engine, config: Config, until: float, days_before: int, seed: int) -> int:
    """Store the made-up calls before the instant `until`, unless the database has calls; return their number.

    The calls are those of `days_before` days and of today. `until` is in UTC seconds since the epoch. The
    same seed makes the same calls.
    """
    with engine.begin() as connection:
        if connection.execute(select(queue_visits.c.queue).limit(1)).first():
            return 0
        chance = random.Random(seed)
        folder = Path(config.survey.recordings_directory)
        folder.mkdir(exist_ok=True)
        sounds = [(seconds, comment_sound(chance, seconds)) for seconds in range(4, 4 + _SOUNDS)]
        comments = _Comments(folder, sounds)
        people, keys = callers(chance), config.callers.caller_keys()
        opinions = Opinions(chance, comments.store)
        simulation = Simulation(config.pbx.name, people, keys.key, opinions, chance)
        days = report_days(config)
        first = days.today(until) - timedelta(days_before)
        records = [
            *_customers(people, keys.key, days.began(first)),
            *_gaps(config.pbx.name, days.began(first)),
            *simulation.records(first, until, days),
        ]
        hours, seconds = config.follow_ups.hours(config.general.zone), config.follow_ups.due_hours * _HOUR
        rules = config.follow_ups.rules(frozenset())
        opened = past_follow_ups(records, rules, lambda at: due_at(at, hours, seconds), until, chance)
        _insert(connection, map(row_of, records))
        _insert(connection, map(_follow_up_row, opened))
        return sum(isinstance(record, Call) for record in records)


def _customers(people: Iterable[Caller], key: Any, at: float) -> Iterator[Record]:
    for caller in people:
        if caller.customer:
            yield CustomerNumber(key(caller.number), caller.customer, caller.name, at)


def _gaps(pbx: str, begin: float) -> Iterator[Record]:
    """Yield two gaps: at 4:30 on the 12th day and at 3:10 on the 23rd."""
    lost_at = begin + 11 * 24 * _HOUR + 4.5 * _HOUR
    yield Gap(pbx, lost_at, lost_at + 4 * _MINUTE, GapReason.LINK_LOST, 0)
    restarted_at = begin + 22 * 24 * _HOUR + 190 * _MINUTE
    yield Gap(pbx, restarted_at, restarted_at + 50, GapReason.PBX_RESTARTED, 0)


def _follow_up_row(opened: FollowUp) -> tuple[Table[Any], dict[str, Any]]:
    values = {
        column.name: getattr(opened, column.name) for column in follow_ups.c if hasattr(opened, column.name)
    }
    open_key = f"{opened.reason} {opened.caller_key}" if opened.state in UNCLOSED else None
    return follow_ups, {**values, "open_key": open_key, "notified_state": ""}


def _insert(connection: Connection, rows: Iterable[tuple[Table[Any], dict[str, Any]]]) -> None:
    by_table = defaultdict(list)
    for table, row in rows:
        by_table[table].append(row)
    for table, its in by_table.items():
        connection.execute(insert(table), its)
