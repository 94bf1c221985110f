"""Section [recordings]: the addresses at which recordings on the PBX, or on another machine, can be heard."""

from typing import Annotated

from pydantic import AfterValidator

from cc_bridge.config.fields import Section
from cc_bridge.customers.recording_address import CALL_FIELDS, COMMENT_FIELDS, check_template

__all__ = ["RecordingsConfig"]


def _of_call(template: str) -> str:
    check_template(template, CALL_FIELDS)
    return template


def _of_comment(template: str) -> str:
    check_template(template, COMMENT_FIELDS)
    return template


class RecordingsConfig(Section):
    """Templates of addresses: of the PBX's recording of a call, and of a spoken comment of a survey.

    Without comments_url, spoken comments are read from survey.recordings_directory on this machine.
    """

    url: Annotated[str, AfterValidator(_of_call)] = ""
    comments_url: Annotated[str, AfterValidator(_of_comment)] = ""
