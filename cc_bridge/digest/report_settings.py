"""What the configuration says to whoever makes a report: days, queues and their settings, words.

`commands/report.py` and `builder.py` use it, so that both count alike.
"""

from datetime import date

from cc_bridge.config import Config, QueueConfig
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import QueueSettings, ReportQuery
from cc_bridge.reports.render.localization import Localization
from cc_bridge.surveys.business_hours import (
    ALL_DAY,
    EVERY_DAY,
    WEEKDAYS,
    BusinessHours,
    minute_of,
    weekdays_of,
)

__all__ = ["ask_of", "days_of", "settings_of", "wording_of"]


def days_of(config: Config) -> Days:
    wishes = config.reports
    return Days(config.survey.zone, WEEKDAYS.index(wishes.week_starts), wishes.calendar)


def ask_of(config: Config, first: date, last: date, queues: tuple[str, ...] = ()) -> ReportQuery:
    """Return what is asked of all PBXs of the database, by queue, unless it is changed."""
    return ReportQuery(
        first,
        last,
        days=days_of(config),
        queues=queues,
        settings={name: settings_of(queue, config) for name, queue in config.queues.items()},
        others=settings_of(config.queue_defaults, config),
        minimum=config.reports.minimum,
        bands=tuple(config.reports.wait_bands),
    )


def wording_of(config: Config) -> Localization:
    wishes = config.reports
    return Localization(wishes.language, wishes.digits, days_of(config), tuple(wishes.wait_bands))


def settings_of(queue: QueueConfig, config: Config) -> QueueSettings:
    opening = BusinessHours(
        config.survey.zone,
        minute_of(queue.open_from),
        minute_of(queue.open_until),
        weekdays_of(queue.open_weekdays),
    )
    always = (opening.begin, opening.end, opening.weekdays) == (0, ALL_DAY, EVERY_DAY)
    return QueueSettings(
        queue.service_level_seconds,
        queue.short_abandon_seconds,
        queue.wrap_up_seconds,
        queue.stage,
        None if always else opening,
    )
