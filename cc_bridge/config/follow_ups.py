"""Who is to be called back, and until when."""

from datetime import tzinfo
from typing import Annotated

from pydantic import Field

from cc_bridge.config.fields import LOW_RATING_DEFAULTS, LOW_RATINGS, Section, before_midnight, readable
from cc_bridge.follow_ups.rules import FollowUpRules
from cc_bridge.kpis.question_kinds import RatingKind
from cc_bridge.surveys.business_hours import BusinessHours, minute_of, weekdays_of

__all__ = ["FollowUpsConfig"]


class FollowUpsConfig(Section):
    enabled: bool = False
    low_ratings: Annotated[dict[RatingKind, int], *LOW_RATINGS] = LOW_RATING_DEFAULTS
    not_solved: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]] = ["solved"]
    comments: bool = True
    abandoned_twice_hours: float = Field(default=24, ge=0, le=168)
    long_wait_minutes: float = Field(default=10, ge=0, le=1440)
    due_hours: float = Field(default=8, gt=0, le=240)
    work_from: Annotated[str, readable(before_midnight)] = "09:00"
    work_until: Annotated[str, readable(minute_of)] = "17:00"
    work_weekdays: Annotated[str, readable(weekdays_of)] = "mon-fri"

    def rules(self, shared: frozenset[str]) -> FollowUpRules:
        """Return what opens one; `shared` are the keys of numbers that many people call from."""
        return FollowUpRules(
            low_ratings=self.low_ratings,
            not_solved=self.not_solved,
            comments=self.comments,
            abandoned_seconds=self.abandoned_twice_hours * 3600,
            long_wait_seconds=self.long_wait_minutes * 60,
            shared=shared,
        )

    def hours(self, zone: tzinfo | None) -> BusinessHours:
        """Return the hours of work in their time zone."""
        return BusinessHours(
            zone, minute_of(self.work_from), minute_of(self.work_until), weekdays_of(self.work_weekdays)
        )
