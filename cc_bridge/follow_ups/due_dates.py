"""The due time of a follow-up: when a number of working hours has passed since its cause. Pure.

Only time within the configured business hours counts as working time. If clocks change during business hours,
the elapsed time counts, not the time on the clock. Business hours that pass midnight belong to the day on
which they start.
"""

from datetime import date, datetime, timedelta

from cc_bridge.surveys.business_hours import ALL_DAY, BusinessHours

__all__ = ["due_at"]

_DAY = timedelta(days=1)


def due_at(at: float, hours: BusinessHours, seconds: float) -> float:
    """Return the instant at which `seconds` of working time have passed since `at`.

    Only time within the business hours `hours` is working time. Instants are UTC seconds since the epoch.
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
    """Return the instant of a local time of day, given in minutes since midnight, on the date `day`.

    The result is in UTC seconds since the epoch. If a clock change repeats this local time, the result is the
    first of the two instants. If a clock change skips it, the result is the instant that it would have
    without the change. A `minute` of a whole day or more is on a later date.
    """
    day += _DAY * (minute // ALL_DAY)
    hour, minute = divmod(minute % ALL_DAY, 60)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=hours.zone).timestamp()
