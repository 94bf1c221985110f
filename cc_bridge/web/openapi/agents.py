"""The operations of an agent's own link: /api/agent and the recordings below /api/agent/comments."""

from datetime import date
from enum import IntEnum
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field

from cc_bridge.kpis.units import Unit
from cc_bridge.reports.render.localization import Language
from cc_bridge.web.openapi.admission import Admission
from cc_bridge.web.openapi.operation import (
    Arguments,
    DocumentedAnswer,
    NoArguments,
    NoBody,
    Operation,
)

__all__ = ["AGENT", "COMMENT", "AgentQuery", "OwnFigures", "SpanOfDays"]

_TAG = "an agent's own figures"


class SpanOfDays(IntEnum):
    """The number of days that an agent can see, the last of which is today."""

    DAY = 1
    WEEK = 7
    MONTH = 30


class AgentQuery(Arguments):
    """The arguments of /api/agent."""

    days: SpanOfDays = Field(
        SpanOfDays.WEEK, description="number of days, the last of which is today", examples=[7]
    )
    lang: Language | None = Field(
        None, description="language of the labels; without it, that of `Accept-Language`", examples=["en"]
    )


class OwnFigure(BaseModel):
    """A figure with its sample size and its 95 % confidence interval."""

    unit: Unit = Field(description="`time` is in seconds")
    value: float | None = Field(description="null unless `enough`")
    n: int | None = Field(description="number of calls or answers; null if the figure has no sample")
    low: float | None
    high: float | None
    enough: bool = Field(description="whether there are enough calls or answers to show the figure")


class NamedFigure(OwnFigure):
    """A figure with its name."""

    name: str
    label: str = Field(description="the name for people, in the chosen language")


class AgentScore(NamedFigure):
    """A score of the surveys about the agent."""

    team: float | None = Field(
        description="average of the team; null if a single person's score could follow from it"
    )


class QuestionScore(OwnFigure):
    """A score of one question."""

    question: str = Field(description="id of the question")
    title: str
    score: str = Field(description="name of the score, such as `csat`")
    label: str


class LeftOut(BaseModel):
    """The number of callers who were not asked, or did not reach the end of the survey, for one reason."""

    step: str
    step_label: str
    reason: str
    label: str
    callers: int = Field(ge=0)


class OwnComment(BaseModel):
    """A spoken comment about the agent."""

    at: AwareDatetime
    queue: str
    seconds: int = Field(ge=0)
    kept: bool = Field(description="whether the recording has not been deleted")
    sound: str | None = Field(
        description="address of the recording, relative to the site, valid for 12 to 24 hours; null without"
        " one"
    )


class OwnFigures(BaseModel):
    """The figures of one agent."""

    version: Literal[1] = Field(description="version of this format; fields may be added within a version")
    agent: str = Field(description="name of the agent")
    at: AwareDatetime = Field(description="when the figures were computed")
    first: date = Field(alias="from", description="first day")
    to: date = Field(description="last day")
    days: SpanOfDays
    minimum: int = Field(description="number of answers that make a score")
    work: list[NamedFigure] = Field(description="talks and times")
    funnel: list[NamedFigure] = Field(description="callers from the talk to the end of the survey")
    reasons: list[LeftOut]
    scores: list[AgentScore]
    questions: list[QuestionScore]
    comments: list[OwnComment] = Field(max_length=100, description="newest first")
    more_comments: bool = Field(description="whether there are older comments")
    plays: bool = Field(description="false if the addresses in `sound` redirect to another machine")
    link_ends: int = Field(description="end of the link, in UTC seconds since the epoch")


class CommentParts(Arguments):
    """The varying parts of the path of a recording."""

    key: str = Field(
        description="the signed key in `sound` of a comment",
        examples=["WyJTYXJhIiwxNzk1OTM2MjE5LjksMTc5NjAyMjYxOV0.Zk3rVwYpX1Qm5uT8a0sJ2nL4cB6eD7fG"],
    )


AGENT = Operation(
    "agentFigures",
    "GET",
    "/api/agent",
    _TAG,
    "The figures of the agent whose link it is",
    "The bearer token is the text behind `#` in the link that `cc-bridge agent link NAME` prints. It decides"
    " whose figures these are, and no colleague is shown.",
    Admission.AGENT_LINK,
    AgentQuery,
    NoBody,
    (DocumentedAnswer(200, "The figures.", OwnFigures, ("application/json",), "agent.json"),),
    {403: "no token is configured, so there are no links"},
    is_limited=True,
)
COMMENT = Operation(
    "agentComment",
    "GET",
    "/api/agent/comments/{key}",
    _TAG,
    "The recording of a spoken comment about the agent",
    "The key in the address opens only this recording, so a player needs no header. A header `Range` selects"
    " a part.",
    Admission.SIGNED_ADDRESS,
    NoArguments,
    NoBody,
    (
        DocumentedAnswer(200, "The recording.", None, ("audio/wav",)),
        DocumentedAnswer(206, "The part of it that `Range` asks for.", None, ("audio/wav",)),
        DocumentedAnswer(303, "The recording is on another machine.", headers={"Location": "its address"}),
    ),
    {
        401: "the key is not valid or has expired",
        403: "no token is configured, so there are no links",
        404: "the recording has been erased, or is not on this machine",
        416: "the range has no byte of the recording",
    },
    CommentParts,
    is_limited=True,
)
