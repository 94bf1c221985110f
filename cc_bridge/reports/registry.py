"""Every report by its name. Pure.

`commands/report.py` offers them, a test asks each of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cc_bridge.reports import (
    agents,
    causes,
    change,
    delivery_gap,
    journey,
    lost_visits,
    opening_hours,
    service,
    voice,
)
from cc_bridge.reports.figures import Report
from cc_bridge.reports.query import Ask, By
from cc_bridge.reports.source import Source

__all__ = ["REPORTS", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One report."""

    make: Callable[[Ask, Source], Report]
    by: tuple[By, ...]  # the first one unless another is asked for
    questions: int  # to the Source, at most


REPORTS: Mapping[str, Kind] = {
    "service": Kind(service.service, service.BY, 2),
    "agents": Kind(agents.agents, agents.BY, 5),
    "voice": Kind(voice.voice, voice.BY, 3),
    "journey": Kind(journey.journey, journey.BY, 2),
    "lost": Kind(lost_visits.lost, lost_visits.BY, 1),
    "delivery-gap": Kind(delivery_gap.delivery_gap, delivery_gap.BY, 2),
    "causes": Kind(causes.causes, causes.BY, 2),
    "change": Kind(change.change, change.BY, 3),
    "hours": Kind(opening_hours.hours, opening_hours.BY, 3),
}
