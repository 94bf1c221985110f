"""Every report by its name. Pure.

`commands/report.py` offers them, a test asks each of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cc_bridge.reports import agents, causes, change, gap, journey, lost, opening, service, voice
from cc_bridge.reports.ask import Ask, By
from cc_bridge.reports.facts import Source
from cc_bridge.reports.figures import Report

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
    "lost": Kind(lost.lost, lost.BY, 1),
    "delivery-gap": Kind(gap.delivery_gap, gap.BY, 2),
    "causes": Kind(causes.causes, causes.BY, 2),
    "change": Kind(change.change, change.BY, 3),
    "hours": Kind(opening.hours, opening.BY, 3),
}
