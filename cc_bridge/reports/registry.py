"""The registry of reports: each report's name, its function and its dimensions. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cc_bridge.reports import (
    agents,
    before_and_after,
    causes,
    delivery_gap,
    journey,
    lost_visits,
    opening_hours,
    queue_performance,
    voice,
)
from cc_bridge.reports.figures import Report
from cc_bridge.reports.query import Dimension, ReportQuery
from cc_bridge.reports.source import Source

__all__ = ["REPORTS", "ReportType"]


@dataclass(frozen=True, slots=True)
class ReportType:
    """A type of report: the function that makes the report, and the dimensions by which it can be grouped."""

    make: Callable[[ReportQuery, Source], Report]
    by: tuple[Dimension, ...]  # the possible dimensions; the first is the default
    questions: int  # the largest number of calls of Source methods


REPORTS: Mapping[str, ReportType] = {
    "service": ReportType(queue_performance.service, queue_performance.BY, 3),
    "agents": ReportType(agents.agents, agents.BY, 5),
    "voice": ReportType(voice.voice, voice.BY, 4),
    "journey": ReportType(journey.journey, journey.BY, 2),
    "lost": ReportType(lost_visits.lost, lost_visits.BY, 2),
    "delivery-gap": ReportType(delivery_gap.delivery_gap, delivery_gap.BY, 2),
    "causes": ReportType(causes.causes, causes.BY, 2),
    "change": ReportType(before_and_after.change, before_and_after.BY, 3),
    "hours": ReportType(opening_hours.hours, opening_hours.BY, 4),
}
