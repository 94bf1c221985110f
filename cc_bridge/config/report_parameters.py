"""Report parameters from the configuration: calendar, queue settings and language."""

from datetime import date

from cc_bridge.config import Config, QueueConfig
from cc_bridge.config.survey_files import survey_titles
from cc_bridge.queue_names import QueueMap
from cc_bridge.reports.calendar import Days
from cc_bridge.reports.query import QueueSettings, ReportQuery
from cc_bridge.reports.render.localization import Digits, Language, Localization
from cc_bridge.surveys.business_hours import (
    ALL_DAY,
    EVERY_DAY,
    WEEKDAYS,
    BusinessHours,
    minute_of,
    weekdays_of,
)

__all__ = ["localization", "queue_settings", "report_days", "report_query"]


def report_days(config: Config) -> Days:
    """Return the calendar of reports: time zone, first weekday, and Gregorian or Persian months."""
    reports = config.reports
    return Days(config.general.zone, WEEKDAYS.index(reports.first_weekday), reports.calendar)


def report_query(config: Config, first: date, last: date, queues: tuple[str, ...] = ()) -> ReportQuery:
    """Return the query of a report from day `first` to day `last`, on all PBXs, with one row for each queue.

    The report has only the queues in `queues`; empty means all queues.
    """
    return ReportQuery(
        first,
        last,
        days=report_days(config),
        queues=queues,
        settings=QueueMap({name: queue_settings(queue, config) for name, queue in config.queues.items()}),
        others=queue_settings(config.queue_defaults, config),
        minimum=config.reports.min_sample_size,
        bands=tuple(config.reports.wait_bands),
    )


def localization(
    config: Config,
    query: ReportQuery | None = None,
    language: Language | None = None,
    digits: Digits | None = None,
) -> Localization:
    """Return language, digits, calendar and wait-time bands for the output of a report.

    `language` and `digits` replace the configured ones. Calendar and bands are those of `query`; without a
    query, they are the configured ones.
    """
    reports = config.reports
    language = language or reports.language
    surveys = survey_titles(config)
    return Localization(
        language,
        digits or reports.digits,
        query.days if query else report_days(config),
        query.bands if query else tuple(reports.wait_bands),
        QueueMap({name: config.queue_title(name, language) for name in config.queues}),
        {question: titles.get(language, "") for question, titles in surveys.questions.items()},
        {choice: titles.get(language, "") for choice, titles in surveys.choices.items()},
    )


def queue_settings(queue: QueueConfig, config: Config) -> QueueSettings:
    """Return a queue's settings for reports; opening hours are None if the queue is always open."""
    opening = BusinessHours(
        config.general.zone,
        minute_of(queue.opening_from),
        minute_of(queue.opening_until),
        weekdays_of(queue.opening_weekdays),
    )
    always = (opening.begin, opening.end, opening.weekdays) == (0, ALL_DAY, EVERY_DAY)
    return QueueSettings(
        queue.service_level_seconds,
        queue.short_abandon_seconds,
        queue.wrap_up_seconds,
        queue.journey_stage,
        None if always else opening,
    )
