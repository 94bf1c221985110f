"""Why a caller is not asked. The wiring decides, `agi/survey.py` tells it to the dialplan and counts it."""

from enum import StrEnum

__all__ = ["NotAsked"]


class NotAsked(StrEnum):
    """The words that CCB_SURVEY holds when a caller is not asked."""

    NO_AGENT = "no_agent"  # nobody talked with the caller, as far as was observed
    DISABLED = "disabled"  # surveys are off, for this queue or at all
