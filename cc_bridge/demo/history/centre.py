"""The properties of the demo's contact centre: queues, opening hours, load, agents and their shifts. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from cc_bridge.surveys.business_hours import BusinessHours, minute_of, weekdays_of

__all__ = ["HOUR_LOAD", "LINGERING", "OWNERS", "QUEUES", "RUDE", "WEEKDAY_LOAD", "Queue", "Roster"]

RUDE, LINGERING = "Agent 311", "Agent 303"
OWNERS = ("sara", "reza")

# The share of the peak load in each hour of the day, and on each weekday from Monday.
HOUR_LOAD = (
    0.05, 0.04, 0.03, 0.03, 0.04, 0.08, 0.15, 0.3, 0.6, 0.9, 1.0, 0.95,
    0.7, 0.65, 0.85, 0.95, 0.85, 0.6, 0.45, 0.35, 0.28, 0.2, 0.12, 0.08,
)  # fmt: skip
WEEKDAY_LOAD = (1.2, 1.0, 0.95, 0.9, 1.0, 0.65, 0.5)


@dataclass(frozen=True, slots=True)
class Roster:
    """The working time of one agent: the start and the length of a shift in hours, and the days off.

    Monday is day 0. A shift may pass midnight.
    """

    agent: str
    interface: str
    start: float
    hours: float = 8.0
    days_off: frozenset[int] = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of the demo.

    titles: in English and in Persian
    opening: first and last time of the opening hours, and their weekdays, as in the configuration
    calls_an_hour: mean number of arriving calls in the busiest hour
    talk_seconds, patience_seconds: means; a caller with less patience than wait hangs up
    low_share: the share of low ratings by callers who did not wait
    """

    titles: tuple[str, str]
    owner: str
    opening: tuple[str, str, str]
    calls_an_hour: float
    talk_seconds: float
    patience_seconds: float
    low_share: float
    rosters: tuple[Roster, ...]
    threshold_seconds: float = 20.0
    max_wait_seconds: float = 300.0

    @property
    def hours(self) -> BusinessHours:
        """The opening hours in this machine's time zone."""
        begin, end, weekdays = self.opening
        return BusinessHours(None, minute_of(begin), minute_of(end), weekdays_of(weekdays))


def _pjsip(number: int, start: float, hours: float = 8.0, off: tuple[int, ...] = (5, 6)) -> Roster:
    return Roster(f"Agent {number}", f"PJSIP/b{number}", start, hours, frozenset(off))


def _local(number: int, start: float, off: tuple[int, ...]) -> Roster:
    return Roster(f"Agent {number}", f"Local/b{number}@agents/n", start, 8.0, frozenset(off))


QUEUES: Mapping[str, Queue] = {
    "billing": Queue(
        ("Billing", "صورت‌حساب"), "sara", ("09:00", "17:00", "mon-fri"), 26, 400, 150, 0.06,
        (_pjsip(300, 8.9), _pjsip(301, 8.9), _pjsip(302, 9), _pjsip(303, 9), _pjsip(304, 9),
         _pjsip(305, 9, 4), _pjsip(306, 13, 4.1), _pjsip(307, 13, 4.1, (0, 5, 6))),
    ),
    "tech": Queue(
        ("Technical support", "پشتیبانی فنی"), "reza", ("08:00", "20:00", "mon-sun"), 17, 560, 170, 0.1,
        (_local(308, 7.9, (5, 6)), _local(309, 8, (2, 3)), _local(310, 9, (5, 6)), _local(311, 10, (0, 1)),
         _local(312, 11.5, (3, 6)), _local(313, 12, (4, 5))),
    ),
    "vip": Queue(
        ("Key customers", "مشتریان ویژه"), "sara", ("00:00", "24:00", "mon-sun"), 6, 300, 240, 0.03,
        (_pjsip(314, 6, 8.5, ()), _pjsip(315, 9), _pjsip(316, 14, 8.5, ()), _pjsip(317, 18, 8, (1, 2))),
        threshold_seconds=10.0,
    ),
    "closed": Queue(("Old hotline", "خط قدیمی"), "", ("09:00", "17:00", "mon-fri"), 0.8, 0, 60, 0.0, ()),
}  # fmt: skip
"""The queues by name. The queue closed has no agents: it rejects every caller."""
