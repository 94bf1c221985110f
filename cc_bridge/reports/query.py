"""The query of a report: its span of days, its dimension, its queues and their settings. Pure.

The dimension is the property by which the report groups its rows. `storage/reports/` turns a query into SQL,
and the reports use the query to interpret the rows that SQL returns.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from cc_bridge.kpis.scores import MINIMUM
from cc_bridge.queue_names import QueueMap, queue_key
from cc_bridge.reports.calendar import Days, UtcOffset
from cc_bridge.surveys.business_hours import BusinessHours

__all__ = ["BANDS", "INTERVALS", "Dimension", "Group", "QueueSettings", "ReportQuery"]

Group = str | int
"""The key of a report row; the dimension of the report defines its meaning."""

BANDS = (20, 60, 120, 300)  # seconds: bounds between the bands of wait times


class Dimension(StrEnum):
    """The property by which a report groups its rows, such as the queue or the hour."""

    QUEUE = "queue"
    AGENT = "agent"
    HOUR = "hour"  # of the day, 0 to 23
    HALF_HOUR = "half-hour"  # of the day, 0 to 47
    QUARTER_HOUR = "quarter-hour"  # of the day, 0 to 95
    WEEKDAY = "weekday"  # Monday is 0
    DAY = "day"  # counted from 1970-01-01
    STAGE = "stage"  # of the customer's journey, as configured for the queue
    LANGUAGE = "language"
    WAIT_BAND = "wait-band"  # the number of the band
    PART = "part"  # 0: before the date of a change, 1: from it on
    HOUR_OF_WEEK = "hour-of-week"  # 0 to 167, counted from Monday 00:00


INTERVALS: Mapping[str, int] = {Dimension.HOUR: 60, Dimension.HALF_HOUR: 30, Dimension.QUARTER_HOUR: 15}
"""The dimensions whose keys are intervals of the day: dimension -> length of an interval in minutes."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """The configured settings of one queue; times are in seconds."""

    threshold: float = 20.0  # of the service level
    short_abandon: float = 5.0  # an abandoned visit with a shorter wait is a short abandon
    wrap_up: float = 0.0
    stage: str = ""  # of the customer's journey
    opening: BusinessHours | None = None  # None: not configured


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """The query of one report, which covers the local days from `first` to `last`, both included."""

    first: date
    last: date
    by: Dimension = Dimension.QUEUE
    days: Days = field(default_factory=Days)
    pbx: str = ""  # empty: all
    queues: tuple[str, ...] = ()  # empty: all
    settings: QueueMap[QueueSettings] = field(default_factory=QueueMap)
    others: QueueSettings = field(default_factory=QueueSettings)  # of queues that `settings` does not name
    minimum: int = MINIMUM  # number of answers or calls below which a figure is not compared
    bands: tuple[int, ...] = BANDS
    changed: date | None = None  # the first day after a change
    agent: str = ""  # empty: all; else rows without an agent are left out

    @property
    def since(self) -> float:
        """The instant at which the day `first` starts, in UTC seconds since the epoch."""
        return self.days.began(self.first)

    @property
    def until(self) -> float:
        """The instant at which the day `last` ends, in UTC seconds since the epoch."""
        return self.days.began(date.fromordinal(self.last.toordinal() + 1))

    @property
    def change(self) -> float:
        """The instant that divides the days before a change from the days after it.

        It is the start of the day `changed` of the query, in UTC seconds since the epoch. If the query has no
        such day, it is the start of the day `first`.
        """
        return self.days.began(self.changed) if self.changed else self.since

    @property
    def offsets(self) -> tuple[UtcOffset, ...]:
        """The offsets of local time from UTC between `since` and `until`, in order of time."""
        return self.days.offsets(self.since, self.until)

    def later_begin(self, first_record: float | None) -> date | None:
        """Return the local day of the first record if it is after the day `first`, else None.

        `first_record` is the time of the first record in UTC seconds since the epoch. None means that there
        is no record; then the result is None.
        """
        day = None if first_record is None else self.days.today(first_record)
        return day if day and day > self.first else None

    def of(self, queue: str) -> QueueSettings:
        """Return the settings of a queue. A queue that is not in `settings` has the settings `others`."""
        return self.settings.get(queue, self.others)

    def covers(self, queue: str) -> bool:
        """Return whether the report covers a queue. The case of the queue's name is ignored."""
        return not self.queues or queue_key(queue) in map(queue_key, self.queues)

    @property
    def counted_by(self) -> Dimension:
        """The dimension by which SQL groups the rows for this report.

        It differs from `by`, the dimension of the report, only if the report is grouped by journey stage: the
        stage of the customer journey that the configuration assigns to each queue. The database does not
        contain the stages. So SQL groups by queue, and `row` replaces each queue by its stage.
        """
        return Dimension.QUEUE if self.by is Dimension.STAGE else self.by

    def row(self, key: Group) -> Group:
        """Return the key of the report row to which a row of the database with the key `key` is added.

        The two keys differ only if the report is grouped by journey stage. Then `key` is a queue, and the
        result is the journey stage that the configuration assigns to this queue.
        """
        return self.of(str(key)).stage if self.by is Dimension.STAGE else key

    def ordered(self, keys: set[Group]) -> list[Group]:
        """Return row keys in the order in which the report shows the rows.

        Weekdays start with the first day of the week. Other keys are sorted.
        """
        if self.by is Dimension.WEEKDAY:
            return [day for day in self.days.weekdays() if day in keys]
        return sorted(keys, key=lambda key: (isinstance(key, str), key))
