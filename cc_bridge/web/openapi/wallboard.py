"""The operations /api/live and /api/live/events, and the figures of the wallboard."""

from typing import Literal

from pydantic import BaseModel, Field

from cc_bridge.records import AgentState
from cc_bridge.wallboard.thresholds import Severity
from cc_bridge.web.openapi.admission import Admission
from cc_bridge.web.openapi.operation import (
    Arguments,
    DocumentedAnswer,
    NoArguments,
    NoBody,
    Operation,
)

__all__ = ["EVENTS", "LIVE", "EventsQuery", "LiveBoard"]

_TAG = "live figures"
_SINCE = "UTC seconds since the epoch"


class TitleByLanguage(BaseModel):
    """A text in each language of the pages."""

    en: str = Field(description="English")
    fa: str = Field(description="Persian")


class Limits(BaseModel):
    """The value from which a figure is a warning, and the value from which it is critical."""

    warning: float | None
    critical: float | None


class BoardThresholds(BaseModel):
    """The thresholds of `[wallboard]`, in the unit of each figure."""

    waiting: Limits
    longest_wait: Limits
    service_level: Limits
    abandoned: Limits
    csat: Limits


class MembersByState(BaseModel):
    """The number of members of the queue by state, at this moment."""

    available: int
    ringing: int
    talking: int
    wrap_up: int
    paused: int
    unreachable: int


class BoardRating(BaseModel):
    """The score of today's answers to one question: the first in the queue's survey that has a score."""

    name: str = Field(description="name of the score, such as `csat`")
    label: TitleByLanguage
    unit: Literal["percent", "points", "mean"]
    n: int = Field(ge=0, description="number of answers")
    enough: bool = Field(description="whether there are enough answers to show the score")
    value: float | None = Field(description="the score; null unless `enough`")
    low: float | None = Field(description="lower end of the 95 % confidence interval; null unless `enough`")
    high: float | None = Field(description="upper end of the 95 % confidence interval; null unless `enough`")


class BoardLevels(BaseModel):
    """The severity of each figure by the thresholds."""

    waiting: Severity
    longest_wait: Severity
    longest_whole_wait: Severity
    service_level: Severity
    abandoned: Severity
    rating: Severity


class BoardFigures(BaseModel):
    """The figures of a queue, or of all shown queues together."""

    waiting: int | None = Field(description="callers who wait now; null while the PBX is not observed")
    longest_wait_seconds: float | None = Field(
        description="wait until now of the caller who has waited longest in this queue; 0 if no caller waits"
    )
    longest_wait_since: float | None = Field(description=f"start of this wait, in {_SINCE}")
    longest_whole_wait_seconds: float | None = Field(
        description="longest wait of a caller who waits now, with the waits in earlier queues of the same"
        " call since its last talk"
    )
    longest_whole_wait_since: float | None = Field(description=f"start of this wait, in {_SINCE}")
    talking: int | None = Field(description="callers in a talk now")
    agents: MembersByState | None = Field(description="null while the PBX is not observed")
    offered: int = Field(
        ge=0, description="visits of today that were answered, abandoned, timed out or left by key"
    )
    answered: int = Field(ge=0, description="answered visits of today")
    abandoned: int = Field(ge=0, description="abandoned visits of today, including the short ones")
    short_abandons: int = Field(ge=0, description="visits of today that were abandoned after a short wait")
    partial_visits: int = Field(
        ge=0, description="visits of today during whose wait the PBX's clock was set; in no other field"
    )
    abandoned_percent: float | None = Field(
        description="share of the offered visits without the short abandons"
    )
    service_level_seconds: float | None = Field(
        description="seconds within which a call must be answered; null if the queues have different ones"
    )
    service_level_percent: float | None = Field(description="service level of today, definition `no_short`")
    service_level_n: int = Field(ge=0, description="number of visits in the service level")
    rating: BoardRating | None = Field(description="null for a queue whose survey has no score")
    levels: BoardLevels


class BoardQueue(BoardFigures):
    """The figures of one queue."""

    queue: str = Field(description="name of the queue")
    title: TitleByLanguage


class LiveAgent(BaseModel):
    """An agent, and what the agent does now."""

    name: str
    state: AgentState
    since: float | None = Field(description=f"start of the state, in {_SINCE}")
    seconds: float | None = Field(description="seconds since then")


class LiveBoard(BaseModel):
    """All figures of the wallboard at one moment."""

    version: Literal[1] = Field(description="version of this format; fields may be added within a version")
    pbx: str = Field(description="name of the PBX")
    at: float = Field(description=f"instant of all figures by the PBX's clock, in {_SINCE}")
    utc_offset_seconds: int = Field(description="local time of `general.time_zone` less UTC")
    observed: bool = Field(description="whether the PBX is observed; if not, the figures of now are null")
    unobserved_since: float | None = Field(description=f"in {_SINCE}; null while the PBX is observed")
    today_began: float = Field(description=f"midnight in `general.time_zone`, in {_SINCE}")
    today_complete: bool = Field(
        description="whether the day's earlier figures have been read from the database"
    )
    thresholds: BoardThresholds
    total: BoardFigures = Field(description="all shown queues together")
    queues: list[BoardQueue] = Field(description="the shown queues, in the order of `[wallboard]`")
    agents: list[LiveAgent] | None = Field(description="null unless `wallboard.show_agent_names` is set")


class EventsQuery(Arguments):
    """The arguments of /api/live/events."""

    whole: Literal["0", "1"] = Field(
        "0",
        description="`1`: send the whole board at each change, and no event `change`",
        examples=["1"],
    )


LIVE = Operation(
    "live",
    "GET",
    "/api/live",
    _TAG,
    "The wallboard of this moment",
    "Callers' numbers are never shown. `/api/live/events` sends the same figures at each change.",
    Admission.WALL,
    NoArguments,
    NoBody,
    (DocumentedAnswer(200, "The wallboard.", LiveBoard, ("application/json",), "live.json"),),
)
EVENTS = Operation(
    "liveEvents",
    "GET",
    "/api/live/events",
    _TAG,
    "The wallboard at each change, as server-sent events",
    "The answer does not end. The event `board` has the whole board, `change` a JSON merge patch (RFC 7396)"
    " for the event before it, and `beat` the time, every 3 s. At most one `board` or `change` comes in a"
    " second. They have an `id`, a number. If the id of a `change` is not that of the event before plus 1,"
    " connect again.",
    Admission.WALL,
    EventsQuery,
    NoBody,
    (
        DocumentedAnswer(
            200,
            "The events, compressed if `Accept-Encoding` has `gzip`.",
            None,
            ("text/event-stream",),
            'id: 1795972086155\nevent: change\ndata: {"at":1795972092.755,"total":{"waiting":2}}\n\n',
        ),
    ),
    {503: "`wallboard.max_listeners` clients listen already; `Retry-After` says when to try again"},
)
