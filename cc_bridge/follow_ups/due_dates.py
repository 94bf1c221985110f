"""Until when a follow-up is to be closed: so many hours of work later, nights and days off left out. Pure.

A day of work does not always have the same
length. Where clocks are changed while people work, what counts is the time that passes, not what the clock
shows; and hours that pass midnight belong to the day on which they begin.
"""

from datetime import date, datetime, timedelta

from cc_bridge.surveys.business_hours import ALL_DAY, BusinessHours

__all__ = ["due_at"]

_DAY = timedelta(days=1)


def due_at(at: float, hours: BusinessHours, seconds: float) -> float:
    """Return when so many seconds of work have passed since an instant; both UTC seconds since the epoch."""
    day = datetime.fromtimestamp(at, hours.zone).date() - _DAY  # whose hours may pass midnight
    while True:
        if day.weekday() in hours.weekdays:
            begin = max(at, _instant(day, hours.begin, hours))
            end = _instant(day if hours.begin < hours.end else day + _DAY, hours.end, hours)
            if begin + seconds <= end:
                return begin + seconds
            if begin < end:
                seconds -= end - begin
                at = end  # where hours overlap, since a clock goes back over their end, none counts twice
        day += _DAY


def _instant(day: date, minute: int, hours: BusinessHours) -> float:
    """Return when a clock shows a minute of a day, the first time; one that it leaves out comes later."""
    day += _DAY * (minute // ALL_DAY)
    hour, minute = divmod(minute % ALL_DAY, 60)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=hours.zone).timestamp()
