"""What a report is asked: which span, by what, of which queues, with which settings. Pure.

`commands/report.py` makes it; `storage/reports/` turns it into SQL and the reports read the rows by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from cc_bridge.kpis.scores import MINIMUM
from cc_bridge.reports.calendar import Days, UtcOffset
from cc_bridge.surveys.business_hours import BusinessHours

__all__ = ["BANDS", "Dimension", "Group", "QueueSettings", "ReportQuery"]

Group = str | int
BANDS = (20, 60, 120, 300)  # seconds: bounds between the bands of waiting


class Dimension(StrEnum):
    """What the rows of a report stand for."""

    QUEUE = "queue"
    AGENT = "agent"
    HOUR = "hour"  # of the day, 0 to 23
    WEEKDAY = "weekday"  # Monday is 0
    DAY = "day"  # counted from 1970-01-01
    STAGE = "stage"  # of the customer's journey, as the configuration says of a queue
    LANGUAGE = "language"
    WAIT_BAND = "wait-band"  # the number of the band
    PART = "part"  # 0: before the date of a change, 1: from it on


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What the configuration says of one queue; times in seconds."""

    threshold: float = 20.0
    short_abandon: float = 5.0
    wrap_up: float = 0.0
    stage: str = ""
    opening: BusinessHours | None = None  # None: not said


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """One report of the local days from `first` to `last`, both with their ends."""

    first: date
    last: date
    by: Dimension = Dimension.QUEUE
    days: Days = field(default_factory=Days)
    pbx: str = ""  # empty: all
    queues: tuple[str, ...] = ()  # empty: all
    settings: Mapping[str, QueueSettings] = field(default_factory=dict)
    others: QueueSettings = field(default_factory=QueueSettings)  # of queues that are not named in settings
    minimum: int = MINIMUM  # answers or calls; fewer are too few to be compared
    bands: tuple[int, ...] = BANDS
    changed: date | None = None  # the first day after a change
    agent: str = ""  # empty: all; what belongs to no agent is left out then

    @property
    def since(self) -> float:
        """UTC seconds since the epoch; so are `until`, which is not part of the span, and `change`."""
        return self.days.began(self.first)

    @property
    def until(self) -> float:
        return self.days.began(date.fromordinal(self.last.toordinal() + 1))

    @property
    def change(self) -> float:
        return self.days.began(self.changed) if self.changed else self.since

    @property
    def offsets(self) -> tuple[UtcOffset, ...]:
        return self.days.offsets(self.since, self.until)

    def of(self, queue: str) -> QueueSettings:
        return self.settings.get(queue, self.others)

    @property
    def counted_by(self) -> Dimension:
        """By what SQL counts: a stage is nothing but a set of queues."""
        return Dimension.QUEUE if self.by is Dimension.STAGE else self.by

    def row(self, key: Group) -> Group:
        """Return the row of the report that something counted belongs to."""
        return self.of(str(key)).stage if self.by is Dimension.STAGE else key

    def ordered(self, keys: set[Group]) -> list[Group]:
        """Return keys in the order in which they are shown."""
        if self.by is Dimension.WEEKDAY:
            return [day for day in self.days.weekdays() if day in keys]
        return sorted(keys, key=lambda key: (isinstance(key, str), key))
