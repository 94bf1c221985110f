"""The due time of a follow-up: a number of working hours after its cause, without nights and days off. Pure.

If clocks change during working hours, the elapsed time counts, not the time on the clock. Working hours that
pass midnight belong to the day on which they start.
"""

from datetime import date, datetime, timedelta

from cc_bridge.surveys.business_hours import ALL_DAY, BusinessHours

__all__ = ["due_at"]

_DAY = timedelta(days=1)


def due_at(at: float, hours: BusinessHours, seconds: float) -> float:
    """Return the instant at which `seconds` of working time have passed since `at`.

    Instants are UTC seconds since the epoch.
    """
    day = datetime.fromtimestamp(at, hours.zone).date() - _DAY  # yesterday's hours may pass midnight
    while True:
        if day.weekday() in hours.weekdays:
            begin = max(at, _instant(day, hours.begin, hours))
            end = _instant(day if hours.begin < hours.end else day + _DAY, hours.end, hours)
            if begin + seconds <= end:
                return begin + seconds
            if begin < end:
                seconds -= end - begin
                at = end  # count no time twice if a clock change makes working hours overlap
        day += _DAY


def _instant(day: date, minute: int, hours: BusinessHours) -> float:
    """Return the first instant at which a clock shows a minute of a day, in UTC seconds since the epoch.

    `minute` counts from midnight. If a clock change skips this minute, the result is the instant that the
    minute would have without the change.
    """
    day += _DAY * (minute // ALL_DAY)
    hour, minute = divmod(minute % ALL_DAY, 60)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=hours.zone).timestamp()
