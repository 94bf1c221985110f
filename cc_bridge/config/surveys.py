"""Section [survey]: survey files, recordings of comments, and the limit of simultaneous surveys."""

from typing import Annotated

from pydantic import Field

from cc_bridge.config.fields import OptionalPath, Section
from cc_bridge.surveys.text_patterns import text_like

__all__ = ["SurveyConfig"]


class SurveyConfig(Section):
    """Survey files, recordings of comments, and the limit of simultaneous surveys.

    The limit, `max_load_ratio`, is a share of agi.max_callers. While the FastAGI server handles this share of
    calls or more, no further caller is invited.
    """

    enabled: bool = True
    directory: OptionalPath = None
    recordings_directory: Annotated[
        str, text_like(r"/[A-Za-z0-9._/-]+", "a full path of letters, digits and the characters . _ / -")
    ] = "/var/spool/asterisk/cc_bridge"
    max_load_ratio: float = Field(default=0.8, gt=0, le=1)
