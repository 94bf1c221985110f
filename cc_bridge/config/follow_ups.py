"""Section [follow_ups]: the reasons for a follow-up, and its due time."""

from datetime import tzinfo
from typing import Annotated

from pydantic import Field

from cc_bridge.config.fields import LOW_RATING_DEFAULTS, LOW_RATINGS, Section, before_midnight, readable
from cc_bridge.follow_ups.rules import FollowUpRules
from cc_bridge.kpis.question_kinds import RatingKind
from cc_bridge.surveys.business_hours import BusinessHours, minute_of, weekdays_of
from cc_bridge.surveys.toml_reader import Identifier

__all__ = ["FollowUpsConfig"]


class FollowUpsConfig(Section):
    """Reasons for follow-ups, and the business hours that decide when they are due."""

    enabled: bool = False
    low_ratings: Annotated[dict[RatingKind, int], *LOW_RATINGS] = LOW_RATING_DEFAULTS
    unresolved_questions: list[Identifier] = ["solved"]
    comments: bool = True
    repeat_abandon_hours: float = Field(default=24, ge=0, le=168)
    max_wait_minutes: float = Field(default=10, ge=0, le=1440)
    due_hours: float = Field(default=8, gt=0, le=240)
    business_from: Annotated[str, readable(before_midnight)] = "09:00"
    business_until: Annotated[str, readable(minute_of)] = "17:00"
    business_weekdays: Annotated[str, readable(weekdays_of)] = "mon-fri"

    def rules(self, shared: frozenset[str]) -> FollowUpRules:
        """Return the rules that decide for which calls and answers a follow-up is opened.

        `shared` has the caller keys of numbers that many people share.
        """
        return FollowUpRules(
            low_ratings=self.low_ratings,
            unresolved_questions=self.unresolved_questions,
            comments=self.comments,
            abandoned_seconds=self.repeat_abandon_hours * 3600,
            long_wait_seconds=self.max_wait_minutes * 60,
            shared=shared,
        )

    def hours(self, zone: tzinfo | None) -> BusinessHours:
        """Return the business hours in the time zone `zone` (None: the zone of this machine)."""
        return BusinessHours(
            zone,
            minute_of(self.business_from),
            minute_of(self.business_until),
            weekdays_of(self.business_weekdays),
        )
